"""Dump and load: a restarted store answers as the old one did."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest

from query.queryable import Selection
from query.store.dump import Dump, DumpError
from tests.query.store.support import STALE, T0, Driver, equal, labels, samples

M = labels("m")
NAMED_M = equal("__name__", "m")


def filled() -> Driver:
    """Two live senders that share labels, one that has ended, a distribution, a clock that is off."""
    driver = Driver()
    for sender in ("a", "b", "old"):
        driver.open(sender)
    driver.report("old", 0, (labels("m", k="old"), 0, 9.0))
    driver.report("skewed", 1, (labels("m", k="skewed"), 100_001, 1.0), names=["empty"])
    for at in range(0, 400_000, 20_000):
        for sender in ("a", "b"):
            driver.report(sender, at + 2, (M, at, float(at)), names=["later"], start=-5_000)
        driver.store.advance(T0 + at)
    return driver


def seen(selection: Selection) -> Sequence[object]:
    """What a selection says, ordered by labels and sender."""
    names = selection.senders.names
    return sorted(
        (
            key,
            names[selection.sender_index[row]],
            samples(selection, row),
            int(selection.start_ms[row]),
            int(selection.senders.known_until_ms[selection.sender_index[row]]),
            int(selection.senders.report_interval_ms[selection.sender_index[row]]),
        )
        for row, key in enumerate(selection.labels)
    )


def reloaded(dump: Iterable[Dump], at: int, **settings: int) -> Driver:
    driver = Driver(**settings)
    for _ in driver.store.load(dump, T0 + at):
        pass
    return driver


def test_a_loaded_store_answers_as_the_dumped_one() -> None:
    """Labels, samples, start times, senders and known names are those of the dump; senders are live."""
    old = filled()
    new = reloaded(old.store.dump(), 390_000, retention_ms=10**9)
    after = new.select(NAMED_M)
    assert (seen(after), new.store.known_names(), set(after.senders.live.tolist())) == (
        seen(old.select(NAMED_M)),
        sorted(old.store.known_names()),
        {True},
    )


def test_a_dump_is_a_copy() -> None:
    """What is written after a dump is not in it."""
    driver = filled()
    dump = list(driver.store.dump())
    before = seen(reloaded(dump, 390_000).select())
    driver.report("a", 400_000, (M, 400_000, 0.0), (labels("new"), 400_000, 1.0))
    assert seen(reloaded(dump, 390_000).select()) == before


def test_what_is_older_than_the_retention_is_left_out() -> None:
    """Old samples and series without a young one are not loaded; their metric's rows are not new later."""
    new = reloaded(filled().store.dump(), 390_000, retention_ms=60_000)
    got = new.select(NAMED_M)
    new.report("old", 400_000, (labels("m", k="old"), 400_000, 9.0))
    assert (
        [samples(got, row)[0][0] - T0 for row in range(len(got.labels))],
        new.samples(equal("k", "old")),
    ) == ([340_000, 340_000], [(400_000, 9.0)])


def test_t7_senders_count_as_having_reported_at_load() -> None:
    """T7: live for 2.2 intervals after the load, known as far as the dump knew, then they go on where they were."""
    dump = filled().store.dump()
    new = reloaded(dump, 450_000)
    new.store.advance(T0 + 493_999)
    live = new.select(equal("sender", "a")).senders
    new.open("a", 455_000)
    new.report("a", 460_002, (M, 460_000, 460_000.0), start=-5_000)
    new.store.advance(T0 + 494_000)
    assert (
        live.live.tolist(),
        (live.known_until_ms - T0).tolist(),
        live.report_interval_ms.tolist(),
        new.samples(equal("sender", "a"))[-2:],
        new.samples(equal("sender", "b"))[-1],
    ) == (
        [True],
        [380_000],
        [20_000],
        [(380_000, 380_000.0), (460_000, 460_000.0)],
        (494_000, STALE),
    )


def test_a_row_that_appeared_while_tallyd_was_away_counts_from_zero() -> None:
    """The names of the last report before the dump are remembered (keda.md 6.3.3 a)."""
    new = reloaded(filled().store.dump(), 400_000)
    new.report("a", 420_002, (labels("later"), 420_000, 7.0))
    assert new.samples(equal("__name__", "later")) == [(380_000, 0.0), (420_000, 7.0)]


def test_a_corrected_clock_stays_corrected() -> None:
    """The first report after a load is on the corrected clock."""
    new = reloaded(filled().store.dump(), 60_000)
    new.report("skewed", 61_000, (labels("m", k="skewed"), 161_000, 2.0))
    assert new.samples(equal("k", "skewed")) == [(1, 1.0), (2, STALE), (61_000, 2.0)]


def test_limits_hold_for_what_is_loaded() -> None:
    """More series or senders than the settings allow are left out."""
    dump = list(filled().store.dump())
    assert [
        len(reloaded(dump, 390_000, **{limit: 1}).select().labels)
        for limit in ("max_series", "max_senders")
    ] == [1, 1]


def test_more_than_one_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    """However it is cut, what is loaded is the same, what series know of each other included."""
    old = filled()
    monkeypatch.setattr("query.store.dump.SERIES_AT_ONCE", 1)
    monkeypatch.setattr("query.store.dump.SENDERS_AT_ONCE", 1)
    dump = list(old.store.dump())
    assert len(dump) > 8
    assert seen(reloaded(dump, 390_000, retention_ms=10**9).select()) == seen(old.select())


def test_what_is_written_between_two_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sender is known no further than at the first slice, new senders wait for the next dump, nothing is mixed up."""
    old = filled()
    monkeypatch.setattr("query.store.dump.SERIES_AT_ONCE", 1)
    slices = old.store.dump()
    dump = [next(slices), next(slices), next(slices)]
    old.open("new")
    old.report("new", 400_000, (labels("m", k="new"), 400_000, 1.0))
    old.report("a", 400_002, (M, 400_000, 400_000.0))
    new = reloaded([*dump, *slices], 410_000, retention_ms=10**9)
    senders = new.select(NAMED_M).senders
    known = dict(zip(senders.names, (senders.known_until_ms - T0).tolist(), strict=True))
    assert known == {"a": 380_000, "b": 380_000, "skewed": 1}


@pytest.mark.parametrize(
    ("part", "change"),
    [
        ("version", {"version": 1}),
        ("version", {"version": None}),
        ("known_names", {"known_names": 3}),
        ("senders", {"senders": [{}]}),
        ("senders", {"senders": 3}),
        ("series", {"series": {}}),
        ("senders", {"senders": [{"name": "a", "default_interval_ms": float("inf")}]}),
        ("series", {"counts": [10**6]}),
        ("series", {"counts": [10**30]}),
        ("series", {"times_ms": np.zeros(0, np.int64)}),
    ],
    ids=str,
)
def test_what_is_no_dump_is_an_error(part: str, change: dict[str, Any]) -> None:
    """Another version or missing parts are a DumpError, nothing else, and leave an empty store that works."""
    dump = [{**one, **change} if part in one else one for one in filled().store.dump()]
    driver = Driver()
    with pytest.raises(DumpError):
        for _ in driver.store.load(dump, T0 + 390_000):
            pass
    assert (driver.store.series_count, driver.store.known_names()) == (0, [])
    driver.report("a", 400_002, (M, 400_000, 1.0))
    assert driver.samples(NAMED_M) == [(400_000, 1.0)]
