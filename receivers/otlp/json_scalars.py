"""Scalars of OTLP/JSON as protobuf writes them (otlp.md 2): JSON's numbers, texts, true and false, null."""

from __future__ import annotations

import base64
import binascii
import math
import re
import struct
from collections.abc import Callable, Mapping

from google.protobuf.descriptor import FieldDescriptor

Encode = Callable[[object], bytes]
"""Returns a scalar with its length or wire type's bytes, but without its tag."""

_INTEGER = re.compile(r"[+-]?[0-9]{1,40}")
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*(?:[eE][+-]?[0-9]+)?|\.[0-9]+(?:[eE][+-]?[0-9]+)?)")
_NAMED_NUMBERS: Mapping[str, float] = {
    "NaN": math.nan,
    "Infinity": math.inf,
    "Inf": math.inf,
    "+Inf": math.inf,
    "-Infinity": -math.inf,
    "-Inf": -math.inf,
}
_DOUBLE = struct.Struct("<d")
_FIXED = struct.Struct("<Q")
_SIGNED_FIXED = struct.Struct("<q")


class WrongValueError(Exception):
    """A value is not what its field takes; `path` grows from the inside out."""

    def __init__(self, expected: str, value: object) -> None:
        super().__init__(expected)
        self.expected = expected
        self.value = value
        self.path: list[str] = []


def varint(number: int) -> bytes:
    """Return a number from 0 to 2**64 - 1 as protobuf writes it."""
    if number < 0x80:
        return bytes((number,))
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def with_length(raw: bytes) -> bytes:
    """Return `raw` after its length."""
    return varint(len(raw)) + raw


def _integer(value: object, low: int, high: int) -> int:
    number = value
    if isinstance(value, str) and _INTEGER.fullmatch(value):
        number = int(value)
    if type(number) is not int or not low <= number <= high:
        raise WrongValueError(f"an integer from {low} to {high}, as number or text", value)
    return number


def _encode_int64(value: object) -> bytes:
    return varint(_integer(value, -(2**63), 2**63 - 1) & (2**64 - 1))


def _encode_sfixed64(value: object) -> bytes:
    return _SIGNED_FIXED.pack(_integer(value, -(2**63), 2**63 - 1))


def _encode_uint64(value: object) -> bytes:
    return varint(_integer(value, 0, 2**64 - 1))


def _encode_fixed64(value: object) -> bytes:
    return _FIXED.pack(_integer(value, 0, 2**64 - 1))


def _encode_uint32(value: object) -> bytes:
    return varint(_integer(value, 0, 2**32 - 1))


def _encode_int32(value: object) -> bytes:
    return varint(_integer(value, -(2**31), 2**31 - 1) & (2**64 - 1))


def _encode_sint32(value: object) -> bytes:
    number = _integer(value, -(2**31), 2**31 - 1)
    return varint(number << 1 if number >= 0 else (-number << 1) - 1)


def _encode_double(value: object) -> bytes:
    number = math.nan
    try:
        if isinstance(value, str):
            named = _NAMED_NUMBERS.get(value)
            if named is not None:
                return _DOUBLE.pack(named)
            number = float(value) if _NUMBER.fullmatch(value) else math.nan
        elif type(value) in {int, float}:
            number = float(value)  # type: ignore[arg-type]  # mypy does not follow `type(value) in`
    except OverflowError:
        pass
    if not math.isfinite(number):
        raise WrongValueError(
            'a number, or a text with one, "NaN", "Infinity" or "-Infinity"', value
        )
    return _DOUBLE.pack(number)


def _encode_bool(value: object) -> bytes:
    if not isinstance(value, bool):
        raise WrongValueError("true or false", value)
    return b"\1" if value else b"\0"


def _encode_string(value: object) -> bytes:
    if value is None:
        return b"\0"
    if not isinstance(value, str):
        raise WrongValueError("a text", value)
    # Bytes that were no UTF-8 stay as they came.
    raw = value.encode(errors="surrogateescape")
    return varint(len(raw)) + raw


def _encode_bytes(value: object) -> bytes:
    if value is None:
        return b"\0"
    try:
        if isinstance(value, str):
            return with_length(base64.b64decode(value.encode("ascii"), validate=True))
    except (binascii.Error, UnicodeEncodeError):
        pass
    raise WrongValueError("base64 in the standard alphabet, padded", value)


def encode_id(size: int) -> Encode:
    """Return the encoding of an id of `size` bytes, which is in hex; an empty one is none."""

    def encode(value: object) -> bytes:
        if value is None or value == "":
            return b"\0"
        try:
            if isinstance(value, str) and len(value) == 2 * size:
                return with_length(binascii.unhexlify(value))
        except (binascii.Error, ValueError):
            pass
        raise WrongValueError(f"{2 * size} hexadecimal digits", value)

    return encode


def encode_enum(names: Mapping[str, int]) -> Encode:
    """Return the encoding of an enumeration: any integer, or a full name."""

    def encode(value: object) -> bytes:
        if isinstance(value, str):
            if value in names:
                return varint(names[value])
        elif type(value) is int and -(2**31) <= value < 2**31:
            return varint(value & (2**64 - 1))
        raise WrongValueError("an integer or one of " + ", ".join(names), value)

    return encode


ENCODERS: Mapping[int, Encode] = {
    FieldDescriptor.TYPE_BOOL: _encode_bool,
    FieldDescriptor.TYPE_BYTES: _encode_bytes,
    FieldDescriptor.TYPE_DOUBLE: _encode_double,
    FieldDescriptor.TYPE_FIXED64: _encode_fixed64,
    FieldDescriptor.TYPE_INT32: _encode_int32,
    FieldDescriptor.TYPE_INT64: _encode_int64,
    FieldDescriptor.TYPE_SFIXED64: _encode_sfixed64,
    FieldDescriptor.TYPE_SINT32: _encode_sint32,
    FieldDescriptor.TYPE_STRING: _encode_string,
    FieldDescriptor.TYPE_UINT32: _encode_uint32,
    FieldDescriptor.TYPE_UINT64: _encode_uint64,
}
"""By the type of the field; enumerations and ids are told apart by the two functions above."""
