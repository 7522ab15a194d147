"""Text as the collector writes it: floats, JSON, UTF-8 with cut characters (spec/ottl.md 4.2)."""

from __future__ import annotations

import base64
import json
import math
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal

from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.values import Duration, Opaque, RawList, RawMap, Time, TypedSlice, Value

MAX_DEPTH = 200
"""How deeply lists and maps may nest in a text; deeper data is refused instead of exhausting the stack."""

GO_SPACE = (
    "\t\n\v\f\r \x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a"
    "\u2028\u2029\u202f\u205f\u3000"
)
"""What Go counts as blank; Python's `strip` also takes the separators 1C to 1F."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def to_utf8(text: str) -> bytes:
    """Return the UTF-8 bytes of a text; half characters that `Substring` left come back as the bytes they were."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise OttlEvaluationError(f"text is not valid Unicode: {error.reason}") from None


def from_utf8(data: bytes) -> str:
    """Return the text of UTF-8 bytes; bytes that are no UTF-8 are kept and survive `to_utf8`."""
    return data.decode("utf-8", "surrogateescape")


def format_float(number: float) -> str:
    """Return the shortest text, plain decimals from 1e-6 up to 1e21, else with an exponent (ottl.md 4.2)."""
    if not math.isfinite(number):
        raise OttlEvaluationError(f"a float that is {number} has no text")
    text = repr(number)
    if number == 0 or 1e-6 <= abs(number) < 1e21:
        text = format(Decimal(text), "f")
    return text.removesuffix(".0")


def quote_json(text: str) -> str:
    """Return a JSON string with `< > &`, line separators and all controls but newline, return, tab escaped."""
    quoted = json.dumps(to_utf8(text).decode("utf-8", "replace"), ensure_ascii=False)
    quoted = quoted.translate(_JSON_ESCAPES)
    if "\\b" in quoted or "\\f" in quoted:
        quoted = _short_controls_to_long(quoted)
    return quoted


def format_json(value: Value, *, depth: int = 0, inside_raw: bool = False) -> str:
    """Return compact JSON with sorted keys.

    A telemetry list or map held by a raw list or map prints as `{}`, as observed of the collector (ottl.md 4.2).
    """
    if depth > MAX_DEPTH:
        raise OttlEvaluationError(f"list or map nests deeper than {MAX_DEPTH}")
    if isinstance(value, TypedSlice):
        return "[" + ",".join(_format_scalar(item) for item in value.items) + "]"
    if not isinstance(value, list | dict):
        return _format_scalar(value)
    raw = isinstance(value, RawList | RawMap)
    if inside_raw and not raw:
        return "{}"
    if isinstance(value, list):
        return "[" + ",".join(format_json(v, depth=depth + 1, inside_raw=raw) for v in value) + "]"
    members = sorted(value.items(), key=lambda item: to_utf8(item[0]))
    return (
        "{"
        + ",".join(
            f"{quote_json(key)}:{format_json(member, depth=depth + 1, inside_raw=raw)}"
            for key, member in members
        )
        + "}"
    )


def format_attribute(value: Value) -> str:
    """Return an attribute's text as the collector's own `AsString` writes it: nil is empty, bytes are base64."""
    match value:
        case None:
            return ""
        case str():
            return value
        case bytes():
            return base64.b64encode(value).decode("ascii")
        case float() if not math.isfinite(value):
            return "NaN" if math.isnan(value) else ("Infinity" if value > 0 else "-Infinity")
        case float():
            return format_float(value).replace("e-0", "e-")
        case list() | dict():
            return _unescape_html(format_json(value))
        case _:
            return format_json(value)


def to_datetime(time: Time) -> datetime:
    """Return the calendar time, cut to microseconds; only the years 1 to 9999 have one."""
    try:
        utc = EPOCH + timedelta(microseconds=time.unix_nano // 1000)
        return utc.astimezone(time.zone)
    except (OverflowError, ValueError):
        raise OttlEvaluationError("time lies outside of the years 1 to 9999") from None


def format_rfc3339(time: Time) -> str:
    """Return RFC 3339 text with as many fraction digits as needed and `Z` for UTC."""
    moment = to_datetime(time)
    fraction = f"{time.unix_nano % 1_000_000_000:09d}".rstrip("0")
    text = f"{moment.year:04d}-{moment:%m-%dT%H:%M:%S}"
    return text + (f".{fraction}" if fraction else "") + format_offset(moment, "Z")


def format_offset(moment: datetime, zero: str = "+00:00") -> str:
    """Return the offset from UTC as `+HH:MM`, and `zero` when there is none."""
    minutes = int((moment.utcoffset() or timedelta()).total_seconds()) // 60
    if minutes == 0:
        return zero
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02d}:{abs(minutes) % 60:02d}"


class LocalZone(tzinfo):
    """The zone of this process, as the operating system knows it at each moment."""

    def utcoffset(self, dt: datetime | None) -> timedelta | None:
        """Return the local offset at a local time."""
        return dt.replace(tzinfo=None).astimezone().utcoffset() if dt else None

    def dst(self, dt: datetime | None) -> timedelta | None:
        """Return nothing: the system tells the whole offset only."""
        return None

    def tzname(self, dt: datetime | None) -> str | None:
        """Return the abbreviation, such as `CET`."""
        return dt.replace(tzinfo=None).astimezone().tzname() if dt else None

    def fromutc(self, dt: datetime) -> datetime:
        """Return the local time of a time in UTC."""
        return dt.replace(tzinfo=UTC).astimezone().replace(tzinfo=self)


LOCAL_ZONE = LocalZone()


def _format_scalar(value: Value) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int():
            return str(value)
        case float():
            return format_float(value)
        case str():
            return quote_json(value)
        case bytes():
            return f'"{base64.b64encode(value).decode("ascii")}"'
        case Time():
            return f'"{format_rfc3339(value)}"'
        case Duration():
            return str(value.nanoseconds)
        case Opaque(target=bytes() as identifier):
            return "[" + ",".join(map(str, identifier)) + "]"
        case Opaque():
            return "{}"
        case _:
            raise OttlEvaluationError(f"{type(value).__name__} has no text")


def _unescape_html(text: str) -> str:
    for char in "<>&":
        text = text.replace(f"\\u{ord(char):04x}", char)
    return text


def _short_controls_to_long(quoted: str) -> str:
    pieces = quoted.split("\\\\")
    long = (p.replace("\\b", "\\u0008").replace("\\f", "\\u000c") for p in pieces)
    return "\\\\".join(long)


_JSON_ESCAPES = {ord(char): f"\\u{ord(char):04x}" for char in ("<", ">", "&", "\u2028", "\u2029")}
