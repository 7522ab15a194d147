"""Durations as text: `1m30s` as in Prometheus, `1.5h` and `500us` as in Go."""

from __future__ import annotations

import re

from query.errors import DurationError

_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,  # micro sign
    "μs": 10**3,  # the Greek letter, which Go takes as well
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
    "d": 86_400 * 10**9,
    "w": 7 * 86_400 * 10**9,
    "y": 365 * 86_400 * 10**9,
}
_NUMBER = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)"
_PART = re.compile(rf"({_NUMBER})(ns|us|µs|μs|ms|[smhdwy])")
_WHOLE = re.compile(rf"(?:{_NUMBER}(?:ns|us|µs|μs|ms|[smhdwy]))+")
_BARE = re.compile(_NUMBER)
DURATION_PATTERN = rf"(?:{_WHOLE.pattern}|{_BARE.pattern})"
"""A duration or a number of seconds, as RE2 reads it too."""
MAX_DURATION_LENGTH = 64
MAX_DURATION_MS = (2**63 - 1) // 10**6
"""292 years: what Go's int64 nanoseconds hold."""

_PRINTED_UNITS = (
    ("y", 365 * 86_400_000, True),
    ("w", 7 * 86_400_000, True),
    ("d", 86_400_000, False),
    ("h", 3_600_000, False),
    ("m", 60_000, False),
    ("s", 1000, False),
    ("ms", 1, False),
)
"""Unit, milliseconds, whether it is used only when nothing remains."""


def parse_duration_ms(text: str, *, bare_seconds: bool = False) -> int:
    """Return the milliseconds of a duration without sign: the union of Prometheus' and Go's forms.

    That is numbers with the units ns, us, ms, s, m, h, d (24 h), w and y (365 d), in any order, each perhaps with a
    fraction; `0` needs no unit. A part of a millisecond is rounded to the nearest, but only zero becomes 0.

    Args:
        text: The duration.
        bare_seconds: Whether a number without unit is taken as seconds.

    Raises:
        DurationError: The text is no duration, or one above 292 years.
    """
    if len(text) > MAX_DURATION_LENGTH:
        raise DurationError(f"expected a duration such as 1m30s, got {len(text)} characters")
    if _WHOLE.fullmatch(text):
        nanoseconds = sum(
            _scaled(number, _NANOSECONDS[unit]) for number, unit in _PART.findall(text)
        )
    elif _BARE.fullmatch(text) and (bare_seconds or not text.strip("0.")):
        nanoseconds = _scaled(text, 10**9)
    else:
        raise DurationError(f"expected a duration such as 1m30s, got {text!r}")
    milliseconds = (nanoseconds + 500_000) // 10**6
    if milliseconds > MAX_DURATION_MS:
        raise DurationError(f"duration {text!r} is out of range, the longest is 292y")
    return max(milliseconds, 1 if nanoseconds else 0)


def format_duration(duration_ms: int) -> str:
    """Return a duration in Prometheus' form: `1m30s`, `1d1h`, `0s`; negative ones with a minus sign."""
    if duration_ms == 0:
        return "0s"
    rest = abs(duration_ms)
    parts = []
    for unit, size, only_exact in _PRINTED_UNITS:
        if rest >= size and not (only_exact and rest % size):
            parts.append(f"{rest // size}{unit}")
            rest %= size
    return ("-" if duration_ms < 0 else "") + "".join(parts)


def _scaled(number: str, unit: int) -> int:
    """Return number * unit in whole nanoseconds, cut off below."""
    whole, _, fraction = number.partition(".")
    return int(whole or "0") * unit + int(fraction or "0") * unit // int(10 ** len(fraction))
