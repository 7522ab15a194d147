"""Evaluates an expression at all steps of a query at once: selectors, subqueries, and who is called for what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from query.evaluate.aggregations import aggregate_steps
from query.evaluate.binary_operators import apply_binary
from query.evaluate.context import Argument, Context
from query.evaluate.conversions import absent_labels
from query.evaluate.distinct import distinct
from query.evaluate.instant_functions import INSTANT_FUNCTIONS
from query.evaluate.joining import join_rows, number_labels
from query.evaluate.plan import Times
from query.evaluate.range_calls import (
    absent_over_time,
    call_range_function,
    map_windows,
    spread,
)
from query.evaluate.reaching import interpolated
from query.evaluate.samples import Range, Series, from_steps
from query.evaluate.stepped import StepScalar, StepVector
from query.queryable import Int64Array, Selection, is_stale
from query.syntax import (
    Aggregation,
    Binary,
    Call,
    Expr,
    MatrixSelector,
    NumberLiteral,
    Reach,
    StringLiteral,
    Subquery,
    Unary,
    UnaryOp,
    VectorSelector,
)


class Sampled(NamedTuple):
    """What an instant selector finds, and when that was sampled."""

    vector: StepVector
    times_ms: Int64Array
    """int64[n, s]"""


class Evaluator:
    """One query over samples that are read already; pure computation, in whatever thread."""

    def __init__(self, selections: Mapping[int, Selection], times: Times) -> None:
        self._selections = selections
        self._times = times

    def evaluate(self, expr: Expr, context: Context) -> Argument:
        """Return the value of an expression that is no range vector, at each step of `context`.

        Raises:
            QueryError: The query cannot be answered with these samples, or its budget is used up.
        """
        context.budget.check()
        match expr:
            case NumberLiteral():
                return StepScalar(values=np.full(len(context.times_ms), expr.value))
            case StringLiteral():
                return expr.value
            case VectorSelector(reach=Reach.SMOOTHED):
                return self._smoothed(expr, context)
            case VectorSelector():
                return self._sampled(expr, context).vector
            case Call():
                return self._call(expr, context)
            case Aggregation():
                return self._aggregation(expr, context)
            case Unary():
                return self._unary(expr, context)
            case Binary():
                return self._binary(expr, context)
            case MatrixSelector() | Subquery():
                raise TypeError("a range vector stands in a call or alone")

    def range_vector(self, expr: MatrixSelector | Subquery, context: Context) -> Range:
        """Return the windows of each step; a single one where `@` makes them all equal."""
        if isinstance(expr, MatrixSelector):
            selector = expr.selector
            ends_ms = self._times.shifted(context.times_ms, selector.at, selector.offset_ms)
            series = self._series(selector, context)
            reach = self._times.reach(selector.reach)
        else:
            reach = (0, 0)
            ends_ms = self._times.shifted(context.times_ms, expr.at, expr.offset_ms)
            series = self._substeps(expr, ends_ms, context)
        return Range(
            series=series.without_stale(),
            start_ms=ends_ms - expr.range_ms,
            end_ms=ends_ms,
            at_ms=context.times_ms if len(ends_ms) > 1 else context.times_ms[:1],
            before_ms=reach[0],
            after_ms=reach[1],
        )

    # -- selectors ---------------------------------------------------------------------------------

    def _series(self, selector: VectorSelector, context: Context) -> Series:
        """Return what was read for a selector, senders with equal labels joined."""
        selection, work = self._selections[id(selector)], context.labels
        labels = selection.labels
        if work.all_different(labels):
            return Series(
                labels=labels,
                times_ms=np.ascontiguousarray(selection.times_ms.T),
                values=np.ascontiguousarray(selection.values.T),
                counts=selection.counts,
            )
        group = work.remember(labels, "numbers", lambda: number_labels(labels))
        different = work.remember(labels, "different", lambda: tuple(dict.fromkeys(labels)))
        times_ms, values, counts = join_rows(selection, group)
        return Series(labels=different, times_ms=times_ms, values=values, counts=counts)

    def _sampled(self, selector: VectorSelector, context: Context) -> Sampled:
        """Return the newest sample of each series at each step, unless it is stale or too old (promql.md 2.4)."""
        at_ms = self._times.shifted(context.times_ms, selector.at, selector.offset_ms)
        lookback_ms = self._times.lookback_ms
        series = self._series(selector, context)
        steps, number = len(context.times_ms), series.number
        context.budget.take_samples(steps * number)
        until = series.until(at_ms)
        if not series.values.size:
            nothing = np.zeros((number, steps))
            vector = StepVector(
                labels=series.labels, values=nothing, present=np.zeros(nothing.shape, np.bool_)
            )
            return Sampled(vector, nothing.astype(np.int64))
        newest = np.maximum(until - 1, 0) * number + np.arange(number)
        times_ms, values = series.times_ms.take(newest), series.values.take(newest)
        present = until > 0
        present &= times_ms > (at_ms - lookback_ms)[:, np.newaxis]
        present &= ~is_stale(values)
        shape = (number, steps)
        vector = StepVector(
            labels=series.labels,
            values=np.broadcast_to(values.T, shape),
            present=np.broadcast_to(present.T, shape),
        )
        return Sampled(vector, np.broadcast_to(times_ms.T, shape))

    def _smoothed(self, selector: VectorSelector, context: Context) -> StepVector:
        """Return the values of each series interpolated at each step."""
        at_ms = self._times.shifted(context.times_ms, selector.at, selector.offset_ms)
        samples = Range(
            series=self._series(selector, context).without_stale(),
            start_ms=at_ms,
            end_ms=at_ms,
            at_ms=at_ms,
            before_ms=self._times.lookback_ms,
            after_ms=self._times.lookback_ms,
        )
        context.budget.take_samples(len(context.times_ms) * samples.series.number)
        return spread(context, map_windows(context, samples, interpolated))

    def _substeps(self, subquery: Subquery, ends_ms: Int64Array, context: Context) -> Series:
        """Return the values of a subquery's expression as samples."""
        steps = self._times.substeps(subquery, int(ends_ms[0]), int(ends_ms[-1]))
        if not steps:
            nothing = np.zeros((0, 0))
            return Series(
                labels=(),
                times_ms=nothing.astype(np.int64),
                values=nothing,
                counts=np.zeros(0, np.int64),
            )
        times_ms = np.arange(steps.start, steps.stop, steps.step, dtype=np.int64)
        inner = replace(context, times_ms=times_ms)
        return from_steps(_vector(self.evaluate(subquery.expr, inner)), times_ms)

    # -- operations --------------------------------------------------------------------------------

    def _call(self, call: Call, context: Context) -> StepVector | StepScalar:
        if ranged := [arg for arg in call.args if isinstance(arg, MatrixSelector | Subquery)]:
            return self._range_call(call, ranged[0], context)
        if call.name == "timestamp" and isinstance(call.args[0], VectorSelector):
            vector, times_ms = self._sampled(call.args[0], context)
            stamped = context.without_name(replace(vector, values=times_ms / 1000.0))
            return distinct(stamped, context.labels, merge=True)
        arguments = [self.evaluate(arg, context) for arg in call.args]
        value = INSTANT_FUNCTIONS[call.name](context, call, arguments)
        if isinstance(value, StepVector):
            return distinct(value, context.labels, merge=True)
        return value

    def _range_call(
        self, call: Call, ranged: MatrixSelector | Subquery, context: Context
    ) -> StepVector:
        samples = self.range_vector(ranged, context)
        context.budget.take_samples(len(context.times_ms) * samples.series.number)
        if call.name == "absent_over_time":
            return absent_over_time(context, call, samples, absent_labels(ranged))
        parameters = [
            _scalar(self.evaluate(arg, context)) for arg in call.args if arg is not ranged
        ]
        if parameters and len(samples.end_ms) < len(context.times_ms):
            samples = samples.repeated(context.times_ms)
        return call_range_function(context, call, samples, parameters)

    def _aggregation(self, node: Aggregation, context: Context) -> StepVector:
        vector = _vector(self.evaluate(node.expr, context))
        parameter = None if node.param is None else self.evaluate(node.param, context)
        if isinstance(parameter, StepVector):
            raise TypeError("the parameter of an aggregation is no vector")
        return aggregate_steps(context, node, vector, parameter)

    def _unary(self, node: Unary, context: Context) -> Argument:
        value = _number(self.evaluate(node.expr, context))
        if node.op is UnaryOp.PLUS:
            return value
        if isinstance(value, StepScalar):
            return StepScalar(values=-value.values)
        negative = context.without_name(replace(value, values=-value.values))
        return distinct(negative, context.labels, merge=True)

    def _binary(self, node: Binary, context: Context) -> Argument:
        left = _number(self.evaluate(node.left, context))
        right = _number(self.evaluate(node.right, context))
        value = apply_binary(context, node, left, right)
        if isinstance(value, StepScalar) or node.op.is_set_operator:
            return value
        return distinct(value, context.labels, merge=True)


def _number(value: Argument) -> StepVector | StepScalar:
    """Return what the type checker has proved to be a vector or a scalar."""
    if isinstance(value, str):
        raise TypeError("a string stands where a number was checked for")
    return value


def _vector(value: Argument) -> StepVector:
    if not isinstance(value, StepVector):
        raise TypeError("something else stands where a vector was checked for")
    return value


def _scalar(value: Argument) -> StepScalar:
    if not isinstance(value, StepScalar):
        raise TypeError("something else stands where a scalar was checked for")
    return value
