"""Statistics of each window's samples: the functions `..._over_time` (promql.md 2.6)."""

from __future__ import annotations

import numpy as np

from query.evaluate.rates import Results
from query.evaluate.samples import Windows
from query.queryable import Float64Array, Int64Array

EPSILON = float(np.finfo(np.float64).eps)
WORST_ERROR = 1e-12
"""Bound on a plain sum's relative error from which on it is redone with compensation."""
NO_OVERFLOW = 2.0**-64
"""Windows have less than 2**64 samples: times this they cannot overflow."""


def sum_of(windows: Windows) -> Results:
    """Return the sum."""
    return Results(exact_sum(windows.filled(0.0)), windows.counts >= 1)


def avg(windows: Windows) -> Results:
    """Return the mean, finite where the sum would overflow."""
    addends = windows.filled(0.0)
    sums = exact_sum(addends)
    means = sums / windows.counts
    overflown = np.flatnonzero(~np.isfinite(sums))
    if overflown.size:
        overflown = overflown[np.isfinite(addends[:, overflown]).all(axis=0)]
        parts = compensated_sum(addends[:, overflown] * NO_OVERFLOW)
        means[overflown] = parts / windows.counts[overflown] / NO_OVERFLOW
    return Results(means, windows.counts >= 1)


def smallest(windows: Windows) -> Results:
    """Return the smallest value; NaN loses against any number."""
    return Results(np.fmin.reduce(windows.filled(np.nan), axis=0), windows.counts >= 1)


def largest(windows: Windows) -> Results:
    """Return the largest value; NaN loses against any number."""
    return Results(np.fmax.reduce(windows.filled(np.nan), axis=0), windows.counts >= 1)


def count(windows: Windows) -> Results:
    """Return the number of samples."""
    return Results(windows.counts.astype(np.float64), windows.counts >= 1)


def present(windows: Windows) -> Results:
    """Return 1 where there are samples."""
    return Results(np.ones(len(windows.counts)), windows.counts >= 1)


def first(windows: Windows) -> Results:
    """Return the oldest value."""
    return Results(windows.values[0], windows.counts >= 1)


def last(windows: Windows) -> Results:
    """Return the newest value."""
    return Results(windows.nth_last(0)[1], windows.counts >= 1)


def stdvar(windows: Windows) -> Results:
    """Return the population variance; NaN and infinite values make it NaN, numbers too far apart infinite."""
    number = windows.counts.astype(np.float64)
    mean = avg(windows).values
    away = windows.values - mean
    if not windows.is_full:
        away[~windows.inside()] = 0.0
    # In exact arithmetic the second term is 0: it takes out what the mean lost to rounding.
    squares = exact_sum(away * away)
    finite = np.isfinite(squares)
    squares[finite] -= exact_sum(away[:, finite]) ** 2 / number[finite]
    return Results(np.maximum(squares / number, 0.0), windows.counts >= 1)


def stddev(windows: Windows) -> Results:
    """Return the population standard deviation."""
    variance, there = stdvar(windows)
    return Results(np.sqrt(variance), there)


def quantile(windows: Windows, share: Float64Array) -> Results:
    """Return the value below which `share` of the values lie, between two of them in proportion; NaN is smallest."""
    number = windows.counts
    # NaN go behind everything, so the other values come first and are followed by what is not defined.
    ordered = np.sort(windows.filled(np.inf), axis=0)
    unordered = np.count_nonzero(np.isnan(ordered), axis=0)
    rank = np.clip(share, 0.0, 1.0) * (number - 1)
    rank = np.where(np.isnan(rank), 0.0, rank)
    below = np.maximum(np.floor(rank), 0.0).astype(np.int64)
    above = np.minimum(below + 1, np.maximum(number - 1, 0))
    column = np.arange(len(number))

    def at(place: Int64Array) -> Float64Array:
        found = ordered[np.maximum(place - unordered, 0), column]
        return np.where(place < unordered, np.nan, found)

    weight = rank - below
    values = at(below) * (1.0 - weight) + at(above) * weight
    values = np.where(share < 0.0, -np.inf, np.where(share > 1.0, np.inf, values))
    return Results(np.where(np.isnan(share), np.nan, values), number >= 1)


def exact_sum(addends: Float64Array) -> Float64Array:
    """Return the sum of each column, compensated where a plain one would lose too much; NaN propagates."""
    sums: Float64Array = addends.sum(axis=0)
    greatest = np.abs(addends).max(axis=0, initial=0.0)
    lossy = len(addends) * EPSILON * greatest > WORST_ERROR * np.abs(sums)
    columns = np.flatnonzero(lossy & np.isfinite(greatest))
    if columns.size:
        sums[columns] = compensated_sum(addends[:, columns])
    return sums


def compensated_sum(addends: Float64Array) -> Float64Array:
    """Return the sum of each column with what rounding lost added back (Neumaier)."""
    total = np.zeros(addends.shape[1])
    lost = np.zeros(addends.shape[1])
    for addend in addends:
        grown = total + addend
        larger = np.abs(total) >= np.abs(addend)
        lost += np.where(larger, (total - grown) + addend, (addend - grown) + total)
        lost[np.isinf(grown)] = 0.0
        total = grown
    return np.where(np.isinf(total), total, total + lost)
