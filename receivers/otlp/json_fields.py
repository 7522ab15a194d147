"""How each message of OTLP/JSON is written in protobuf: names and numbers come from `opentelemetry-proto`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2

from receivers.otlp.json_scalars import ENCODERS, Encode, encode_enum, encode_id, varint

# Any: descriptors; protobuf ships no types.
Descriptor = Any

_REQUEST = "opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest"
_ID_BYTES: Mapping[str, int] = {"trace_id": 16, "span_id": 8}
"""Fields that are in hex; all other bytes are in base64."""
_EIGHT_BYTES = frozenset(
    {FieldDescriptor.TYPE_DOUBLE, FieldDescriptor.TYPE_FIXED64, FieldDescriptor.TYPE_SFIXED64}
)
_VARINT, _FIXED64, _LENGTH = 0, 1, 2
"""Wire types."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FieldType:
    """One field; exactly one of `message` and `encode` is set."""

    slot: int
    """The field's number, or the lowest of its oneof: what comes last in a document takes it."""
    tag: bytes
    is_repeated: bool
    message: MessageType | None = None
    encode: Encode | None = None


@dataclass(frozen=True, slots=True, eq=False)
class MessageType:
    """One message: its fields by both spellings of their names."""

    fields: dict[str, FieldType] = field(default_factory=dict)


def _build_message(descriptor: Descriptor, known: dict[str, MessageType]) -> MessageType:
    if descriptor.full_name not in known:
        message = known[descriptor.full_name] = MessageType()
        for one in descriptor.fields:
            message.fields[one.name] = message.fields[one.json_name] = _build_field(one, known)
    return known[descriptor.full_name]


def _build_field(one: Descriptor, known: dict[str, MessageType]) -> FieldType:
    is_message = one.type == one.TYPE_MESSAGE
    oneof = one.containing_oneof
    return FieldType(
        slot=one.number if oneof is None else min(member.number for member in oneof.fields),
        tag=varint(one.number << 3 | _wire_type(one)),
        is_repeated=one.is_repeated,
        message=_build_message(one.message_type, known) if is_message else None,
        encode=None if is_message else _encoder(one),
    )


def _wire_type(one: Descriptor) -> int:
    if one.is_repeated or one.type in {one.TYPE_MESSAGE, one.TYPE_STRING, one.TYPE_BYTES}:
        return _LENGTH
    return _FIXED64 if one.type in _EIGHT_BYTES else _VARINT


def _encoder(one: Descriptor) -> Encode:
    if one.name in _ID_BYTES:
        return encode_id(_ID_BYTES[one.name])
    if one.type == one.TYPE_ENUM:
        return encode_enum({value.name: value.number for value in one.enum_type.values})
    return ENCODERS[one.type]


_messages: dict[str, MessageType] = {}
REQUEST = _build_message(
    metrics_service_pb2.DESCRIPTOR.pool.FindMessageTypeByName(_REQUEST), _messages
)
KEY_VALUE = _messages["opentelemetry.proto.common.v1.KeyValue"]
