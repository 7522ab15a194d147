"""Aggregations: many series' values become one for each group (promql.md 2.8)."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from query.errors import QueryError
from query.evaluate.context import Context
from query.evaluate.delayed_names import group_drops
from query.evaluate.group_folds import fold_groups
from query.evaluate.group_ranks import quantile_groups, rank_extremes, warn_of_extreme_quantiles
from query.evaluate.grouping import Groups, IndexArray, find_groups, group_keys
from query.evaluate.stepped import StepScalar, StepVector
from query.evaluate.value_counts import count_values, format_general
from query.labels import Labels
from query.queryable import Float64Array
from query.syntax import Aggregation, Grouping

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


def aggregate_steps(
    context: Context, aggregation: Aggregation, vector: StepVector, param: StepScalar | str | None
) -> StepVector:
    """Return the aggregation of a vector at each step; `param` is its evaluated parameter.

    Of one step, topk and bottomk give the elements in the order of their rank.

    Raises:
        QueryError: The parameter does not fit.
    """
    clause = aggregation.grouping or Grouping(labels=())
    if isinstance(param, str):
        return count_values(context, vector, param, clause)
    groups = find_groups(context.labels, vector.labels, clause.labels, without=clause.without)
    if aggregation.op in {"topk", "bottomk"} and param is not None:
        return _extremes(context, aggregation.op, groups, vector, param)
    if aggregation.op == "quantile" and param is not None:
        span = (aggregation.param or aggregation).span
        warn_of_extreme_quantiles(context.annotations, param.values, span)
        values, present = quantile_groups(context.budget, groups, vector, param.values)
    else:
        values, present = fold_groups(aggregation.op, groups, vector.values, vector.present)
    return StepVector(
        labels=groups.labels,
        values=values,
        present=present,
        drops_name=group_drops(vector, groups),
    )


def _extremes(
    context: Context, op: str, groups: Groups, vector: StepVector, param: StepScalar
) -> StepVector:
    """Return the elements that topk or bottomk keeps, with their labels."""
    wanted = _element_counts(param.values, len(vector.labels))
    chosen, rows = rank_extremes(context.budget, groups, vector, wanted, largest=op == "topk")
    if rows is None:
        rows = np.flatnonzero(np.logical_or.reduce(chosen, axis=1))
    return replace(vector.rows(rows), present=chosen[rows])


def _element_counts(param: Float64Array, most: int) -> IndexArray:
    """Return how many elements topk or bottomk keeps at each step, truncated toward zero.

    Raises:
        QueryError: The parameter is NaN, or no 64-bit integer; in Prometheus' words.
    """
    if np.isnan(param).any():
        raise QueryError("Parameter value is NaN")
    lowest, highest = float(param.min(initial=0)), float(param.max(initial=0))
    if highest >= 1 and lowest <= -(2.0**63):
        raise QueryError(f"Scalar value {format_general(lowest)} underflows int64")
    if highest >= 2.0**63:
        raise QueryError(f"Scalar value {format_general(highest)} overflows int64")
    return np.clip(param, 0, most).astype(np.intp)


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
