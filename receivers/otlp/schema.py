"""The OTLP message classes, built once at import; field numbers come from the `opentelemetry-proto` package.

They name only the fields that are read and leave sub-messages that may never be read as the bytes they arrived in, so
that what a filter drops is never decoded (DESIGN 3.2). Texts are bytes too: one that is not UTF-8 spoils its own point
only. Enumerations are int32, so that unknown numbers are seen. All are declared in proto2 syntax, where every field
knows whether it was present.

They differ from the official classes in one case only: a singular sub-message that is on the wire twice, which no
encoder writes, counts by its last occurrence instead of being merged.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError as WireError
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2

__all__ = [
    "AnyValueParts",
    "ArrayParts",
    "DataParts",
    "ExemplarParts",
    "ExponentialHistogramAttributes",
    "ExponentialHistogramParts",
    "HistogramAttributes",
    "HistogramParts",
    "KeyValueListParts",
    "KeyValueParts",
    "MetricParts",
    "NumberAttributes",
    "NumberParts",
    "RequestParts",
    "ResourceParts",
    "ScopeParts",
    "SummaryAttributes",
    "SummaryParts",
    "WireError",
    "official_files",
]

# Any: protobuf ships no types, and the classes exist at run time only.
MessageClass = Any


def official_files() -> list[bytes]:
    """Return the serialized descriptors of the official schema, each behind those that it imports."""
    found: dict[str, bytes] = {}

    def collect(file: Any) -> None:
        for imported in file.dependencies:
            collect(imported)
        found.setdefault(file.name, file.serialized_pb)

    collect(metrics_service_pb2.DESCRIPTOR)
    return list(found.values())


_PARTIAL_PACKAGE = "tallyd.otlp"
_COMMON = "opentelemetry.proto.common.v1."
_METRICS = "opentelemetry.proto.metrics.v1."
_REQUEST = "opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest"
_POINT_TIMES = {"start_time_unix_nano": None, "time_unix_nano": None}
_DISTRIBUTION = {
    **_POINT_TIMES,
    "count": None,
    "sum": None,
    "flags": None,
    "attributes": None,
}
# Class -> official message, and its fields: the class to decode a sub-message with, or None for a field that stays as
# it is (numbers) or as its bytes (sub-messages, texts).
_PARTIAL: Mapping[str, tuple[str, Mapping[str, str | None]]] = {
    "RequestParts": (_REQUEST, {"resource_metrics": "ResourceMetricsParts"}),
    "ResourceMetricsParts": (
        _METRICS + "ResourceMetrics",
        {"resource": None, "scope_metrics": "ScopeMetricsParts", "schema_url": None},
    ),
    "ScopeMetricsParts": (
        _METRICS + "ScopeMetrics",
        {"scope": None, "metrics": None, "schema_url": None},
    ),
    "ResourceParts": (
        "opentelemetry.proto.resource.v1.Resource",
        {"attributes": None, "dropped_attributes_count": None},
    ),
    "ScopeParts": (
        _COMMON + "InstrumentationScope",
        {"name": None, "version": None, "attributes": None, "dropped_attributes_count": None},
    ),
    "MetricParts": (
        _METRICS + "Metric",
        {
            "name": None,
            "description": None,
            "unit": None,
            "gauge": None,
            "sum": None,
            "histogram": None,
            "exponential_histogram": None,
            "summary": None,
            "metadata": None,
        },
    ),
    # The fields of a sum; all kinds have these numbers, or leave some out.
    "DataParts": (
        _METRICS + "Sum",
        {"data_points": None, "aggregation_temporality": None, "is_monotonic": None},
    ),
    "NumberParts": (
        _METRICS + "NumberDataPoint",
        {
            **_POINT_TIMES,
            "as_double": None,
            "as_int": None,
            "flags": None,
            "attributes": None,
            "exemplars": None,
        },
    ),
    "HistogramParts": (
        _METRICS + "HistogramDataPoint",
        {
            **_DISTRIBUTION,
            "bucket_counts": None,
            "explicit_bounds": None,
            "exemplars": None,
            "min": None,
            "max": None,
        },
    ),
    "ExponentialHistogramParts": (
        _METRICS + "ExponentialHistogramDataPoint",
        {
            **_DISTRIBUTION,
            "scale": None,
            "zero_count": None,
            "zero_threshold": None,
            "positive": "BucketsParts",
            "negative": "BucketsParts",
            "exemplars": None,
            "min": None,
            "max": None,
        },
    ),
    "BucketsParts": (
        _METRICS + "ExponentialHistogramDataPoint.Buckets",
        {"offset": None, "bucket_counts": None},
    ),
    "SummaryParts": (
        _METRICS + "SummaryDataPoint",
        {**_DISTRIBUTION, "quantile_values": "QuantileParts"},
    ),
    "QuantileParts": (
        _METRICS + "SummaryDataPoint.ValueAtQuantile",
        {"quantile": None, "value": None},
    ),
    "ExemplarParts": (
        _METRICS + "Exemplar",
        {
            "time_unix_nano": None,
            "as_double": None,
            "as_int": None,
            "span_id": None,
            "trace_id": None,
            "filtered_attributes": None,
        },
    ),
    "NumberAttributes": (_METRICS + "NumberDataPoint", {"attributes": None}),
    "HistogramAttributes": (_METRICS + "HistogramDataPoint", {"attributes": None}),
    "ExponentialHistogramAttributes": (
        _METRICS + "ExponentialHistogramDataPoint",
        {"attributes": None},
    ),
    "SummaryAttributes": (_METRICS + "SummaryDataPoint", {"attributes": None}),
    "KeyValueParts": (_COMMON + "KeyValue", {"key": None, "value": "AnyValueParts"}),
    "AnyValueParts": (
        _COMMON + "AnyValue",
        {
            "string_value": None,
            "bool_value": None,
            "int_value": None,
            "double_value": None,
            "array_value": None,
            "kvlist_value": None,
            "bytes_value": None,
        },
    ),
    "ArrayParts": (_COMMON + "ArrayValue", {"values": None}),
    "KeyValueListParts": (_COMMON + "KeyValueList", {"values": None}),
}


def _build_pool() -> Any:
    official = metrics_service_pb2.DESCRIPTOR.pool
    file = descriptor_pb2.FileDescriptorProto(
        name="tallyd/otlp.proto", package=_PARTIAL_PACKAGE, syntax="proto2"
    )
    for name, (full_name, fields) in _PARTIAL.items():
        _add_message(file, name, official.FindMessageTypeByName(full_name), fields)
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return pool


def _add_message(file: Any, name: str, official: Any, fields: Mapping[str, str | None]) -> None:
    message = file.message_type.add(name=name)
    for field_name, nested in fields.items():
        source = official.fields_by_name[field_name]
        field = message.field.add(name=field_name, number=source.number)
        field.label = field.LABEL_REPEATED if source.is_repeated else field.LABEL_OPTIONAL
        if nested is not None:
            field.type, field.type_name = field.TYPE_MESSAGE, f".{_PARTIAL_PACKAGE}.{nested}"
        elif source.type in {field.TYPE_MESSAGE, field.TYPE_STRING}:
            field.type = field.TYPE_BYTES
        elif source.type == field.TYPE_ENUM:
            field.type = field.TYPE_INT32
        else:
            field.type = source.type
        # A field that is optional in proto3 has a oneof of its own, which proto2 does without.
        oneof = source.containing_oneof
        if oneof is not None and len(oneof.fields) > 1:
            if not message.oneof_decl:
                message.oneof_decl.add(name=oneof.name)
            field.oneof_index = 0


_pool = _build_pool()


def _partial_class(name: str) -> MessageClass:
    return message_factory.GetMessageClass(
        _pool.FindMessageTypeByName(f"{_PARTIAL_PACKAGE}.{name}")
    )


RequestParts: MessageClass = _partial_class("RequestParts")
ResourceParts: MessageClass = _partial_class("ResourceParts")
ScopeParts: MessageClass = _partial_class("ScopeParts")
MetricParts: MessageClass = _partial_class("MetricParts")
DataParts: MessageClass = _partial_class("DataParts")
NumberParts: MessageClass = _partial_class("NumberParts")
HistogramParts: MessageClass = _partial_class("HistogramParts")
ExponentialHistogramParts: MessageClass = _partial_class("ExponentialHistogramParts")
SummaryParts: MessageClass = _partial_class("SummaryParts")
ExemplarParts: MessageClass = _partial_class("ExemplarParts")
NumberAttributes: MessageClass = _partial_class("NumberAttributes")
HistogramAttributes: MessageClass = _partial_class("HistogramAttributes")
ExponentialHistogramAttributes: MessageClass = _partial_class("ExponentialHistogramAttributes")
SummaryAttributes: MessageClass = _partial_class("SummaryAttributes")
KeyValueParts: MessageClass = _partial_class("KeyValueParts")
AnyValueParts: MessageClass = _partial_class("AnyValueParts")
ArrayParts: MessageClass = _partial_class("ArrayParts")
KeyValueListParts: MessageClass = _partial_class("KeyValueListParts")
