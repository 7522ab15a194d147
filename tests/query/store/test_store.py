"""The store: what senders report is what selectors find, as long as it should."""

from __future__ import annotations

import gc
import math
import struct
import tracemalloc

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from query.queryable import NO_TIME, STALE_BITS, Queryable
from query.store.admission import ONE_SOURCE
from query.store.index import MAX_CACHED_QUESTIONS
from query.store.store import COUNTERS, Store, StoreSettings
from tests.query.store.support import (
    STALE,
    T0,
    Driver,
    equal,
    labels,
    matches,
    samples,
    unequal,
)

M = labels("m")
NAMED_M = equal("__name__", "m")


def counted(driver: Driver, *leave_out: str) -> dict[str, int]:
    """Counters that are not 0, `stored` left out."""
    return {
        name: count
        for name, count in driver.store.counters.items()
        if count and name not in ("stored", *leave_out)
    }


def steady(driver: Driver, sender: str, first: int, last: int, key: object = M) -> None:
    """Reports every 20 s, samples 2 s old, one event a second."""
    for at in range(first, last + 1, 20_000):
        driver.report(sender, at, (key, at - 2_000, at / 1000))  # type: ignore[arg-type] # labels


def test_a_store_is_queryable() -> None:
    """The store implements the seam that engine and estimator read from."""
    store: Queryable = Store(StoreSettings(), lambda event, fields: None)
    assert not store.knows("m")


def test_a_selection_tells_of_counters() -> None:
    """Whether a series among those that match is a counter; ended ones that matched count too."""
    driver = Driver()
    driver.open("a")
    driver.report("a", 0, (labels("m", x="1"), 0, 1.0), (labels("m", x="2"), 0, 1.0))
    driver.report("a", 1, (labels("g"), 0, 1.0), counter=False)
    asked = (equal("__name__", name) for name in ("m", "g", "n"))
    assert [driver.select(one).has_counters for one in asked] == [True, False, False]


def test_senders_come_and_go() -> None:
    """The first report of a sender is told, its end, and its return."""
    driver = Driver()
    driver.open("a")
    steady(driver, "a", 0, 20_000)
    driver.store.advance(T0 + 300_000)
    steady(driver, "a", 400_000, 420_000)
    began, ended = ("sender_began", {"sender": "a"}), ("sender_ended", {"sender": "a"})
    assert list(driver.comings) == [began, ended, began]


def test_sizes() -> None:
    """How much is remembered, beside its limit."""
    driver = Driver(max_series=9, max_senders=8, max_known_names=7)
    driver.report("a", 0, (M, 0, 1.0), (labels("n", x="1"), 0, 1.0), names=["empty"])
    assert driver.store.sizes() == {"series": (2, 9), "senders": (1, 8), "known_names": (3, 7)}


def test_every_counter_is_documented() -> None:
    """A new store has all documented counters, at 0."""
    assert Driver().store.counters == dict.fromkeys(COUNTERS, 0)


def test_select_returns_what_was_appended() -> None:
    """One series, its samples in (start, end], its start time and its sender."""
    driver = Driver()
    driver.open("a")
    for at in (0, 20_000, 40_000):
        driver.report("a", at, (labels("m", k="v"), at - 2_000, float(at)), start=-60_000)
    got = driver.select(NAMED_M, start=-2_000, end=38_000)
    assert (
        list(got.labels),
        got.times_ms.tolist(),
        got.values.tolist(),
        got.counts.tolist(),
        got.start_ms.tolist(),
        got.sender_index.tolist(),
        got.senders.names,
        got.senders.live.tolist(),
        got.senders.known_until_ms.tolist(),
        got.senders.report_interval_ms.tolist(),
        got.refused_at_ms,
    ) == (
        [labels("m", k="v")],
        [[T0 + 18_000, T0 + 38_000]],
        [[20_000.0, 40_000.0]],
        [2],
        [T0 - 60_000],
        [0],
        ["a"],
        [True],
        [T0 + 38_000],
        [20_000],
        NO_TIME,
    )


def test_the_newest_sample_is_enough_unless_labels_are_shared() -> None:
    """Of senders with equal labels all samples are read: joining them takes more than the newest."""
    driver = Driver()
    for at in (0, 20_000):
        driver.report("a", at, (labels("m"), at, 1.0), (labels("n"), at, 1.0))
        driver.report("b", at, (labels("m"), at + 1, 2.0), (labels("o"), at, 1.0))

    def counts(name: str) -> list[int]:
        found = driver.store.select(
            [equal("__name__", name)], start_ms=T0 - 1, end_ms=T0 + 30_000, newest_only=True
        )
        return [int(count) for count in found.counts]

    assert (counts("m"), counts("n"), counts("o")) == ([2, 2], [1], [1])


def test_labels_are_the_same_object_for_the_same_rows() -> None:
    """Rows of ended senders without samples in the range make no new labels of each answer."""
    driver = Driver()
    driver.open("a")
    driver.open("b")
    driver.report("a", 0, (labels("m", k="1"), 0, 1.0))
    driver.report("b", 0, (labels("m", k="2"), 0, 1.0))
    driver.store.sender_closed("a", T0 + 1)
    driver.store.advance(T0 + 200_000)
    driver.report("b", 250_000, (labels("m", k="2"), 250_000, 1.0))
    first, second = (driver.select(NAMED_M, start=240_000, end=250_000).labels for _ in "12")
    everything = driver.select(NAMED_M).labels
    assert (first is second, list(first), len(everything)) == (True, [labels("m", k="2")], 2)


def test_infinite_counters_fall() -> None:
    """A drop from infinity is a reset, and nothing is reckoned with infinities."""
    driver = Driver()
    for at, value in ((0, float("inf")), (20_000, 1.0), (40_000, float("-inf"))):
        driver.report("a", at, (M, at, value))
    assert driver.samples(NAMED_M) == [(0, float("inf")), (20_000, 1.0), (40_000, float("-inf"))]


@pytest.mark.parametrize("metric", ["nothing", ""])
def test_nothing_matches_an_unknown_name(metric: str) -> None:
    """An empty selection has arrays of no rows."""
    driver = Driver()
    driver.report("a", 0, (M, 0, 1.0))
    got = driver.select(equal("__name__", metric))
    assert (list(got.labels), got.times_ms.shape, got.senders.names) == ([], (0, 0), [])


def test_a_name_without_points_is_known() -> None:
    """A metric is known once it was reported, with or without points (keda.md 6.3.6)."""
    driver = Driver()
    driver.report("a", 0, (M, 0, 1.0), names=["empty"])
    assert (
        driver.store.knows("m"),
        driver.store.knows("empty"),
        driver.store.knows("other"),
        driver.store.known_names(),
    ) == (True, True, False, ["empty", "m"])


def test_a_live_series_without_samples_in_range_is_selected() -> None:
    """A row without samples in range stays while its sender is live, and goes with its sender."""
    driver = Driver()
    driver.open("a")
    driver.report("a", 0, (M, 0, 1.0))
    driver.report("b", 1, (labels("m", of="b"), 1, 1.0))
    driver.store.sender_closed("a", T0 + 1)
    live = driver.select(NAMED_M, start=5)
    driver.store.advance(T0 + 30_000)
    ended = driver.select(NAMED_M, start=5, end=1_000)
    assert (
        live.counts.tolist(),
        live.senders.names,
        list(ended.labels),
        ended.senders.names,
        ended.senders.live.tolist(),
        ended.sender_index.tolist(),
    ) == ([0, 0], ["a", "b"], [labels("m", of="b")], ["b"], [True], [0])


@pytest.mark.parametrize(
    ("points", "stored", "counters"),
    [
        ([(0, 1), (10, 2), (20, 3)], [(0, 1), (10, 2), (20, 3)], {}),
        ([(20, 2), (20, 2)], [(20, 2)], {"duplicate": 1}),
        ([(20, 2), (20, 3)], [(20, 2)], {"late": 1}),
        ([(20, 2), (10, 1), (30, 3)], [(20, 2), (30, 3)], {"late": 1}),
        ([(0, 1), (40_000, 3), (20_000, 2)], [(0, 1), (40_000, 3)], {"late": 1}),
        ([(0, 5), (10, 3)], [(0, 5), (10, 3)], {}),
        ([(0, -3)], [(0, -3)], {}),
        ([(0, 2**53 + 1)], [(0, float(2**53))], {}),
        ([(0, 7)] * 10, [(0, 7)], {"duplicate": 9}),
    ],
    ids=[
        "C22 in order",
        "the same again",
        "another value for the same time",
        "older than the newest",
        "A31 replay after a later one",
        "F8 a reset without another start",
        "C25 negative gauge",
        "C26 beyond 2^53",
        "A31 replayed many times",
    ],
)
def test_messages_one_after_another(
    points: list[tuple[int, float]], stored: list[tuple[int, float]], counters: dict[str, int]
) -> None:
    """Duplicates and samples that are not newer are ignored and counted (keda.md 4.3)."""
    driver = Driver()
    for i, (time, value) in enumerate(points):
        driver.report("a", 40_000 + i, (M, time, float(value)))
    assert (driver.samples(NAMED_M), counted(driver)) == (stored, counters)


@pytest.mark.parametrize(
    ("points", "stored", "counters"),
    [
        ([(0, 1), (20, 2)], [(0, 1), (20, 2)], {}),
        ([(20, 2), (0, 1)], [(0, 1), (20, 2)], {}),
        ([(20, 2), (0, 1), (20, 2), (10, 1)], [(0, 1), (10, 1), (20, 2)], {"duplicate": 1}),
    ],
    ids=["C23 the same metric twice", "C24 newer first", "mixed"],
)
def test_one_message_with_one_series_several_times(
    points: list[tuple[int, float]], stored: list[tuple[int, float]], counters: dict[str, int]
) -> None:
    """A message is a bag of points, ordered by time (opencensus.md 4.7)."""
    driver = Driver()
    other = labels("other")
    driver.report("a", 1_000, (other, 5, 1.0), *[(M, time, float(v)) for time, v in points])
    assert (driver.samples(NAMED_M), driver.samples(equal("__name__", "other"))) == (
        stored,
        [(5, 1.0)],
    )
    assert counted(driver) == counters


def test_a_burst_of_messages_is_stored_in_order() -> None:
    """A30: six reports that arrive at once are six samples, and the clock is not corrected for them."""
    driver = Driver()
    driver.open("a")
    for time in range(0, 120_000, 20_000):
        driver.report("a", 101_000, (M, time, float(time)))
    assert (driver.samples(NAMED_M), counted(driver)) == (
        [(time, float(time)) for time in range(0, 120_000, 20_000)],
        {},
    )


def test_a_sample_that_repeats_too_often_costs_itself_alone() -> None:
    """Of thousands of samples of one series in one message the newest are stored, the rest is counted."""
    driver = Driver()
    driver.report("a", 5_000, *[(M, time, 1.0) for time in range(2_000)], (labels("o"), 1, 2.0))
    assert (len(driver.samples(NAMED_M)), driver.samples(equal("__name__", "o"))) == (
        256,
        [(1, 2.0)],
    )
    assert counted(driver) == {"late": 2_000 - 256}


class TestResets:
    """keda.md 6.3.3, opencensus.md 4.4 and 4.5."""

    def test_a_row_that_appears_in_an_old_stream_counts_from_zero(self) -> None:
        """T8, F10: after a report with the metric and without the row, the counter was 0 then, on the sender's clock."""
        driver = Driver()
        driver.report("a", 0, names=["m"])
        driver.report("a", 20_000, (M, 18_000, 5_000.0), start=-60_000)
        assert (driver.samples(NAMED_M), counted(driver)) == (
            [(-2_000, 0.0), (18_000, 5_000.0)],
            {"zeros": 1},
        )

    @pytest.mark.parametrize(
        ("start", "first", "counter"),
        [(-60_000, None, True), (-1_000, 0, True), (-60_000, 0, False), (-60_000, 20_000, True)],
        ids=["never reported before", "began later", "a gauge", "reported in this report only"],
    )
    def test_no_zero_is_made_up(self, start: int, first: int | None, counter: bool) -> None:
        """A first sample is alone unless the counter is known to have been 0."""
        driver = Driver()
        if first == 0:
            driver.report("a", 0, names=["m"])
        driver.report("a", 20_000, (M, 18_000, 5.0), start=start, counter=counter)
        assert (driver.samples(NAMED_M), counted(driver)) == ([(18_000, 5.0)], {})

    def test_a_row_that_comes_back_after_it_was_forgotten_is_not_new(self) -> None:
        """A row that a live sender left out for longer than the retention had a value: no 0 is put before it."""
        driver = Driver(retention_ms=30_000)
        driver.report("a", 0, (M, 0, 5_000.0))
        for at in (20_000, 40_000, 60_000):
            driver.report("a", at, names=["m"])
            driver.store.advance(T0 + at)
        driver.report("a", 80_000, (M, 80_000, 5_001.0))
        assert (driver.samples(NAMED_M), counted(driver)) == (
            [(80_000, 5_001.0)],
            {"forgotten_series": 1},
        )

    def test_a_row_whose_first_sample_was_refused_is_not_new(self) -> None:
        """A refused sample shows that the row had a value: no 0 is put before the next one."""
        driver = Driver()
        others = [(labels("o", k=str(i)), 20_000, 1.0) for i in range(3)]
        driver.report("a", 0, names=["m"])
        driver.report("a", 20_000, (M, 900_000, 5_000.0), *others)
        driver.report("a", 40_000, (M, 40_000, 5_001.0))
        assert driver.samples(NAMED_M) == [(40_000, 5_001.0)]

    def test_metrics_in_alternating_messages(self) -> None:
        """A report that is split over messages: the zero is at the last one that named the metric."""
        driver = Driver()
        driver.report("a", 0, names=["m"])
        driver.report("a", 1, names=["other"])
        driver.report("a", 20_000, (M, 20_000, 3.0))
        assert driver.samples(NAMED_M) == [(0, 0.0), (20_000, 3.0)]

    def test_a_new_start_is_a_zero_there(self) -> None:
        """A sender that declares another start for a live series is a reset, even if the value did not drop."""
        driver = Driver()
        driver.report("a", 0, (M, 0, 100.0), start=-60_000)
        driver.report("a", 20_000, (M, 20_000, 100.0), start=15_000)
        driver.report("a", 40_000, (M, 40_000, 103.0), start=15_000)
        got = driver.select(NAMED_M)
        assert (driver.samples(NAMED_M), got.start_ms.tolist()) == (
            [(0, 100.0), (15_000, 0.0), (20_000, 100.0), (40_000, 103.0)],
            [T0 - 60_000],
        )

    @pytest.mark.parametrize("start", [-59_000, 0, 20_001], ids=["wobbles", "at newest", "future"])
    def test_a_start_that_is_not_between_the_samples_is_no_reset(self, start: int) -> None:
        """Senders whose start time wobbles do not look like restarts."""
        driver = Driver()
        driver.report("a", 0, (M, 0, 100.0), start=-60_000)
        driver.report("a", 20_000, (M, 20_000, 101.0), start=start)
        assert driver.samples(NAMED_M) == [(0, 100.0), (20_000, 101.0)]

    def test_a_drop_by_rounding_is_held(self) -> None:
        """F9: a sum that falls by one ulp is no reset; the last value is held, and real drops are stored."""
        driver = Driver()
        values = [4524174.000000018, 4524174.000000017, 4524175.0, 3.0]
        for i, value in enumerate(values):
            driver.report("a", i * 20_000, (M, i * 20_000, value))
        assert ([v for _, v in driver.samples(NAMED_M)], counted(driver)) == (
            [values[0], values[0], values[2], values[3]],
            {"dips": 1},
        )

    def test_a_gauge_may_fall(self) -> None:
        """What is no counter is stored as it is."""
        driver = Driver()
        for i, value in enumerate([1.0, 1.0 - 1e-12, float("nan"), -5.0]):
            driver.report("a", i, (M, i, value), counter=False)
        assert np.array_equal(
            [value for _, value in driver.samples(NAMED_M)],
            [1.0, 1.0 - 1e-12, float("nan"), -5.0],
            equal_nan=True,
        )

    @pytest.mark.parametrize(
        ("count", "total", "start", "stored", "counters"),
        [
            (11.0, 50.0, -60_000, [100.0, 100.0], {"held_sums": 1}),
            (2.0, 50.0, -60_000, [100.0, 50.0], {}),
            (11.0, 120.0, -60_000, [100.0, 120.0], {}),
            (11.0, 50.0, 10_000, [100.0, 0.0, 50.0], {"zeros": 2}),
        ],
        ids=["sum alone", "both", "none", "new start"],
    )
    def test_a_sum_is_reset_only_with_its_count(
        self,
        count: float,
        total: float,
        start: int,
        stored: list[float],
        counters: dict[str, int],
    ) -> None:
        """A sum that drops while its count does not is held (opencensus.md 4.4)."""
        driver = Driver()
        store = driver.store
        for at, begun, values in (
            (0, -60_000, [10.0, 100.0]),
            (20_000, start, [count, total]),
        ):
            store.sender_reported("a", T0 + at)
            args = {"start_ms": T0 + begun, "is_counter": True, "at_ms": T0 + at}
            counts = store.series("a", labels("d_count"), **args)  # type: ignore[arg-type] # as named
            sums = store.series("a", labels("d_sum"), count_of=counts, **args)  # type: ignore[arg-type] # as named
            assert counts is not None
            assert sums is not None
            store.append("a", T0 + at, [sums, counts], [T0 + at] * 2, values[::-1])
        got = driver.samples(equal("__name__", "d_sum"))
        assert ([value for _, value in got], counted(driver)) == (stored, counters)

    def test_t6_a_restart_is_another_sender_that_starts_at_zero(self) -> None:
        """T6: two senders with equal labels, one after the other; the new one's start time tells where it began."""
        driver = Driver()
        driver.open("pid 1")
        driver.report("pid 1", 0, (M, 0, 100.0), start=-60_000)
        driver.store.sender_closed("pid 1", T0 + 5_000)
        driver.open("pid 2", 15_000)
        driver.report("pid 2", 20_000, (M, 20_000, 3.0), start=15_000)
        driver.report("pid 2", 40_000, (M, 40_000, 5.0), start=15_000)
        got = driver.select(NAMED_M)
        assert (
            list(got.labels),
            got.start_ms.tolist(),
            got.senders.names,
            [driver.samples(NAMED_M, row=row) for row in (0, 1)],
            driver.notices,
        ) == (
            [M, M],
            [T0 - 60_000, T0 + 15_000],
            ["pid 1", "pid 2"],
            [[(0, 100.0)], [(20_000, 3.0), (40_000, 5.0)]],
            [],
        )


class TestEnds:
    """keda.md 6.3.5, DESIGN 4.4."""

    def test_t5_a_closed_stream_ends_after_its_grace(self) -> None:
        """T5: live for one interval + 5 s after the close, then a stale marker, forgotten after the retention."""
        driver = Driver()
        driver.open("a")
        steady(driver, "a", 0, 100_000)
        driver.store.sender_closed("a", T0 + 105_000)
        driver.store.advance(T0 + 129_999)
        before = driver.select(NAMED_M).senders.live.tolist()
        driver.store.advance(T0 + 130_000)
        after = driver.select(NAMED_M)
        end = driver.samples(NAMED_M)[-2:]
        driver.store.advance(T0 + 430_000)
        kept = len(driver.select(NAMED_M).labels)
        driver.store.advance(T0 + 430_001)
        assert (before, after.senders.live.tolist(), end, kept) == (
            [True],
            [False],
            [(98_000, 100.0), (130_000, STALE)],
            1,
        )
        assert (len(driver.select(NAMED_M).labels), driver.store.knows("m"), counted(driver)) == (
            0,
            True,
            {"ended_senders": 1, "forgotten_series": 1},
        )

    def test_a_new_stream_of_the_sender_within_the_grace_keeps_it_live(self) -> None:
        """A19, A29: a reconnecting sender goes on with the same series."""
        driver = Driver()
        driver.open("a")
        steady(driver, "a", 0, 40_000)
        driver.open("a", 45_000)
        driver.store.sender_closed("a", T0 + 46_000)
        driver.store.advance(T0 + 80_000)
        steady(driver, "a", 80_000, 100_000)
        driver.store.sender_closed("a", T0 + 101_000)
        driver.open("a", 102_000)
        driver.store.advance(T0 + 130_000)
        assert (
            driver.select(NAMED_M).senders.live.tolist(),
            [value for _, value in driver.samples(NAMED_M)],
            counted(driver),
        ) == ([True], [0.0, 20.0, 40.0, 80.0, 100.0], {})

    def test_missed_reports_end_a_sender_whose_stream_is_open(self) -> None:
        """2.2 intervals of silence; the marker stands where they were over, not where it was noticed."""
        driver = Driver()
        driver.open("a")
        steady(driver, "a", 0, 100_000)
        driver.store.advance(T0 + 143_999)
        assert driver.select(NAMED_M).senders.live.tolist() == [True]
        driver.store.advance(T0 + 200_000)
        assert driver.samples(NAMED_M)[-1] == (144_000, STALE)

    @pytest.mark.parametrize(
        ("time", "expected"),
        [
            (143_000, [(98_000, 100.0), (98_001, STALE), (143_000, 1.0)]),
            (150_000, [(98_000, 100.0), (144_000, STALE), (150_000, 1.0)]),
            (98_000, [(98_000, 100.0), (144_000, STALE)]),
        ],
        ids=["before the marker", "behind it", "replay"],
    )
    def test_an_ended_sender_comes_back(
        self, time: int, expected: list[tuple[int, float | str]]
    ) -> None:
        """A report makes it live again; a marker that proves premature makes room for the samples."""
        driver = Driver()
        driver.open("a")
        steady(driver, "a", 0, 100_000)
        driver.store.advance(T0 + 144_000)
        driver.report("a", 151_000, (M, time, 1.0))
        assert (driver.select(NAMED_M).senders.live.tolist(), driver.samples(NAMED_M)[5:]) == (
            [True],
            expected,
        )

    def test_joined_series_are_marked_when_the_last_of_their_senders_ends(self) -> None:
        """Of two senders with equal labels, one after the other, only the second leaves a marker."""
        driver = Driver()
        for sender, first in (("pid 1", 0), ("pid 2", 60_000)):
            driver.open(sender, first)
            steady(driver, sender, first, first + 40_000)
        driver.store.advance(T0 + 90_000)
        steady(driver, "pid 2", 120_000, 140_000)
        driver.store.advance(T0 + 300_000)
        assert [driver.samples(NAMED_M, row=row)[-1][1] for row in (0, 1)] == [40.0, STALE]

    def test_joined_series_that_end_between_two_looks(self) -> None:
        """The later deadline leaves the marker, even if both senders are found ended at once."""
        driver = Driver()
        for sender, first in (("pid 1", 0), ("pid 2", 60_000)):
            driver.open(sender, first)
            steady(driver, sender, first, first + 40_000)
        driver.store.advance(T0 + 200_000)
        assert [driver.samples(NAMED_M, row=row)[-1][1] for row in (0, 1)] == [40.0, STALE]

    def test_constant_values_do_not_make_a_series_stale(self) -> None:
        """F11: ten equal reports are ten samples."""
        driver = Driver()
        for at in range(0, 200_000, 20_000):
            driver.report("a", at, (M, at, 7.0))
            driver.store.advance(T0 + at)
        assert driver.samples(NAMED_M) == [(at, 7.0) for at in range(0, 200_000, 20_000)]

    def test_retention_zero_keeps_by_count_only(self) -> None:
        """Nothing is forgotten by age; a ring goes on beyond the sizes of those that forget."""
        driver = Driver(retention_ms=0)
        for at in range(1_100):
            driver.report("a", at * 3_600_000, (M, at * 3_600_000, 1.0))
            driver.store.advance(T0 + at * 3_600_000)
        got = driver.select(NAMED_M, end=10**13)
        assert (got.counts.tolist(), counted(driver, "ended_senders")) == (
            [1_100],
            {},
        )


class TestLabels:
    """DESIGN 3.4."""

    def test_t10_two_live_senders_with_equal_labels_are_told_apart(self) -> None:
        """T10, B17: once the older reports after the newer's first report both get a label, counted and told once."""
        driver = Driver()
        key = labels("m", host_name="same")
        for at in (0, 20_000, 40_000):
            for i, sender in enumerate(("pid 1", "pid 2")):
                if at == 0:
                    driver.open(sender)
                driver.report(sender, at + i, (key, at + i, float(at)))
        got = driver.select(NAMED_M)
        assert (sorted(got.labels), driver.notices, counted(driver)) == (
            [labels("m", host_name="same", sender=name) for name in ("pid 1", "pid 2")],
            [
                (
                    "labels_shared_by_live_senders",
                    {"label_sets": 1, "labels": dict(key), "senders": ["pid 1", "pid 2"]},
                )
            ],
            {"shared_labels": 1},
        )
        assert driver.samples(equal("sender", "pid 2")) == [
            (1, 0.0),
            (20_001, 20_000.0),
            (40_001, 40_000.0),
        ]

    def test_series_told_apart_end_apart(self) -> None:
        """A series with the label `sender` is marked when its own sender ends."""
        driver = Driver()
        for sender in ("pid 1", "pid 2", "pid 1"):
            driver.report(sender, len(driver.store.known_names()), (M, 0, 1.0))
        driver.open("pid 2")
        for at in range(20_000, 200_000, 20_000):
            driver.report("pid 2", at, (M, at, 1.0))
        driver.store.advance(T0 + 190_000)
        assert [driver.samples(equal("sender", name))[-1][1] for name in ("pid 1", "pid 2")] == [
            STALE,
            1.0,
        ]

    def test_a_label_named_sender_is_replaced(self) -> None:
        """A user's own `sender` label gives way while two senders share it."""
        driver = Driver()
        key = labels("m", sender="mine")
        for at, sender in enumerate(("a", "b", "a")):
            driver.report(sender, at, (key, at, 1.0))
        assert sorted(dict(one)["sender"] for one in driver.select(NAMED_M).labels) == ["a", "b"]

    def test_what_is_remembered_of_questions_is_bounded(self) -> None:
        """Thousands of different questions between two new series leave only the latest behind."""
        driver = Driver()
        driver.report("a", 0, (M, 0, 1.0))
        for i in range(1_000):
            assert driver.samples(NAMED_M, unequal("k", str(i))) == [(0, 1.0)]
        assert len(driver.store._questions.described[1]) <= MAX_CACHED_QUESTIONS

    def test_new_series_are_found_by_questions_asked_before(self) -> None:
        """What a question matched is forgotten when series come, change their labels or go."""
        driver = Driver(retention_ms=50_000)
        questions = [
            (NAMED_M,),
            (NAMED_M, unequal("k", "")),
            (NAMED_M, equal("k", "")),
            (matches("k", "a|b"),),
        ]

        def rows() -> list[int]:
            return [len(driver.select(*one).labels) for one in questions]

        found = [rows()]
        for at, key in enumerate([{}, {"k": "a"}, {"k": "b"}, {"k": "c"}]):
            driver.report("a", at, (labels("m", **key), at, 1.0))
            found.append(rows())
        driver.store.advance(T0 + 50_002)
        found.append(rows())
        assert found == [
            [0, 0, 0, 0],
            [1, 0, 1, 0],
            [2, 1, 1, 1],
            [3, 2, 1, 2],
            [4, 3, 1, 2],
            [2, 2, 0, 1],
        ]


class TestLimits:
    """DESIGN 1.3 and 5: everything is bounded, refusals are counted and told."""

    def test_series_are_refused_at_the_limit(self) -> None:
        """The selection says until when a series of its metric is missing; other metrics do not."""
        driver = Driver(max_series=2)
        driver.open("a")
        driver.report("a", 0, (M, 0, 1.0), (labels("m", k="2"), 0, 1.0))
        found = driver.report("a", 5, (M, 5, 2.0), (labels("n"), 5, 1.0), (labels("o"), 5, 1.0))
        assert (
            [one is None for one in found],
            driver.select(NAMED_M).refused_at_ms,
            driver.select(equal("__name__", "n")).refused_at_ms,
            driver.select(matches("__name__", "n|m")).refused_at_ms,
            driver.select().refused_at_ms,
            counted(driver),
            driver.notices,
        ) == (
            [False, True, True],
            NO_TIME,
            T0 + 44_005,
            T0 + 44_005,
            T0 + 44_005,
            {"refused_series": 2},
            [
                (
                    "series_refused",
                    {"metric": "n", "limit": 2, "setting": "max_series", "sender": "a"},
                )
            ],
        )

    def test_a_refused_row_is_no_new_row_later(self) -> None:
        """A row that was refused had a value already: when there is room no 0 is put before it."""
        driver = Driver(max_series=1)
        driver.report("a", 0, (labels("o"), 0, 1.0), (M, 0, 50.0))
        driver.open("a")
        driver.store.sender_closed("a", T0)
        driver.store.advance(T0 + 400_000)
        driver.store.advance(T0 + 400_000)
        driver.report("a", 400_000, (M, 400_000, 60.0))
        assert driver.samples(NAMED_M) == [(400_000, 60.0)]

    def test_series_of_ended_senders_make_room(self) -> None:
        """At the limit ended series go first; their holders see that they are no longer alive."""
        driver = Driver(max_series=3)
        driver.open("old")
        gone = driver.report("old", 0, (M, 0, 1.0), (labels("m", k="2"), 0, 1.0))
        driver.report("a", 50_000, (labels("n"), 50_000, 1.0))
        driver.store.advance(T0 + 50_000)
        new = driver.report("a", 60_000, (labels("o"), 60_000, 1.0))
        assert (
            [one.alive for one in [*gone, *new] if one],
            len(driver.select().labels),
            counted(driver),
        ) == ([False, False, True], 2, {"ended_senders": 1, "evicted_series": 2})

    def test_series_per_metric(self) -> None:
        """A limit for each metric names its own setting."""
        driver = Driver(max_series_per_metric=1)
        driver.report("a", 0, (M, 0, 1.0), (labels("m", k="2"), 0, 1.0), (labels("n"), 0, 1.0))
        assert (len(driver.select().labels), driver.notices[0][1]) == (
            2,
            {"metric": "m", "limit": 1, "setting": "max_series_per_metric", "sender": "a"},
        )

    def test_senders(self) -> None:
        """A sender over the limit is refused until another is gone; nothing of it is stored."""
        driver = Driver(max_senders=1)
        driver.open("a")
        driver.open("b")
        driver.report("b", 1, (M, 1, 1.0))
        driver.store.sender_closed("b", T0 + 1)
        refused = (len(driver.select().labels), counted(driver), len(driver.notices))
        driver.store.sender_closed("a", T0 + 2)
        driver.store.advance(T0 + 3)
        driver.report("b", 4, (M, 4, 1.0))
        assert (refused, len(driver.select().labels)) == (
            (0, {"refused_senders": 2}, 1),
            1,
        )

    def test_what_a_refused_sender_knows_is_missing(self) -> None:
        """Metrics of a sender over the limit are incomplete for as long as it may be live."""
        driver = Driver(max_senders=1)
        driver.report("a", 0, (M, 0, 1.0), (labels("n"), 0, 1.0))
        driver.report("b", 1, (M, 1, 1.0))
        assert (
            driver.select(NAMED_M).refused_at_ms,
            driver.select(equal("__name__", "n")).refused_at_ms,
        ) == (T0 + 132_001, NO_TIME)

    def test_two_sources_of_one_sender_are_not_one_series(self) -> None:
        """What a sender calls by two names but becomes one by its labels: the first is kept, the metric incomplete."""
        driver = Driver()
        driver.store.sender_opened("a", T0, report_interval_ms=20_000)
        driver.store.sender_reported("a", T0)

        def series(source: int) -> bool:
            found = driver.store.series(
                "a", M, start_ms=0, is_counter=True, at_ms=T0, source=source
            )
            return found is not None

        assert [series(source) for source in (0, 1, 1, 2, 0, 1)] == [
            True,
            True,
            True,
            False,
            True,
            True,
        ]
        assert (counted(driver), driver.notices[0][1]["setting"]) == (
            {"refused_series": 1},
            ONE_SOURCE.setting,
        )

    def test_of_two_values_at_one_time_the_larger_counts(self) -> None:
        """Else two counters under one name, in any order, would look like one that is reset again and again."""
        driver = Driver()
        for at, values in ((0, (9.0, 4.0)), (20_000, (5.0, 10.0)), (40_000, (11.0, 6.0))):
            driver.report("a", at, *[(M, at, value) for value in values])
        assert (driver.samples(NAMED_M), counted(driver)) == (
            [(0, 9.0), (20_000, 10.0), (40_000, 11.0)],
            {"late": 3},
        )

    def test_labels_are_bounded(self) -> None:
        """A series with a megabyte of labels is refused like one over a limit; its neighbour is not."""
        driver = Driver()
        driver.report("a", 0, (labels("m", k="v" * 2**20), 0, 1.0), (labels("n"), 0, 1.0))
        driver.report("a", 0, (labels("n" * 2**20), 0, 1.0))
        assert (
            [dict(one) for one in driver.select().labels],
            driver.select(NAMED_M).refused_at_ms > T0,
            driver.store.known_names(),
            counted(driver),
        ) == (
            [{"__name__": "n"}],
            True,
            ["m", "n"],
            {"refused_series": 2, "refused_names": 1},
        )
        assert max(len(str(fields)) for _, fields in driver.notices) < 2_000

    def test_known_names(self) -> None:
        """Names over the limit stay unknown and are counted."""
        driver = Driver(max_known_names=2)
        driver.report("a", 0, names=["a", "b", "c"])
        driver.report("a", 60_000, names=["a", "c"])
        assert (driver.store.known_names(), counted(driver), len(driver.notices)) == (
            ["a", "b"],
            {"refused_names": 2},
            2,
        )

    def test_memory_comes_back_when_series_end(self) -> None:
        """G5: after each round of senders that come and go the store needs what it needed after the first."""
        driver = Driver(retention_ms=60_000)
        sizes = []
        tracemalloc.start()
        for round_ in range(4):
            at = round_ * 1_000_000
            for i in range(50):
                sender = f"{round_}/{i}"
                driver.open(sender, at)
                for report in range(3):
                    driver.report(
                        sender,
                        at + report * 20_000,
                        *[
                            (labels("m", k=str(k), pod=sender), at + report * 20_000, 1.0)
                            for k in range(10)
                        ],
                    )
                driver.store.sender_closed(sender, T0 + at + 50_000)
            driver.store.advance(T0 + at + 100_000)
            driver.store.advance(T0 + at + 200_000)
            gc.collect()
            sizes.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
        assert len(driver.select().labels) == 0
        assert sizes[3] < sizes[0] * 1.05 + 20_000


def test_a_series_without_a_stored_sample_does_not_stay() -> None:
    """A series whose only sample was refused is forgotten at the next look."""
    driver = Driver()
    driver.report("a", 0, (labels("o"), 0, 1.0), (labels("p"), 0, 1.0), (M, 700_000, 1.0))
    driver.store.advance(T0)
    assert (len(driver.select(NAMED_M).labels), counted(driver)) == (
        0,
        {"future": 1, "forgotten_series": 1},
    )


@pytest.mark.parametrize("time", [2**70, -(2**70), 2**63 - 1, -(2**63)], ids=str)
def test_times_beyond_reason_cost_themselves_alone(time: int) -> None:
    """A time that is none, and a start that is none, leave the rest of the message alone."""
    driver = Driver()
    others = [(labels("o", k=str(i)), 0, 1.0) for i in range(3)]
    driver.report("a", 0, (M, time, 1.0), *others, start=2**70)
    driver.report("a", 20_000, (M, 20_000, 2.0))
    got = driver.select(equal("__name__", "o"))
    assert (got.counts.tolist(), got.start_ms.tolist(), driver.samples(NAMED_M)[-1]) == (
        [1, 1, 1],
        [NO_TIME] * 3,
        (20_000, 2.0),
    )


def test_samples_of_a_forgotten_series_are_refused() -> None:
    """A holder that does not look at `alive` loses its own samples, and writes into nobody's."""
    driver = Driver(retention_ms=10_000)
    gone, stays = driver.report("a", 0, (M, 0, 1.0), (labels("o"), 20_000, 1.0))
    driver.store.advance(T0 + 20_000)
    assert gone is not None
    assert stays is not None
    stored = driver.store.append("a", T0 + 20_001, [gone, stays], [T0 + 20_001] * 2, [2.0, 3.0])
    assert (stored, driver.samples(), counted(driver)) == (
        1,
        [(20_000, 1.0), (20_001, 3.0)],
        {"forgotten_series": 1, "forgotten": 1},
    )


reports = st.lists(
    st.tuples(
        st.integers(0, 40_000),
        st.lists(st.tuples(st.integers(0, 3), st.integers(-3, 1), st.integers(0, 5)), max_size=8),
    ),
    max_size=60,
)


@settings(max_examples=100, deadline=None)
@given(reports=reports, window=st.tuples(st.integers(0, 200_000), st.integers(0, 400_000)))
def test_a_store_is_a_plain_list(
    reports: list[tuple[int, list[tuple[int, int, int]]]], window: tuple[int, int]
) -> None:
    """Random reports with late, repeated and duplicate samples: the store holds what a plain list per series holds."""
    driver = Driver(retention_ms=400_000)
    plain: dict[int, list[tuple[int, float]]] = {}
    now = 0
    for gap, points in reports:
        now += gap
        message = [(series, now + age * 1_000, float(value)) for series, age, value in points]
        driver.report(
            "a",
            now,
            *[(labels("m", k=str(s)), time, value) for s, time, value in message],
            counter=False,
        )
        for series, time, value in sorted(message, key=lambda point: point[:2]):
            held = plain.setdefault(series, [])
            if not held or time > held[-1][0]:
                held.append((time, value))
    start, end = now - window[1], now - window[1] + window[0]
    got = driver.select(NAMED_M, start=start, end=end)
    found = {
        int(dict(key)["k"]): [(time - T0, value) for time, value in samples(got, row)]
        for row, key in enumerate(got.labels)
    }
    assert found == {
        series: [sample for sample in held if start < sample[0] <= end]
        for series, held in plain.items()
    }


class TestTrustedClocks:
    def test_times_of_any_age_are_taken_as_they_are(self) -> None:
        """What remote write replays is not shifted, and the sender is known until its newest sample."""
        driver = Driver(retention_ms=0)
        driver.store.sender_reported("w", T0)
        row = driver.store.series("w", M, start_ms=0, is_counter=False, at_ms=T0)
        assert row is not None
        for at in (0, 60_000, 3_600_000):
            driver.store.sender_reported("w", T0 + at)
            driver.store.append("w", T0 + at, [row], [at], [1.0], correct_clock=False)
        got = driver.store.select([NAMED_M], start_ms=-1, end_ms=T0 * 2)
        assert (got.times_ms[0, :3].tolist(), driver.notices) == ([0, 60_000, 3_600_000], [])

    def test_an_end_is_no_knowledge(self) -> None:
        """A stale marker does not say that nothing happened until then: the sender is known until its newest value."""
        driver = Driver(retention_ms=0)
        driver.store.sender_reported("w", T0)
        row = driver.store.series("w", M, start_ms=0, is_counter=False, at_ms=T0)
        assert row is not None
        stale = struct.unpack("<d", struct.pack("<Q", STALE_BITS))[0]
        for at, values in ((0, [1.0]), (10_000, [stale])):
            driver.store.append("w", T0 + at, [row], [T0 + at], values, correct_clock=False)
        got = driver.store.select([NAMED_M], start_ms=-1, end_ms=T0 * 2)
        assert got.counts.tolist() == [2]
        assert got.senders.known_until_ms.tolist() == [T0]

    def test_a_marker_that_was_written_survives(self) -> None:
        """A stale marker in the middle of a gauge keeps its bits, and infinities fall without a complaint."""
        driver = Driver(retention_ms=0)
        stale = struct.unpack("<d", struct.pack("<Q", STALE_BITS))[0]
        for at, value in enumerate((math.inf, 1.0, stale, 2.0, math.nan)):
            driver.report("a", at, (M, at, value), counter=False)
        got = driver.samples(NAMED_M)
        assert [value for _, value in got[:4]] == [math.inf, 1.0, STALE, 2.0]
        assert math.isnan(float(got[4][1]))
