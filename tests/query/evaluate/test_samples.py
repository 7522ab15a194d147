from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from query.evaluate.samples import BLOCK_CELLS, Range, Series, from_steps
from query.evaluate.stepped import StepVector
from query.queryable import STALE_BITS

Column = list[tuple[int, float | None]]
"""(milliseconds, value), None for a stale marker."""


def build_series(columns: list[Column]) -> Series:
    depth = max(map(len, columns), default=0)
    times = np.full((depth, len(columns)), 7, dtype=np.int64)
    values = np.full((depth, len(columns)), -1e9)
    for i, column in enumerate(columns):
        values.view(np.uint64)[len(column) :, i] = STALE_BITS
        for j, (time, value) in enumerate(column):
            times[j, i] = time
            if value is None:
                values.view(np.uint64)[j, i] = STALE_BITS
            else:
                values[j, i] = value
    return Series(
        labels=[(("i", str(i)),) for i in range(len(columns))],
        times_ms=times,
        values=values,
        counts=np.array([len(column) for column in columns], dtype=np.int64),
    )


def shown(series: Series) -> list[Column]:
    return [
        list(zip(series.times_ms[:n, i].tolist(), series.values[:n, i].tolist(), strict=True))
        for i, n in enumerate(series.counts.tolist())
    ]


times = st.lists(st.integers(-50, 50) | st.sampled_from([-(2**60), 2**60]), unique=True, max_size=6)


@given(
    columns=st.lists(times.map(sorted), min_size=1, max_size=4),
    steps=st.lists(st.integers(-60, 60), min_size=1, max_size=6).map(sorted),
)
@settings(max_examples=200, deadline=None)
def test_counting_until(columns: list[list[int]], steps: list[int]) -> None:
    """Found by one search, the counts are those of looking at each sample."""
    series = build_series([[(time, 1.0) for time in column] for column in columns])
    expected = [[sum(t <= at for t in column) for column in columns] for at in steps]
    assert series.until(np.array(steps)).tolist() == expected


def test_stale_markers_go() -> None:
    """Range functions see what is left, in order; without markers nothing is copied."""
    series = build_series([[(1, None), (2, 5.0), (3, None), (4, 6.0)], [(1, 1.0)], []])
    left = series.without_stale()
    assert shown(left) == [[(2, 5.0), (4, 6.0)], [(1, 1.0)], []]
    plain = build_series([[(1, 1.0)], []])
    assert plain.without_stale() is plain


def test_steps_as_samples() -> None:
    """A subquery's values are samples at its steps, where they are present."""
    vector = StepVector(
        labels=[(("a", "1"),), (("a", "2"),)],
        values=np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]),
        present=np.array([[True, False, True], [True, True, True]]),
        drops_name=True,
    )
    series = from_steps(vector, np.array([10, 20, 30]))
    assert (shown(series), series.drops_name) == (
        [[(10, 1.0), (30, 3.0)], [(10, 4.0), (20, 5.0), (30, 6.0)]],
        True,
    )


def cut(samples: Range) -> dict[tuple[int, int], list[tuple[int, float]]]:
    """Return the samples of each step and series."""
    found: dict[tuple[int, int], list[tuple[int, float]]] = {}
    number = samples.series.number
    for place, windows in samples.windows():
        for i, window in enumerate(range(place.start, place.stop)):
            n = int(windows.counts[i])
            pairs = zip(
                windows.times_ms[:n, i].tolist(), windows.values[:n, i].tolist(), strict=True
            )
            found[divmod(window, number)] = list(pairs)
    return found


@pytest.mark.parametrize("number", [1, 3, BLOCK_CELLS // 3])
def test_windows_of_steps(number: int) -> None:
    """Each step sees each series' samples in (start, end], however many blocks that takes."""
    columns: list[Column] = [[(t, float(t)) for t in range(10, 70, 10)], [(30, 1.0)], []]
    series = build_series([columns[i % 3] for i in range(number)])
    ends = np.array([15, 30, 60])
    found = cut(Range(series=series, start_ms=ends - 20, end_ms=ends, at_ms=ends))
    expected = {
        (step, i): [(t, v) for t, v in columns[i % 3] if end - 20 < t <= end]
        for step, end in enumerate(ends.tolist())
        for i in range(number)
    }
    assert found == expected


def test_windows_reach_beyond_their_edges() -> None:
    """What `anchored` and `smoothed` look at lies before and after the range."""
    series = build_series([[(t, float(t)) for t in range(10, 70, 10)]])
    ends = np.array([30, 50])
    samples = Range(
        series=series, start_ms=ends - 10, end_ms=ends, at_ms=ends, before_ms=10, after_ms=10
    )
    seconds = {key: [t for t, _ in pairs] for key, pairs in cut(samples).items()}
    assert seconds == {(0, 0): [20, 30, 40], (1, 0): [40, 50, 60]}


def test_one_window_for_all_steps() -> None:
    """A pinned window is repeated where a parameter differs from step to step."""
    series = build_series([[(10, 1.0)]])
    pinned = Range(
        series=series, start_ms=np.array([0]), end_ms=np.array([20]), at_ms=np.array([5])
    )
    repeated = pinned.repeated(np.array([5, 6]))
    assert cut(pinned) == {(0, 0): [(10, 1.0)]}
    assert cut(repeated) == {(0, 0): [(10, 1.0)], (1, 0): [(10, 1.0)]}
    assert repeated.at_ms.tolist() == [5, 6]


def test_no_samples_at_all() -> None:
    """Series without samples have empty windows; several steps of nothing are no windows."""
    series = build_series([[], []])
    one, two = np.array([20]), np.array([20, 30])
    assert cut(Range(series=series, start_ms=one - 5, end_ms=one, at_ms=one)) == {
        (0, 0): [],
        (0, 1): [],
    }
    assert cut(Range(series=series, start_ms=two - 5, end_ms=two, at_ms=two)) == {}
