"""Batches as text for people, in the three degrees of the collector's debug exporter (otlp.md 5.5)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime

from daemon.exporters.inbox import points_of
from daemon.exporters.labels import format_number, label_text
from receivers.model import (
    AnyValue,
    Attributes,
    DataPoint,
    Exemplar,
    ExponentialBuckets,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    MetricType,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
    SummaryDataPoint,
)

_ARROW = "     -> "
_TYPES = {
    MetricType.NONE: "Empty",
    MetricType.GAUGE: "Gauge",
    MetricType.SUM: "Sum",
    MetricType.HISTOGRAM: "Histogram",
    MetricType.EXPONENTIAL_HISTOGRAM: "ExponentialHistogram",
    MetricType.SUMMARY: "Summary",
}
_POINTS = {
    NumberDataPoint: "NumberDataPoints",
    HistogramDataPoint: "HistogramDataPoints",
    ExponentialHistogramDataPoint: "ExponentialHistogramDataPoints",
    SummaryDataPoint: "SummaryDataPoints",
}
_TEMPORALITIES = ("Unspecified", "Delta", "Cumulative")


def normal_lines(groups: Iterable[ResourceMetrics]) -> Iterator[str]:
    """Yield a line for each resource, scope and data point."""
    for number, group in enumerate(groups):
        yield _joined(f"ResourceMetrics #{number}", group.resource.attributes)
        for of_scope, scoped in enumerate(group.scope_metrics):
            scope = scoped.scope
            version = f"@{scope.version}" if scope.version else ""
            head = f"ScopeMetrics #{of_scope} {scope.name}{version}".rstrip()
            yield _joined(head, scope.attributes)
            for metric in scoped.metrics:
                for point in points_of(metric):
                    attributes = ",".join(
                        f"{k}={label_text(v)}" for k, v in point.attributes.items()
                    )
                    yield f"{metric.header.name}{{{attributes}}} {_value(point)}"


def _joined(head: str, attributes: Attributes) -> str:
    return " ".join([head, *(f"{key}={label_text(attributes[key])}" for key in attributes)])


def _value(point: DataPoint) -> str:
    if isinstance(point, NumberDataPoint):
        return _number(point.value)
    if isinstance(point, SummaryDataPoint):
        quantiles = [
            f"q{format_number(q)}={format_number(value)}" for q, value in point.quantile_values
        ]
        return " ".join([f"count={point.count}", f"sum={point.sum:f}", *quantiles])
    parts = [f"count={point.count}"]
    for name in ("sum", "min", "max"):
        value = getattr(point, name)
        if value is not None:
            parts.append(f"{name}={format_number(value)}")
    if isinstance(point, ExponentialHistogramDataPoint):
        return " ".join([*parts, *_exponential_buckets(point)])
    bounds = [f"le{format_number(bound)}=" for bound in point.explicit_bounds]
    counts = [
        f"{bound}{count}" for bound, count in zip([*bounds, ""], point.bucket_counts, strict=False)
    ]
    return " ".join([*parts, *counts])


def _exponential_buckets(point: ExponentialHistogramDataPoint) -> Iterator[str]:
    for index, count in _descending(point.negative):
        if count:
            yield f"le-{format_number(_bound(index, point.scale))}={count}"
    if point.zero_count:
        yield f"zero={point.zero_count}"
    for index, count in enumerate(point.positive.bucket_counts, point.positive.offset):
        if count:
            yield f"le{format_number(_bound(index + 1, point.scale))}={count}"


def _descending(buckets: ExponentialBuckets) -> Iterator[tuple[int, int]]:
    for place in reversed(range(len(buckets.bucket_counts))):
        yield buckets.offset + place, buckets.bucket_counts[place]


def _bound(index: int, scale: int) -> float:
    try:
        return float(2.0 ** (index * 2.0**-scale))
    except OverflowError:
        return float("inf")


def detailed_lines(groups: Iterable[ResourceMetrics]) -> Iterator[str]:
    """Yield every field of every message on a line of its own."""
    for number, group in enumerate(groups):
        yield f"ResourceMetrics #{number}"
        yield f"Resource SchemaURL: {group.resource.schema_url}"
        yield from _attributes("Resource attributes:", group.resource.attributes)
        for of_scope, scoped in enumerate(group.scope_metrics):
            yield from _scope_lines(of_scope, scoped)


def _scope_lines(number: int, scoped: ScopeMetrics) -> Iterator[str]:
    yield f"ScopeMetrics #{number}"
    yield f"ScopeMetrics SchemaURL: {scoped.scope.schema_url}"
    yield f"InstrumentationScope {scoped.scope.name} {scoped.scope.version}"
    yield from _attributes("InstrumentationScope attributes:", scoped.scope.attributes)
    for of_metric, metric in enumerate(scoped.metrics):
        yield f"Metric #{of_metric}"
        yield from _metric_lines(metric)


def _metric_lines(metric: Metric) -> Iterator[str]:
    header = metric.header
    yield "Descriptor:"
    yield f"{_ARROW}Name: {header.name}"
    yield f"{_ARROW}Description: {header.description}"
    yield f"{_ARROW}Unit: {header.unit}"
    yield f"{_ARROW}DataType: {_TYPES[header.type]}"
    if header.type is MetricType.SUM:
        yield f"{_ARROW}IsMonotonic: {str(header.is_monotonic).lower()}"
    if header.type in {MetricType.SUM, MetricType.HISTOGRAM, MetricType.EXPONENTIAL_HISTOGRAM}:
        yield f"{_ARROW}AggregationTemporality: {_TEMPORALITIES[header.temporality]}"
    yield from _attributes("Metadata:", header.metadata)
    for number, point in enumerate(points_of(metric)):
        yield f"{_POINTS[type(point)]} #{number}"
        yield from _attributes("Data point attributes:", point.attributes)
        yield f"StartTimestamp: {_time(point.start_time_unix_nano)}"
        yield f"Timestamp: {_time(point.time_unix_nano)}"
        if point.flags:
            yield f"Flags: {point.flags}"
        yield from _point_lines(point)


def _point_lines(point: DataPoint) -> Iterator[str]:
    if isinstance(point, NumberDataPoint):
        yield f"Value: {_six(point.value)}"
        yield from _exemplar_lines(point.exemplars)
        return
    yield f"Count: {point.count}"
    if isinstance(point, SummaryDataPoint):
        yield f"Sum: {point.sum:f}"
        for number, (quantile, value) in enumerate(point.quantile_values):
            yield f"QuantileValue #{number}: Quantile {quantile:f}, Value {value:f}"
        return
    for name in ("sum", "min", "max"):
        if getattr(point, name) is not None:
            yield f"{name.capitalize()}: {getattr(point, name):f}"
    if isinstance(point, HistogramDataPoint):
        for number, bound in enumerate(point.explicit_bounds):
            yield f"ExplicitBounds #{number}: {bound:f}"
        for number, count in enumerate(point.bucket_counts):
            yield f"Buckets #{number}, Count: {count}"
    else:
        yield from _exponential_lines(point)
    yield from _exemplar_lines(point.exemplars)


def _exponential_lines(point: ExponentialHistogramDataPoint) -> Iterator[str]:
    def bound(index: int) -> str:
        return f"{_bound(index, point.scale):f}"

    for index, count in _descending(point.negative):
        yield f"Bucket [-{bound(index + 1)}, -{bound(index)}), Count: {count}"
    if point.zero_count:
        edge = point.zero_threshold
        yield f"Bucket [{-edge:f}, {edge:f}], Count: {point.zero_count}"
    for index, count in enumerate(point.positive.bucket_counts, point.positive.offset):
        yield f"Bucket ({bound(index)}, {bound(index + 1)}], Count: {count}"


def _exemplar_lines(exemplars: Iterable[Exemplar]) -> Iterator[str]:
    for number, exemplar in enumerate(exemplars):
        yield f"Exemplar #{number}"
        yield f"{_ARROW}Trace ID: {exemplar.trace_id.hex()}"
        yield f"{_ARROW}Span ID: {exemplar.span_id.hex()}"
        yield f"{_ARROW}Timestamp: {_time(exemplar.time_unix_nano)}"
        yield f"{_ARROW}Value: {_six(exemplar.value)}"
        yield from _attributes("FilteredAttributes:", exemplar.filtered_attributes)


def _attributes(head: str, attributes: Attributes) -> Iterator[str]:
    if attributes:
        yield head
        for key, value in attributes.items():
            yield f"{_ARROW}{key}: {_typed(value)}"


def _typed(value: AnyValue) -> str:
    text = label_text(value)
    for kind, name in (
        (str, "Str"),
        (bool, "Bool"),
        (int, "Int"),
        (float, "Double"),
        (bytes, "Bytes"),
        (Mapping, "Map"),
        (list, "Slice"),
    ):
        if isinstance(value, kind):
            return f"{name}({text})"
    return "Empty()"


def _time(unix_nano: int) -> str:
    seconds, nanos = divmod(unix_nano, 1_000_000_000)
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return str(unix_nano)
    fraction = f".{nanos:09d}".rstrip("0") if nanos else ""
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction} +0000 UTC"


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else format_number(value)


def _six(value: float | None) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, int) else f"{value:f}"
