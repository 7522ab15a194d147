"""When an expression's selectors are asked, and so which samples it needs (promql.md 2.4, 2.11)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from query.errors import TooManySamplesError
from query.queryable import Int64Array
from query.syntax import (
    Aggregation,
    At,
    AtEdge,
    Binary,
    Call,
    Expr,
    MatrixSelector,
    Reach,
    Subquery,
    Unary,
    VectorSelector,
)

MAX_SUBSTEPS = 1_000_000
"""Steps of one subquery: every value that its expression passes through is held for all of them at once."""


class Interval(NamedTuple):
    """The times (start, end]."""

    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Times:
    """What the times in a query refer to."""

    start_ms: int
    """`start()`"""
    end_ms: int
    """`end()`"""
    lookback_ms: int
    default_step_ms: int
    """The step of a subquery that names none."""

    def shifted(self, times_ms: Int64Array, at: At | None, offset_ms: int) -> Int64Array:
        """Return the times that steps look at, by `@` and `offset`; only one if `@` makes them equal."""
        if at is None:
            return times_ms - offset_ms if offset_ms else times_ms
        return np.array([self._pinned(at) - offset_ms], dtype=np.int64)

    def bounds(self, steps: Interval, at: At | None, offset_ms: int) -> Interval:
        """Return the first and last of the shifted times."""
        if at is None:
            return Interval(steps.start_ms - offset_ms, steps.end_ms - offset_ms)
        pinned_ms = self._pinned(at) - offset_ms
        return Interval(pinned_ms, pinned_ms)

    def substeps(self, subquery: Subquery, first_ms: int, last_ms: int) -> range:
        """Return the times at which a subquery that is asked from `first_ms` to `last_ms` evaluates its expression.

        They are multiples of its step.

        Raises:
            TooManySamplesError: They are too many.
        """
        step_ms = subquery.step_ms or self.default_step_ms
        before_ms = first_ms - subquery.range_ms
        steps = range((before_ms // step_ms + 1) * step_ms, last_ms + 1, step_ms)
        if len(steps) > MAX_SUBSTEPS:
            raise TooManySamplesError(
                f"a subquery of {len(steps)} steps would load too many samples into memory in query "
                f"execution, the limit is {MAX_SUBSTEPS}: give it a longer step or a shorter range"
            )
        return steps

    def reach(self, reach: Reach | None) -> tuple[int, int]:
        """Return how far before and after its range a selector takes samples."""
        before_ms = self.lookback_ms if reach is not None else 0
        return before_ms, self.lookback_ms if reach is Reach.SMOOTHED else 0

    def _pinned(self, at: At) -> int:
        match at:
            case AtEdge.START:
                return self.start_ms
            case AtEdge.END:
                return self.end_ms
            case _:
                return at


class Need(NamedTuple):
    """What a selector reads."""

    selector: VectorSelector
    interval: Interval
    newest_only: bool = False
    """Whether of each series' samples only the newest matters."""


def needed_samples(expr: Expr, steps: Interval, times: Times) -> list[Need]:
    """Return what each selector of `expr` reads when evaluated from the first to the last of `steps`.

    Raises:
        TooManySamplesError: A subquery has too many steps.
    """
    found: list[Need] = []
    _collect(expr, steps, times, found)
    return found


def _collect(expr: Expr, steps: Interval, times: Times, found: list[Need]) -> None:
    match expr:
        case VectorSelector():
            first_ms, last_ms = times.bounds(steps, expr.at, expr.offset_ms)
            after_ms = times.lookback_ms if expr.reach is Reach.SMOOTHED else 0
            interval = Interval(first_ms - times.lookback_ms, last_ms + after_ms)
            newest_only = first_ms == last_ms and expr.reach is None
            found.append(Need(expr, interval, newest_only))
        case MatrixSelector(selector=selector):
            first_ms, last_ms = times.bounds(steps, selector.at, selector.offset_ms)
            before_ms, after_ms = times.reach(selector.reach)
            first_ms -= expr.range_ms + before_ms
            found.append(Need(selector, Interval(first_ms, last_ms + after_ms)))
        case Subquery():
            substeps = times.substeps(expr, *times.bounds(steps, expr.at, expr.offset_ms))
            if substeps:
                _collect(expr.expr, Interval(substeps[0], substeps[-1]), times, found)
        case _:
            for child in _children(expr):
                _collect(child, steps, times, found)


def _children(expr: Expr) -> list[Expr]:
    match expr:
        case Call():
            return list(expr.args)
        case Aggregation():
            return [expr.expr] if expr.param is None else [expr.expr, expr.param]
        case Binary():
            return [expr.left, expr.right]
        case Unary():
            return [expr.expr]
        case _:
            return []
