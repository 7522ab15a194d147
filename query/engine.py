"""PromQL: any expression at one instant or at the steps of a range, over what a `Queryable` remembers."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from query.errors import BadQueryError
from query.evaluate.annotations import Annotations
from query.evaluate.context import Budget, Context
from query.evaluate.delayed_names import drop_delayed_names
from query.evaluate.evaluator import Evaluator
from query.evaluate.label_work import LabelWork
from query.evaluate.plan import Interval, Times, needed_samples
from query.evaluate.results import QueryResult, result_at, result_of_range, result_over
from query.evaluate.stepped import StepVector
from query.parser import parse
from query.queryable import Int64Array, Queryable, Selection
from query.resolve import depends_on_range, resolve_durations
from query.slices import Sliced, whole
from query.syntax import Expr, MatrixSelector, Subquery
from query.typecheck import type_of
from query.values import ValueType

DEFAULT_LOOKBACK_MS = 300_000
DEFAULT_STEP_MS = 60_000
MAX_SAMPLES = 50_000_000
MAX_POINTS = 11_000
"""All four as Prometheus has them (promql.md 2.1, 2.4, 2.11)."""
MAX_PARSED = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryOptions:
    """How one query is evaluated, and what it may use."""

    lookback_ms: int = DEFAULT_LOOKBACK_MS
    default_step_ms: int = DEFAULT_STEP_MS
    """The step of a subquery that names none."""
    max_samples: int = MAX_SAMPLES
    max_points: int = MAX_POINTS
    """Points of one series in a range query."""
    delayed_names: bool = False
    """Drop metric names once the whole expression is evaluated (promql.md 2.13)."""
    timeout_s: float | None = None
    clock: Callable[[], float] | None = None
    """Monotonic seconds; without one there is no timeout."""
    is_canceled: Callable[[], bool] | None = None
    """Whether the asker has gone."""


DEFAULT_OPTIONS = QueryOptions()


class PreparedQuery:
    """A query with copies of all samples it needs: `evaluate` may run in another thread than what writes them."""

    def __init__(
        self,
        expr: Expr,
        context: Context,
        evaluator: Evaluator,
        *,
        samples: int,
        series: int,
        is_range: bool,
    ) -> None:
        self.expr = expr
        self.samples = samples
        """How many samples were read."""
        self.series = series
        """Of how many series, those counted twice that two selectors select."""
        self._context = context
        self._evaluator = evaluator
        self._is_range = is_range

    def evaluate(self) -> QueryResult:
        """Return the answer; to be called once.

        Raises:
            QueryError: There is none; `error_type` says in Prometheus' words why.
        """
        with np.errstate(all="ignore"):
            return self._evaluate()

    def check(self) -> None:
        """Raise QueryError if the asker has gone or the time is over: what is made of the result takes time too."""
        self._context.budget.check()

    def _evaluate(self) -> QueryResult:
        context = self._context
        if isinstance(self.expr, MatrixSelector | Subquery):
            return result_of_range(context, self._evaluator.range_vector(self.expr, context))
        value = self._evaluator.evaluate(self.expr, context)
        if isinstance(value, StepVector):
            value = drop_delayed_names(value, context.labels)
        return result_over(context, value) if self._is_range else result_at(context, value)


class PromEngine:
    """Evaluates PromQL; remembers parsed queries and work on label sets, nothing else."""

    def __init__(self, queryable: Queryable) -> None:
        self._queryable = queryable
        self._labels = LabelWork()
        self._parsed: dict[str, tuple[Expr, bool]] = {}
        """Expressions by their text, and whether their durations depend on the query's times."""

    def instant(
        self, text: str, at_ms: int, options: QueryOptions = DEFAULT_OPTIONS
    ) -> QueryResult:
        """Return the value of a query at one instant.

        Raises:
            QueryError: There is none; `error_type` says in Prometheus' words why.
        """
        return whole(self.preparing_instant(text, at_ms, options)).evaluate()

    def range(
        self,
        text: str,
        start_ms: int,
        end_ms: int,
        step_ms: int,
        options: QueryOptions = DEFAULT_OPTIONS,
    ) -> QueryResult:
        """Return the values of a query at start, start + step, ... up to the end; raises as `instant` does."""
        return whole(self.preparing_range(text, start_ms, end_ms, step_ms, options)).evaluate()

    def preparing_instant(
        self, text: str, at_ms: int, options: QueryOptions = DEFAULT_OPTIONS
    ) -> Sliced[PreparedQuery]:
        """Parse a query and copy the samples that it needs at one instant, bit by bit; raises as `instant` does."""
        times_ms = np.array([at_ms], dtype=np.int64)
        return self._preparing(text, times_ms, at_ms, options, step_ms=None)

    def preparing_range(
        self,
        text: str,
        start_ms: int,
        end_ms: int,
        step_ms: int,
        options: QueryOptions = DEFAULT_OPTIONS,
    ) -> Sliced[PreparedQuery]:
        """Parse a query and copy the samples that it needs for a range, bit by bit; raises as `instant` does.

        What is wrong with the times is told at once.
        """
        steps = check_range(start_ms, end_ms, step_ms, options.max_points)
        times_ms = np.arange(steps.start, steps.stop, steps.step, dtype=np.int64)
        return self._preparing(text, times_ms, end_ms, options, step_ms=step_ms)

    def _preparing(
        self,
        text: str,
        times_ms: Int64Array,
        end_ms: int,
        options: QueryOptions,
        *,
        step_ms: int | None,
    ) -> Sliced[PreparedQuery]:
        """Prepare a range query, or without `step_ms` an instant one."""
        budget = Budget(
            max_samples=options.max_samples,
            timeout_s=options.timeout_s,
            clock=options.clock,
            is_canceled=options.is_canceled,
        )
        range_ms = end_ms - int(times_ms[0])
        expr = self._parse(text, step_ms=step_ms or 0, range_ms=range_ms)
        if step_ms is not None:
            _check_range_type(expr)
        times = Times(
            start_ms=int(times_ms[0]),
            end_ms=end_ms,
            lookback_ms=options.lookback_ms,
            default_step_ms=options.default_step_ms,
        )
        steps = Interval(int(times_ms[0]), int(times_ms[-1]))
        needed = needed_samples(expr, steps, times)
        selections: dict[int, Selection] = {}
        for need in needed:
            (start_ms, end_ms), newest_only = need.interval, need.newest_only
            found = yield from self._queryable.selecting(
                need.selector.matchers, start_ms=start_ms, end_ms=end_ms, newest_only=newest_only
            )
            budget.take_samples(int(found.counts.sum()))
            selections[id(need.selector)] = found
        context = Context(
            times_ms=times_ms,
            annotations=Annotations(text),
            labels=self._labels,
            budget=budget,
            delayed_names=options.delayed_names,
            exponential=tuple(
                need.selector.span
                for need in needed
                if selections[id(need.selector)].has_exponential
            ),
        )
        samples = sum(int(one.counts.sum()) for one in selections.values())
        return PreparedQuery(
            expr,
            context,
            Evaluator(selections, times),
            samples=samples,
            series=sum(len(one.labels) for one in selections.values()),
            is_range=step_ms is not None,
        )

    def _parse(self, text: str, *, step_ms: int, range_ms: int) -> Expr:
        found = self._parsed.get(text)
        if found is None:
            expr = parse(text)
            found = expr, depends_on_range(expr)
            if len(self._parsed) >= MAX_PARSED:
                self._parsed.clear()
            self._parsed[text] = found
        expr, depends = found
        if depends:
            return resolve_durations(text, expr, step_ms=step_ms, range_ms=range_ms)
        return expr


def check_range(start_ms: int, end_ms: int, step_ms: int, max_points: int) -> range:
    """Return the steps of a range query.

    Raises:
        BadQueryError: The times do not go together, or there are too many steps.
    """
    if step_ms <= 0:
        raise BadQueryError(
            "zero or negative query resolution step widths are not accepted. Try a positive integer"
        )
    if end_ms < start_ms:
        raise BadQueryError("end timestamp must not be before start time")
    if (end_ms - start_ms) // step_ms > max_points:
        raise BadQueryError(
            f"exceeded maximum resolution of {max_points:,} points per timeseries. "
            "Try decreasing the query resolution (?step=XX)"
        )
    return range(start_ms, end_ms + 1, step_ms)


def _check_range_type(expr: Expr) -> None:
    kind = type_of(expr)
    if kind not in {ValueType.SCALAR, ValueType.INSTANT_VECTOR}:
        raise BadQueryError(
            f'invalid expression type "{kind}" for range query, must be Scalar or instant Vector'
        )
