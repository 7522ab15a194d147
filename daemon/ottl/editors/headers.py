"""Editors of a metric as a whole: its kind, its copy, its scale (spec/ottl.md 6.4)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Final

from daemon.ottl.attributes import valid_text
from daemon.ottl.editors.signature import Arguments, Editor
from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.evaluation import Edit, EditContext
from daemon.ottl.functions.conversions import MAX_INT64, MIN_INT64
from daemon.ottl.functions.signature import Param, ParamKind
from receivers.model import (
    DataPoint,
    Exemplar,
    HistogramDataPoint,
    Metric,
    MetricHeader,
    MetricType,
    NumberDataPoint,
    QuantileValue,
    ScopeMetrics,
    SummaryDataPoint,
    Temporality,
)

MAX_APPENDED: Final = 1_000
"""Metrics that the statements of one group may add to one scope of one report."""
METRIC_ONLY: Final = frozenset({"metric"})
SUFFIX: Final = Param("suffix", ParamKind.LITERAL_STRING, optional=True)
MONOTONIC: Final = Param("is_monotonic", ParamKind.LITERAL_BOOL)
TEMPORALITY: Final = Param("aggregation_temporality", ParamKind.LITERAL_STRING)


def here(context: EditContext) -> tuple[ScopeMetrics, Metric]:
    """Return the metric at hand and where it stands."""
    scoped, metric = context.scope_metrics, context.metric
    if scoped is None or metric is None:
        raise OttlEvaluationError("there is no metric here")
    return scoped, metric


def append_metric(context: EditContext, metric: Metric) -> None:
    """Add a metric to the scope at hand.

    Raises:
        OttlEvaluationError: there are too many new ones. Differs from the collector, which goes on for ever where a copy
            is copied again.
    """
    if context.appended >= MAX_APPENDED:
        raise OttlEvaluationError(
            f"added {MAX_APPENDED} metrics to one scope already: the statement's where must not be true for what it adds"
        )
    context.appended += 1
    here(context)[0].metrics.append(metric)


def changed(context: EditContext, header: MetricHeader, **fields: object) -> MetricHeader:
    """Return the header with these fields, the same object for the same change."""
    for name, value in fields.items():
        header = context.replacements.replace(header, name, value)
    return header


def temporality_of(arguments: Arguments) -> Temporality:
    """Return the argument that is "cumulative" or "delta"."""
    chosen = arguments.choice("aggregation_temporality", "cumulative", "delta")
    return Temporality.DELTA if chosen == "delta" else Temporality.CUMULATIVE


def _bind_convert_sum_to_gauge(_arguments: Arguments) -> Edit:
    def edit(context: EditContext) -> None:
        _, metric = here(context)
        if metric.header.type is MetricType.SUM:
            metric.header = changed(
                context,
                metric.header,
                type=MetricType.GAUGE,
                temporality=Temporality.UNSPECIFIED,
                is_monotonic=False,
            )

    return edit


def _bind_convert_gauge_to_sum(arguments: Arguments) -> Edit:
    temporality, is_monotonic = temporality_of(arguments), arguments.flag("is_monotonic")

    def edit(context: EditContext) -> None:
        _, metric = here(context)
        if metric.header.type is MetricType.GAUGE:
            metric.header = changed(
                context,
                metric.header,
                type=MetricType.SUM,
                temporality=temporality,
                is_monotonic=is_monotonic,
            )

    return edit


def _bind_copy_metric(arguments: Arguments) -> Edit:
    readers = {
        name: arguments.read(name)
        for name in ("name", "description", "unit")
        if name in arguments.readers
    }

    def edit(context: EditContext) -> None:
        _, metric = here(context)
        fields = {name: valid_text(str(read(context))) for name, read in readers.items()}
        header = changed(context, metric.header, **fields)
        encoded = metric.encoded
        points = () if encoded is not None else copy.deepcopy(metric.data_points)
        append_metric(context, Metric(header, encoded, points))

    return edit


def _bind_scale_metric(arguments: Arguments) -> Edit:
    factor = float(str(arguments.literals["factor"]))
    read_unit = arguments.read("unit")

    def edit(context: EditContext) -> None:
        _, metric = here(context)
        if metric.header.type in {MetricType.NONE, MetricType.EXPONENTIAL_HISTOGRAM}:
            raise OttlEvaluationError(f"scale_metric: cannot scale {metric.header.type.name}")
        metric.data_points = [_scaled_point(point, factor) for point in metric.data_points]
        unit = read_unit(context)
        if unit is not None:
            metric.header = changed(context, metric.header, unit=valid_text(str(unit)))

    return edit


def _scaled_point(unscaled: DataPoint, factor: float) -> DataPoint:
    point = copy.copy(unscaled)
    match point:
        case NumberDataPoint():
            point.value = _scaled(point.value, factor)
        case HistogramDataPoint():
            point.sum, point.min, point.max = (
                None if value is None else value * factor
                for value in (point.sum, point.min, point.max)
            )
            point.explicit_bounds = [bound * factor for bound in point.explicit_bounds]
            point.exemplars = [_scaled_exemplar(exemplar, factor) for exemplar in point.exemplars]
        case SummaryDataPoint():
            point.sum *= factor
            point.quantile_values = [
                QuantileValue(quantile, value * factor) for quantile, value in point.quantile_values
            ]
    return point


def _scaled(value: float | None, factor: float) -> int | float | None:
    if not isinstance(value, int):
        return None if value is None else value * factor
    scaled = value * factor
    whole = math.trunc(scaled) if math.isfinite(scaled) else MIN_INT64
    if not MIN_INT64 <= whole <= MAX_INT64:
        raise OttlEvaluationError(f"scale_metric: {value} times {factor} does not fit an int")
    return whole


def _scaled_exemplar(exemplar: Exemplar, factor: float) -> Exemplar:
    scaled = copy.copy(exemplar)
    scaled.value = _scaled(exemplar.value, factor)
    return scaled


def metric_editor(
    name: str,
    bind: Callable[[Arguments], Edit],
    *params: Param,
    changes_header: bool = False,
    touches_points: bool = True,
) -> Editor:
    """Return an editor of the metric at hand."""
    return Editor(
        name=name,
        params=params,
        bind=bind,
        contexts=METRIC_ONLY,
        changes_header=changes_header,
        touches_points=touches_points,
    )


def _text(name: str) -> Param:
    return Param(name, ParamKind.STRING, optional=True)


EDITORS: Final[tuple[Editor, ...]] = (
    metric_editor(
        "convert_sum_to_gauge",
        _bind_convert_sum_to_gauge,
        changes_header=True,
        touches_points=False,
    ),
    metric_editor(
        "convert_gauge_to_sum",
        _bind_convert_gauge_to_sum,
        TEMPORALITY,
        MONOTONIC,
        changes_header=True,
        touches_points=False,
    ),
    metric_editor(
        "copy_metric", _bind_copy_metric, _text("name"), _text("description"), _text("unit")
    ),
    metric_editor(
        "scale_metric",
        _bind_scale_metric,
        Param("factor", ParamKind.LITERAL_FLOAT),
        _text("unit"),
        changes_header=True,
    ),
)
