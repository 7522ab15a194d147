"""Converters of `times`: every row was answered so by the collector v0.153.0 unless a test says otherwise."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone

import pytest

from daemon.ottl.errors import OttlError
from daemon.ottl.values import Duration, Time, Value
from tests.daemon.ottl.functions.calling import Row, call, identify, same

ROWS: list[Row] = [
    ("Unix", (1, 1500000000), Time(2500000000, UTC)),
    ("Unix", (-1, -5), Time(-1000000005, UTC)),
    ("UnixMilli", (Time(-1000000005, UTC),), -1001),
    ("UnixSeconds", (Time(-1000000005, UTC),), -2),
    ("UnixMicro", (Time(1500, UTC),), 1),
    ("UnixNano", (Time(9999999999000000000, UTC),), -8446744074709551616),
    ("UnixNano", (Time(99999999999000000000, UTC),), 7766279630452241920),
    ("Year", (Time(0, UTC),), 1970),
    ("Weekday", (Time(0, UTC),), 4),
    ("Nanosecond", (Time(5, UTC),), 5),
    ("UnixNano", (Time(1685104496000000000, UTC),), 1685104496000000000),
    ("UnixNano", (Time(1685104496123456789, UTC),), 1685104496123456789),
    ("UnixNano", (Time(1685104496500000000, UTC),), 1685104496500000000),
    ("UnixNano", (Time(1685104496000000000, UTC),), 1685104496000000000),
    (
        "UnixNano",
        (Time(1685097296000000000, timezone(timedelta(seconds=7200))),),
        1685097296000000000,
    ),
    (
        "UnixNano",
        (Time(1685097296000000000, timezone(timedelta(seconds=7200))),),
        1685097296000000000,
    ),
    (
        "UnixNano",
        (Time(1685097296000000000, timezone(timedelta(seconds=7200))),),
        1685097296000000000,
    ),
    (
        "UnixNano",
        (Time(1685122496000000000, timezone(timedelta(seconds=-18000))),),
        1685122496000000000,
    ),
    ("UnixNano", (Time(1685104496000000000, UTC),), 1685104496000000000),
    ("UnixNano", (Time(1685104496000000000, UTC),), 1685104496000000000),
    (
        "UnixNano",
        (Time(1685097296000000000, timezone(timedelta(seconds=7200))),),
        1685097296000000000,
    ),
    (
        "UnixNano",
        (Time(1685100896000000000, timezone(timedelta(seconds=3600))),),
        1685100896000000000,
    ),
    (
        "UnixNano",
        (Time(1685118896000000000, timezone(timedelta(seconds=-14400))),),
        1685118896000000000,
    ),
    ("UnixNano", (Time(1683299040000000000, UTC),), 1683299040000000000),
    ("UnixNano", (Time(1683245040000000000, UTC),), 1683245040000000000),
    ("UnixNano", (Time(946598400000000000, UTC),), 946598400000000000),
    ("UnixNano", (Time(1672531200000000000, UTC),), 1672531200000000000),
    ("Hour", (Time(1685097296000000000, timezone(timedelta(seconds=7200))),), 12),
    (
        "Time",
        ("2023-05-26T12:34:56-0330", "%Y-%m-%dT%H:%M:%S%z"),
        Time(1685117096000000000, timezone(timedelta(seconds=-12600))),
    ),
    ("Time", ("2023-05-26 12:34:56", "%F %T"), Time(1685104496000000000, UTC)),
    ("Time", ("2023-05-26 02:34:56 pm", "%F %r"), Time(1685111696000000000, UTC)),
    ("Time", ("05/26/2023 12:34", "%D %R"), Time(1685104440000000000, UTC)),
    ("Time", ("Fri May 26 12:34:56 2023", "%c"), Time(1685104496000000000, UTC)),
    ("Time", ("2023-05-26Z", "%Y-%m-%dZ"), Time(1685059200000000000, UTC)),
    ("Time", ("2023-05-26 12:34:56,123", "%F %T,%f"), Time(1685104496123000000, UTC)),
    ("Time", ("2023-05-26 12:34:56", "%F %T.%f"), Time(1685104496000000000, UTC)),
    ("Time", ("2023-05-26   12:34:56", "%F %T"), Time(1685104496000000000, UTC)),
    (
        "FormatTime",
        (Time(1700000000120000000, UTC), "%Y-%m-%d %H:%M:%S.%L"),
        "2023-11-14 22:13:20.12",
    ),
    (
        "FormatTime",
        (
            Time(1700000000123456789, UTC),
            "%Y-%m-%d %H:%M:%S.%L %y %o %q %b %h %B %d %e %g %a %A %l %I %p %P %Z %z %w %i %j %k %D %F %T %r %R %% %c %L %s",
        ),
        "2023-11-14 22:13:20.123 23 _11 11 Nov Nov November 14 14 14 Tue Tuesday 10 10 PM pm UTC Z +000000 +00 +00:00 +00:00:00 11/14/2023 2023-11-14 22:13:20 10:13:20 pm 22:13 % Tue Nov 14 22:13:20 2023 999 999999999",
    ),
    ("FormatTime", (Time(1700000000000000000, UTC), "%H:%M:%S.%f|%S,%s|%n%t"), "22:13:20|20|\n\t"),
    (
        "FormatTime",
        (Time(1685081096000000000, timezone(timedelta(seconds=-12600))), "%c %z %w %i %j %k %l %p"),
        "Fri May 26 02:34:56 2023 -0330 -033000 -03 -03:30 -03:30:00 2 AM",
    ),
    ("FormatTime", (Time(0, UTC), "plain text"), "plain text"),
    ("FormatTime", (Time(0, UTC), "50%"), "50%"),
    (
        "TruncateTime",
        (Time(1700000123000000000, UTC), Duration(60000000000)),
        Time(1700000100000000000, UTC),
    ),
    ("TruncateTime", (Time(1700000123000000000, UTC), Duration(0)), Time(1700000123000000000, UTC)),
    (
        "TruncateTime",
        (Time(1700000123000000000, UTC), Duration(37200000000000)),
        Time(1699975200000000000, UTC),
    ),
    ("Weekday", (Time(1700000000000000000, UTC),), 2),
    ("Month", (Time(1700000000000000000, UTC),), 11),
    ("Day", (Time(1700000000000000000, UTC),), 14),
    ("Minute", (Time(1700000000000000000, UTC),), 13),
    ("Second", (Time(1700000000000000000, UTC),), 20),
]

ERRORS: list[tuple[str, tuple[Value, ...]]] = [
    ("FormatTime", (Time(0, UTC), "")),
    ("FormatTime", (Time(0, UTC), "%Q")),
    ("Year", (Time(999999999999000000000, UTC),)),
]


@pytest.mark.parametrize(("name", "arguments", "expected"), ROWS, ids=identify)
def test_answers(name: str, arguments: tuple[Value, ...], expected: Value) -> None:
    """Each function answers as the collector does, kind for kind."""
    assert same(call(name, *arguments), expected)


@pytest.mark.parametrize(("name", "arguments"), ERRORS, ids=identify)
def test_refusals(name: str, arguments: tuple[Value, ...]) -> None:
    """What the collector refuses at start-up or at evaluation is refused, and nothing but OttlError escapes."""
    with pytest.raises(OttlError):
        call(name, *arguments)
