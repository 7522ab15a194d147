"""Senders: intervals, ends, how far they are known, and their clocks (keda.md 6.3.5)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from query.queryable import NO_TIME
from query.store.senders import MAX_NAMES_PER_SENDER, Sender, SenderTable
from tests.query.store.support import T0, Driver, equal, labels

M = labels("m")
NAMED_M = equal("__name__", "m")


def reported(*ats: int) -> Sender:
    sender = Sender("a", 0, 20_000)
    for at in ats:
        sender.report(T0 + at)
    return sender


@pytest.mark.parametrize(
    ("ats", "interval"),
    [
        ([], 20_000),
        ([0], 20_000),
        ([0, 5_000], 20_000),
        ([0, 10_000, 20_000], 10_000),
        ([0, 10_000, 20_000, 50_000], 10_000),
        ([0, 1_000_000, 1_010_000, 1_020_000, 1_050_000, 1_080_000, 1_110_000], 30_000),
        ([0, 1, 20_000, 20_001, 40_000, 40_001, 60_000], 20_000),
        ([0, 20_000, 40_000, 40_001, 40_002, 40_003, 40_004, 40_005], 20_000),
    ],
    ids=["none", "one", "one gap", "two gaps", "median", "last five", "split rounds", "burst"],
)
def test_report_interval(ats: list[int], interval: int) -> None:
    """The median of the last five gaps; before two gaps the protocol's default; messages within 1 s are one report."""
    assert reported(*ats).interval_ms == interval


@pytest.mark.parametrize(
    ("streams", "closed", "deadline"),
    [
        (1, None, 64_000),
        (1, 30_000, 64_000),
        (0, 30_000, 55_000),
        (0, 50_000, 64_000),
        (0, 10_000, 64_000),
    ],
    ids=["open", "one of two closed", "closed", "closed late", "reported after the close"],
)
def test_deadline(streams: int, closed: int | None, deadline: int) -> None:
    """2.2 intervals after the last report, or one interval and 5 s after the last stream closed, if that is earlier."""
    sender = reported(20_000)
    sender.streams = streams
    sender.closed_at_ms = NO_TIME if closed is None else T0 + closed
    assert sender.deadline_ms - T0 == deadline


def test_silence_while_nobody_could_hear_ends_no_sender() -> None:
    """The process stood still for a minute: live senders get their time anew, ended ones stay ended."""
    driver = Driver()
    driver.report("gone", 0, (M, 0, 1.0))
    driver.store.advance(T0 + 140_000)
    for sender in ("open", "closed"):
        driver.open(sender, 140_000)
        driver.report(sender, 140_000, (M, 140_000, 1.0))
    driver.store.sender_closed("closed", T0 + 141_000)
    live = []
    driver.store.excuse(T0 + 200_000)
    for at in (200_000, 224_999, 225_000, 243_999, 244_000):
        driver.store.advance(T0 + at)
        senders = driver.select(NAMED_M).senders
        live.append({n for n, alive in zip(senders.names, senders.live, strict=True) if alive})
    assert live == [{"open", "closed"}, {"open", "closed"}, {"open"}, {"open"}, set()]


def test_known_until() -> None:
    """The newest sample of the last report, or its arrival if it held none; it never goes back."""
    driver = Driver()
    known = []

    def look() -> None:
        known.append(int(driver.select(NAMED_M).senders.known_until_ms[0]) - T0)

    for at, points in [
        (0, [(M, -2_000, 1.0)]),
        (20_000, [(M, 18_000, 1.0), (labels("n"), 17_000, 1.0)]),
        (40_000, []),
        (60_000, [(M, 18_000, 1.0)]),
        (80_000, [(M, 84_000, 1.0)]),
    ]:
        driver.report("a", at, *points)
        look()
    assert known == [-2_000, 18_000, 40_000, 40_000, 84_000]


@pytest.mark.parametrize(
    ("lags", "corrected"),
    [
        ([2_000, 2_000], [2_000, 2_000]),
        ([-5_000, 30_000], [-5_000, 30_000]),
        ([-60_000, -60_000, -59_000], [0, 0, 1_000]),
        ([-3_600_000, -3_601_000], [0, -1_000]),
        ([3_600_000, 3_601_000], [0, 1_000]),
        ([40_000, 2_000], [40_000, 2_000]),
        ([60_000, 60_000, 60_000], [60_000, 0, 0]),
        ([2_000, 2_000, 2_000, 2_000, 62_000], [2_000, 2_000, 2_000, 2_000, 62_000]),
        ([2_000, -58_000, -58_000], [2_000, 0, 0]),
        ([-60_000, *[2_000] * 6], [0, *[62_000] * 4, 2_000, 2_000]),
    ],
    ids=[
        "right",
        "believed",
        "ahead, and stays so",
        "an hour ahead",
        "an hour behind",
        "one late report",
        "behind",
        "jumps back: the last five decide",
        "jumps ahead",
        "was ahead, is right again after five reports",
    ],
)
def test_clock(lags: Sequence[int], corrected: Sequence[int]) -> None:
    """A clock is corrected by the smallest lag of five reports once that is outside [-5 s, 30 s]."""
    sender = Sender("a", 0, 20_000)
    seen = []
    for i, lag in enumerate(lags):
        at = T0 + 20_000 * i
        sender.report(at)
        times = np.array([at - lag - 10, at - lag])
        sender.observe_clock(times, at)
        seen.append(lag - sender.clock_offset_ms)
    assert seen == list(corrected)


def test_a_shifted_sender_is_counted_and_told_once() -> None:
    """Its samples, start times and zeros are all on the corrected clock."""
    driver = Driver()
    driver.report("a", 0, (labels("n"), 100_000, 1.0), names=["m"], start=90_000)
    for at in (20_000, 40_000):
        driver.report("a", at, (M, at + 100_000, at / 1000), start=90_000)
    got = driver.select(NAMED_M)
    assert (
        driver.samples(NAMED_M),
        got.start_ms.tolist(),
        got.senders.known_until_ms.tolist(),
        driver.store.counters["shifted_senders"],
        driver.notices,
    ) == (
        [(0, 0.0), (20_000, 20.0), (40_000, 40.0)],
        [T0 - 10_000],
        [T0 + 40_000],
        1,
        [("sender_clock_shifted", {"sender": "a", "offset_ms": -100_000})],
    )


def test_a_clock_that_drifts_ahead_loses_no_sample() -> None:
    """The first corrected samples still come after the newest that is stored."""
    driver = Driver()
    for i in range(40):
        driver.report("a", i * 1_000, (M, i * 1_300, float(i)))
    assert (
        [value for _, value in driver.samples(NAMED_M)],
        driver.store.counters["late"],
    ) == ([float(i) for i in range(40)], 0)


def test_samples_far_ahead_are_refused_alone() -> None:
    """One sample an hour ahead among sane ones does not move the clock; it is refused and counted."""
    driver = Driver()
    points = [(labels("m", k=str(i)), 0, 1.0) for i in range(5)]
    driver.report("a", 0, *points, (labels("x"), 3_600_000, 1.0))
    assert (
        driver.select(NAMED_M).times_ms[:, 0].tolist(),
        driver.select(equal("__name__", "x")).counts.tolist(),
        driver.store.counters["future"],
        driver.store.counters["shifted_senders"],
        driver.select(NAMED_M).senders.known_until_ms.tolist(),
    ) == ([T0] * 5, [0], 1, 0, [T0])


def test_the_daemons_own_clock_may_be_set_back() -> None:
    """After a step back of the clock intervals, known times and lags are right again at once."""
    sender = reported(3_600_000, 3_620_000, 3_640_000)
    sender.observe_clock(np.array([T0 + 3_638_000]), T0 + 3_640_000)
    for at in (60_000, 80_000, 100_000):
        sender.report(T0 + at)
        sender.observe_clock(np.array([T0 + at - 2_000]), T0 + at)
    assert (
        sender.gaps_ms,
        sender.known_until_ms - T0,
        [lag for _, lag in sender.lags_ms],
        sender.clock_offset_ms,
    ) == ([20_000] * 4, 105_000, [2_000] * 4, 0)


def test_names_of_earlier_reports() -> None:
    """A name is known from the last report before this one that held it, unless a series of it has lapsed."""
    sender = Sender("a", 0, 20_000)
    for at, names in enumerate([{"m", "n", "o"}, {"m", "o"}, {"m"}]):
        sender.report(T0 + at)
        sender.staged_names = frozenset(names)
    sender.lapse("o")
    before = [sender.zero_at_ms(name) for name in ("m", "n", "o", "p")]
    sender.report(T0 + 3)
    assert (before, sender.zero_at_ms("m")) == ([T0 + 1, T0, NO_TIME, NO_TIME], T0 + 2)


def test_names_are_bounded() -> None:
    """A sender that changes its names without end is remembered less, never more."""
    sender = Sender("a", 0, 20_000)
    for at in range(3):
        sender.report(T0 + at)
        sender.staged_names = frozenset(f"{at} {i}" for i in range(MAX_NAMES_PER_SENDER))
    sender.report(T0 + 3)
    for i in range(2 * MAX_NAMES_PER_SENDER):
        sender.lapse(str(i))
    assert (len(sender.older_names), len(sender.lapsed_names), sender.zero_at_ms("2 1")) == (
        0,
        MAX_NAMES_PER_SENDER,
        NO_TIME,
    )


def test_numbers_of_removed_senders_are_used_again() -> None:
    """The table does not grow while senders come and go."""
    table = SenderTable(2)
    numbers = []
    for i in range(5):
        sender = table.add(str(i), 20_000)
        assert sender is not None
        numbers.append(sender.number)
        table.remove(sender)
    assert (numbers, len(table), table.get("4")) == ([0] * 5, 0, None)
