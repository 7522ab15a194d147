"""Converters of times (spec/ottl.md 4.3, 4.4). The clock and the year come in with the evaluation context."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Final, Protocol
from zoneinfo import ZoneInfo

from daemon.ottl.errors import OttlBuildError, OttlEvaluationError
from daemon.ottl.functions.conversions import wrap_int64
from daemon.ottl.functions.declare import plain
from daemon.ottl.functions.gotext import EPOCH, LOCAL_ZONE, to_datetime
from daemon.ottl.functions.signature import Converter, Function, Param, ParamKind
from daemon.ottl.functions.timelayout import (
    Directive,
    Fields,
    compile_layout,
    format_fields,
    parse_fields,
)
from daemon.ottl.values import Duration, Time, Value

_YEAR_ONE_NS: Final = -62_135_596_800 * 10**9
_GUESS_AHEAD: Final = timedelta(days=7)


class Clock(Protocol):
    """What an evaluation context knows of the time."""

    @property
    def now_unix_nano(self) -> int:
        """Return the time of evaluation."""


def unix(seconds: int, nanoseconds: int | None = None) -> Time:
    """Return a time in the process's zone."""
    return Time(seconds * 10**9 + (nanoseconds or 0), LOCAL_ZONE)


def truncate(time: Time, duration: Duration) -> Time:
    """Return the time rounded down to a multiple of the duration since the year 1; not at all below 1 ns."""
    if duration.nanoseconds <= 0:
        return time
    return Time(time.unix_nano - (time.unix_nano - _YEAR_ONE_NS) % duration.nanoseconds, time.zone)


def _now(context: Clock, *_ignored: Value) -> Time:
    return Time(context.now_unix_nano, LOCAL_ZONE)


def _bind_time(literals: Mapping[str, Value]) -> Function:
    layout_text = str(literals["format"])
    layout = compile_layout(layout_text)
    zone = _default_zone(literals.get("location"), layout_text)
    locale = literals.get("locale")
    if locale is not None and str(locale).replace("_", "-").split("-")[0].lower() != "en":
        raise OttlBuildError(
            f"Time: locale {locale!r} is not supported, only English names are read"
        )

    def parse(context: Clock, time: str, *_literals: Value) -> Time:
        return parse_time(layout, time, zone, context.now_unix_nano)

    return parse


def parse_time(layout: Sequence[Directive], text: str, zone: tzinfo, now_unix_nano: int) -> Time:
    """Return the time that a text tells; `zone` is meant where the text has none, now gives a missing year.

    Raises OttlEvaluationError for a text that does not fit the layout or is no time.
    """
    if not text:
        raise OttlEvaluationError("cannot read a time from an empty text")
    fields = parse_fields(layout, text)
    local = _checked(fields)
    if fields.offset_s is not None:
        zone = timezone(timedelta(seconds=fields.offset_s)) if fields.offset_s else UTC
    elif fields.zone_name:
        zone = _named_zone(fields.zone_name, zone, local)
    moment = local.replace(tzinfo=zone)
    if not fields.year:
        moment = _guess_year(moment, fields, now_unix_nano)
    elapsed = moment - EPOCH
    seconds = elapsed.days * 86_400 + elapsed.seconds
    return Time(seconds * 10**9 + fields.nanosecond, zone)


def _checked(fields: Fields) -> datetime:
    hour = fields.hour
    if fields.afternoon is not None and hour <= 12:
        hour = hour % 12 + (12 if fields.afternoon else 0)
    if fields.offset_s is not None and abs(fields.offset_s) >= 86_400:
        raise OttlEvaluationError("zone offset out of range")
    try:
        # A year that is not told counts as a leap year.
        return datetime(  # noqa: DTZ001  the zone is found out with the help of this
            fields.year or 4, fields.month, fields.day, hour, fields.minute, fields.second
        )
    except ValueError as error:
        raise OttlEvaluationError(f"no such time: {error}") from None


def _guess_year(moment: datetime, fields: Fields, now_unix_nano: int) -> datetime:
    """Put a time without a year into this year, or into the last one when it lies over a week ahead."""
    now = to_datetime(Time(now_unix_nano, moment.tzinfo or UTC))
    start = moment.replace(year=now.year, month=1, day=1)
    days = (datetime(now.year, fields.month, 1) - datetime(now.year, 1, 1)).days  # noqa: DTZ001
    guess = start + timedelta(days=days + fields.day - 1)
    if guess > now + _GUESS_AHEAD:
        guess = guess.replace(
            year=now.year - 1, day=min(guess.day, 28 if guess.month == 2 else guess.day)
        )
    return guess


def _named_zone(name: str, default: tzinfo, local: datetime) -> tzinfo:
    if name == "UTC":
        return UTC
    for moment in (local, local.replace(month=1, day=1), local.replace(month=7, day=1)):
        known = moment.replace(tzinfo=default)
        if known.tzname() == name:
            return timezone(known.utcoffset() or timedelta(), name)
    if name.startswith("GMT") and name != "GMT":
        # Observed: the collector shows such a zone, but reads the time as UTC.
        return UTC
    try:
        return load_zone(name)
    except ValueError:
        raise OttlEvaluationError(
            f"time zone {name} is not known; write an offset instead"
        ) from None


def load_zone(name: str) -> tzinfo:
    """Return the zone of this name in the time zone database; `UTC` and `Local` always exist.

    Raises ValueError when there is none.
    """
    if name in {"", "UTC"}:
        return UTC
    if name == "Local":
        return LOCAL_ZONE
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        raise ValueError(f"time zone {name!r} is not in the time zone database") from None


def _default_zone(location: Value, layout: str) -> tzinfo:
    if location:
        try:
            return load_zone(str(location))
        except ValueError as error:
            raise OttlBuildError(f"Time: {error}; use a name such as Europe/Berlin") from None
    return UTC if layout.endswith("Z") else LOCAL_ZONE


def _bind_format_time(literals: Mapping[str, Value]) -> Function:
    layout = compile_layout(str(literals["format"]))
    return lambda time, _format: format_fields(layout, time)


def _calendar(name: str, field: Callable[[datetime], int]) -> Converter:
    def read(time: Time) -> int:
        return field(to_datetime(time))

    return plain(name, read, _TIME)


def _since_epoch(name: str, unit_ns: int) -> Converter:
    def read(time: Time) -> int:
        return wrap_int64(time.unix_nano // unit_ns)

    return plain(name, read, _TIME)


def _nanosecond(time: Time) -> int:
    return time.unix_nano % 10**9


_TIME: Final = Param("time", ParamKind.TIME)
_FORMAT: Final = Param("format", ParamKind.LITERAL_STRING)

CONVERTERS: Final[tuple[Converter, ...]] = (
    Converter(
        name="Now",
        params=(),
        bind=lambda _literals: _now,
        needs_context=True,
        volatile=True,
        takes_anything=True,
    ),
    Converter(
        name="Time",
        params=(
            Param("time", ParamKind.STRING),
            _FORMAT,
            Param("location", ParamKind.LITERAL_STRING, optional=True),
            Param("locale", ParamKind.LITERAL_STRING, optional=True),
        ),
        bind=_bind_time,
        needs_context=True,
        volatile=True,
    ),
    Converter(name="FormatTime", params=(_TIME, _FORMAT), bind=_bind_format_time),
    plain(
        "Unix",
        unix,
        Param("seconds", ParamKind.INT),
        Param("nanoseconds", ParamKind.INT, optional=True),
    ),
    plain("TruncateTime", truncate, _TIME, Param("duration", ParamKind.DURATION)),
    _since_epoch("UnixNano", 1),
    _since_epoch("UnixMicro", 10**3),
    _since_epoch("UnixMilli", 10**6),
    _since_epoch("UnixSeconds", 10**9),
    _calendar("Year", lambda moment: moment.year),
    _calendar("Month", lambda moment: moment.month),
    _calendar("Day", lambda moment: moment.day),
    _calendar("Weekday", lambda moment: moment.isoweekday() % 7),
    _calendar("Hour", lambda moment: moment.hour),
    _calendar("Minute", lambda moment: moment.minute),
    _calendar("Second", lambda moment: moment.second),
    plain("Nanosecond", _nanosecond, _TIME),
)
