"""Series as the scripts write them: a label set and values such as `1+2x5 _ stale 3x2`."""

from __future__ import annotations

import math
import re
import struct
from collections.abc import Iterator, Sequence
from enum import Enum

from query.durations import parse_duration_ms
from query.errors import QueryError
from query.labels import Labels, MatchOp
from query.parser import parse
from query.queryable import STALE_BITS
from query.syntax import VectorSelector

STALE_VALUE: float = struct.unpack("<d", struct.pack("<Q", STALE_BITS))[0]
"""The stale marker as a Python float; its bits survive as long as nobody calculates with it."""

LARGEST_EXPANSION = 1_000_000
START_TIMES = "@st"
"""Behind a label set: the values are start timestamps of the next line."""


class Absent(Enum):
    """What stands in the place of a value."""

    GAP = "_"
    HISTOGRAM = "{{...}}"
    """A native histogram: the position counts, the point is left out."""


Value = float | Absent


class NotationError(ValueError):
    """A text that is no series."""


_NUMBER = r"(?:(?:\d[\d_]*\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|[iI][nN][fF]|[nN][aA][nN])"
"""Not hexadecimal: `0x59` is sixty zeros."""
_DURATION = r"(?:\d+(?:ms|[smhdwy]))+"
_SCALAR = re.compile(rf"[+-]?(?:{_DURATION}|{_NUMBER})")
_ITEM = re.compile(
    rf"(?P<first>[+-]?(?:{_DURATION}|{_NUMBER}))(?:(?P<step>[+-]{_NUMBER})?x(?P<times>\d+))?"
)
_HISTOGRAM = re.compile(r"(?:[+-]?\{\{.*?\}\})+(?:x(\d+))?")
_GAP = re.compile(r"_(?:x(\d+))?")


def is_stale(value: float) -> bool:
    """Return whether a float is the stale marker, by its bits."""
    return bool(math.isnan(value)) and struct.pack("<d", value) == struct.pack("<Q", STALE_BITS)


def parse_number(text: str) -> float:
    """Return a number as a script writes it; a duration is its seconds.

    Raises:
        NotationError: it is none.
    """
    if not _SCALAR.fullmatch(text):
        raise NotationError(f"expected a number, got {text!r}")
    sign, digits = (-1.0, text[1:]) if text[0] == "-" else (1.0, text.removeprefix("+"))
    if re.fullmatch(_DURATION, digits):
        return sign * parse_ms(digits) / 1000
    return sign * float(digits)


def parse_ms(text: str) -> int:
    """Return a duration, or a plain number of seconds, as milliseconds.

    Raises:
        NotationError: it is neither.
    """
    sign, digits = (-1, text[1:]) if text[:1] == "-" else (1, text)
    try:
        return sign * parse_duration_ms(digits, bare_seconds=True)
    except QueryError as error:
        raise NotationError(f"expected a duration, got {text!r}") from error


def split_series(line: str) -> tuple[str, str]:
    """Cut a line into the label set and what follows it."""
    quote, depth = "", 0
    chars = iter(range(len(line)))
    for i in chars:
        char = line[i]
        if quote:
            if char == "\\" and quote != "`":
                next(chars, None)
            elif char == quote:
                quote = ""
        elif char in "\"'`":
            quote = char
        elif char == "{":
            depth += 1
        elif char == "}":
            depth -= 1
            if depth == 0:
                end = i + 1 + len(START_TIMES) * line.startswith(START_TIMES, i + 1)
                return line[:end], line[end:].strip()
        elif char.isspace() and depth == 0:
            rest = line[i:].lstrip()
            if rest.startswith("{") and not rest.startswith("{{"):
                continue
            return line[:i], rest
    return line, ""


def parse_labels(text: str) -> Labels:
    """Return a label set; empty values are dropped.

    Raises:
        NotationError: it is none.
    """
    if re.fullmatch(r"\{\s*\}", text):
        return ()
    try:
        selector = parse(text)
    except QueryError as error:
        raise NotationError(f"expected a series, got {text!r}: {error}") from error
    if not isinstance(selector, VectorSelector) or selector.offset_ms or selector.at is not None:
        raise NotationError(f"expected a series, got {text!r}")
    if any(matcher.op is not MatchOp.EQUAL for matcher in selector.matchers):
        raise NotationError(f"expected labels with `=`, got {text!r}")
    return tuple(sorted((m.name, m.value) for m in selector.matchers if m.value))


def parse_values(text: str) -> list[Value]:
    """Return the values of a series, one for each step.

    Raises:
        NotationError: a text that is no value.
    """
    values: list[Value] = []
    for item in _items(text):
        values.extend(_expand(item))
        if len(values) > LARGEST_EXPANSION:
            raise NotationError(f"more than {LARGEST_EXPANSION} values")
    return values


def _items(text: str) -> Iterator[str]:
    """Yield what blanks separate; a histogram holds blanks of its own."""
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        found = _HISTOGRAM.match(text, at) or re.compile(r"\S+").match(text, at)
        if found is None:
            return
        yield found[0]
        at = found.end()


def _expand(item: str) -> Sequence[Value]:
    if found := _GAP.fullmatch(item):
        return [Absent.GAP] * int(found[1] or 1)
    if found := _HISTOGRAM.fullmatch(item):
        return [Absent.HISTOGRAM] * (int(found[1]) + 1 if found[1] else 1)
    if item == "stale":
        return [STALE_VALUE]
    found = _ITEM.fullmatch(item)
    if found is None:
        raise NotationError(f"expected a value, got {item!r}")
    values = [parse_number(found["first"])]
    step = parse_number(found["step"]) if found["step"] else 0.0
    if int(found["times"] or 0) > LARGEST_EXPANSION:
        raise NotationError(f"more than {LARGEST_EXPANSION} values")
    for _ in range(int(found["times"] or 0)):
        values.append(values[-1] + step)
    return values
