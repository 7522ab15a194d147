"""How fast values change: rate, increase, delta and their relatives over windows (promql.md 2.5, 2.6)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from query.evaluate.samples import Windows
from query.queryable import BoolArray, Float64Array

NEARLY_ONE_INTERVAL = 1.1
"""Average distances between samples up to which a window's edge is taken to be missing one sample only."""


class Results(NamedTuple):
    """One value for each of k windows; where a window has none, `present` is False and the value means nothing."""

    values: Float64Array
    """float64[k]"""
    present: BoolArray
    """bool[k]"""


def rate(windows: Windows) -> Results:
    """Return the increase per second of each window's nominal length."""
    return per_second(windows, increase(windows))


def per_second(windows: Windows, results: Results) -> Results:
    """Return `results` divided by each window's nominal length in seconds."""
    seconds = (windows.end_ms - windows.start_ms) / 1000.0
    return Results(results.values / seconds, results.present)


def increase(windows: Windows) -> Results:
    """Return by how much a counter grew, extrapolated to the whole window but never below zero."""
    growth = windows.nth_last(0)[1] - windows.values[0]
    lost = _lost_at_resets(windows)
    if lost is not None:
        growth = growth + lost
    return _extrapolated(windows, growth, is_counter=True)


def delta(windows: Windows) -> Results:
    """Return by how much a gauge changed, extrapolated to the whole window."""
    change = windows.nth_last(0)[1] - windows.values[0]
    return _extrapolated(windows, change, is_counter=False)


def irate(windows: Windows) -> Results:
    """Return the growth per second between the last two samples; after a reset the last value is the growth."""
    (before_ms, before), (last_ms, last) = windows.nth_last(1), windows.nth_last(0)
    growth = np.where(last < before, last, last - before)
    gap_ms = last_ms - before_ms
    present = (windows.counts >= 2) & (gap_ms != 0)
    return Results(growth / (gap_ms / 1000.0), present)


def idelta(windows: Windows) -> Results:
    """Return the difference between the last two samples."""
    (before_ms, before), (last_ms, last) = windows.nth_last(1), windows.nth_last(0)
    return Results(last - before, (windows.counts >= 2) & (last_ms != before_ms))


def resets(windows: Windows) -> Results:
    """Return how often a value is smaller than the one before it."""
    return _counted(windows, drops_in(windows))


def changes(windows: Windows) -> Results:
    """Return how often a value differs from the one before it; NaN after NaN does not."""
    return _counted(windows, changes_in(windows))


def drops_in(windows: Windows) -> BoolArray:
    """Return bool[w - 1, k]: which values are smaller than the one before, undefined where they are."""
    smaller: BoolArray = windows.values[1:] < windows.values[:-1]
    return smaller


def changes_in(windows: Windows) -> BoolArray:
    """Return bool[w - 1, k]: which values differ from the one before, undefined where they are."""
    before, after = windows.values[:-1], windows.values[1:]
    different: BoolArray = (before != after) & ~(np.isnan(before) & np.isnan(after))
    return different


def _counted(windows: Windows, events: BoolArray) -> Results:
    if not windows.is_full:
        events = events & windows.pairs_inside()
    counts = np.count_nonzero(events, axis=0)
    return Results(counts.astype(np.float64), windows.counts >= 1)


def _lost_at_resets(windows: Windows) -> Float64Array | None:
    """Return what counters had reached when they began anew, or None if none did."""
    drops = drops_in(windows)
    if not drops.any():
        return None
    if not windows.is_full:
        drops &= windows.pairs_inside()
    lost: Float64Array = np.where(drops, windows.values[:-1], 0.0).sum(axis=0)
    return lost


def _extrapolated(windows: Windows, change: Float64Array, *, is_counter: bool) -> Results:
    """Return `change` as it would be had the window's first and last samples lain at its edges (promql.md 2.5)."""
    first_ms, last_ms = windows.times_ms[0], windows.nth_last(0)[0]
    span = (last_ms - first_ms) / 1000.0
    average = span / (windows.counts - 1)
    near = average * NEARLY_ONE_INTERVAL
    before = (first_ms - windows.start_ms) / 1000.0
    before = np.where(before >= near, average / 2.0, before)
    if is_counter:
        first = windows.values[0]
        to_zero = span * (first / change)
        below_zero = (change > 0.0) & (first >= 0.0) & (to_zero < before)
        before = np.where(below_zero, to_zero, before)
    after = (windows.end_ms - last_ms) / 1000.0
    after = np.where(after >= near, average / 2.0, after)
    factor = (span + before + after) / span
    return Results(change * factor, windows.counts >= 2)
