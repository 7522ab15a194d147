"""Message classes of KEDA's externalscaler.proto, built at import from a field table of our own.

The numbers, types and names are the wire contract of `keda.md 1.1` (checked against KEDA 2.17's generated client).
A descriptor pool of its own keeps them apart from any other copy of the same file in the process.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError

__all__ = [
    "MESSAGES",
    "METHODS",
    "PACKAGE",
    "SERVICE",
    "DecodeError",
    "Field",
    "GetMetricSpecResponse",
    "GetMetricsRequest",
    "GetMetricsResponse",
    "IsActiveResponse",
    "Message",
    "MetricSpec",
    "MetricValue",
    "ScaledObjectRef",
    "build_classes",
    "decode",
    "encode",
    "official_files",
]

PACKAGE: Final = "externalscaler"
SERVICE: Final = f"{PACKAGE}.ExternalScaler"

Message = Any
"""One message; protobuf ships no type information."""

_TYPES = descriptor_pb2.FieldDescriptorProto


class Field(NamedTuple):
    """One row of the table: `kind` is a scalar's type, a message's name, or `map` for map<string, string>."""

    number: int
    name: str
    kind: str
    repeated: bool = False


_SCALARS: Mapping[str, int] = {
    "string": _TYPES.TYPE_STRING,
    "bool": _TYPES.TYPE_BOOL,
    "int64": _TYPES.TYPE_INT64,
    "double": _TYPES.TYPE_DOUBLE,
}

MESSAGES: Final[Mapping[str, tuple[Field, ...]]] = {
    "ScaledObjectRef": (
        Field(1, "name", "string"),
        Field(2, "namespace", "string"),
        Field(3, "scalerMetadata", "map"),
    ),
    "IsActiveResponse": (Field(1, "result", "bool"),),
    "GetMetricSpecResponse": (Field(1, "metricSpecs", "MetricSpec", repeated=True),),
    "MetricSpec": (
        Field(1, "metricName", "string"),
        Field(2, "targetSize", "int64"),
        Field(3, "targetSizeFloat", "double"),
    ),
    "GetMetricsRequest": (
        Field(1, "scaledObjectRef", "ScaledObjectRef"),
        Field(2, "metricName", "string"),
    ),
    "GetMetricsResponse": (Field(1, "metricValues", "MetricValue", repeated=True),),
    "MetricValue": (
        Field(1, "metricName", "string"),
        Field(2, "metricValue", "int64"),
        Field(3, "metricValueFloat", "double"),
    ),
}


class Method(NamedTuple):
    """One call of the service: the names of its messages, and whether answers come as a stream."""

    name: str
    request: str
    response: str
    streams: bool = False


METHODS: Final = (
    Method("IsActive", "ScaledObjectRef", "IsActiveResponse"),
    Method("StreamIsActive", "ScaledObjectRef", "IsActiveResponse", streams=True),
    Method("GetMetricSpec", "ScaledObjectRef", "GetMetricSpecResponse"),
    Method("GetMetrics", "GetMetricsRequest", "GetMetricsResponse"),
    Method("StreamMetricSpec", "ScaledObjectRef", "GetMetricSpecResponse", streams=True),
)


def _add_field(message: Message, field: Field) -> None:
    row = message.field.add(name=field.name, number=field.number, json_name=field.name)
    repeated = field.repeated or field.kind == "map"
    row.label = _TYPES.LABEL_REPEATED if repeated else _TYPES.LABEL_OPTIONAL
    if field.kind in _SCALARS:
        row.type = _SCALARS[field.kind]
        return
    row.type = _TYPES.TYPE_MESSAGE
    row.type_name = f".{PACKAGE}.{field.kind}"
    if field.kind == "map":
        entry = message.nested_type.add(name=f"{field.name[0].upper()}{field.name[1:]}Entry")
        entry.options.map_entry = True
        _add_field(entry, Field(1, "key", "string"))
        _add_field(entry, Field(2, "value", "string"))
        row.type_name = f".{PACKAGE}.{message.name}.{entry.name}"


def official_files() -> list[bytes]:
    """Return the whole file, its service too, as a serialized descriptor: reflection shows it."""
    file = _file_of(MESSAGES)
    service = file.service.add(name=SERVICE.rpartition(".")[2])
    for method in METHODS:
        service.method.add(
            name=method.name,
            input_type=f".{PACKAGE}.{method.request}",
            output_type=f".{PACKAGE}.{method.response}",
            server_streaming=method.streams,
        )
    return [file.SerializeToString()]


def build_classes(messages: Mapping[str, tuple[Field, ...]]) -> Mapping[str, Any]:
    """Return the message classes of such a table by their names; they are a set apart from all others."""
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(_file_of(messages).SerializeToString())
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{PACKAGE}.{name}"))
        for name in messages
    }


def _file_of(messages: Mapping[str, tuple[Field, ...]]) -> Any:
    file = descriptor_pb2.FileDescriptorProto(
        name="externalscaler.proto", package=PACKAGE, syntax="proto3"
    )
    for name, fields in messages.items():
        message = file.message_type.add(name=name)
        for field in fields:
            _add_field(message, field)
    return file


def encode(message: Message) -> bytes:
    """Return the wire bytes of `message`."""
    wire: bytes = message.SerializeToString()
    return wire


def decode(name: str, wire: bytes) -> Message:
    """Return the message called `name`, such as "MetricSpec", that `wire` holds.

    Raises:
        DecodeError: the bytes are no such message.
    """
    return _CLASSES[name].FromString(wire)


_CLASSES: Final = build_classes(MESSAGES)
ScaledObjectRef: Final = _CLASSES["ScaledObjectRef"]
IsActiveResponse: Final = _CLASSES["IsActiveResponse"]
GetMetricSpecResponse: Final = _CLASSES["GetMetricSpecResponse"]
MetricSpec: Final = _CLASSES["MetricSpec"]
GetMetricsRequest: Final = _CLASSES["GetMetricsRequest"]
GetMetricsResponse: Final = _CLASSES["GetMetricsResponse"]
MetricValue: Final = _CLASSES["MetricValue"]
