"""Functions between the value types, of absence, order and time (promql.md 2.7)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from query.evaluate.arguments import scalar_argument, vector_argument
from query.evaluate.context import Argument, Context, InstantFunction
from query.evaluate.stepped import StepScalar, StepVector
from query.labels import METRIC_NAME, Labels, MatchOp
from query.queryable import Float64Array
from query.syntax import Call, Expr, MatrixSelector, VectorSelector

NO_LABELS: tuple[Labels, ...] = ((),)
NO_ORDER = "sort is ineffective for range queries since results are always ordered by labels"


def single_element(values: Float64Array) -> StepVector:
    """Return a vector of one element without labels, present at all steps."""
    return StepVector(
        labels=NO_LABELS,
        values=values[np.newaxis, :],
        present=np.ones((1, len(values)), dtype=np.bool_),
    )


def absent_labels(argument: Expr) -> Labels:
    """Return the labels that what is absent would have: the equality matchers of a plain selector.

    A label with several matchers is left out, whatever the order in which Prometheus looks at them would leave.
    """
    if isinstance(argument, MatrixSelector):
        argument = argument.selector
    labels: dict[str, str] = {}
    equal: set[str] = set()
    for matcher in argument.matchers if isinstance(argument, VectorSelector) else ():
        if matcher.name == METRIC_NAME:
            continue
        is_first = matcher.op is MatchOp.EQUAL and matcher.name not in equal
        labels[matcher.name] = matcher.value if is_first else ""
        if is_first:
            equal.add(matcher.name)
    return tuple(sorted((name, value) for name, value in labels.items() if value))


def _scalar(_: Context, __: Call, arguments: Sequence[Argument]) -> StepScalar:
    """Return the only element's value, NaN if there are more or none."""
    vector = vector_argument(arguments, 0)
    if not len(vector.labels):
        return StepScalar(values=np.full(vector.values.shape[1], np.nan))
    first = vector.values[vector.present.argmax(axis=0), np.arange(vector.values.shape[1])]
    is_only = np.count_nonzero(vector.present, axis=0) == 1
    return StepScalar(values=np.where(is_only, first, np.nan))


def _vector(_: Context, __: Call, arguments: Sequence[Argument]) -> StepVector:
    return single_element(scalar_argument(arguments, 0).values)


def _time(context: Context, _: Call, __: Sequence[Argument]) -> StepScalar:
    return StepScalar(values=context.times_ms / 1000.0)


def _timestamp(context: Context, _: Call, arguments: Sequence[Argument]) -> StepVector:
    vector = vector_argument(arguments, 0)
    values = np.broadcast_to(context.times_ms / 1000.0, vector.values.shape)
    return context.without_name(replace(vector, values=values))


def _absent(_: Context, call: Call, arguments: Sequence[Argument]) -> StepVector:
    """Return one element 1 where the vector has none."""
    present = np.logical_or.reduce(vector_argument(arguments, 0).present, axis=0)
    return StepVector(
        labels=[absent_labels(call.args[0])],
        values=np.ones((1, len(present))),
        present=~present[np.newaxis, :],
    )


def _sort(context: Context, call: Call, arguments: Sequence[Argument]) -> StepVector:
    return _sorted(context, call, vector_argument(arguments, 0), 1.0)


def _sort_desc(context: Context, call: Call, arguments: Sequence[Argument]) -> StepVector:
    return _sorted(context, call, vector_argument(arguments, 0), -1.0)


def _sorted(context: Context, call: Call, vector: StepVector, sign: float) -> StepVector:
    """Return the elements of a single step by value, NaN last; several steps have no order."""
    if len(context.times_ms) != 1:
        context.annotations.warn(NO_ORDER, call.span)
        return vector
    rows = vector.present[:, 0].nonzero()[0]
    rows = rows[(sign * vector.values[rows, 0]).argsort(kind="stable")]
    return vector.rows(rows)


CONVERSIONS: dict[str, InstantFunction] = {
    "absent": _absent,
    "scalar": _scalar,
    "sort": _sort,
    "sort_desc": _sort_desc,
    "time": _time,
    "timestamp": _timestamp,
    "vector": _vector,
}
