"""Attributes off the wire: every kind of AnyValue, bounded in number, depth and size."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from receivers.model import AnyValue
from receivers.otlp import schema
from receivers.otlp.refusals import Refusal, RefusedError

# Any: message objects; protobuf ships no types.
Message = Any

MAX_DEPTH = 64
"""Of lists and maps inside one another; people nest two or three."""
MAX_NESTED_VALUES = 1_000
"""In the lists and maps of one set of attributes."""

_SCALARS = frozenset({"bool_value", "int_value", "double_value", "bytes_value"})


def decode_attributes(raws: Sequence[bytes], limit: int) -> dict[str, AnyValue]:
    """Return the KeyValue messages in `raws` as attributes; of equal keys the first counts (ottl.md 9).

    Raises:
        RefusedError: they are more than `limit`, nested too deep, not protobuf or not UTF-8.
    """
    if len(raws) > limit:
        raise RefusedError(Refusal.TOO_MANY_ATTRIBUTES)
    try:
        return _Reader().read_map(raws, 0)
    except schema.WireError as error:
        raise RefusedError(Refusal.UNDECODABLE) from error
    except UnicodeDecodeError as error:
        raise RefusedError(Refusal.NOT_UTF8) from error


def decode_text(raw: bytes) -> str:
    """Return `raw` as text.

    Raises:
        RefusedError: it is not UTF-8.
    """
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        raise RefusedError(Refusal.NOT_UTF8) from error


class _Reader:
    """Reads one set of attributes and counts the values nested in it."""

    __slots__ = ("_nested",)

    def __init__(self) -> None:
        self._nested = 0

    def read_map(self, raws: Sequence[bytes], depth: int) -> dict[str, AnyValue]:
        attributes: dict[str, AnyValue] = {}
        for raw in raws:
            message = schema.KeyValueParts.FromString(raw)
            key = message.key.decode()
            value = self._read(message.value, depth)
            attributes.setdefault(key, value)
        return attributes

    def _read(self, message: Message, depth: int) -> AnyValue:
        kind = message.WhichOneof("value")
        if kind == "string_value":
            text: str = message.string_value.decode()
            return text
        if kind in _SCALARS:
            scalar: AnyValue = getattr(message, kind)
            return scalar
        if kind == "array_value":
            raws = schema.ArrayParts.FromString(message.array_value).values
            self._enter(len(raws), depth)
            return [self._read(schema.AnyValueParts.FromString(raw), depth + 1) for raw in raws]
        if kind == "kvlist_value":
            raws = schema.KeyValueListParts.FromString(message.kvlist_value).values
            self._enter(len(raws), depth)
            return self.read_map(raws, depth + 1)
        return None

    def _enter(self, values: int, depth: int) -> None:
        self._nested += values
        if depth >= MAX_DEPTH or self._nested > MAX_NESTED_VALUES:
            raise RefusedError(Refusal.NESTED_TOO_DEEP)
