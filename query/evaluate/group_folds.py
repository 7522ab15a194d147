"""Aggregations that make one value of each group: sum, avg, min, max, count, group, stddev, stdvar (promql.md 2.8)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from query.evaluate.grouping import Groups
from query.evaluate.sums import average_groups, sum_groups
from query.queryable import BoolArray, Float64Array


def fold_groups(
    operation: str, groups: Groups, values: Float64Array, present: BoolArray
) -> tuple[Float64Array, BoolArray]:
    """Return values and presence, [g, s], of `operation` over [n, s] values; nothing in gives nothing out."""
    mask = groups.gather_mask(present)
    gathered = groups.gather(values)
    counts = _counts(groups, mask, gathered.shape[1])
    with np.errstate(invalid="ignore", over="ignore", divide="ignore"):
        folded = FOLDS[operation](groups, gathered, mask, counts)
    return folded, counts > 0


Fold = Callable[[Groups, Float64Array, BoolArray | None, Float64Array], Float64Array]
"""Gathered values and which of them are present (None: all), and the groups' counts, to [g, s]."""


def _counts(groups: Groups, mask: BoolArray | None, steps: int) -> Float64Array:
    if mask is None:
        sizes: Float64Array = groups.sizes.astype(np.float64)
        return np.repeat(sizes[:, np.newaxis], steps, axis=1)
    return groups.reduce(np.add, mask.astype(np.float64))


def _present_or(gathered: Float64Array, mask: BoolArray | None, otherwise: float) -> Float64Array:
    return gathered if mask is None else np.where(mask, gathered, otherwise)


def _sum(
    groups: Groups, gathered: Float64Array, mask: BoolArray | None, _: Float64Array
) -> Float64Array:
    return sum_groups(groups, _present_or(gathered, mask, 0.0))


def _avg(
    groups: Groups, gathered: Float64Array, mask: BoolArray | None, counts: Float64Array
) -> Float64Array:
    return average_groups(groups, _present_or(gathered, mask, 0.0), counts)


def _min(
    groups: Groups, gathered: Float64Array, mask: BoolArray | None, _: Float64Array
) -> Float64Array:
    """Return the smallest values; NaN loses against any number."""
    return groups.reduce(np.fmin, _present_or(gathered, mask, np.nan))


def _max(
    groups: Groups, gathered: Float64Array, mask: BoolArray | None, _: Float64Array
) -> Float64Array:
    """Return the largest values; NaN loses against any number."""
    return groups.reduce(np.fmax, _present_or(gathered, mask, np.nan))


def _count(
    _groups: Groups, _gathered: Float64Array, _mask: BoolArray | None, counts: Float64Array
) -> Float64Array:
    return counts


def _group(
    _groups: Groups, _gathered: Float64Array, _mask: BoolArray | None, counts: Float64Array
) -> Float64Array:
    return np.ones_like(counts)


def _stdvar(
    groups: Groups, gathered: Float64Array, mask: BoolArray | None, counts: Float64Array
) -> Float64Array:
    """Return the population variance; NaN or Inf anywhere gives NaN.

    Values are taken relative to one of their group, so that equal ones have no variance at all.
    """
    one = _min(groups, gathered, mask, counts)
    deviations = _less(groups, gathered, one, mask)
    means = average_groups(groups, deviations, counts)
    deviations = _less(groups, deviations, means, mask)
    squares: Float64Array = sum_groups(groups, deviations * deviations)
    return squares / counts


def _less(
    groups: Groups, gathered: Float64Array, of_group: Float64Array, mask: BoolArray | None
) -> Float64Array:
    """Return gathered values less one of each group, 0 where absent."""
    return _present_or(gathered - np.repeat(of_group, groups.sizes, axis=0), mask, 0.0)


def _stddev(
    groups: Groups, gathered: Float64Array, mask: BoolArray | None, counts: Float64Array
) -> Float64Array:
    deviation: Float64Array = np.sqrt(_stdvar(groups, gathered, mask, counts))
    return deviation


FOLDS: dict[str, Fold] = {
    "sum": _sum,
    "avg": _avg,
    "min": _min,
    "max": _max,
    "count": _count,
    "group": _group,
    "stddev": _stddev,
    "stdvar": _stdvar,
}
