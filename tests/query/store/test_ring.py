"""Rings of samples: what is read is what was written, whatever the ring sizes."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from query.queryable import STALE_BITS, is_stale
from query.store import ring
from query.store.ring import RING_SIZES, STALE, Rings

FOREVER = int(np.iinfo(np.int64).min)
EVERYTHING = (FOREVER, int(np.iinfo(np.int64).max))


def filled(counts: list[int], keep_after_ms: int = FOREVER) -> Rings:
    """Rings whose row i holds the times 10, 20 ... and values 1, 2 ... of `counts[i]` samples."""
    rings = Rings()
    rings.reserve(len(counts))
    for row, count in enumerate(counts):
        rings.open(row)
        for i in range(1, count + 1):
            rings.push(np.array([row]), np.array([10 * i]), np.array([float(i)]), keep_after_ms)
    return rings


def row_of(rings: Rings, row: int, start: int, end: int) -> list[tuple[int, float]]:
    times, values, counts = rings.read(np.array([row]), start, end)
    return list(zip(times[0, : counts[0]].tolist(), values[0, : counts[0]].tolist(), strict=True))


@pytest.mark.parametrize("count", [0, 1, 15, 16, 17, 64, 65, 256, 257, 1024])
def test_a_ring_moves_up_while_its_oldest_sample_is_wanted(count: int) -> None:
    """Every wanted sample up to the largest size is there, in order."""
    rings = filled([count])
    assert row_of(rings, 0, *EVERYTHING) == [(10 * i, float(i)) for i in range(1, count + 1)]


def test_the_largest_ring_overwrites_and_says_so() -> None:
    """At 1024 slots each further wanted sample costs the oldest one, and `push` returns 1."""
    rings = filled([RING_SIZES[-1]])
    lost = rings.push(np.array([0]), np.array([20_000]), np.array([7.0]), FOREVER)
    assert (lost, row_of(rings, 0, *EVERYTHING)[0], row_of(rings, 0, *EVERYTHING)[-1]) == (
        1,
        (20, 2.0),
        (20_000, 7.0),
    )


def test_long_rings_are_bounded_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where samples are kept by count rings go on to 4096 slots and more, until their common room is used up."""
    monkeypatch.setattr(ring, "LONG_RINGS_SAMPLES", 4096)
    rings = Rings(long_rings=True)
    rings.reserve(2)
    lost = []
    for row in (0, 1):
        rings.open(row)
        lost.append(
            sum(
                rings.push(np.array([row]), np.array([i]), np.array([1.0]), FOREVER)
                for i in range(1_500)
            )
        )
    assert (lost, rings.held(np.array([0, 1])).tolist()) == ([0, 476], [1_500, 1_024])


def test_a_ring_whose_oldest_sample_is_unwanted_stays_small() -> None:
    """A sample older than what is kept is overwritten in place, without loss."""
    rings = filled([100], keep_after_ms=10_000)
    assert [time for time, _ in row_of(rings, 0, *EVERYTHING)] == [10 * i for i in range(85, 101)]


def test_rows_of_different_sizes_are_read_in_one_array() -> None:
    """Row i is ascending in its first `counts[i]` columns, whatever ring it lies in."""
    rings = filled([3, 300, 20])
    times, values, counts = rings.read(np.array([2, 0, 1]), 150, 2_000)
    assert (counts.tolist(), times.shape, times[0, :5].tolist(), values[2, :3].tolist()) == (
        [5, 0, 185],
        (3, 185),
        [160, 170, 180, 190, 200],
        [16.0, 17.0, 18.0],
    )


def test_what_is_read_is_a_copy() -> None:
    """Changing a selection does not change the ring."""
    rings = filled([3])
    read = rings.read(np.array([0]), *EVERYTHING)
    read.times_ms[:] = 0
    read.values[:] = 0
    assert row_of(rings, 0, *EVERYTHING) == [(10, 1.0), (20, 2.0), (30, 3.0)]


def test_closed_rings_are_used_again() -> None:
    """Rings that come and go do not make the arrays grow."""
    rings = filled([40] * 50)
    rows = np.arange(50)
    before = rings.capacity
    for _ in range(3):
        rings.close(rows)
        for row in rows.tolist():
            rings.open(row)
        for i in range(40):
            rings.push(rows, np.full(50, i), np.full(50, 1.0), FOREVER)
    assert rings.capacity == before


def test_a_stale_marker_keeps_its_bits_and_other_nans_are_no_markers() -> None:
    """A marker survives writing, moving up and reading; an ordinary NaN is not one."""
    rings = filled([15])
    for time, value in ((160, STALE), (170, np.array([np.nan])), (180, np.array([1.0]))):
        rings.push(np.array([0]), np.array([time]), value, FOREVER)
    _, values, counts = rings.read(np.array([0]), 150, 180)
    assert (values[0].view(np.uint64)[0], is_stale(values[0, : counts[0]]).tolist()) == (
        STALE_BITS,
        [True, False, False],
    )


@settings(max_examples=100, deadline=None)
@given(
    steps=st.lists(st.tuples(st.integers(0, 2), st.integers(1, 50)), max_size=300),
    keep=st.integers(10, 5_000),
    window=st.tuples(st.integers(-10, 9_000), st.integers(0, 9_000)),
)
def test_a_ring_is_a_plain_list(
    steps: list[tuple[int, int]], keep: int, window: tuple[int, int]
) -> None:
    """Rings ≡ plain lists: the same samples in any (start, end], as far as they are kept."""
    rings = filled([0, 0, 0])
    plain: list[list[tuple[int, float]]] = [[], [], []]
    now = 0
    for row, gap in steps:
        now += gap
        rings.push(np.array([row]), np.array([now]), np.array([float(gap)]), now - keep)
        plain[row].append((now, float(gap)))
    start = max(window[0], now - keep)
    for row, wanted in enumerate(plain):
        end = start + window[1]
        assert row_of(rings, row, start, end) == [s for s in wanted if start < s[0] <= end]


@given(
    counts=st.lists(st.integers(0, 80), min_size=1, max_size=5),
    start=st.integers(-50, 900),
    length=st.integers(0, 900),
)
@settings(max_examples=150, deadline=None)
def test_the_newest_sample_alone(counts: list[int], start: int, length: int) -> None:
    """It is the last of those that `read` returns, however far back it lies."""
    rings, rows = filled(counts), np.arange(len(counts))
    times, values, held = rings.read_newest(rows, start, start + length)
    found = [(times[i, 0], values[i, 0]) if n else None for i, n in enumerate(held.tolist())]
    read = [row_of(rings, row, start, start + length) for row in rows.tolist()]
    assert found == [samples[-1] if samples else None for samples in read]


def test_the_newest_sample_of_nothing() -> None:
    """A range long before all samples holds none."""
    samples = filled([40, 0]).read_newest(np.array([0, 1]), -20, -10)
    assert samples.counts.tolist() == [0, 0]


def test_one_sample_is_appended_as_many_are() -> None:
    """`push_one` does what `push` does with one row, and leaves a ring that must move up to it."""
    one, many = filled([0]), filled([0])
    for step in range(40):
        time_ms, value, keep_after_ms = step * 1_000, float(step), (step - 20) * 1_000
        if not one.push_one(0, time_ms, value, keep_after_ms):
            assert step == 16
            one.push(np.array([0]), np.array([time_ms]), np.array([value]), keep_after_ms)
        many.push(np.array([0]), np.array([time_ms]), np.array([value]), keep_after_ms)
    rows = np.array([0])
    assert [part.tolist() for part in one.read(rows, -1, 40_000)] == [
        part.tolist() for part in many.read(rows, -1, 40_000)
    ]
