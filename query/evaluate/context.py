"""What the evaluation of one query hands to every operation: its times, limits, annotations and remembered label work."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from query.errors import QueryCanceledError, QueryError, QueryTimeoutError, TooManySamplesError
from query.evaluate.annotations import Annotations
from query.evaluate.label_work import LabelWork
from query.evaluate.stepped import StepScalar, StepVector
from query.queryable import Int64Array
from query.syntax import Aggregation, Binary, Call
from query.text import Span

Argument = StepVector | StepScalar | str
"""An evaluated argument of a function; strings stay as they are."""


MOST_CHARACTERS = 67_108_864
"""Characters of label values that one query may make, in all its calls together."""


class Budget:
    """What one query may still use: time until a deadline, samples, its asker's patience."""

    def __init__(
        self,
        *,
        max_samples: int,
        timeout_s: float | None = None,
        clock: Callable[[], float] | None = None,
        is_canceled: Callable[[], bool] | None = None,
    ) -> None:
        self._max_samples = max_samples
        self._samples = 0
        self._characters = 0
        self._timeout_s = timeout_s
        self._clock = clock
        self._deadline_s = clock() + timeout_s if clock and timeout_s is not None else None
        self._is_canceled = is_canceled

    def check(self) -> None:
        """Be called now and then.

        Raises:
            QueryTimeoutError: The deadline has passed.
            QueryCanceledError: The asker has gone.
        """
        if self._clock and self._deadline_s is not None and self._clock() > self._deadline_s:
            raise QueryTimeoutError(f"query timed out after {self._timeout_s:g} s")
        if self._is_canceled and self._is_canceled():
            raise QueryCanceledError("query was canceled")

    def take_samples(self, count: int) -> None:
        """Note that `count` samples, or values of a result, are about to be held in memory.

        Raises:
            TooManySamplesError: They are more than the query may hold.
        """
        self._samples += count
        if self._samples > self._max_samples:
            raise TooManySamplesError(
                "query processing would load too many samples into memory in query execution: "
                f"more than {self._max_samples}, select fewer series or a shorter range"
            )

    def take_characters(self, count: int) -> None:
        """Note that label values of `count` characters were made.

        Raises:
            QueryError: They are more than one query may make.
        """
        self._characters += count
        if self._characters > MOST_CHARACTERS:
            raise QueryError(
                f"label values of more than {MOST_CHARACTERS} characters would be made: "
                "select fewer series or change fewer labels"
            )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Context:
    """One query, or a subquery of it, while it is evaluated."""

    times_ms: Int64Array
    """int64[s]: the steps' evaluation times, ascending; one for an instant query."""
    annotations: Annotations
    labels: LabelWork
    budget: Budget
    delayed_names: bool = False
    """Metric names are dropped once the whole expression is evaluated (promql.md 2.13)."""
    exponential: tuple[Span, ...] = ()
    """The selectors that read buckets of exponential histograms."""

    def without_name(self, vector: StepVector) -> StepVector:
        """Return `vector` as an operation leaves it that drops the metric name: dropped, or marked to be."""
        if self.delayed_names:
            return replace(vector, drops_name=True)
        return replace(vector, labels=self.labels.without_metadata(vector.labels), drops_name=False)


InstantFunction = Callable[[Context, Call, Sequence[Argument]], StepVector | StepScalar]
"""A function of `INSTANT_FUNCTIONS`: evaluated arguments in the order of `call.args`, the call for spans and selectors.

It need not look for equal label sets in its result: the evaluator merges them or refuses the query.
"""

AggregateSteps = Callable[[Context, Aggregation, StepVector, StepScalar | str | None], StepVector]
"""`aggregate_steps(context, node, vector, parameter)`: op, grouping and spans are the node's."""

ApplyBinary = Callable[
    [Context, Binary, StepVector | StepScalar, StepVector | StepScalar], StepVector | StepScalar
]
"""`apply_binary(context, node, left, right)`: op, matching, `return_bool` and spans are the node's."""
