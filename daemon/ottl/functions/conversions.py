"""What an argument must be, and what it is turned into (spec/ottl.md 4.1, 4.2)."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Callable
from typing import Final

from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.functions.gotext import format_json, to_utf8
from daemon.ottl.functions.signature import ParamKind
from daemon.ottl.values import Duration, Opaque, RawList, RawMap, Time, TypedSlice, Value

MIN_INT64: Final = -(2**63)
MAX_INT64: Final = 2**63 - 1


class WrongKindError(OttlEvaluationError):
    """A value of a kind that the parameter does not take; `IsString` and its like turn it into false."""


def convert(kind: ParamKind, value: Value) -> Value:
    """Return the value as a parameter of this kind sees it.

    Raises:
        WrongKindError: the value is of another kind and has no conversion.
        OttlEvaluationError: the value is of a convertible kind, but its content is not convertible.
    """
    return _CONVERSIONS[kind](value)


def kind_name(value: Value) -> str:
    """Return the word for a value's kind in messages."""
    if isinstance(value, Opaque):
        return value.name
    if isinstance(value, TypedSlice):
        return f"list of {value.element}"
    return next(name for kind, name in _KIND_NAMES if isinstance(value, kind))


def wrap_int64(number: int) -> int:
    """Return the number wrapped around to 64 bits, as Go's integers do."""
    return (number + 2**63) % 2**64 - 2**63


def parse_float(text: str) -> float:
    """Return the number that Go's float syntax gives; no blanks, underscores only between digits."""
    if _DECIMAL.fullmatch(text) or _SPECIAL.fullmatch(text):
        number = float(text.replace("_", ""))
    elif _HEXADECIMAL.fullmatch(text):
        try:
            number = float.fromhex(text.replace("_", ""))
        except OverflowError:
            number = math.inf
    else:
        raise OttlEvaluationError(f"expected a number, got {_shorten(text)}")
    if math.isinf(number) and not _SPECIAL.fullmatch(text):
        raise OttlEvaluationError(f"number {_shorten(text)} does not fit 64 bits")
    return number


def _strict(name: str, *kinds: type) -> Callable[[Value], Value]:
    def check(value: Value) -> Value:
        if isinstance(value, kinds) and not (isinstance(value, bool) and bool not in kinds):
            return value
        raise WrongKindError(f"expected {name}, got {kind_name(value)}")

    return check


def _to_map(value: Value) -> Value:
    if not isinstance(value, dict):
        raise WrongKindError(f"expected map, got {kind_name(value)}")
    return _telemetry(value) if isinstance(value, RawMap) else value


def _to_list(value: Value) -> Value:
    if isinstance(value, TypedSlice):
        return list(value.items)
    if not isinstance(value, list):
        raise WrongKindError(f"expected list, got {kind_name(value)}")
    return _telemetry(value) if isinstance(value, RawList) else value


def _telemetry(value: Value) -> Value:
    """Return a raw list or map as a telemetry one; it cannot hold what is a telemetry list or map already."""
    if isinstance(value, RawList):
        return [_telemetry(member) for member in value]
    if isinstance(value, RawMap):
        return {key: _telemetry(member) for key, member in value.items()}
    if value is None or isinstance(value, bool | int | float | str | bytes):
        return value
    raise OttlEvaluationError(f"a list or map made here cannot hold a {kind_name(value)}")


def _to_string(value: Value) -> Value:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return value.hex()
    return format_json(value)


def _to_int(value: Value) -> Value:
    match value:
        case None:
            return None
        case bool() | int():
            return int(value)
        case float():
            whole = math.trunc(value) if math.isfinite(value) else MIN_INT64
            return whole if MIN_INT64 <= whole <= MAX_INT64 else MIN_INT64
        case str():
            return _parse_decimal(value)
        case _:
            raise WrongKindError(f"expected something like an int, got {kind_name(value)}")


def _parse_decimal(text: str) -> int | None:
    if not _INTEGER.fullmatch(text):
        return None
    digits = text.lstrip("+-").lstrip("0") or "0"
    if len(digits) > len(str(MAX_INT64)):
        return None
    number = -int(digits) if text.startswith("-") else int(digits)
    return number if MIN_INT64 <= number <= MAX_INT64 else None


def _to_float(value: Value) -> Value:
    if value is None:
        return None
    if isinstance(value, bool | int | float):
        return float(value)
    if isinstance(value, str):
        return parse_float(value)
    raise WrongKindError(f"expected something like a float, got {kind_name(value)}")


def _to_bool(value: Value) -> Value:
    if value is None:
        return None
    if isinstance(value, bool | int | float):
        return value != 0
    if isinstance(value, str):
        if value not in _BOOL_TEXTS:
            raise OttlEvaluationError(f"expected true or false, got {_shorten(value)}")
        return _BOOL_TEXTS[value]
    raise WrongKindError(f"expected something like a bool, got {kind_name(value)}")


def _to_bytes(value: Value) -> Value:
    match value:
        case None | bytes():
            return value
        case str():
            return to_utf8(value)
        case bool():
            return b"\x01" if value else b"\x00"
        case int():
            return struct.pack(">q", wrap_int64(value))
        case float():
            return struct.pack(">d", value)
        case _:
            raise WrongKindError(f"expected something like bytes, got {kind_name(value)}")


def _shorten(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")


_KIND_NAMES: Final[tuple[tuple[type, str], ...]] = (
    (type(None), "nil"),
    (bool, "bool"),
    (int, "int"),
    (float, "float"),
    (str, "string"),
    (bytes, "bytes"),
    (list, "list"),
    (dict, "map"),
    (Time, "time"),
    (Duration, "duration"),
    (object, "unknown"),
)

_BOOL_TEXTS: Final = {
    **dict.fromkeys(("1", "t", "T", "TRUE", "true", "True"), True),
    **dict.fromkeys(("0", "f", "F", "FALSE", "false", "False"), False),
}

_INTEGER: Final = re.compile(r"[+-]?[0-9]+")
_DIGITS: Final = r"[0-9](?:_?[0-9])*"
_HEX_DIGITS: Final = r"[0-9a-fA-F](?:_?[0-9a-fA-F])*"
_DECIMAL: Final = re.compile(
    rf"[+-]?(?:{_DIGITS}\.?(?:{_DIGITS})?|\.{_DIGITS})(?:[eE][+-]?{_DIGITS})?"
)
_HEXADECIMAL: Final = re.compile(
    rf"[+-]?0[xX](?:_?{_HEX_DIGITS}\.?(?:{_HEX_DIGITS})?|\.{_HEX_DIGITS})[pP][+-]?{_DIGITS}"
)
_SPECIAL: Final = re.compile(r"[+-]?inf(?:inity)?|nan", re.IGNORECASE | re.ASCII)

_CONVERSIONS: Final[dict[ParamKind, Callable[[Value], Value]]] = {
    ParamKind.LITERAL_STRING: _strict("string", str),
    ParamKind.LITERAL_INT: _strict("int", int),
    ParamKind.LITERAL_FLOAT: _strict("float", float),
    ParamKind.LITERAL_BOOL: _strict("bool", bool),
    ParamKind.STRING: _strict("string", str),
    ParamKind.INT: _strict("int", int),
    ParamKind.FLOAT: _strict("float", float),
    ParamKind.BOOL: _strict("bool", bool),
    ParamKind.MAP: _to_map,
    ParamKind.LIST: _to_list,
    ParamKind.TIME: _strict("time", Time),
    ParamKind.DURATION: _strict("duration", Duration),
    ParamKind.STRING_LIKE: _to_string,
    ParamKind.INT_LIKE: _to_int,
    ParamKind.FLOAT_LIKE: _to_float,
    ParamKind.BOOL_LIKE: _to_bool,
    ParamKind.BYTES_LIKE: _to_bytes,
    ParamKind.ANY: lambda value: value,
    ParamKind.TARGET: _strict("a path"),
    ParamKind.FUNCTION: _strict("the name of a function"),
}
