"""What is odd about a delta; whole totals are tested through the exporter that sends them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from query.queryable import NO_TIME
from query.store.store import Series, Store, StoreSettings
from query.store.totals import Part, judge
from tests.query.store.support import STALE, samples
from tests.support.promtest.series import STALE_VALUE

T0 = 1_700_000_000_000


def part(values: list[float], starts_ms: list[int]) -> Part:
    rows = np.arange(len(values))
    return Part(rows, np.full(len(values), 100), np.array(values), np.array(starts_ms))


def test_judge() -> None:
    """NaN and infinities are refused and counted, markers are not; a start that is not before the time is none."""
    counters: Counter[str] = Counter()
    given = part([1.0, np.nan, np.inf, STALE_VALUE, 2.0], [50, 50, 50, 100, 120])
    assert given.starts_ms is not None
    left = judge(given, given.starts_ms, counters)
    assert left.starts_ms is not None
    assert (left.rows.tolist(), left.starts_ms.tolist()) == ([0, 3, 4], [50, NO_TIME, NO_TIME])
    assert counters == {"bad_deltas": 2}


class Totals:
    """A store with series of one sender."""

    def __init__(self) -> None:
        self.store = Store(StoreSettings(retention_ms=0), lambda _event, _fields: None)
        self.store.sender_reported("s", T0)

    def series(self, name: str = "x") -> Series:
        labels = (("__name__", name),)
        series = self.store.series("s", labels, start_ms=0, is_counter=True, at_ms=T0)
        assert series is not None
        return series

    def stored(self) -> dict[str, list[tuple[int, float | str]]]:
        found = self.store.select([], start_ms=0, end_ms=2 * T0)
        return {
            dict(labels)["__name__"]: [(t - T0, v) for t, v in samples(found, row)]
            for row, labels in enumerate(found.labels)
        }


def test_a_message_with_many_deltas_of_one_row() -> None:
    """They are added in order of their times, whatever order they came in."""
    totals = Totals()
    one = totals.series()
    times = [T0 + 30, T0 + 10, T0 + 20]
    starts = [T0 + 20, T0, T0 + 10]
    totals.store.append("s", T0, [one] * 3, times, [3.0, 1.0, 2.0], starts_ms=starts)
    assert totals.stored() == {"x": [(0, 0.0), (10, 1.0), (20, 3.0), (30, 6.0)]}


def test_a_shifted_clock_shifts_starts() -> None:
    """Starts are on the sender's clock, as times are."""
    totals = Totals()
    one = totals.series()
    times, starts = [T0 - 3_600_000], [T0 - 3_660_000]
    for report in range(6):
        at_ms = T0 + report * 60_000
        totals.store.sender_reported("s", at_ms)
        moved = report * 60_000
        totals.store.append(
            "s", at_ms, [one], [times[0] + moved], [1.0], starts_ms=[starts[0] + moved]
        )
    assert totals.store.counters["shifted_senders"] == 1
    last_ms, last = totals.stored()["x"][-1]
    assert (last_ms, last) == (300_000, 6.0)


@pytest.mark.parametrize("as_zero", [False, True])
def test_a_series_that_goes_on_from_another(as_zero: bool) -> None:
    """It has the other's samples, or zeros at their times; markers stay, and totals go on from there."""
    totals = Totals()
    one = totals.series()
    for time_ms, value in ((10, 5.0), (20, STALE_VALUE), (30, 7.0)):
        totals.store.append("s", T0, [one], [T0 + time_ms], [value])
    other = totals.series("y")
    totals.store.continue_from(other, one, as_zero=as_zero)
    totals.store.continue_from(other, one, as_zero=not as_zero)
    totals.store.append("s", T0, [other], [T0 + 40], [1.0], starts_ms=[T0 + 30])
    first, second = (0.0, 1.0) if as_zero else (7.0, 8.0)
    before = 0.0 if as_zero else 5.0
    assert totals.stored()["y"] == [(10, before), (20, STALE), (30, first), (40, second)]


def test_forget() -> None:
    """Series that are forgotten are gone with their samples; twice is once."""
    totals = Totals()
    one, two = totals.series(), totals.series("y")
    totals.store.append("s", T0, [one, two], [T0, T0], [1.0, 2.0])
    totals.store.forget([one])
    totals.store.forget([one])
    assert totals.stored() == {"y": [(0, 2.0)]}


def test_exponential_names() -> None:
    """A selection says whether it holds buckets of exponential histograms; a dump keeps their names."""
    totals = Totals()
    totals.store.append("s", T0, [totals.series("y")], [T0], [1.0])
    assert not totals.store.select([], start_ms=0, end_ms=T0).has_exponential
    totals.store.note_exponential("x")
    totals.store.append("s", T0, [totals.series()], [T0], [1.0])
    assert totals.store.select([], start_ms=0, end_ms=T0).has_exponential
    other = Store(StoreSettings(retention_ms=0), lambda _event, _fields: None)
    for _ in other.load(totals.store.dump(), T0):
        pass
    assert other.select([], start_ms=0, end_ms=2 * T0).has_exponential
