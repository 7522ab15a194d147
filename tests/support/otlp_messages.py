"""OTLP requests of the official message classes: written from the model, and read back as an oracle."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1 import metrics_pb2

from receivers.model import (
    AnyValue,
    DataPoint,
    ExponentialBuckets,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    MetricHeader,
    MetricType,
    NumberDataPoint,
    QuantileValue,
    Resource,
    ResourceMetrics,
    Scope,
    ScopeMetrics,
    SummaryDataPoint,
    Temporality,
)

# Any: message objects; protobuf ships no types.
Message = Any

FIELDS: Mapping[MetricType, str] = {
    MetricType.GAUGE: "gauge",
    MetricType.SUM: "sum",
    MetricType.HISTOGRAM: "histogram",
    MetricType.EXPONENTIAL_HISTOGRAM: "exponential_histogram",
    MetricType.SUMMARY: "summary",
}
_TIMES = ("start_time_unix_nano", "time_unix_nano", "flags")
_OPTIONAL = ("sum", "min", "max")


def request(resources: Sequence[ResourceMetrics]) -> Message:
    """Return the request that says what `resources` say."""
    message = ExportMetricsServiceRequest()
    for resource_metrics in resources:
        part = message.resource_metrics.add(schema_url=resource_metrics.resource.schema_url)
        set_attributes(part.resource.attributes, resource_metrics.resource.attributes)
        for scope_metrics in resource_metrics.scope_metrics:
            _write_scope(part.scope_metrics.add(), scope_metrics)
    return message


def request_bytes(resources: Sequence[ResourceMetrics]) -> bytes:
    """Return the same as bytes."""
    raw: bytes = request(resources).SerializeToString()
    return raw


def to_json(message: Message) -> bytes:
    """Return a request as OTLP/JSON: what protobuf's own writer says, with ids in hex."""
    document = MessageToDict(message)
    _hex_ids(document)
    return json.dumps(document).encode()


def set_attributes(pairs: Message, attributes: Mapping[str, AnyValue]) -> None:
    """Add KeyValue messages."""
    for key, value in attributes.items():
        pair = pairs.add(key=key)
        set_value(pair.value, value)


def set_value(message: Message, value: AnyValue) -> None:
    """Fill an AnyValue; None is one without a value."""
    match value:
        case None:
            pass
        case bool():
            message.bool_value = value
        case int():
            message.int_value = value
        case float():
            message.double_value = value
        case str():
            message.string_value = value
        case bytes():
            message.bytes_value = value
        case list():
            message.array_value.SetInParent()
            for each in value:
                set_value(message.array_value.values.add(), each)
        case dict():
            message.kvlist_value.SetInParent()
            set_attributes(message.kvlist_value.values, value)


def _write_scope(part: Message, scope_metrics: ScopeMetrics) -> None:
    scope = scope_metrics.scope
    part.scope.name, part.scope.version = scope.name, scope.version
    part.schema_url = scope.schema_url
    set_attributes(part.scope.attributes, scope.attributes)
    for metric in scope_metrics.metrics:
        header = metric.header
        message = part.metrics.add(
            name=header.name, description=header.description, unit=header.unit
        )
        if header.type is MetricType.NONE:
            continue
        data = getattr(message, FIELDS[header.type])
        data.SetInParent()
        if header.type in {MetricType.SUM, *_DISTRIBUTIONS}:
            data.aggregation_temporality = header.temporality
        if header.type is MetricType.SUM:
            data.is_monotonic = header.is_monotonic
        for point in metric.data_points:
            _write_point(data.data_points.add(), point)


_DISTRIBUTIONS = (MetricType.HISTOGRAM, MetricType.EXPONENTIAL_HISTOGRAM)


def _write_point(message: Message, point: DataPoint) -> None:
    for field in _TIMES:
        setattr(message, field, getattr(point, field))
    set_attributes(message.attributes, point.attributes)
    if isinstance(point, NumberDataPoint):
        if point.value is not None:
            setattr(message, "as_int" if isinstance(point.value, int) else "as_double", point.value)
        return
    message.count = point.count
    if isinstance(point, SummaryDataPoint):
        message.sum = point.sum
        for quantile, value in point.quantile_values:
            message.quantile_values.add(quantile=quantile, value=value)
        return
    for field in _OPTIONAL:
        if (value := getattr(point, field)) is not None:
            setattr(message, field, value)
    if isinstance(point, HistogramDataPoint):
        message.bucket_counts.extend(point.bucket_counts)
        message.explicit_bounds.extend(point.explicit_bounds)
        return
    message.scale, message.zero_count = point.scale, point.zero_count
    message.zero_threshold = point.zero_threshold
    for name in ("positive", "negative"):
        side: ExponentialBuckets = getattr(point, name)
        getattr(message, name).offset = side.offset
        getattr(message, name).bucket_counts.extend(side.bucket_counts)


# -- the oracle --------------------------------------------------------------------------------------


def read_whole(raw: bytes) -> list[ResourceMetrics]:
    """Return what the official classes find in a request: everything, good or bad."""
    return [
        ResourceMetrics(
            Resource(attributes=_attributes(part.resource.attributes), schema_url=part.schema_url),
            [_read_scope(scope) for scope in part.scope_metrics],
        )
        for part in ExportMetricsServiceRequest.FromString(raw).resource_metrics
    ]


def _read_scope(part: Message) -> ScopeMetrics:
    scope = Scope(
        name=part.scope.name,
        version=part.scope.version,
        attributes=_attributes(part.scope.attributes),
        schema_url=part.schema_url,
    )
    return ScopeMetrics(scope, [_read_metric(metric) for metric in part.metrics])


def _read_metric(message: Message) -> Metric:
    field = message.WhichOneof("data")
    kind = next((kind for kind, name in FIELDS.items() if name == field), MetricType.NONE)
    data = getattr(message, field) if field else metrics_pb2.Gauge()
    header = MetricHeader(
        name=message.name,
        description=message.description,
        unit=message.unit,
        type=kind,
        temporality=Temporality(getattr(data, "aggregation_temporality", 0)),
        is_monotonic=getattr(data, "is_monotonic", False),
    )
    return Metric(header, data_points=[_read_point(kind, point) for point in data.data_points])


def _read_point(kind: MetricType, message: Message) -> DataPoint:
    point: DataPoint = _READERS[kind](message)
    point.attributes = _attributes(message.attributes)
    for field in _TIMES:
        setattr(point, field, getattr(message, field))
    return point


def _number(message: Message) -> NumberDataPoint:
    field = message.WhichOneof("value")
    return NumberDataPoint(value=getattr(message, field) if field else None)


def _optional(message: Message, field: str) -> float | None:
    value: float | None = getattr(message, field) if message.HasField(field) else None
    return value


def _histogram(message: Message) -> HistogramDataPoint:
    return HistogramDataPoint(
        count=message.count,
        bucket_counts=list(message.bucket_counts),
        explicit_bounds=list(message.explicit_bounds),
        sum=_optional(message, "sum"),
        min=_optional(message, "min"),
        max=_optional(message, "max"),
    )


def _exponential(message: Message) -> ExponentialHistogramDataPoint:
    return ExponentialHistogramDataPoint(
        count=message.count,
        scale=message.scale,
        zero_count=message.zero_count,
        zero_threshold=message.zero_threshold,
        positive=_side(message.positive),
        negative=_side(message.negative),
        sum=_optional(message, "sum"),
        min=_optional(message, "min"),
        max=_optional(message, "max"),
    )


def _side(message: Message) -> ExponentialBuckets:
    return ExponentialBuckets(offset=message.offset, bucket_counts=list(message.bucket_counts))


def _summary(message: Message) -> SummaryDataPoint:
    pairs = [QuantileValue(one.quantile, one.value) for one in message.quantile_values]
    return SummaryDataPoint(count=message.count, sum=message.sum, quantile_values=pairs)


_READERS: Mapping[MetricType, Any] = {
    MetricType.GAUGE: _number,
    MetricType.SUM: _number,
    MetricType.HISTOGRAM: _histogram,
    MetricType.EXPONENTIAL_HISTOGRAM: _exponential,
    MetricType.SUMMARY: _summary,
}


def _attributes(pairs: Iterable[Message]) -> dict[str, AnyValue]:
    return {pair.key: _any_value(pair.value) for pair in pairs}


def _any_value(message: Message) -> AnyValue:
    match message.WhichOneof("value"):
        case None:
            return None
        case "array_value":
            return [_any_value(each) for each in message.array_value.values]
        case "kvlist_value":
            return _attributes(message.kvlist_value.values)
        case field:
            scalar: AnyValue = getattr(message, field)
            return scalar


def _hex_ids(document: Any) -> None:
    """Write ids as OTLP/JSON does, where protobuf's JSON has base64."""
    values = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in list(values):
        if key in {"traceId", "spanId"}:
            document[key] = base64.b64decode(value).hex()
        elif isinstance(value, dict | list):
            _hex_ids(value)
