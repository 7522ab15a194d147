"""Layouts of times in the strptime-like form that `Time` and `FormatTime` take (spec/ottl.md 4.3).

A layout is read once into directives. What each accepts follows Go's time package, since the collector translates the
layout to a Go one: `%H` takes one or two digits, `%d` exactly two, a blank takes any number of blanks, a fraction
may follow the seconds even when the layout names none. Differs from the collector: digits and names in the plain part
of a layout are taken literally, they are no Go reference time.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from daemon.ottl.errors import OttlBuildError, OttlEvaluationError
from daemon.ottl.functions.gotext import to_datetime
from daemon.ottl.values import Time

MONTHS: Final = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September", "October", "November",
    "December",
)  # fmt: skip
DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(slots=True)
class Fields:
    """What a text told about a time; zone_name stays empty when an offset or nothing was given."""

    year: int = 0
    month: int = 1
    day: int = 1
    hour: int = 0
    minute: int = 0
    second: int = 0
    nanosecond: int = 0
    afternoon: bool | None = None
    offset_s: int | None = None
    zone_name: str = ""


@dataclass(frozen=True, slots=True)
class Directive:
    """One piece of a layout: `pattern` finds it in a text, `read` stores it, `write` prints it."""

    name: str
    pattern: re.Pattern[str]
    read: Callable[[Fields, str], None]
    write: Callable[[Time, datetime], str]


def compile_layout(layout: str) -> tuple[Directive, ...]:
    """Return the directives of a layout.

    Raises OttlBuildError for an empty layout or an unknown directive.
    """
    if not layout:
        raise OttlBuildError("expected a time layout such as %Y-%m-%d, got an empty one")
    expanded = re.sub(
        "%.", lambda found: _COMPOSED.get(found[0], found[0]), layout, flags=re.DOTALL
    )
    directives: list[Directive] = []
    for piece in _PIECE.findall(expanded):
        if len(piece) == 3 and piece[1:] in _FRACTION_DIGITS:
            directives.append(_fraction(piece[0], _FRACTION_DIGITS[piece[1:]]))
        elif piece in _FRACTION_DIGITS:
            directives.append(_literal("9" * _FRACTION_DIGITS[piece]))
        elif piece in _DIRECTIVES:
            directives.append(_DIRECTIVES[piece])
        elif piece.startswith("%") and len(piece) == 2:
            raise OttlBuildError(f"unknown directive {piece} in time layout {layout!r}")
        else:
            directives.append(_literal(piece))
    return tuple(directives)


def parse_fields(layout: Sequence[Directive], text: str) -> Fields:
    """Return what the text says, read by the layout.

    Raises OttlEvaluationError when the text does not fit.
    """
    fields = Fields()
    at = 0
    for position, directive in enumerate(layout):
        found = directive.pattern.match(text, at)
        if found is None:
            raise OttlEvaluationError(f"cannot read time {text[:60]!r}: expected {directive.name}")
        directive.read(fields, found[0])
        at = found.end()
        follows = layout[position + 1].name if position + 1 < len(layout) else ""
        if directive.name == "%S" and follows != "a fraction":
            at = _skip_fraction(fields, text, at)
    if at != len(text):
        raise OttlEvaluationError(f"cannot read time {text[:60]!r}: text left at character {at}")
    return fields


def format_fields(layout: Sequence[Directive], time: Time) -> str:
    """Return the time printed by the layout."""
    moment = to_datetime(time)
    return "".join(directive.write(time, moment) for directive in layout)


def _skip_fraction(fields: Fields, text: str, at: int) -> int:
    found = _ANY_FRACTION.match(text, at)
    if found is None:
        return at
    _read_fraction(fields, found[0])
    return found.end()


def _literal(text: str) -> Directive:
    pattern = "".join(
        " *" if run.isspace() and run[0] == " " else re.escape(run) for run in _RUNS.findall(text)
    )
    return Directive(repr(text), re.compile(pattern), lambda _f, _t: None, lambda _t, _m: text)


def _fraction(point: str, digits: int) -> Directive:
    def write(time: Time, _moment: datetime) -> str:
        shown = f"{time.unix_nano % 1_000_000_000:09d}"[:digits].rstrip("0")
        return point + shown if shown else ""

    return Directive("a fraction", re.compile(r"(?:[.,][0-9]+)?"), _read_fraction, write)


def _read_fraction(fields: Fields, text: str) -> None:
    if text:
        fields.nanosecond = int(text[1:10].ljust(9, "0"))


def _number(name: str, field: str, pattern: str, write: Callable[[datetime], str]) -> Directive:
    def read(fields: Fields, text: str) -> None:
        setattr(fields, field, int(text))

    return Directive(name, re.compile(pattern), read, lambda _time, moment: write(moment))


def _read_short_year(fields: Fields, text: str) -> None:
    fields.year = int(text) + (1900 if int(text) >= 69 else 2000)


def _names(name: str, words: Sequence[str], *, month: bool) -> Directive:
    pattern = re.compile("|".join(words), re.IGNORECASE | re.ASCII)
    lower = [word.lower() for word in words]

    def read(fields: Fields, text: str) -> None:
        if month:
            fields.month = lower.index(text.lower()) + 1

    def write(_time: Time, moment: datetime) -> str:
        return words[moment.month - 1 if month else moment.weekday()]

    return Directive(name, pattern, read, write)


def _half_day(name: str, morning: str, afternoon: str) -> Directive:
    def read(fields: Fields, text: str) -> None:
        fields.afternoon = text == afternoon

    return Directive(
        name,
        re.compile(f"{morning}|{afternoon}"),
        read,
        lambda _time, moment: afternoon if moment.hour >= 12 else morning,
    )


def _offset(name: str, colon: str, parts: int, zulu: str = "") -> Directive:
    digits = colon.join(["([0-9]{2})"] * parts)
    pattern = re.compile(f"[+-]{digits}" + (f"|{zulu}" if zulu else ""))

    def read(fields: Fields, text: str) -> None:
        if text == zulu:
            fields.offset_s = 0
            return
        numbers = [int(part) for part in re.findall("[0-9]{2}", text)]
        seconds = sum(n * scale for n, scale in zip(numbers, (3600, 60, 1), strict=False))
        fields.offset_s = -seconds if text.startswith("-") else seconds

    def write(_time: Time, moment: datetime) -> str:
        seconds = int((moment.utcoffset() or timedelta()).total_seconds())
        if zulu and seconds == 0:
            return zulu
        units = (abs(seconds) // 3600, abs(seconds) // 60 % 60, abs(seconds) % 60)
        return ("-" if seconds < 0 else "+") + colon.join(f"{n:02d}" for n in units[:parts])

    return Directive(name, pattern, read, write)


def _read_zone(fields: Fields, text: str) -> None:
    fields.zone_name = text


def _zone() -> Directive:
    pattern = re.compile(r"GMT[+-][0-9]{1,2}|[A-Z]{3,5}|ChST|MeST")
    return Directive("%Z", pattern, _read_zone, lambda _time, moment: moment.tzname() or "")


def _hour12(moment: datetime) -> int:
    return moment.hour % 12 or 12


_RUNS: Final = re.compile(r" +|[^ ]+")
_ONE_OR_TWO: Final = "[0-9]{1,2}"
_TWO: Final = "[0-9]{2}"

_DIRECTIVES: Final[dict[str, Directive]] = {
    "%Y": _number("%Y", "year", "[0-9]{4}", lambda m: f"{m.year:04d}"),
    "%y": Directive("%y", re.compile(_TWO), _read_short_year, lambda _t, m: f"{m.year % 100:02d}"),
    "%m": _number("%m", "month", _TWO, lambda m: f"{m.month:02d}"),
    "%q": _number("%q", "month", _ONE_OR_TWO, lambda m: f"{m.month}"),
    "%B": _names("%B", MONTHS, month=True),
    "%b": _names("%b", [name[:3] for name in MONTHS], month=True),
    "%d": _number("%d", "day", _TWO, lambda m: f"{m.day:02d}"),
    "%e": _number("%e", "day", " ?" + _ONE_OR_TWO, lambda m: f"{m.day:2d}"),
    "%g": _number("%g", "day", _ONE_OR_TWO, lambda m: f"{m.day}"),
    "%A": _names("%A", DAYS, month=False),
    "%a": _names("%a", [name[:3] for name in DAYS], month=False),
    "%H": _number("%H", "hour", _ONE_OR_TWO, lambda m: f"{m.hour:02d}"),
    "%I": _number("%I", "hour", _TWO, lambda m: f"{_hour12(m):02d}"),
    "%l": _number("%l", "hour", _ONE_OR_TWO, lambda m: f"{_hour12(m)}"),
    "%p": _half_day("%p", "AM", "PM"),
    "%P": _half_day("%P", "am", "pm"),
    "%M": _number("%M", "minute", _TWO, lambda m: f"{m.minute:02d}"),
    "%S": _number("%S", "second", _TWO, lambda m: f"{m.second:02d}"),
    "%Z": _zone(),
    "%z": _offset("%z", "", 2, "Z"),
    "%w": _offset("%w", "", 3),
    "%i": _offset("%i", "", 1),
    "%j": _offset("%j", ":", 2),
    "%k": _offset("%k", ":", 3),
    "%%": _literal("%"),
    "%n": _literal("\n"),
    "%t": _literal("\t"),
}

_FRACTION_DIGITS: Final = {"%L": 3, "%f": 6, "%s": 9}
_COMPOSED: Final = {
    "%h": "%b",
    "%o": "_%q",  # observed: the collector's layout for a blank-padded month is no Go layout, the line stays
    "%D": "%m/%d/%Y",
    "%x": "%m/%d/%Y",
    "%F": "%Y-%m-%d",
    "%T": "%H:%M:%S",
    "%X": "%H:%M:%S",
    "%r": "%I:%M:%S %P",
    "%R": "%H:%M",
    "%c": "%a %b %d %H:%M:%S %Y",
}
_PIECE: Final = re.compile(r"[.,]%[Lfs]|%.|(?:(?![.,]%[Lfs])[^%])+|%$", re.DOTALL)
_ANY_FRACTION: Final = re.compile(r"[.,][0-9]+")
