"""Converters that parse text: JSON, key-value pairs, integers, severities (spec/ottl.md 4.3, 4.4)."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from typing import Any, Final

from daemon.ottl.errors import OttlBuildError, OttlEvaluationError
from daemon.ottl.functions.conversions import MAX_INT64, MIN_INT64
from daemon.ottl.functions.declare import TARGET, plain
from daemon.ottl.functions.gotext import GO_SPACE, MAX_DEPTH, format_attribute, to_utf8
from daemon.ottl.functions.signature import Converter, Function, Param, ParamKind
from daemon.ottl.values import Value


def parse_json(target: str) -> Value:
    """Return an object as a map and an array as a list; every number is a float."""
    try:
        parsed = json.loads(
            to_utf8(target).decode("utf-8", "replace"),
            parse_int=_json_number,
            parse_float=_json_number,
            parse_constant=_json_number,
        )
    except RecursionError:
        raise OttlEvaluationError("ParseJSON: the text nests too deeply") from None
    except ValueError as error:
        raise OttlEvaluationError(f"ParseJSON: {error}") from None
    if not isinstance(parsed, dict | list):
        raise OttlEvaluationError("ParseJSON: expected an object or an array")
    return _settle(parsed, 0)


def _json_number(text: str) -> float:
    number = float(text) if text[-1].isdigit() else math.nan
    if not math.isfinite(number):
        raise ValueError(f"number {text[:40]} is not allowed here or too large")
    return number


def _settle(parsed: Any, depth: int) -> Value:  # Any: what the json module makes
    if depth > MAX_DEPTH:
        raise OttlEvaluationError(f"ParseJSON: the text nests deeper than {MAX_DEPTH}")
    if isinstance(parsed, list):
        return [_settle(member, depth + 1) for member in parsed]
    if isinstance(parsed, dict):
        return {_whole(key): _settle(member, depth + 1) for key, member in parsed.items()}
    value: Value = _whole(parsed) if isinstance(parsed, str) else parsed
    return value


def _whole(text: str) -> str:
    """Return the text with each half of a surrogate pair that stands alone replaced."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def parse_int(target: str, base: int) -> int:
    """Return the integer written in a base from 2 to 36; base 0 reads the prefixes 0x, 0o, 0b, 0."""
    if base == 1 or not 0 <= base <= 36:
        raise OttlEvaluationError(f"ParseInt: expected base 0 or 2 to 36, got {base}")
    number = _read_int(target, base)
    if number is None or not MIN_INT64 <= number <= MAX_INT64:
        raise OttlEvaluationError(f"ParseInt: {target[:40]!r} is no 64-bit integer in base {base}")
    return number


def _read_int(target: str, base: int) -> int | None:
    match = _SIGNED.fullmatch(target)
    if match is None or len(target) > _MAX_INT_TEXT:
        return None
    sign, digits = match.groups()
    if base == 0:
        prefix = digits[:2].lower()
        base = _PREFIXES.get(prefix, 8 if digits.startswith("0") else 10)
        # An underscore stands between digits; the prefix counts as one.
        if "__" in digits or digits.startswith("_") or digits.endswith("_"):
            return None
        digits = (digits[2:] if prefix in _PREFIXES else digits).replace("_", "")
    if not digits or any(char == "_" or int(char, 36) >= base for char in digits):
        return None
    return int(sign + digits, base)


def _bind_pairs(name: str, literals: Mapping[str, Value]) -> tuple[str, str]:
    delimiter, pair_delimiter = literals.get("delimiter"), literals.get("pair_delimiter")
    chosen = "=" if delimiter is None else str(delimiter)
    between = " " if pair_delimiter is None else str(pair_delimiter)
    if not chosen or not between:
        raise OttlBuildError(f"{name}: expected delimiters that are not empty")
    if chosen == between:
        raise OttlBuildError(f"{name}: expected two different delimiters, got {chosen!r} twice")
    return chosen, between


def _bind_parse_key_value(literals: Mapping[str, Value]) -> Function:
    delimiter, between = _bind_pairs("ParseKeyValue", literals)

    def parse(target: str, *_delimiters: Value) -> dict[str, Value]:
        if not target:
            raise OttlEvaluationError("ParseKeyValue: expected pairs, got an empty text")
        result: dict[str, Value] = {}
        for pair in split_quoted(target, between):
            key, found, value = pair.partition(delimiter)
            if not found:
                raise OttlEvaluationError(f"ParseKeyValue: no {delimiter!r} in {pair[:40]!r}")
            result[key.strip(GO_SPACE)] = value.strip(GO_SPACE)
        return result

    return parse


def split_quoted(text: str, delimiter: str) -> list[str]:
    """Return the pieces between delimiters outside of quotes; quotes go, empty pieces too.

    Raises OttlEvaluationError when a quote is not closed.
    """
    pieces: list[str] = []
    current: list[str] = []
    quote = ""
    escaped = False
    at = 0
    while at < len(text):
        char = text[at]
        if not quote and text.startswith(delimiter, at):
            pieces.append("".join(current))
            current, at = [], at + len(delimiter)
            continue
        at += 1
        if not escaped and char in ({quote} if quote else {'"', "'"}):
            quote = "" if quote else char
            continue
        escaped = char == "\\" and not escaped
        current.append(char)
    if quote:
        raise OttlEvaluationError(f"a {quote} is never closed")
    pieces.append("".join(current))
    return [piece for piece in pieces if piece]


def _bind_to_key_value_string(literals: Mapping[str, Value]) -> Function:
    delimiter, between = _bind_pairs("ToKeyValueString", literals)
    in_order = literals.get("sort_output") is True

    def quote(text: str) -> str:
        text = text.replace('"', '\\"')
        return f'"{text}"' if between in text or delimiter in text else text

    def write(target: dict[str, Value], *_options: Value) -> str:
        items = (
            sorted(target.items(), key=lambda item: to_utf8(item[0]))
            if in_order
            else target.items()
        )
        return between.join(quote(key) + delimiter + quote(format_attribute(v)) for key, v in items)

    return write


_MAX_INT_TEXT: Final = 200
_SIGNED: Final = re.compile(r"([+-]?)([0-9a-zA-Z_]+)")
_PREFIXES: Final = {"0x": 16, "0o": 8, "0b": 2}

_DELIMITERS: Final = (
    Param("delimiter", ParamKind.LITERAL_STRING, optional=True),
    Param("pair_delimiter", ParamKind.LITERAL_STRING, optional=True),
)

CONVERTERS: Final[tuple[Converter, ...]] = (
    plain("ParseJSON", parse_json, TARGET),
    plain("ParseInt", parse_int, TARGET, Param("base", ParamKind.INT)),
    Converter(name="ParseKeyValue", params=(TARGET, *_DELIMITERS), bind=_bind_parse_key_value),
    Converter(
        name="ToKeyValueString",
        params=(
            Param("target", ParamKind.MAP),
            *_DELIMITERS,
            Param("sort_output", ParamKind.LITERAL_BOOL, optional=True),
        ),
        bind=_bind_to_key_value_string,
    ),
)
