"""Senders whose values are also read between their reports: what that says of them, and what it does not."""

from __future__ import annotations

import pytest

from query.store.senders import Sender
from tests.query.store.support import T0, Driver, equal, labels, samples

REQUESTS = labels("requests", host_name="a")
S = 1_000


def every_20_s() -> Sender:
    """A sender that has reported every 20 s until 100 s, and is read every 5 s in between from 41 s on."""
    sender = Sender("a", 0, 20_000)
    sender.streams = 1
    for second in range(101):
        if second % 20 == 0 and second:
            sender.report(T0 + second * S)
        if second % 5 == 1 and second > 40:
            sender.report(T0 + second * S, is_regular=False)
    return sender


def test_report_interval() -> None:
    """Readings say nothing about the report interval, and reports that are left out for them do."""
    sender = every_20_s()
    assert sender.interval_ms == 20_000
    sender.hear(T0 + 115 * S)
    sender.hear(T0 + 130 * S)
    sender.hear(T0 + 145 * S)
    assert sender.interval_ms == 15_000


def test_sample_interval() -> None:
    """What an asker is told is how far samples are apart: as readings are, until a report was needed."""
    driver = Driver()
    driver.open("a")
    driver.report("a", 22 * S, (REQUESTS, 20 * S, 10.0))
    assert _interval(driver) == 20 * S
    for at in (25 * S, 30 * S):
        _read(driver, at, at / S)
    assert _interval(driver) == 5 * S
    driver.report("a", 42 * S, (REQUESTS, 40 * S, 40.0))
    assert _interval(driver) == 20 * S


def test_deadline() -> None:
    """Whose page is read is alive; after the last reading it has 2.2 of its report intervals, not of the readings'."""
    sender = every_20_s()
    assert sender.deadline_ms == T0 + 144 * S
    sender.streams, sender.closed_at_ms = 0, T0 + 101 * S
    assert sender.deadline_ms == T0 + 126 * S


def test_known_until() -> None:
    """It is known as far as it was read, and a report that is left out does not say more."""
    driver = Driver()
    driver.open("a")
    driver.report("a", 22 * S, (REQUESTS, 20 * S, 10.0))
    _read(driver, 25 * S, 15.0)
    assert _known_until(driver) == 25 * S
    driver.store.sender_heard("a", T0 + 42 * S)
    assert _known_until(driver) == 25 * S
    _read(driver, 45 * S, 20.0)
    assert _known_until(driver) == 45 * S


def test_common_end() -> None:
    """Of two senders one of which is read, the end that both cover is the other's last report."""
    driver = Driver()
    for name in ("a", "b"):
        driver.open(name)
    driver.report("b", 22 * S, (labels("requests", host_name="b"), 20 * S, 10.0))
    driver.report("a", 22 * S, (REQUESTS, 20 * S, 10.0))
    _read(driver, 35 * S, 15.0)
    known = driver.select(equal("__name__", "requests")).senders.known_until_ms - T0
    assert sorted(known.tolist()) == [20 * S, 35 * S]


@pytest.mark.parametrize(
    ("value", "start", "expected", "late"),
    [
        pytest.param(12.0, None, 15.0, 1, id="an older value"),
        pytest.param(16.0, None, 16.0, 0, id="a newer value"),
        pytest.param(15.0 - 1e-12, None, 15.0, 0, id="a sum that only rounding lowers"),
        pytest.param(3.0, 30 * S, 3.0, 0, id="a new start"),
    ],
)
def test_a_value_that_falls(value: float, start: int | None, expected: float, late: int) -> None:
    """A value that came late, by a clock that is ahead, is no reset; a start that is declared anew is one."""
    driver = Driver()
    driver.open("a")
    driver.report("a", 22 * S, (REQUESTS, 20 * S, 10.0), start=0)
    _read(driver, 40 * S, 15.0, start=0)
    driver.report("a", 42 * S, (REQUESTS, 41 * S, value), start=start or 0)
    assert samples(driver.select(equal("__name__", "requests")))[-1][1] == expected
    assert driver.store.counters["late"] == late


def test_without_readings_a_fall_is_a_reset() -> None:
    """Whose values come in reports alone is believed: a counter that falls began anew (opencensus.md 4.4)."""
    driver = Driver()
    driver.open("a")
    driver.report("a", 22 * S, (REQUESTS, 20 * S, 10.0), start=0)
    driver.report("a", 42 * S, (REQUESTS, 40 * S, 4.0), start=0)
    assert driver.samples(equal("__name__", "requests"))[-1] == (40 * S, 4.0)


def _read(driver: Driver, at: int, value: float, start: int | None = None) -> None:
    driver.store.sender_reported("a", T0 + at, is_regular=False)
    [series] = [
        driver.store.series(
            "a", REQUESTS, start_ms=T0 + (start or 0), is_counter=True, at_ms=T0 + at
        )
    ]
    assert series is not None
    driver.store.metrics_reported("a", {"requests"}, T0 + at)
    driver.store.append("a", T0 + at, [series], [T0 + at], [value], correct_clock=False)


def _known_until(driver: Driver) -> int:
    return int(driver.select(equal("__name__", "requests")).senders.known_until_ms[0]) - T0


def _interval(driver: Driver) -> int:
    return int(driver.select(equal("__name__", "requests")).senders.report_interval_ms[0])
