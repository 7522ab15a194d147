"""The OpenCensus message classes, built once at import; field numbers come from the `opencensus-proto` package.

Two families:

- **whole** classes (`Node`, `Resource`, `MetricDescriptor`, `TimeSeries`) are the official ones. The package's generated
  modules do not import on protobuf 4 and later, so its serialized descriptors are read out of them (DESIGN 3.2).
- **partial** classes (`RequestParts` and the other `...Parts`) name only the fields that are needed per report and leave
  every other sub-message as the bytes it arrived in, so that what a filter drops is never decoded (DESIGN 3.2). Names,
  numbers and types are looked up in the official descriptors. They are declared in proto2 syntax, where every field
  knows whether it was present (opencensus.md 2.2 tests presence, not content).

A partial class differs from the official one in one case only: a singular sub-message that is on the wire twice, which
no encoder writes, counts by its last occurrence instead of being merged.
"""

from __future__ import annotations

import ast
import re
from importlib import metadata
from pathlib import Path
from typing import Any

from google.protobuf import (
    descriptor_pb2,
    descriptor_pool,
    message_factory,
    timestamp_pb2,
    wrappers_pb2,
)
from google.protobuf.message import DecodeError as WireError

__all__ = [
    "NO_RESOURCE",
    "LabelValueParts",
    "LabelValuesParts",
    "MetricDescriptor",
    "Node",
    "PointParts",
    "RequestParts",
    "Resource",
    "TimeSeries",
    "TimeSeriesParts",
    "TimestampParts",
    "WireError",
    "message_class",
    "official_files",
]

_PACKAGE = "opencensus-proto"
_FILES = (
    "opencensus/proto/resource/v1/resource",
    "opencensus/proto/metrics/v1/metrics",
    "opencensus/proto/agent/common/v1/common",
    "opencensus/proto/agent/metrics/v1/metrics_service",
)
_LITERAL = re.compile(r"(?:serialized_pb=_b|AddSerializedFile)\(\s*(b?'(?:[^'\\]|\\.)*')")

NO_RESOURCE = b"\xff"
"""What `MetricParts.resource` reads as when it is absent; no Resource has these bytes. Cheaper than `HasField`."""

_PARTIAL_PACKAGE = "tallyd.opencensus"
_METRICS = "opencensus.proto.metrics.v1."
# Partial class -> official message, and its fields: the partial class to decode a sub-message with, or None for a field
# that stays as it is (scalars) or as its bytes (sub-messages, texts).
_PARTIAL: dict[str, tuple[str, dict[str, str | None]]] = {
    "RequestParts": (
        "opencensus.proto.agent.metrics.v1.ExportMetricsServiceRequest",
        {"node": None, "metrics": "MetricParts", "resource": None},
    ),
    "MetricParts": (
        _METRICS + "Metric",
        {"metric_descriptor": None, "timeseries": None, "resource": None},
    ),
    "TimeSeriesParts": (
        _METRICS + "TimeSeries",
        {"start_timestamp": None, "label_values": None, "points": "PointParts"},
    ),
    "LabelValuesParts": (_METRICS + "TimeSeries", {"label_values": None}),
    "LabelValueParts": (_METRICS + "LabelValue", {"value": None, "has_value": None}),
    "PointParts": (
        _METRICS + "Point",
        {
            "timestamp": None,
            "int64_value": None,
            "double_value": None,
            "distribution_value": "DistributionParts",
            "summary_value": "SummaryParts",
        },
    ),
    "TimestampParts": ("google.protobuf.Timestamp", {"seconds": None, "nanos": None}),
    "DistributionParts": (_METRICS + "DistributionValue", {"count": None, "sum": None}),
    "SummaryParts": (_METRICS + "SummaryValue", {"count": "Int64Parts", "sum": "DoubleParts"}),
    "Int64Parts": ("google.protobuf.Int64Value", {"value": None}),
    "DoubleParts": ("google.protobuf.DoubleValue", {"value": None}),
}

# Any: protobuf ships no types, and the classes exist at run time only.
MessageClass = Any


def _official_file(path: str) -> bytes:
    """Return the serialized descriptor that the generated module `path` holds as a literal."""
    source = Path(str(metadata.distribution(_PACKAGE).locate_file(f"{path}_pb2.py")))
    found = _LITERAL.search(source.read_text(encoding="utf-8"))
    if found is None:
        raise ImportError(f"cannot read the message descriptor in {source}: reinstall {_PACKAGE}")
    literal = ast.literal_eval(found[1])
    return literal if isinstance(literal, bytes) else literal.encode("latin-1")


def official_files() -> list[bytes]:
    """Return the serialized descriptors of the official schema, each behind those that it imports."""
    imported = [module.DESCRIPTOR.serialized_pb for module in (timestamp_pb2, wrappers_pb2)]
    return imported + [_official_file(path) for path in _FILES]


def _official_pool() -> Any:
    pool = descriptor_pool.DescriptorPool()
    for file in official_files():
        pool.AddSerializedFile(file)
    return pool


def _add_partial_file(pool: Any) -> None:
    file = descriptor_pb2.FileDescriptorProto(
        name="tallyd/opencensus.proto", package=_PARTIAL_PACKAGE, syntax="proto2"
    )
    for name, (official, fields) in _PARTIAL.items():
        _add_partial_message(file, name, pool.FindMessageTypeByName(official), fields)
    pool.AddSerializedFile(file.SerializeToString())


def _add_partial_message(
    file: Any, name: str, official: Any, fields: dict[str, str | None]
) -> None:
    message = file.message_type.add(name=name)
    for field_name, nested in fields.items():
        source = official.fields_by_name[field_name]
        field = message.field.add(name=field_name, number=source.number)
        field.label = field.LABEL_REPEATED if source.is_repeated else field.LABEL_OPTIONAL
        if nested is not None:
            field.type, field.type_name = field.TYPE_MESSAGE, f".{_PARTIAL_PACKAGE}.{nested}"
        elif source.type in {field.TYPE_MESSAGE, field.TYPE_STRING}:
            field.type = field.TYPE_BYTES
        else:
            field.type = source.type
        if (name, field_name) == ("MetricParts", "resource"):
            field.default_value = r"\377"
        if source.containing_oneof is not None:
            if not message.oneof_decl:
                message.oneof_decl.add(name=source.containing_oneof.name)
            field.oneof_index = 0


_pool = _official_pool()
_add_partial_file(_pool)


def message_class(full_name: str) -> MessageClass:
    """Return the class of the message that `full_name` names in the official schema."""
    return message_factory.GetMessageClass(_pool.FindMessageTypeByName(full_name))


def _partial_class(name: str) -> MessageClass:
    return message_class(f"{_PARTIAL_PACKAGE}.{name}")


Node: MessageClass = message_class("opencensus.proto.agent.common.v1.Node")
Resource: MessageClass = message_class("opencensus.proto.resource.v1.Resource")
MetricDescriptor: MessageClass = message_class(_METRICS + "MetricDescriptor")
TimeSeries: MessageClass = message_class(_METRICS + "TimeSeries")

RequestParts: MessageClass = _partial_class("RequestParts")
TimeSeriesParts: MessageClass = _partial_class("TimeSeriesParts")
LabelValuesParts: MessageClass = _partial_class("LabelValuesParts")
PointParts: MessageClass = _partial_class("PointParts")
LabelValueParts: MessageClass = _partial_class("LabelValueParts")
TimestampParts: MessageClass = _partial_class("TimestampParts")
