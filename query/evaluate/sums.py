"""Sums of groups that lose nothing to rounding or to an overflow on the way (promql.md 2.8, 9)."""

from __future__ import annotations

import numpy as np

from query.evaluate.grouping import Groups, IndexArray
from query.queryable import Float64Array

EPSILON = float(np.finfo(np.float64).eps)
WORST_ERROR = 1e-12
"""Bound on a plain sum's relative rounding error, for one addend, from which on it is redone with compensation."""
OVERFLOW_SCALE = 2.0**-64
"""Addends times this cannot overflow: there are less than 2**64."""


def sum_groups(groups: Groups, gathered: Float64Array) -> Float64Array:
    """Return [g, s]: the sum of each group; NaN propagates, Inf plus -Inf is NaN, and -0 alone is 0.

    `gathered` is [n, s], zero where a series is absent.
    """
    sums, overflown = _sums(groups, gathered)
    if overflown is not None:
        sums[overflown] = _compensated(groups, gathered * OVERFLOW_SCALE, overflown)
        sums[overflown] /= OVERFLOW_SCALE
    return sums


def average_groups(groups: Groups, gathered: Float64Array, counts: Float64Array) -> Float64Array:
    """Return [g, s]: the mean of each group, finite where its sum would overflow."""
    sums, overflown = _sums(groups, gathered)
    means: Float64Array = sums / counts
    if overflown is not None:
        parts = _compensated(groups, gathered * OVERFLOW_SCALE, overflown)
        means[overflown] = parts / counts[overflown] / OVERFLOW_SCALE
    return means


def sum_rows(rows: Float64Array) -> Float64Array:
    """Return the compensated sum of each row of [m, 2**k] values."""
    errors = np.zeros(len(rows))
    while (half := rows.shape[1] // 2) > 0:
        left, right = rows[:, :half], rows[:, half:]
        sums = left + right
        virtual = sums - left
        errors += ((left - (sums - virtual)) + (right - virtual)).sum(axis=1)
        rows = sums
    total: Float64Array = rows[:, 0] + errors
    return total


Cells = tuple[IndexArray, ...]
"""Two arrays: which groups, at which steps."""


def _sums(groups: Groups, gathered: Float64Array) -> tuple[Float64Array, Cells | None]:
    """Return the sums, and where finite addends overflow."""
    sums = groups.reduce(np.add, gathered) + 0.0
    largest = groups.reduce(np.maximum, np.abs(gathered))
    finite = np.isfinite(largest)
    lost = groups.sizes[:, np.newaxis] * EPSILON * largest > WORST_ERROR * np.abs(sums)
    lossy = (lost & finite).nonzero()
    if len(lossy[0]):
        sums[lossy] = _compensated(groups, gathered, lossy)
    finite &= ~np.isfinite(sums)
    return sums, finite.nonzero() if finite.any() else None


def _compensated(groups: Groups, gathered: Float64Array, cells: Cells) -> Float64Array:
    """Return the sums of `cells`, groups of about equal size at once."""
    members, steps = cells
    sizes = groups.sizes[members]
    widths = np.ceil(np.log2(sizes)).astype(np.intp)
    sums = np.empty(len(members))
    for width in np.unique(widths).tolist():
        chosen = (widths == width).nonzero()[0]
        offsets = np.arange(2**width)
        inside = offsets < sizes[chosen, np.newaxis]
        rows = groups.starts[members[chosen], np.newaxis] + np.where(inside, offsets, 0)
        addends = gathered[rows, steps[chosen, np.newaxis]]
        addends[~inside] = 0.0
        sums[chosen] = sum_rows(addends)
    return sums
