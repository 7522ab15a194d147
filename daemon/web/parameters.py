"""Parameters of a request: query string and form, and the times, durations and selectors written in them (promql.md 7)."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from urllib.parse import parse_qsl

from daemon.web.envelope import bad_parameter
from query.durations import parse_duration_ms
from query.errors import DurationError, QuerySyntaxError
from query.labels import Matcher
from query.parser import parse
from query.syntax import VectorSelector

MAX_FORM_BYTES = 256 * 1024
"""A query has at most 65,536 characters, three bytes each where all of them are escaped; some room for `match[]`."""
MAX_PARAMETERS = 1000
MAX_TIME_MS = 2**53
"""Times that survive as JSON numbers; 285,000 years either way."""

_NUMBER = re.compile(r"[+-]?[0-9.]+([eE][+-]?[0-9]+)?", re.ASCII)
_RFC_3339 = re.compile(
    r"(\d{4}-\d\d-\d\d)[Tt](\d\d:\d\d:\d\d)(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)", re.ASCII
)


class Parameters:
    """The parameters of one request; of repeated ones the first counts, the form's before the query string's."""

    def __init__(self, *sources: str | bytes) -> None:
        """Read urlencoded texts, the first of highest rank.

        Raises:
            ApiError: one is not UTF-8 or holds too many parameters.
        """
        self._values: dict[str, list[str]] = {}
        for source in [one for one in sources if one]:
            for name, value in _decode(source):
                self._values.setdefault(name, []).append(value)

    def text(self, name: str) -> str:
        """Return a parameter, empty where it is not given."""
        return self._values.get(name, ("",))[0]

    def first(self) -> dict[str, str]:
        """Return the first value of every parameter."""
        return {name: values[0] for name, values in self._values.items()}

    def texts(self, name: str) -> Sequence[str]:
        """Return all values of a repeatable parameter."""
        return self._values.get(name, ())

    def time_ms(self, name: str, default_ms: int | None = None) -> int:
        """Return a time: seconds or RFC 3339; without a default it must be given.

        Raises:
            ApiError: it is neither.
        """
        text = self.text(name)
        if not text and default_ms is not None:
            return default_ms
        time_ms = parse_time(text)
        if time_ms is None:
            raise bad_parameter(name, f'cannot parse "{shortened(text)}" to a valid timestamp')
        return time_ms

    def duration_ms(self, name: str) -> int | None:
        """Return a duration: seconds or Prometheus' form; None where it is not given.

        Raises:
            ApiError: it is neither.
        """
        text = self.text(name)
        return self.required_duration_ms(name) if text else None

    def required_duration_ms(self, name: str) -> int:
        """Return a duration: seconds, which may be negative, or Prometheus' form.

        Raises:
            ApiError: it is neither, or not given.
        """
        text = self.text(name)
        seconds = _number(text)
        if seconds is None:
            try:
                return parse_duration_ms(text)
            except DurationError:
                pass
        elif abs(seconds * 1000) <= MAX_TIME_MS:
            return round(seconds * 1000)
        else:
            raise bad_parameter(
                name, f'cannot parse "{shortened(text)}" to a valid duration. It overflows int64'
            )
        raise bad_parameter(name, f'cannot parse "{shortened(text)}" to a valid duration')

    def limit(self, name: str = "limit") -> int:
        """Return a limit; 0, which it is unless given, means none.

        Raises:
            ApiError: it is not a whole number that is at least 0.
        """
        text = self.text(name)
        if not text:
            return 0
        if not re.fullmatch(r"\+?[0-9]{1,18}", text, re.ASCII):
            problem = f'"{shortened(text)}" is no whole number that is at least 0'
            raise bad_parameter(name, problem)
        return int(text)

    def selectors(self, *, required: bool = False) -> list[tuple[Matcher, ...]]:
        """Return the matchers of each `match[]`.

        Raises:
            ApiError: one is no selector, would match everything, or none is given though it is required.
        """
        texts = self.texts("match[]")
        if required and not texts:
            raise bad_parameter("match[]", "no match[] parameter provided")
        return [_matchers(text) for text in texts]


def parse_time(text: str) -> int | None:
    """Return the Unix milliseconds of a text, float seconds or RFC 3339; None if it is neither or out of range."""
    seconds = _number(text)
    if seconds is not None:
        return round(seconds * 1000) if abs(seconds * 1000) <= MAX_TIME_MS else None
    found = _RFC_3339.fullmatch(text)
    if found is None:
        return None
    date, clock, fraction, zone = found.groups()
    try:
        whole = datetime.fromisoformat(f"{date}T{clock}{'+00:00' if zone in 'Zz' else zone}")
    except ValueError:
        return None
    since_epoch = whole - datetime(1970, 1, 1, tzinfo=UTC)
    milliseconds = int(f"{fraction or '.'}000"[1:4])
    return (since_epoch.days * 86_400 + since_epoch.seconds) * 1000 + milliseconds


def shortened(text: str) -> str:
    """Return what an error message shows of a text."""
    return text if len(text) <= 100 else f"{text[:100]}..."


def _number(text: str) -> float | None:
    """Return the finite number that a text is, in decimal notation."""
    if len(text) > 100 or not _NUMBER.fullmatch(text):
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


def _decode(source: str | bytes) -> Sequence[tuple[str, str]]:
    try:
        text = source.decode("ascii") if isinstance(source, bytes) else source
        return parse_qsl(
            text, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS
        )
    except UnicodeDecodeError as error:
        raise bad_parameter("query", "expected UTF-8, percent-encoded") from error
    except ValueError as error:
        raise bad_parameter("match[]", f"more than {MAX_PARAMETERS} parameters") from error


def _matchers(text: str) -> tuple[Matcher, ...]:
    try:
        expr = parse(text)
    except QuerySyntaxError as error:
        raise bad_parameter("match[]", str(error)) from error
    if not isinstance(expr, VectorSelector) or expr.offset_ms or expr.at is not None:
        raise bad_parameter("match[]", f'expected a selector, got "{shortened(text)}"')
    return expr.matchers
