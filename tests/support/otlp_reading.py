"""An OTLP request's bytes back to the model, field by field: what a backend understands of what an exporter sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from receivers.model import (
    AnyValue,
    DataPoint,
    Exemplar,
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


def read_request(body: bytes) -> list[ResourceMetrics]:
    """What the bytes of an ExportMetricsServiceRequest hold."""
    request = ExportMetricsServiceRequest.FromString(body)
    return [_resource(one) for one in request.resource_metrics]


def _resource(message: Any) -> ResourceMetrics:
    resource = Resource(
        attributes=_attributes(message.resource.attributes),
        dropped_attributes_count=message.resource.dropped_attributes_count,
        schema_url=message.schema_url,
    )
    return ResourceMetrics(resource, [_scope(one) for one in message.scope_metrics])


def _scope(message: Any) -> ScopeMetrics:
    scope = Scope(
        name=message.scope.name,
        version=message.scope.version,
        attributes=_attributes(message.scope.attributes),
        dropped_attributes_count=message.scope.dropped_attributes_count,
        schema_url=message.schema_url,
    )
    return ScopeMetrics(scope, [_metric(one) for one in message.metrics])


def _metric(message: Any) -> Metric:
    kind = message.WhichOneof("data")
    data = getattr(message, kind) if kind else None
    header = MetricHeader(
        name=message.name,
        description=message.description,
        unit=message.unit,
        type=MetricType[kind.upper()] if kind else MetricType.NONE,
        temporality=Temporality(getattr(data, "aggregation_temporality", 0)),
        is_monotonic=getattr(data, "is_monotonic", False),
        metadata=_attributes(message.metadata),
    )
    points = [_POINTS[kind](one) for one in data.data_points] if data is not None else []
    return Metric(header, data_points=points)


def _common(message: Any) -> dict[str, Any]:
    common = {
        "attributes": _attributes(message.attributes),
        "start_time_unix_nano": message.start_time_unix_nano,
        "time_unix_nano": message.time_unix_nano,
        "flags": message.flags,
    }
    if "exemplars" in message.DESCRIPTOR.fields_by_name:
        common["exemplars"] = [_exemplar(one) for one in message.exemplars]
    return common


def _exemplar(message: Any) -> Exemplar:
    return Exemplar(
        time_unix_nano=message.time_unix_nano,
        value=_oneof(message, "value"),
        filtered_attributes=_attributes(message.filtered_attributes),
        span_id=message.span_id,
        trace_id=message.trace_id,
    )


def _oneof(message: Any, name: str) -> Any:
    field = message.WhichOneof(name)
    return getattr(message, field) if field else None


def _number(message: Any) -> DataPoint:
    return NumberDataPoint(value=_oneof(message, "value"), **_common(message))


def _totals(message: Any) -> dict[str, Any]:
    optional = {
        name: getattr(message, name) if message.HasField(name) else None
        for name in ("sum", "min", "max")
    }
    return {"count": message.count, **optional, **_common(message)}


def _histogram(message: Any) -> DataPoint:
    return HistogramDataPoint(
        bucket_counts=list(message.bucket_counts),
        explicit_bounds=list(message.explicit_bounds),
        **_totals(message),
    )


def _exponential(message: Any) -> DataPoint:
    sides: dict[str, Any] = {
        side: ExponentialBuckets(
            offset=getattr(message, side).offset,
            bucket_counts=list(getattr(message, side).bucket_counts),
        )
        for side in ("positive", "negative")
    }
    return ExponentialHistogramDataPoint(
        scale=message.scale,
        zero_count=message.zero_count,
        zero_threshold=message.zero_threshold,
        **sides,
        **_totals(message),
    )


def _summary(message: Any) -> DataPoint:
    return SummaryDataPoint(
        count=message.count,
        sum=message.sum,
        quantile_values=[QuantileValue(one.quantile, one.value) for one in message.quantile_values],
        **_common(message),
    )


_POINTS: dict[str, Callable[[Any], DataPoint]] = {
    "gauge": _number,
    "sum": _number,
    "histogram": _histogram,
    "exponential_histogram": _exponential,
    "summary": _summary,
}


def _attributes(pairs: Any) -> dict[str, AnyValue]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(message: Any) -> AnyValue:
    kind = message.WhichOneof("value")
    if kind is None:
        return None
    value = getattr(message, kind)
    if kind == "array_value":
        return [_value(item) for item in value.values]
    if kind == "kvlist_value":
        return _attributes(value.values)
    plain: AnyValue = value
    return plain
