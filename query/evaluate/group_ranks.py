"""Aggregations that rank the values of each group: topk, bottomk and quantile (promql.md 2.8)."""

from __future__ import annotations

import numpy as np

from query.evaluate.annotations import Annotations
from query.evaluate.context import Budget
from query.evaluate.grouping import Groups, IndexArray
from query.evaluate.stepped import StepVector
from query.evaluate.value_counts import format_general
from query.queryable import BoolArray, Float64Array
from query.text import Span


def rank_extremes(
    budget: Budget, groups: Groups, vector: StepVector, wanted: IndexArray, *, largest: bool
) -> tuple[BoolArray, IndexArray | None]:
    """Return which of the [n, s] values are the `wanted[step]` largest or smallest of their group, NaN last.

    With one step also their rows, group by group, the most extreme first; of equal values the first rows count.
    """
    values, present = vector.values, vector.present
    chosen = np.zeros(present.shape, dtype=np.bool_)
    in_order: IndexArray | None = None
    for step, count in enumerate(wanted.tolist()):
        budget.check()
        rows = present[:, step].nonzero()[0]
        if count < 1 or not len(rows):
            in_order = rows[:0]
            continue
        keys = values[rows, step]
        if largest:
            np.negative(keys, out=keys)
        in_order = rows[_first_of_groups(groups, rows, keys, count)]
        chosen[in_order, step] = True
    return chosen, in_order if len(wanted) == 1 else None


def _first_of_groups(
    groups: Groups, rows: IndexArray, keys: Float64Array, count: int
) -> IndexArray:
    """Return the indexes of the `count` smallest keys of each group, in order."""
    if len(groups.labels) == 1:
        return _smallest(keys, count)
    of_row = groups.of_row[rows]
    order = _by_group(of_row, keys.argsort(kind="stable"), len(groups.labels))
    sorted_groups = of_row[order]
    starts = np.searchsorted(sorted_groups, np.arange(len(groups.labels)))
    first: IndexArray = order[np.arange(len(order)) - starts[sorted_groups] < count]
    return first


def _smallest(keys: Float64Array, count: int) -> IndexArray:
    """Return the indexes of the `count` smallest keys, in order."""
    candidates = np.arange(len(keys))
    if count < len(keys):
        last = np.partition(keys, count - 1)[count - 1]
        if not np.isnan(last):
            candidates = (keys <= last).nonzero()[0]
    smallest: IndexArray = candidates[keys[candidates].argsort(kind="stable")[:count]]
    return smallest


def quantile_groups(
    budget: Budget, groups: Groups, vector: StepVector, quantiles: Float64Array
) -> tuple[Float64Array, BoolArray]:
    """Return values and presence, [g, s], of a quantile of each group at each step; NaN sorts first."""
    values, present = vector.values, vector.present
    steps, number = len(quantiles), len(groups.labels)
    result = np.full((number, steps), np.nan)
    found = np.zeros((number, steps), dtype=np.bool_)
    for step, quantile in enumerate(quantiles.tolist()):
        budget.check()
        rows = present[:, step].nonzero()[0]
        of_row = groups.of_row[rows]
        counts = np.bincount(of_row, minlength=number)
        found[:, step] = counts > 0
        column = _sorted_by_group(of_row, values[rows, step], number)
        result[:, step] = _quantile(column, counts, quantile)
    return result, found


def _sorted_by_group(of_row: IndexArray, keys: Float64Array, number: int) -> Float64Array:
    """Return the values sorted by group, then NaN first, then by value."""
    shift = np.count_nonzero(np.isnan(keys))
    if number == 1:
        return np.roll(np.sort(keys), shift)
    return keys[_by_group(of_row, np.roll(keys.argsort(), shift), number)]


def _by_group(of_row: IndexArray, order: IndexArray, number: int) -> IndexArray:
    """Return `order` sorted by group too; small numbers are sorted by their digits, which is fast."""
    groups = of_row.astype(np.uint16) if number < 2**16 else of_row
    return order[groups[order].argsort(kind="stable")]


def _quantile(column: Float64Array, counts: IndexArray, quantile: float) -> Float64Array | float:
    """Return the quantile of each run of `counts` sorted values, interpolated."""
    if np.isnan(quantile) or not len(column):
        return np.nan
    if not 0 <= quantile <= 1:
        return -np.inf if quantile < 0 else np.inf
    last = np.maximum(counts - 1, 0)
    place = quantile * last
    below = np.floor(place)
    weight = place - below
    first = np.cumsum(counts) - counts
    lower = np.minimum(first + below.astype(np.intp), len(column) - 1)
    upper = np.minimum(first + np.minimum(below.astype(np.intp) + 1, last), len(column) - 1)
    with np.errstate(invalid="ignore", over="ignore"):
        interpolated: Float64Array = column[lower] * (1 - weight) + column[upper] * weight
    return interpolated


def warn_of_extreme_quantiles(
    annotations: Annotations, quantiles: Float64Array, span: Span
) -> None:
    """Warn of quantiles that are none: NaN, and the largest and smallest outside of [0, 1]."""
    extremes = np.array([quantiles.max(), np.fmax.reduce(quantiles), np.fmin.reduce(quantiles)])
    warn_of_quantiles(annotations, extremes, span)


def warn_of_quantiles(annotations: Annotations, quantiles: Float64Array, span: Span) -> None:
    """Warn of each quantile that is none: NaN, or outside of [0, 1]."""
    wrong = ~((quantiles >= 0.0) & (quantiles <= 1.0))
    for quantile in np.unique(quantiles[wrong]).tolist():
        text = format_general(quantile)
        annotations.warn(f"quantile value should be between 0 and 1, got {text}", span)
