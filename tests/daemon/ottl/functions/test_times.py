"""Converters of `times`: every row was answered so by the collector v0.153.0 unless a test says otherwise."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from time import tzset

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.ottl.errors import OttlBuildError, OttlError
from daemon.ottl.values import Duration, Time, Value
from tests.daemon.ottl.functions.calling import Row, call, identify, same

ROWS: list[Row] = [
    ("Time", ("2023-05-26 12:34:56", "%Y-%m-%d %H:%M:%S"), Time(1685104496000000000, UTC)),
    (
        "Time",
        ("2023-05-26 12:34:56.123456789", "%Y-%m-%d %H:%M:%S.%L"),
        Time(1685104496123456789, UTC),
    ),
    ("Time", ("2023-05-26 12:34:56.5", "%Y-%m-%d %H:%M:%S"), Time(1685104496500000000, UTC)),
    ("Time", ("2023-05-26T12:34:56Z", "%Y-%m-%dT%H:%M:%S%z"), Time(1685104496000000000, UTC)),
    ("Time", ("2023-05-26T12:34:56+0200", "%Y-%m-%dT%H:%M:%S%z"), Time(1685097296000000000, UTC)),
    ("Time", ("2023-05-26T12:34:56+02:00", "%Y-%m-%dT%H:%M:%S%j"), Time(1685097296000000000, UTC)),
    ("Time", ("2023-05-26T12:34:56+02", "%Y-%m-%dT%H:%M:%S%i"), Time(1685097296000000000, UTC)),
    ("Time", ("2023-05-26 12:34:56 EST", "%Y-%m-%d %H:%M:%S %Z"), Time(1685122496000000000, UTC)),
    ("Time", ("2023-05-26 12:34:56 UTC", "%Y-%m-%d %H:%M:%S %Z"), Time(1685104496000000000, UTC)),
    ("Time", ("2023-05-26 12:34:56 GMT+3", "%Y-%m-%d %H:%M:%S %Z"), Time(1685104496000000000, UTC)),
    (
        "Time",
        ("2023-05-26 12:34:56 CEST", "%Y-%m-%d %H:%M:%S %Z", "Europe/Berlin"),
        Time(1685097296000000000, UTC),
    ),
    (
        "Time",
        ("2023-05-26 12:34:56 CET", "%Y-%m-%d %H:%M:%S %Z", "Europe/Berlin"),
        Time(1685100896000000000, UTC),
    ),
    (
        "Time",
        ("2023-05-26 12:34:56", "%Y-%m-%d %H:%M:%S", "America/New_York"),
        Time(1685118896000000000, UTC),
    ),
    ("Time", ("Fri May  5 2023 3:04 PM", "%a %b %e %Y %l:%M %p"), Time(1683299040000000000, UTC)),
    (
        "Time",
        ("friday, MAY 5 23 12:04 AM", "%A, %B %g %y %I:%M %p"),
        Time(1683245040000000000, UTC),
    ),
    ("Time", ("12/31/99", "%m/%d/%y"), Time(946598400000000000, UTC)),
    ("Time", ("2023-05-26T12:34:56-0330", "%Y-%m-%dT%H:%M:%S%z"), Time(1685117096000000000, UTC)),
    ("Time", ("2023-05-26 12:34:56", "%F %T"), Time(1685104496000000000, UTC)),
    ("Time", ("2023-05-26 02:34:56 pm", "%F %r"), Time(1685111696000000000, UTC)),
    ("Time", ("05/26/2023 12:34", "%D %R"), Time(1685104440000000000, UTC)),
    ("Time", ("Fri May 26 12:34:56 2023", "%c"), Time(1685104496000000000, UTC)),
    ("Time", ("2023-05-26Z", "%Y-%m-%dZ"), Time(1685059200000000000, UTC)),
    ("Time", ("2023-05-26 12:34:56,123", "%F %T,%f"), Time(1685104496123000000, UTC)),
    ("Time", ("2023-05-26 12:34:56", "%F %T.%f"), Time(1685104496000000000, UTC)),
    ("Time", ("2023-05-26   12:34:56", "%F %T"), Time(1685104496000000000, UTC)),
    ("Time", ("2023-05-26T02:34:56-0330", "%Y-%m-%dT%H:%M:%S%z"), Time(1685081096000000000, UTC)),
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
    ("Time", ("2023-05-26 12:34:56 PST", "%Y-%m-%d %H:%M:%S %Z")),
    ("Time", ("2023-05-26", "%Y-%m-%d", "Nope/Nope")),
    ("Time", ("2023-02-30", "%Y-%m-%d")),
    ("Time", ("2023-2-03", "%Y-%m-%d")),
    ("Time", ("", "%m")),
    ("Time", ("x", "")),
    ("Time", ("x", "%Q")),
    ("Time", ("2023-05-26 25:00", "%Y-%m-%d %H:%M")),
    ("Time", ("2023-05-26 1:00x", "%Y-%m-%d %H:%M")),
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


def test_now_is_the_evaluation_time() -> None:
    """Now comes from the evaluation context, never from a clock."""
    assert same(call("Now", now_ns=5), Time(5, UTC))


@pytest.mark.parametrize(
    ("text", "layout", "now", "expected"),
    [
        ("Nov 14 10:00:00", "%b %d %H:%M:%S", "2023-11-14", "2023-11-14T10:00:00Z"),
        ("Nov 20 10:00:00", "%b %d %H:%M:%S", "2023-11-14", "2023-11-20T10:00:00Z"),
        ("Dec 31 10:00:00", "%b %d %H:%M:%S", "2024-01-01", "2023-12-31T10:00:00Z"),
        ("Feb 29", "%b %d", "2024-03-01", "2024-02-29T00:00:00Z"),
        ("Feb 29", "%b %d", "2023-03-01", "2023-03-01T00:00:00Z"),
    ],
)
def test_missing_year(text: str, layout: str, now: str, expected: str) -> None:
    """A time without a year is of this year, or of the last one when it lies more than a week ahead."""
    now_ns = int(datetime.fromisoformat(now + "T12:00:00+00:00").timestamp()) * 10**9
    moment = call("Time", text, layout, "UTC", now_ns=now_ns)
    wanted = int(datetime.fromisoformat(expected).timestamp()) * 10**9
    assert isinstance(moment, Time)
    assert moment.unix_nano == wanted


def test_zone_of_process_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a zone in text, location or layout the process's zone is meant, and prints as such."""
    monkeypatch.setenv("TZ", "America/New_York")
    tzset()
    try:
        moment = call("Time", "2023-07-01 12:00:00", "%Y-%m-%d %H:%M:%S")
        shown = call("FormatTime", call("Unix", 0), "%Y-%m-%d %H:%M:%S %Z %z")
    finally:
        monkeypatch.undo()
        tzset()
    assert same(moment, Time(1688227200 * 10**9, UTC))
    assert shown == "1969-12-31 19:00:00 EST -0500"


def test_other_locales_are_refused() -> None:
    """Only English names are read; another locale stops the start instead of failing on each text."""
    assert same(
        call("Time", "1 May 2023", "%g %B %Y", "UTC", "en-GB"), Time(1682899200 * 10**9, UTC)
    )
    with pytest.raises(OttlBuildError):
        call("Time", "1 mai 2023", "%g %B %Y", "UTC", "fr")


def test_literal_digits_stay_in_layouts() -> None:
    """Differs from the collector: plain digits of a layout are no parts of a Go reference time."""
    assert call("FormatTime", Time(0, UTC), "15%% %Y") == "15% 1970"


@given(
    st.text("0123456789 -:.TZ+MonJanUCGPA", max_size=24),
    st.lists(
        st.sampled_from(["%" + letter for letter in "YymoqbhBdegaAHIlpPMSLfsZzwijkDxFTXrRnt%c"])
        | st.sampled_from(" .,-T"),
        min_size=1,
        max_size=6,
    ),
    st.integers(0, 2**62),
)
def test_any_text_parses_or_is_refused(text: str, pieces: list[str], now_ns: int) -> None:
    """Whatever text and layout, the outcome is a time or an error of OTTL."""
    with suppress(OttlError):
        assert isinstance(call("Time", text, "".join(pieces), "UTC", now_ns=now_ns), Time)
