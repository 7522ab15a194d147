"""One pass of conditions over a batch: what it drops and what it prunes (spec/ottl.md 5.3)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import takewhile

from daemon.ottl.compile import Condition
from daemon.ottl.evaluation import EvaluationContext
from daemon.processors.filter.failures import ErrorHandler, Failures
from daemon.processors.filter.verdicts import KEPT, Verdict, VerdictGroup, Verdicts, judge
from receivers.consumer import Batch
from receivers.model import DataPoint, Metric, MetricType, ResourceMetrics, ScopeMetrics

NS_PER_MS = 1_000_000
NO_POINTS = "(it has no data points)"
"""What drops a metric of which data points are asked that it lacks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """The conditions of one pass by context; None is absent, an empty list is there and never matches."""

    resource: tuple[Condition, ...] | None = None
    scope: tuple[Condition, ...] | None = None
    metric: tuple[Condition, ...] | None = None
    datapoint: tuple[Condition, ...] | None = None

    @property
    def stop_at_resource(self) -> bool:
        """Whether nothing below the resource is looked at."""
        return self.scope is None and self.metric is None and self.datapoint is None


@dataclass(slots=True)
class _Walk:
    """What one walk over a batch has in hand; without `failures` errors are not acted on."""

    now_unix_nano: int
    failures: Failures | None
    dropped: int = 0
    """Metrics so far."""


class ConditionPass:
    """Applies conditions to batches; remembers what cannot change."""

    def __init__(
        self, conditions: Conditions, errors: ErrorHandler, count: Callable[[str, int], None]
    ) -> None:
        """`count(text, metrics)` hears what each condition has dropped."""
        metric = conditions.metric or ()
        if not errors.propagates:
            # Any of them may drop the metric, so the ones that need not look at its data points go first.
            metric = tuple(sorted(metric, key=lambda condition: not condition.header_only))
        remembered = tuple(takewhile(lambda condition: condition.header_only, metric))
        self._conditions = conditions
        self._errors = errors
        self._count = count
        self._verdicts = Verdicts(remembered, stop_at_error=errors.propagates)
        self._only = remembered[0].text if len(remembered) == 1 else None
        self._rest = metric[len(remembered) :]

    def apply(self, batch: Batch, failures: Failures) -> int:
        """Take out of the batch what is dropped, in place, and return how many metrics that were."""
        walk = _Walk(batch.received_at_ms * NS_PER_MS, failures)
        batch.resource_metrics = [
            item for item in batch.resource_metrics if self._keeps_resource(item, walk)
        ]
        return walk.dropped

    def judge(
        self,
        resource_metrics: ResourceMetrics,
        scope_metrics: ScopeMetrics,
        metric: Metric,
        at_ms: int,
    ) -> str | None:
        """Return the condition that drops this metric, or all of its data points, or None if it is kept."""
        walk = _Walk(at_ms * NS_PER_MS, None)
        context = EvaluationContext(
            resource_metrics, scope_metrics, metric, now_unix_nano=walk.now_unix_nano
        )
        conditions = self._conditions
        for level in (conditions.resource, conditions.scope, conditions.metric):
            verdict = self._judge(level or (), context, walk)
            if verdict.stopped or verdict.dropped_by is not None:
                return verdict.dropped_by
        if conditions.datapoint is None or metric.header.type is MetricType.NONE:
            return None
        dropped_by: str | None = NO_POINTS
        for context.data_point in metric.data_points:
            dropped_by = self._judge(conditions.datapoint, context, walk).dropped_by
            if dropped_by is None:
                return None
        return dropped_by

    def _keeps_resource(self, item: ResourceMetrics, walk: _Walk) -> bool:
        if self._conditions.resource:
            context = EvaluationContext(item, now_unix_nano=walk.now_unix_nano)
            verdict = self._judge(self._conditions.resource, context, walk)
            if verdict.stopped:
                return True
            if verdict.dropped_by is not None:
                self._drop(verdict.dropped_by, item.metric_count, walk)
                return False
        if not self._conditions.stop_at_resource:
            item.scope_metrics = [
                scope_metrics
                for scope_metrics in item.scope_metrics
                if self._keeps_scope(item, scope_metrics, walk)
            ]
        return bool(item.scope_metrics)

    def _keeps_scope(
        self, resource_metrics: ResourceMetrics, item: ScopeMetrics, walk: _Walk
    ) -> bool:
        if self._conditions.scope:
            context = EvaluationContext(resource_metrics, item, now_unix_nano=walk.now_unix_nano)
            verdict = self._judge(self._conditions.scope, context, walk)
            if verdict.stopped:
                return True
            if verdict.dropped_by is not None:
                self._drop(verdict.dropped_by, len(item.metrics), walk)
                return False
        if self._conditions.metric or self._conditions.datapoint is not None:
            item.metrics = self._kept_metrics(resource_metrics, item, walk)
        return bool(item.metrics)

    def _drop(self, condition: str, metrics: int, walk: _Walk) -> None:
        walk.dropped += metrics
        self._count(condition, metrics)

    def _kept_metrics(
        self,
        resource_metrics: ResourceMetrics,
        scope_metrics: ScopeMetrics,
        walk: _Walk,
    ) -> list[Metric]:
        """The hot path: without errors and data point conditions one look-up for each metric."""
        dropped = self._verdicts.of(resource_metrics.resource, scope_metrics.scope)
        metrics = scope_metrics.metrics
        kept = [metric for metric in metrics if dropped[metric.header] is None]
        if len(kept) < len(metrics):
            self._tell_dropped(metrics, len(metrics) - len(kept), dropped, walk)
        failed = dropped.failed
        if failed and walk.failures is not None:
            for metric in metrics:
                self._errors.handle(failed.get(metric.header, KEPT), walk.failures)
        if not self._rest and self._conditions.datapoint is None:
            return kept
        context = EvaluationContext(
            resource_metrics, scope_metrics, now_unix_nano=walk.now_unix_nano
        )
        return [
            metric
            for metric in kept
            if failed.get(metric.header, KEPT).stopped or self._keeps_metric(metric, context, walk)
        ]

    def _tell_dropped(
        self, metrics: Sequence[Metric], count: int, dropped: VerdictGroup, walk: _Walk
    ) -> None:
        """Count which condition dropped `count` of `metrics`; a single condition has dropped them all."""
        if self._only is not None:
            self._drop(self._only, count, walk)
            return
        for condition, number in Counter([dropped[metric.header] for metric in metrics]).items():
            if condition is not None:
                self._drop(condition, number, walk)

    def _keeps_metric(self, metric: Metric, context: EvaluationContext, walk: _Walk) -> bool:
        context.metric = metric
        if self._rest:
            verdict = self._judge(self._rest, context, walk)
            if verdict.stopped:
                return True
            if verdict.dropped_by is not None:
                self._drop(verdict.dropped_by, 1, walk)
                return False
        conditions = self._conditions.datapoint
        if conditions is None or metric.header.type is MetricType.NONE:
            return True
        points = metric.data_points
        kept: list[DataPoint] = []
        dropped_by = NO_POINTS
        for context.data_point in points:
            by = self._judge(conditions, context, walk).dropped_by
            if by is None:
                kept.append(context.data_point)
            else:
                dropped_by = by
        if not kept:
            self._drop(dropped_by, 1, walk)
        elif len(kept) != len(points):
            metric.data_points = kept
        return bool(kept)

    def _judge(
        self, conditions: Sequence[Condition], context: EvaluationContext, walk: _Walk
    ) -> Verdict:
        verdict = judge(conditions, context, stop_at_error=self._errors.propagates)
        if verdict.errors and walk.failures is not None:
            self._errors.handle(verdict, walk.failures)
        return verdict
