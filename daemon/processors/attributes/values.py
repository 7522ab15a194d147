"""What `hash` and `convert` make of an attribute's value (otlp.md 4.1)."""

from __future__ import annotations

import base64
import hashlib
import math
import struct
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import cast

from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.functions.conversions import (
    MAX_INT64,
    MIN_INT64,
    convert,
    parse_float,
    wrap_int64,
)
from daemon.ottl.functions.gotext import format_json, to_utf8
from daemon.ottl.functions.signature import ParamKind
from daemon.ottl.values import Value
from receivers.model import AnyValue


def hash_value(value: AnyValue) -> str:
    """Return the SHA-256 of a text's bytes, a truth value's byte or a number's 8 bytes; of anything else nothing."""
    match value:
        case str():
            data = to_utf8(value)
        case bool():
            data = bytes([value])
        case int():
            data = struct.pack("<q", wrap_int64(value))
        case float():
            data = struct.pack("<d", value)
        case _:
            return ""
    return hashlib.sha256(data).hexdigest()


def to_text(value: AnyValue) -> AnyValue:
    """Return the text of a value, lists and maps as JSON; what has none stays."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bytes():
            return base64.b64encode(value).decode("ascii")
    try:
        return format_json(cast("Value", value))
    except OttlEvaluationError:
        return value


def to_int(value: AnyValue) -> AnyValue:
    """Return a value as an int64: numbers cut, truth values 0 or 1, texts read as decimal; any other stays."""
    match value:
        case bool():
            return int(value)
        case float() if math.isfinite(value):
            whole = math.trunc(value)
            return whole if MIN_INT64 <= whole <= MAX_INT64 else value
        case str():
            number = cast("int | None", convert(ParamKind.INT_LIKE, value))
            return value if number is None else number
    return value


def to_double(value: AnyValue) -> AnyValue:
    """Return a value as a double: truth values 0 or 1, texts as Go reads them; any other stays."""
    match value:
        case bool() | int():
            return float(value)
        case str():
            try:
                return parse_float(value)
            except OttlEvaluationError:
                return value
    return value


CONVERSIONS: Mapping[str, Callable[[AnyValue], AnyValue]] = MappingProxyType(
    {"string": to_text, "int": to_int, "double": to_double}
)
"""By `converted_type`."""
