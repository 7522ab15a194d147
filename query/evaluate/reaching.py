"""`anchored` and `smoothed`: changes over windows whose edges lie between samples (promql.md 4.1).

The windows here hold more than the range: the samples of one lookback before it, and for `smoothed` after it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from query.evaluate.rates import Results
from query.evaluate.samples import Windows
from query.queryable import BoolArray, Float64Array, Int64Array


class _Edges(NamedTuple):
    """The values at both edges of each window and the samples between them."""

    left: Float64Array
    right: Float64Array
    between: Float64Array
    """float64[w, k]: left value, values inside, right value, each as long as there is no next one."""
    present: BoolArray


def anchored(windows: Windows, *, is_counter: bool) -> Results:
    """Return the change from the last sample before the range, or the first in it, to the last sample."""
    number, first = windows.counts, _anchor(windows)
    edges = _edges(windows, first, number - 1, is_counter=is_counter, smoothed=False)
    return _change(edges, is_counter=is_counter)


def smoothed(windows: Windows, *, is_counter: bool) -> Results:
    """Return the change between the values interpolated at both edges."""
    before_end = np.count_nonzero(windows.inside() & (windows.times_ms < windows.end_ms), axis=0)
    last = np.minimum(before_end, windows.counts - 1)
    edges = _edges(windows, _anchor(windows), last, is_counter=is_counter, smoothed=True)
    return _change(edges, is_counter=is_counter)


def interpolated(windows: Windows) -> Results:
    """Return the value at the end of each window, on the line between the samples around it, or the one before it."""
    column, at_ms = np.arange(len(windows.counts)), windows.end_ms
    before = np.count_nonzero(windows.inside() & (windows.times_ms < at_ms), axis=0)
    following = np.minimum(before, len(windows.values) - 1)
    has_next = before < windows.counts
    exact = has_next & (windows.times_ms[following, column] == at_ms)
    last = np.maximum(before - 1, 0)
    between = _between(windows, last, following, at_ms, is_counter=False)
    values = np.where(has_next, between, windows.values[last, column])
    values = np.where(exact, windows.values[following, column], values)
    return Results(values, exact | (before > 0))


def anchored_events(windows: Windows, events: BoolArray) -> Results:
    """Return how many `events`, bool[w - 1, k] between samples, there are from the anchor on."""
    first = _anchor(windows)
    counted = events & windows.pairs_inside()
    counted &= np.arange(len(events))[:, np.newaxis] >= first
    counts = np.count_nonzero(counted, axis=0)
    return Results(counts.astype(np.float64), _reaches_in(windows, windows.counts - 1))


def _anchor(windows: Windows) -> Int64Array:
    """Return the number of the last sample at or before the start, 0 if there is none."""
    until_start = windows.inside() & (windows.times_ms <= windows.start_ms)
    found: Int64Array = np.maximum(np.count_nonzero(until_start, axis=0) - 1, 0)
    return found


def _reaches_in(windows: Windows, last: Int64Array) -> BoolArray:
    """Return where sample number `last` exists and lies behind the start."""
    last_ms = windows.times_ms[np.maximum(last, 0), np.arange(len(last))]
    return (windows.counts > 0) & (last_ms > windows.start_ms)


def _edges(
    windows: Windows, first: Int64Array, last: Int64Array, *, is_counter: bool, smoothed: bool
) -> _Edges:
    last = np.maximum(last, 0)
    column = np.arange(len(first))
    first_ms, last_ms = windows.times_ms[first, column], windows.times_ms[last, column]
    left, right = windows.values[first, column], windows.values[last, column]
    present = _reaches_in(windows, last)
    if smoothed:
        present &= first_ms <= windows.end_ms
        most = len(windows.values) - 1
        at_start = _between(
            windows, first, np.minimum(first + 1, most), windows.start_ms, is_counter=is_counter
        )
        at_end = _between(
            windows, np.maximum(last - 1, 0), last, windows.end_ms, is_counter=is_counter
        )
        left = np.where(first_ms < windows.start_ms, at_start, left)
        right = np.where((last > 0) & (last_ms > windows.end_ms), at_end, right)
    lowest = first + (first_ms <= windows.start_ms)
    highest = last - (last_ms >= windows.end_ms)
    row = np.arange(len(windows.values))[:, np.newaxis]
    inner = np.where(row > highest, right, windows.values)
    between = np.where(row < np.minimum(lowest, highest + 1), left, inner)
    return _Edges(left, right, between, present)


def _between(
    windows: Windows,
    before: Int64Array,
    after: Int64Array,
    at_ms: Int64Array,
    *,
    is_counter: bool,
) -> Float64Array:
    """Return the value at `at_ms` on the line between two samples; a counter that began anew rose from 0."""
    column = np.arange(len(before))
    t0, t1 = windows.times_ms[before, column], windows.times_ms[after, column]
    v0, v1 = windows.values[before, column], windows.values[after, column]
    if is_counter:
        v0 = np.where(v1 < v0, 0.0, v0)
    found: Float64Array = v0 + (v1 - v0) * (at_ms - t0) / (t1 - t0)
    return found


def _change(edges: _Edges, *, is_counter: bool) -> Results:
    change = edges.right - edges.left
    if is_counter:
        chain = np.vstack([edges.left, edges.between, edges.right])
        drops = chain[1:] < chain[:-1]
        change = change + np.where(drops, chain[:-1], 0.0).sum(axis=0)
    return Results(change, edges.present)
