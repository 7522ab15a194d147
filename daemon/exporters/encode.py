"""Model to wire: a batch as the bytes of an OTLP ExportMetricsServiceRequest.

Everything the model holds is there again when the bytes are decoded. Encoding goes in steps, so that whoever drives it
can let others run in between.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from types import MappingProxyType
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from daemon.exporters.inbox import POINTS_AT_ONCE, points_of
from receivers.consumer import Batch
from receivers.model import (
    AnyValue,
    Attributes,
    DataPoint,
    Exemplar,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    MetricHeader,
    MetricType,
    NumberDataPoint,
    Resource,
    Scope,
    SummaryDataPoint,
)

# Any: message objects; protobuf ships no types.
Message = Any

_INT64 = 1 << 63
_FIELDS = MappingProxyType(
    {
        MetricType.GAUGE: "gauge",
        MetricType.SUM: "sum",
        MetricType.HISTOGRAM: "histogram",
        MetricType.EXPONENTIAL_HISTOGRAM: "exponential_histogram",
        MetricType.SUMMARY: "summary",
    }
)
_WITH_TEMPORALITY = frozenset(
    {MetricType.SUM, MetricType.HISTOGRAM, MetricType.EXPONENTIAL_HISTOGRAM}
)


class Encoded:
    """The bytes of one request, and what they hold."""

    __slots__ = ("body", "metrics", "points", "refused")

    def __init__(self) -> None:
        self.body = b""
        self.metrics = 0
        self.points = 0
        """Data points in `body`."""
        self.refused = 0
        """Metrics that the wire cannot hold: a number beyond 64 bits, text that is not UTF-8."""


def encode(batch: Batch) -> Encoded:
    """Return `batch` encoded, in one go."""
    encoded = Encoded()
    for _ in encode_steps(batch, encoded):
        pass
    return encoded


def encode_steps(batch: Batch, encoded: Encoded) -> Generator[None]:
    """Fill `encoded`, yielding whenever some 200 data points have been encoded."""
    request: Message = ExportMetricsServiceRequest()
    points = 0
    for group in batch.resource_metrics:
        resource = request.resource_metrics.add(schema_url=group.resource.schema_url)
        _put_resource(resource.resource, group.resource)
        for scoped in group.scope_metrics:
            scope = resource.scope_metrics.add(schema_url=scoped.scope.schema_url)
            _put_scope(scope.scope, scoped.scope)
            for metric in scoped.metrics:
                added = _put_metric(scope.metrics, metric)
                if added is None:
                    encoded.refused += 1
                    continue
                encoded.metrics += 1
                encoded.points += added
                points += added + 1
                if points >= POINTS_AT_ONCE:
                    points = 0
                    yield
    encoded.body = request.SerializeToString()


def _put_metric(metrics: Message, metric: Metric) -> int | None:
    """Append `metric` and return how many points it has; None if it cannot be encoded, and nothing is appended."""
    message = metrics.add()
    try:
        _put_header(message, metric.header)
        field = _FIELDS.get(metric.header.type)
        if field is None:
            return 0
        points = points_of(metric)
        into = getattr(message, field)
        into.SetInParent()
        put = _PUT[metric.header.type]
        for point in points:
            put(into.data_points.add(), point)
    except (ValueError, TypeError, OverflowError):  # UnicodeEncodeError is a ValueError
        del metrics[-1]
        return None
    return len(points)


def _put_resource(message: Message, resource: Resource) -> None:
    put_attributes(message.attributes, resource.attributes)
    message.dropped_attributes_count = resource.dropped_attributes_count


def _put_scope(message: Message, scope: Scope) -> None:
    message.name = clean_text(scope.name)
    message.version = clean_text(scope.version)
    put_attributes(message.attributes, scope.attributes)
    message.dropped_attributes_count = scope.dropped_attributes_count


def _put_header(message: Message, header: MetricHeader) -> None:
    message.name = header.name
    message.description = clean_text(header.description)
    message.unit = clean_text(header.unit)
    if header.metadata:
        put_attributes(message.metadata, header.metadata)
    if header.type in _WITH_TEMPORALITY:
        into = getattr(message, _FIELDS[header.type])
        into.aggregation_temporality = int(header.temporality)
        if header.type is MetricType.SUM:
            into.is_monotonic = header.is_monotonic


def _put_common(message: Message, point: DataPoint) -> None:
    if point.attributes:
        put_attributes(message.attributes, point.attributes)
    message.time_unix_nano = point.time_unix_nano
    if point.start_time_unix_nano:
        message.start_time_unix_nano = point.start_time_unix_nano
    if point.flags:
        message.flags = point.flags


def _put_number(message: Message, point: NumberDataPoint) -> None:
    _put_common(message, point)
    _put_as(message, point.value)
    _put_exemplars(message, point.exemplars)


def _put_as(message: Message, value: float | None) -> None:
    if isinstance(value, float):
        message.as_double = value
    elif value is not None:
        message.as_int = value


def _put_histogram(message: Message, point: HistogramDataPoint) -> None:
    _put_common(message, point)
    _put_totals(message, point)
    message.bucket_counts.extend(point.bucket_counts)
    message.explicit_bounds.extend(point.explicit_bounds)
    _put_exemplars(message, point.exemplars)


def _put_exponential(message: Message, point: ExponentialHistogramDataPoint) -> None:
    _put_common(message, point)
    _put_totals(message, point)
    message.scale = point.scale
    message.zero_count = point.zero_count
    message.zero_threshold = point.zero_threshold
    for into, buckets in ((message.positive, point.positive), (message.negative, point.negative)):
        into.offset = buckets.offset
        into.bucket_counts.extend(buckets.bucket_counts)
    _put_exemplars(message, point.exemplars)


def _put_totals(
    message: Message, point: HistogramDataPoint | ExponentialHistogramDataPoint
) -> None:
    message.count = point.count
    for name in ("sum", "min", "max"):
        value = getattr(point, name)
        if value is not None:
            setattr(message, name, value)


def _put_summary(message: Message, point: SummaryDataPoint) -> None:
    _put_common(message, point)
    message.count = point.count
    message.sum = point.sum
    for quantile, value in point.quantile_values:
        message.quantile_values.add(quantile=quantile, value=value)


def _put_exemplars(message: Message, exemplars: Iterable[Exemplar]) -> None:
    for exemplar in exemplars:
        into = message.exemplars.add(
            time_unix_nano=exemplar.time_unix_nano,
            span_id=exemplar.span_id,
            trace_id=exemplar.trace_id,
        )
        _put_as(into, exemplar.value)
        put_attributes(into.filtered_attributes, exemplar.filtered_attributes)


def put_attributes(into: Message, attributes: Attributes) -> None:
    """Append `attributes` to a list of KeyValue."""
    for key, value in attributes.items():
        pair = into.add()
        pair.key = clean_text(key)
        _put_value(pair.value, value)


def _put_value(message: Message, value: AnyValue) -> None:
    if isinstance(value, str):
        message.string_value = clean_text(value)
    elif isinstance(value, bool):
        message.bool_value = value
    elif isinstance(value, int):
        message.int_value = min(max(value, -_INT64), _INT64 - 1)
    elif isinstance(value, float):
        message.double_value = value
    elif isinstance(value, bytes):
        message.bytes_value = value
    elif isinstance(value, Mapping):
        message.kvlist_value.SetInParent()
        put_attributes(message.kvlist_value.values, value)
    elif value is not None:
        message.array_value.SetInParent()
        for item in value:
            _put_value(message.array_value.values.add(), item)


def clean_text(text: str) -> str:
    """Return `text` with every character that UTF-8 cannot hold replaced."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")


_PUT: Mapping[MetricType, Callable[[Message, Any], None]] = MappingProxyType(
    {
        MetricType.GAUGE: _put_number,
        MetricType.SUM: _put_number,
        MetricType.HISTOGRAM: _put_histogram,
        MetricType.EXPONENTIAL_HISTOGRAM: _put_exponential,
        MetricType.SUMMARY: _put_summary,
    }
)
"""Any: each takes the kind of data point that its metric has."""
