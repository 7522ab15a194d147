"""Converters of durations (spec/ottl.md 4.3)."""

from __future__ import annotations

import re
from typing import Final

from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.functions.conversions import MAX_INT64
from daemon.ottl.functions.declare import plain
from daemon.ottl.functions.signature import Converter, Function, Param, ParamKind
from daemon.ottl.values import Duration

_UNITS_NS: Final = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}


def parse_duration(text: str) -> Duration:
    """Return the duration that Go syntax writes: `1.5h`, `-1m30s`, `0`; days are unknown."""
    sign = -1 if text.startswith("-") else 1
    body = text[1:] if text[:1] in {"-", "+"} else text
    if body == "0":
        return Duration(0)
    if not _WHOLE.fullmatch(body) or len(body) > _MAX_LENGTH:
        shown = text if len(text) <= 40 else text[:37] + "..."
        raise OttlEvaluationError(
            f"bad duration {shown!r}: expected numbers with ns, us, ms, s, m or h, such as 1m30s"
        )
    total = sum(_part_ns(number, unit) for number, unit in _PART.findall(body))
    if total > MAX_INT64:
        raise OttlEvaluationError(f"duration {text!r} is too long, at most 292 years fit")
    return Duration(sign * total)


def format_duration(duration: Duration) -> str:
    """Return the text that Go prints: `1m30s`, `1.5ms`, `0s`."""
    total = abs(duration.nanoseconds)
    sign = "-" if duration.nanoseconds < 0 else ""
    if total < _UNITS_NS["s"]:
        unit = next((u for u in ("ms", "µs", "ns") if total >= _UNITS_NS[u]), "s")
        return sign + _decimal(total, _UNITS_NS[unit]) + unit
    minutes, rest = divmod(total, _UNITS_NS["m"])
    text = _decimal(rest, _UNITS_NS["s"]) + "s"
    if minutes:
        text = f"{minutes % 60}m{text}"
    if minutes >= 60:
        text = f"{minutes // 60}h{text}"
    return sign + text


def _decimal(total_ns: int, unit_ns: int) -> str:
    whole, rest = divmod(total_ns, unit_ns)
    fraction = str(rest).rjust(len(str(unit_ns)) - 1, "0").rstrip("0") if rest else ""
    return f"{whole}.{fraction}" if fraction else str(whole)


def _part_ns(number: str, unit: str) -> int:
    whole, _, fraction = number.partition(".")
    scale = _UNITS_NS[unit]
    fraction_ns = int(fraction) * scale // 10 ** len(fraction) if fraction else 0
    return (int(whole) if whole else 0) * scale + fraction_ns


def _float_unit(name: str, nanoseconds: int) -> Converter:
    def in_unit(duration: Duration) -> float:
        return duration.nanoseconds / nanoseconds

    return plain(name, in_unit, _DURATION)


def _whole_unit(name: str, nanoseconds: int) -> Converter:
    def in_unit(duration: Duration) -> int:
        count = abs(duration.nanoseconds) // nanoseconds
        return count if duration.nanoseconds >= 0 else -count

    return plain(name, in_unit, _DURATION)


_MAX_LENGTH: Final = 1000
_NUMBER: Final = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)"
_UNIT: Final = "(?:" + "|".join(sorted(_UNITS_NS, key=len, reverse=True)) + ")"
_WHOLE: Final = re.compile(f"(?:{_NUMBER}{_UNIT})+")
_PART: Final = re.compile(f"({_NUMBER})({_UNIT})")
_DURATION: Final = Param("duration", ParamKind.DURATION)
_PARSE: Final[Function] = parse_duration

CONVERTERS: Final[tuple[Converter, ...]] = (
    plain("Duration", _PARSE, Param("duration", ParamKind.STRING)),
    _float_unit("Hours", _UNITS_NS["h"]),
    _float_unit("Minutes", _UNITS_NS["m"]),
    _float_unit("Seconds", _UNITS_NS["s"]),
    _whole_unit("Milliseconds", _UNITS_NS["ms"]),
    _whole_unit("Microseconds", _UNITS_NS["us"]),
    _whole_unit("Nanoseconds", 1),
)
