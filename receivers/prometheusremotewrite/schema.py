"""Message classes of remote write 1.0, built at import from a field table of our own (promql.md 6.1).

Sub-messages that most requests never need taken apart stay bytes: a known series is recognised by the bytes of its
labels. Texts are bytes too, so that one that is not UTF-8 spoils its own series only.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.message import DecodeError as WireError

__all__ = ["Label", "Message", "MetricMetadata", "TimeSeries", "WireError", "WriteRequest"]

Message = Any
"""One message; protobuf ships no type information."""

_PACKAGE: Final = "tallyd.prometheus"
_TYPES = descriptor_pb2.FieldDescriptorProto
_SCALARS: Mapping[str, int] = {
    "bytes": _TYPES.TYPE_BYTES,
    "double": _TYPES.TYPE_DOUBLE,
    "int32": _TYPES.TYPE_INT32,
    "int64": _TYPES.TYPE_INT64,
}


class _Field(NamedTuple):
    """One row of the table: `kind` is a scalar's type or a message's name."""

    number: int
    name: str
    kind: str = "bytes"
    repeated: bool = False


_MESSAGES: Final[Mapping[str, tuple[_Field, ...]]] = {
    "WriteRequest": (_Field(1, "timeseries", repeated=True), _Field(3, "metadata", repeated=True)),
    "TimeSeries": (
        _Field(1, "labels", repeated=True),
        _Field(2, "samples", "Sample", repeated=True),
        _Field(3, "exemplars", repeated=True),
        _Field(4, "histograms", repeated=True),
    ),
    "Label": (_Field(1, "name"), _Field(2, "value")),
    "Sample": (_Field(1, "value", "double"), _Field(2, "timestamp", "int64")),
    "MetricMetadata": (
        _Field(1, "type", "int32"),
        _Field(2, "metric_family_name"),
        _Field(4, "help"),
        _Field(5, "unit"),
    ),
}


def _build_classes() -> Mapping[str, Any]:
    file = descriptor_pb2.FileDescriptorProto(
        name="tallyd/remote_write.proto", package=_PACKAGE, syntax="proto3"
    )
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field in fields:
            row = message.field.add(name=field.name, number=field.number)
            row.label = _TYPES.LABEL_REPEATED if field.repeated else _TYPES.LABEL_OPTIONAL
            if field.kind in _SCALARS:
                row.type = _SCALARS[field.kind]
            else:
                row.type, row.type_name = _TYPES.TYPE_MESSAGE, f".{_PACKAGE}.{field.kind}"
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return {
        name: message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.{name}"))
        for name in _MESSAGES
    }


_CLASSES: Final = _build_classes()
WriteRequest: Final = _CLASSES["WriteRequest"]
TimeSeries: Final = _CLASSES["TimeSeries"]
Label: Final = _CLASSES["Label"]
MetricMetadata: Final = _CLASSES["MetricMetadata"]
