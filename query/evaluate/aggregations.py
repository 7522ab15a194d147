"""Aggregations: many series' values become one for each group (promql.md 2.8)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from query.labels import METRIC_NAME, Labels
from query.queryable import Float64Array

EPSILON = float(np.finfo(np.float64).eps)
CANCELLATION = 1e-7
"""Relative error of a plain sum from which on it is redone exactly (promql.md 9)."""


def aggregate(
    operation: str,
    labels: Sequence[Labels],
    values: Float64Array,
    *,
    grouping: Sequence[str] = (),
    without: bool = False,
) -> dict[Labels, float]:
    """Return `operation` (sum, avg, min, max or count) of each group's values, by the group's labels.

    Groups share the labels in `grouping`, or all others if `without`; an absent label counts as empty. No values give
    no groups. Groups come in the order of their first series.
    """
    fold = FOLDS[operation]
    if not len(values):
        return {}
    if not grouping and not without:
        return {(): fold(values)}
    rows: dict[Labels, list[int]] = {}
    for row, key in enumerate(group_keys(labels, grouping, without=without)):
        rows.setdefault(key, []).append(row)
    return {key: fold(values[members]) for key, members in rows.items()}


def sigma_of_aggregate(operation: str, values: Float64Array, variances: Float64Array) -> float:
    """Return the standard deviation of an aggregate of independent values; their number itself is certain."""
    if operation == "count" or not len(values):
        return 0.0
    if operation in {"min", "max"}:
        return math.sqrt(float(variances[values == FOLDS[operation](values)].max(initial=0.0)))
    sigma = math.sqrt(float(variances.sum()))
    return sigma / len(values) if operation == "avg" else sigma


def group_keys(labels: Sequence[Labels], grouping: Sequence[str], *, without: bool) -> list[Labels]:
    """Return for each label set the labels of its group; `without` drops the metric name too."""
    if without:
        dropped = {*grouping, METRIC_NAME}
        return [tuple(pair for pair in one if pair[0] not in dropped) for one in labels]
    kept = frozenset(grouping)
    return [tuple(pair for pair in one if pair[0] in kept) for one in labels]


def _sum(values: Float64Array) -> float:
    """Return the sum, exactly where a plain one would lose too much; NaN propagates, and Inf plus -Inf is NaN."""
    with np.errstate(over="ignore", invalid="ignore"):
        total = float(values.sum())
    largest = float(np.abs(values).max())
    if len(values) * EPSILON * largest <= CANCELLATION * abs(total) or not math.isfinite(largest):
        return total
    try:
        return math.fsum(values)
    except OverflowError:  # a partial sum is too large
        return total


def _avg(values: Float64Array) -> float:
    """Return the mean; a sum that would overflow is taken of parts."""
    total = _sum(values)
    if math.isinf(total) and not np.isinf(values).any():
        return _sum(values / len(values))
    return total / len(values)


def _min(values: Float64Array) -> float:
    """Return the smallest value; NaN loses against any number."""
    return float(np.fmin.reduce(values))


def _max(values: Float64Array) -> float:
    """Return the largest value; NaN loses against any number."""
    return float(np.fmax.reduce(values))


def _count(values: Float64Array) -> float:
    return float(len(values))


FOLDS: dict[str, Callable[[Float64Array], float]] = {
    "sum": _sum,
    "avg": _avg,
    "min": _min,
    "max": _max,
    "count": _count,
}
