"""One group of statements on a batch: each item of its context, each statement in order (spec/ottl.md 6.2).

What the statements look at decides what is touched: metrics that no statement can run on keep their data points on the
wire, and statements that know header, resource and scope only are run once for these three.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeVar

from daemon.ottl.compile import Condition
from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.evaluation import Edit, EditContext, Test
from daemon.ottl.statement import Statement
from daemon.ottl.values import Value
from receivers.consumer import Batch
from receivers.model import (
    Metric,
    MetricHeader,
    Resource,
    ResourceMetrics,
    Scope,
    ScopeMetrics,
)

MAX_REMEMBERED = 50_000
"""Metric headers, with their resource and scope, whose runs and outcomes a group remembers; the oldest goes first."""

Fail = Callable[[str, str, str], None]
"""Hears what failed: condition or statement, its text, the error. Raises to stop."""
_Outcome = TypeVar("_Outcome")
_Key = tuple[Resource, Scope, MetricHeader]
_Run = tuple[str, Edit]
"""A statement's text, and what it does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a group is made of."""

    context: str
    conditions: tuple[Condition, ...]
    statements: tuple[Statement, ...]
    fail: Fail
    shares_cache: bool = False


_UNKNOWN: Final = object()


class Group:
    """Runs the statements of one group; one batch at a time."""

    def __init__(self, work: Work) -> None:
        self._work = work
        self._all: tuple[_Run, ...] = tuple((each.text, each.run) for each in work.statements)
        self._keeps_headers = not any(each.changes_header for each in work.statements)
        self._header_only = all(each.header_only for each in work.conditions) and all(
            each.header_only for each in work.statements
        )
        self._runs: dict[_Key, tuple[_Run, ...]] = {}
        self._outcomes: dict[_Key, _Key | None] = {}
        self._failures = 0

    def apply(self, batch: Batch, context: EditContext, shared: dict[str, Value]) -> None:
        """Run the statements on each item of the batch; `context` is moved from item to item.

        `shared` is the cache of groups that share one. Raises what `fail` raises.
        """
        for group in batch.resource_metrics:
            context.resource_metrics = group
            context.scope_metrics = context.metric = context.data_point = None
            if self._work.context == "resource":
                self._visit(context, self._all, shared)
                continue
            for scoped in group.scope_metrics:
                context.scope_metrics, context.appended = scoped, 0
                context.metric = context.data_point = None
                if self._work.context == "scope":
                    self._visit(context, self._all, shared)
                else:
                    self._walk_metrics(scoped, context, shared)

    def _walk_metrics(
        self, scoped: ScopeMetrics, context: EditContext, shared: dict[str, Value]
    ) -> None:
        """Visit each metric, or each of its points; metrics that statements add are visited, too."""
        in_points = self._work.context == "datapoint"
        for metric in scoped.metrics:  # the list may grow while it is walked
            context.metric, context.data_point = metric, None
            if self._header_only and not in_points:
                self._visit_header(scoped, metric, context, shared)
                continue
            runs = self._runs_on((context.resource_metrics.resource, scoped.scope, metric.header))
            if not runs:
                continue
            if not in_points:
                self._visit(context, runs, shared)
                continue
            for context.data_point in tuple(metric.data_points):
                self._visit(context, runs, shared)

    def _visit(self, context: EditContext, runs: Iterable[_Run], shared: dict[str, Value]) -> None:
        """Run statements on the item at hand, if the group's conditions hold."""
        work = self._work
        context.cache = shared if work.shares_cache else {}
        if work.conditions and not self._holds(context):
            return
        for text, run in runs:
            try:
                run(context)
            except OttlEvaluationError as error:
                self._failures += 1
                work.fail("statement", text, str(error))

    def _holds(self, context: EditContext) -> bool:
        for condition in self._work.conditions:
            try:
                if condition.evaluate(context):
                    return True
            except OttlEvaluationError as error:
                self._failures += 1
                self._work.fail("condition", condition.text, str(error))
        return False

    def _visit_header(
        self,
        scoped: ScopeMetrics,
        metric: Metric,
        context: EditContext,
        shared: dict[str, Value],
    ) -> None:
        """Make of header, resource and scope what was made of them before."""
        group = context.resource_metrics
        key = (group.resource, scoped.scope, metric.header)
        outcome = self._outcomes.get(key, _UNKNOWN)
        if outcome is None:
            return
        if outcome is not _UNKNOWN:
            group.resource, scoped.scope, metric.header = outcome  # type: ignore[misc] # a key
            return
        before = self._failures
        self._visit(context, self._all, shared)
        made = (group.resource, scoped.scope, metric.header)
        if self._failures == before:  # an error is to be told each time
            _remember(self._outcomes, key, None if made == key else made)

    def _runs_on(self, key: _Key) -> tuple[_Run, ...]:
        """Return the statements that can have an effect on a metric, or on a data point of it."""
        runs = self._runs.get(key)
        if runs is None:
            resource, scope, header = key
            context = EditContext(
                ResourceMetrics(resource, []), ScopeMetrics(scope, []), Metric(header)
            )
            runs = self._possible(context) if self._may_hold(context) else ()
            _remember(self._runs, key, runs)
        return runs

    def _may_hold(self, context: EditContext) -> bool:
        conditions = self._work.conditions
        return not conditions or any(
            not each.header_only or _judge(each.evaluate, context) is not False
            for each in conditions
        )

    def _possible(self, context: EditContext) -> tuple[_Run, ...]:
        runs: list[_Run] = []
        for statement in self._work.statements:
            opens = _judge(statement.gate, context)
            if opens is not False:
                decided = opens and statement.gate_is_where
                runs.append((statement.text, statement.edit if decided else statement.run))
        # Where headers change on the way, what the gates say now is not what they will say.
        return tuple(runs) if self._keeps_headers or not runs else self._all


def _judge(test: Test, context: EditContext) -> bool | None:
    """Return the answer, or None for an error: it is told when it is met again on the way."""
    try:
        return test(context)
    except OttlEvaluationError:
        return None


def _remember(memory: dict[_Key, _Outcome], key: _Key, outcome: _Outcome) -> None:
    if len(memory) >= MAX_REMEMBERED:
        del memory[next(iter(memory))]
    memory[key] = outcome
