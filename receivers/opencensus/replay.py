"""Recorded requests at another time: what a player of recordings needs of the message classes."""

from __future__ import annotations

from typing import Any

from receivers.errors import DecodeError
from receivers.opencensus import schema

_NANOS_PER_S = 1_000_000_000
_TIMESTAMP = "google.protobuf.Timestamp"

_Request = schema.message_class("opencensus.proto.agent.metrics.v1.ExportMetricsServiceRequest")


def shift_request(raw: bytes, by_ms: int) -> bytes:
    """Return a request of a metrics stream with all its times moved by `by_ms`, the start time of its Node among them.

    Raises:
        DecodeError: it is no such request.
    """
    try:
        request = _Request.FromString(raw)
    except schema.WireError as error:
        raise DecodeError("OpenCensus metrics request", str(error)) from error
    _shift(request, by_ms * 1_000_000)
    wire: bytes = request.SerializeToString()
    return wire


# Any: message objects; protobuf ships no types.
def _shift(message: Any, by_ns: int) -> None:
    """Move every Timestamp below `message`."""
    if message.DESCRIPTOR.full_name == _TIMESTAMP:
        seconds, nanos = divmod(
            message.seconds * _NANOS_PER_S + message.nanos + by_ns, _NANOS_PER_S
        )
        message.seconds, message.nanos = seconds, nanos
        return
    for field, value in message.ListFields():
        if field.message_type is None or field.message_type.GetOptions().map_entry:
            continue
        for nested in value if field.is_repeated else (value,):
            _shift(nested, by_ns)
