"""What a remote write request says, as short texts: `name{labels} values`; read with message classes of our own."""

from __future__ import annotations

import struct
from typing import Any

import cramjam
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

from daemon.exporters.labels import format_number

_TYPES = descriptor_pb2.FieldDescriptorProto
STALE = 0x7FF0000000000002
FIELDS = {
    "WriteRequest": "*TimeSeries:timeseries:1 *Metadata:metadata:3",
    "TimeSeries": "*Label:labels:1 *Sample:samples:2 *Exemplar:exemplars:3 *Histogram:histograms:4",
    "Label": "string:name:1 string:value:2",
    "Sample": "double:value:1 int64:timestamp:2",
    "Exemplar": "*Label:labels:1 double:value:2 int64:timestamp:3",
    "Metadata": "int32:type:1 string:family:2 string:help:4 string:unit:5",
    "Span": "sint32:offset:1 uint32:length:2",
    "Histogram": (
        "uint64:count_int:1 double:sum:3 sint32:schema:4 double:zero_threshold:5 uint64:zero_count_int:6 "
        "*Span:negative_spans:8 *sint64:negative_deltas:9 *Span:positive_spans:11 *sint64:positive_deltas:12 "
        "int64:timestamp:15"
    ),
}


def _classes() -> Any:
    file = descriptor_pb2.FileDescriptorProto(name="t.proto", package="t", syntax="proto3")
    for name, fields in FIELDS.items():
        message = file.message_type.add(name=name)
        for text in fields.split():
            kind, field, number = text.lstrip("*").split(":")
            row = message.field.add(name=field, number=int(number))
            row.label = _TYPES.LABEL_REPEATED if text[0] == "*" else _TYPES.LABEL_OPTIONAL
            if kind in FIELDS:
                row.type, row.type_name = _TYPES.TYPE_MESSAGE, f".t.{kind}"
            else:
                row.type = getattr(_TYPES, f"TYPE_{kind.upper()}")
    pool = descriptor_pool.DescriptorPool()
    pool.AddSerializedFile(file.SerializeToString())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.WriteRequest"))


WriteRequest = _classes()


def read_body(body: bytes) -> Any:
    """The message in the body of a request over HTTP."""
    return WriteRequest.FromString(bytes(cramjam.snappy.decompress_raw(body)))


def written(request: Any) -> list[str]:
    """Each series of a request, sorted."""
    return sorted(_series(one) for one in request.timeseries)


def series_text(raw: bytes) -> list[str]:
    """Each series in the bytes of a request, sorted."""
    return written(WriteRequest.FromString(raw))


def _series(one: Any) -> str:
    names = [label.name for label in one.labels]
    assert names == sorted(set(names)), "labels are sorted and single"
    labels = {label.name: label.value for label in one.labels}
    name = labels.pop("__name__")
    inside = ",".join(f'{key}="{value}"' for key, value in labels.items())
    values = [_value(sample.value) for sample in one.samples]
    values += ["native"] * len(one.histograms)
    return " ".join([f"{name}{{{inside}}}", *values])


def _value(value: float) -> str:
    if struct.unpack("<Q", struct.pack("<d", value))[0] == STALE:
        return "stale"
    return format_number(value)
