"""What conditions say about one item, and the memory of it (DESIGN 3.3).

Receivers hand out the same resource, scope and header objects for the same bytes, and these compare by identity: what a
condition said about them once it will say again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

from daemon.ottl.compile import Condition
from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.evaluation import EvaluationContext
from receivers.model import (
    Metric,
    MetricHeader,
    Resource,
    ResourceMetrics,
    Scope,
    ScopeMetrics,
)

MAX_GROUPS = 4_096
"""Pairs of resource and scope remembered at once; the least recently seen goes first."""
MAX_VERDICTS = 200_000
"""Metric headers remembered at once, over all pairs: some 20 MB."""


class Verdict(NamedTuple):
    """The condition that drops the item, if one does, and the errors met before it: condition and message.

    `stopped` says that an error decided: the item is kept and not looked at any further.
    """

    dropped_by: str | None = None
    errors: tuple[tuple[str, str], ...] = ()
    stopped: bool = False


KEPT = Verdict()


def judge(
    conditions: Sequence[Condition], context: EvaluationContext, *, stop_at_error: bool
) -> Verdict:
    """Return what the conditions, of which one must be true to drop, say about one item."""
    errors: list[tuple[str, str]] = []
    for condition in conditions:
        try:
            if condition.evaluate(context):
                return Verdict(condition.text, tuple(errors))
        except OttlEvaluationError as error:
            errors.append((condition.text, str(error)))
            if stop_at_error:
                return Verdict(None, tuple(errors), stopped=True)
    return Verdict(None, tuple(errors)) if errors else KEPT


class Verdicts:
    """Remembers what conditions that read only header, resource and scope say; bounded."""

    def __init__(self, conditions: Sequence[Condition], *, stop_at_error: bool) -> None:
        self.remembered = 0
        self._conditions = conditions
        self._stop_at_error = stop_at_error
        self._groups: OrderedDict[tuple[Resource, Scope], VerdictGroup] = OrderedDict()

    def of(self, resource: Resource, scope: Scope) -> VerdictGroup:
        """Return the verdicts for metrics of one resource and scope; valid until the next call."""
        while self.remembered > MAX_VERDICTS:
            self._forget_oldest()
        key = (resource, scope)
        group = self._groups.get(key)
        if group is not None:
            self._groups.move_to_end(key)
            return group
        if len(self._groups) >= MAX_GROUPS:
            self._forget_oldest()
        group = self._groups[key] = VerdictGroup(self, resource, scope)
        return group

    def judge(self, context: EvaluationContext) -> Verdict:
        """Return what the conditions say, without memory."""
        return judge(self._conditions, context, stop_at_error=self._stop_at_error)

    def _forget_oldest(self) -> None:
        _, oldest = self._groups.popitem(last=False)
        self.remembered -= len(oldest)


class VerdictGroup(dict[MetricHeader, str | None]):
    """The condition that drops a metric of this header, None if it is kept; `failed` holds the verdicts that errors had a part in."""

    __slots__ = ("_context", "_verdicts", "failed")

    def __init__(self, verdicts: Verdicts, resource: Resource, scope: Scope) -> None:
        super().__init__()
        self.failed: dict[MetricHeader, Verdict] = {}
        self._verdicts = verdicts
        self._context = EvaluationContext(ResourceMetrics(resource, []), ScopeMetrics(scope, []))

    def __missing__(self, header: MetricHeader) -> str | None:
        self._context.metric = Metric(header)
        verdict = self._verdicts.judge(self._context)
        if verdict.errors:
            self.failed[header] = verdict
        self._verdicts.remembered += 1
        self[header] = verdict.dropped_by
        return verdict.dropped_by
