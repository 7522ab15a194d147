"""Editors that add a metric made of the one at hand (spec/ottl.md 6.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from daemon.ottl.editors.headers import (
    METRIC_ONLY,
    MONOTONIC,
    SUFFIX,
    TEMPORALITY,
    append_metric,
    changed,
    here,
    metric_editor,
    temporality_of,
)
from daemon.ottl.editors.percentiles import percentile_of
from daemon.ottl.editors.signature import Arguments, Editor, refuse
from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.evaluation import Edit, EditContext
from daemon.ottl.functions.gotext import format_float
from daemon.ottl.functions.signature import Param, ParamKind
from receivers.model import (
    NO_ATTRIBUTES,
    DataPoint,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    MetricType,
    NumberDataPoint,
    SummaryDataPoint,
    Temporality,
)

_Value = Callable[[DataPoint], int | float | None]
_HISTOGRAMS: Final = (MetricType.HISTOGRAM, MetricType.EXPONENTIAL_HISTOGRAM)
_Distribution = HistogramDataPoint | ExponentialHistogramDataPoint | SummaryDataPoint


def _count(point: DataPoint) -> int | float | None:
    return point.count if isinstance(point, _Distribution) else None


def _sum(point: DataPoint) -> int | float | None:
    return point.sum if isinstance(point, _Distribution) else None


def _numbers(points: Sequence[DataPoint], value_of: _Value) -> list[DataPoint]:
    """Return a number for each point that has one, with its attributes and times."""
    return [
        NumberDataPoint(
            attributes=point.attributes,
            start_time_unix_nano=point.start_time_unix_nano,
            time_unix_nano=point.time_unix_nano,
            value=value,
            flags=point.flags,
        )
        for point in points
        if (value := value_of(point)) is not None
    ]


def _add(context: EditContext, suffix: str, points: list[DataPoint], **fields: object) -> None:
    """Add a metric named after the one at hand; none without points.

    In the datapoint context it is added once for a metric. Differs from the collector, which adds one for each data point
    that it looks at, all with the same points.
    """
    scoped, metric = here(context)
    name = metric.header.name + suffix
    header = changed(context, metric.header, name=name, metadata=NO_ATTRIBUTES, **fields)
    is_there = context.data_point is not None and any(
        other.header is header for other in scoped.metrics
    )
    if points and not is_there:
        append_metric(context, Metric(header, data_points=points))


def _bind_extract(name: str, value_of: _Value, **fields: str) -> Callable[[Arguments], Edit]:
    def bind(arguments: Arguments) -> Edit:
        suffix, is_monotonic = arguments.text("suffix", name), arguments.flag("is_monotonic")

        def edit(context: EditContext) -> None:
            header = here(context)[1].header
            temporality = header.temporality
            if header.type is MetricType.SUMMARY:
                temporality = Temporality.CUMULATIVE
            elif header.type not in _HISTOGRAMS:
                raise OttlEvaluationError(f"a {header.type.name} has no {name[1:]} to extract")
            elif temporality is Temporality.UNSPECIFIED:
                raise OttlEvaluationError("the metric has no aggregation temporality")
            _add(
                context,
                suffix,
                _numbers(here(context)[1].data_points, value_of),
                type=MetricType.SUM,
                temporality=temporality,
                is_monotonic=is_monotonic,
                **fields,
            )

        return edit

    return bind


def _bind_convert_summary(suffix: str, value_of: _Value) -> Callable[[Arguments], Edit]:
    def bind(arguments: Arguments) -> Edit:
        temporality, is_monotonic = temporality_of(arguments), arguments.flag("is_monotonic")
        chosen = arguments.text("suffix", suffix)

        def edit(context: EditContext) -> None:
            _, metric = here(context)
            if metric.header.type is MetricType.SUMMARY:
                _add(
                    context,
                    chosen,
                    _numbers(metric.data_points, value_of),
                    type=MetricType.SUM,
                    temporality=temporality,
                    is_monotonic=is_monotonic,
                )

        return edit

    return bind


def _bind_convert_quantiles(arguments: Arguments) -> Edit:
    key, suffix = (
        arguments.text("attribute_key", "quantile"),
        arguments.text("suffix", ".quantiles"),
    )

    def edit(context: EditContext) -> None:
        _, metric = here(context)
        if metric.header.type is MetricType.SUMMARY:
            points: list[DataPoint] = [
                NumberDataPoint(
                    attributes={**point.attributes, key: _quantile_text(quantile)},
                    start_time_unix_nano=point.start_time_unix_nano,
                    time_unix_nano=point.time_unix_nano,
                    value=value,
                    flags=point.flags,
                )
                for point in metric.data_points
                if isinstance(point, SummaryDataPoint)
                for quantile, value in point.quantile_values
            ]
            _add(context, suffix, points, type=MetricType.GAUGE)

    return edit


def _quantile_text(quantile: float) -> str:
    """Return a quantile as Prometheus labels it: 0.5, 0.99, 1."""
    return format_float(quantile) if quantile - quantile == 0 else str(quantile)


def _bind_extract_percentile(arguments: Arguments) -> Edit:
    percentile = float(str(arguments.literals["percentile"]))
    if not 0 < percentile < 100:
        refuse(f"percentile: expected more than 0.0 and less than 100.0, got {percentile}")
    suffix = arguments.text("suffix", f"_p{format_float(percentile)}")

    def edit(context: EditContext) -> None:
        _, metric = here(context)
        if metric.header.type not in _HISTOGRAMS:
            raise OttlEvaluationError(f"a {metric.header.type.name} has no percentiles to extract")
        _add(
            context,
            suffix,
            _numbers(metric.data_points, lambda point: percentile_of(point, percentile)),
            type=MetricType.GAUGE,
            temporality=Temporality.UNSPECIFIED,
            is_monotonic=False,
        )

    return edit


def _summary_editor(name: str, bind: Callable[[Arguments], Edit], *params: Param) -> Editor:
    return Editor(
        name=name,
        params=params,
        bind=bind,
        contexts=METRIC_ONLY | {"datapoint"},
        touches_points=True,
    )


_CONVERT: Final = (TEMPORALITY, MONOTONIC, SUFFIX)

EDITORS: Final[tuple[Editor, ...]] = (
    metric_editor(
        "extract_count_metric", _bind_extract("_count", _count, unit="1"), MONOTONIC, SUFFIX
    ),
    metric_editor("extract_sum_metric", _bind_extract("_sum", _sum), MONOTONIC, SUFFIX),
    metric_editor(
        "extract_percentile_metric",
        _bind_extract_percentile,
        Param("percentile", ParamKind.LITERAL_FLOAT),
        SUFFIX,
    ),
    _summary_editor(
        "convert_summary_count_val_to_sum", _bind_convert_summary("_count", _count), *_CONVERT
    ),
    _summary_editor(
        "convert_summary_sum_val_to_sum", _bind_convert_summary("_sum", _sum), *_CONVERT
    ),
    _summary_editor(
        "convert_summary_quantile_val_to_gauge",
        _bind_convert_quantiles,
        Param("attribute_key", ParamKind.LITERAL_STRING, optional=True),
        SUFFIX,
    ),
)
