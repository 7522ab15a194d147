"""Functions over time: what becomes of each series' samples in a range, one value a series (promql.md 2.4, 2.6)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from query.evaluate.aggregations import CANCELLATION, EPSILON
from query.queryable import BoolArray, Float64Array, Selection, is_stale
from query.values import OverTime


class Vector(NamedTuple):
    """One value for each of n series; where a series has none, `present` is False and the value means nothing."""

    values: Float64Array
    present: BoolArray


def last_one(selection: Selection, *, at_ms: int, lookback_ms: int) -> Vector:
    """Return each series' newest sample in (at - lookback, at] unless that is a stale marker (promql.md 2.4)."""
    width = selection.times_ms.shape[1]
    if width == 0:
        return _nothing(selection)
    until = (np.arange(width)[:, np.newaxis] < selection.counts).T
    until &= selection.times_ms <= at_ms
    newest = np.maximum(np.count_nonzero(until, axis=1) - 1, 0)
    rows = np.arange(len(newest))
    values = selection.values[rows, newest]
    present = until[:, 0]
    present &= selection.times_ms[rows, newest] > at_ms - lookback_ms
    present &= ~is_stale(values)
    return Vector(values, present)


def over_time(operation: OverTime, selection: Selection, *, at_ms: int, window_ms: int) -> Vector:
    """Return `operation` (count, avg, min, max or sum) over each series' samples in (at - window, at]."""
    if selection.times_ms.shape[1] == 0:
        return _nothing(selection)
    inside = (np.arange(selection.times_ms.shape[1])[:, np.newaxis] < selection.counts).T
    inside &= selection.times_ms <= at_ms
    inside &= selection.times_ms > at_ms - window_ms
    inside &= ~is_stale(selection.values)
    with np.errstate(invalid="ignore", over="ignore"):
        values = _KERNELS[operation](selection.values, inside)
    present: BoolArray = np.logical_or.reduce(inside, axis=1)
    return Vector(values, present)


def _nothing(selection: Selection) -> Vector:
    n = len(selection.counts)
    return Vector(np.zeros(n), np.zeros(n, dtype=np.bool_))


def _count(values: Float64Array, inside: BoolArray) -> Float64Array:
    counts: Float64Array = np.count_nonzero(inside, axis=1).astype(np.float64)
    return counts


def _sum(values: Float64Array, inside: BoolArray) -> Float64Array:
    """Sum each row, exactly where a plain sum would have lost too much."""
    chosen = np.where(inside, values, 0.0)
    sums: Float64Array = chosen.sum(axis=1)
    largest = np.abs(chosen).max(axis=1)
    lossy = chosen.shape[1] * EPSILON * largest > CANCELLATION * np.abs(sums)
    for row in np.flatnonzero(lossy & np.isfinite(largest)).tolist():
        sums[row] = _exact_sum(chosen[row])
    return sums


def _exact_sum(numbers: Float64Array) -> float:
    try:
        return math.fsum(numbers)
    except OverflowError:
        return float(numbers.sum())


def _avg(values: Float64Array, inside: BoolArray) -> Float64Array:
    """Return each row's mean; a sum that would overflow is taken of parts."""
    counts = np.maximum(_count(values, inside), 1.0)
    sums = _sum(values, inside)
    overflown = np.isinf(sums)
    if overflown.any():
        overflown &= ~(np.isinf(values) & inside).any(axis=1)
        parts = _sum(values / counts[:, np.newaxis], inside)
        return np.where(overflown, parts, sums / counts)
    return sums / counts


def _min(values: Float64Array, inside: BoolArray) -> Float64Array:
    smallest: Float64Array = np.fmin.reduce(np.where(inside, values, np.nan), axis=1)
    return smallest


def _max(values: Float64Array, inside: BoolArray) -> Float64Array:
    largest: Float64Array = np.fmax.reduce(np.where(inside, values, np.nan), axis=1)
    return largest


_KERNELS: dict[OverTime, Callable[[Float64Array, BoolArray], Float64Array]] = {
    OverTime.COUNT: _count,
    OverTime.AVG: _avg,
    OverTime.MIN: _min,
    OverTime.MAX: _max,
    OverTime.SUM: _sum,
}
