"""The filter as a consumer: applies its passes, hands on what is left."""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from typing import Protocol

from daemon.processors.complaints import Complaints
from daemon.processors.filter.failures import Failures
from receivers.consumer import Batch, Consumer
from receivers.errors import PermanentError
from receivers.model import Metric, ResourceMetrics, ScopeMetrics


class Pass(Protocol):
    """One walk over a batch that takes things out of it."""

    def apply(self, batch: Batch, failures: Failures, /) -> int:
        """Take out of the batch what is dropped, in place, and return how many metrics that were.

        Errors that are to reach the sender go to `failures`.
        """

    def judge(
        self,
        resource_metrics: ResourceMetrics,
        scope_metrics: ScopeMetrics,
        metric: Metric,
        at_ms: int,
        /,
    ) -> str | None:
        """Return what drops this metric, or None if it is kept."""


class Filter:
    """Drops what its passes match, in order; without passes every batch goes on untouched.

    `count_filtered(component_id, metrics)` is called once for each batch that is not refused, also with 0. Differs from
    the collector, which counts data points: a dropped metric's points are never decoded here, so metrics that were
    dropped whole are counted.
    """

    def __init__(
        self,
        passes: Sequence[Pass],
        next_consumer: Consumer,
        count_filtered: Callable[[str, int], None],
        complaints: Complaints,
        causes: Container[str] = (),
    ) -> None:
        """`causes` are the texts under which its conditions count what they drop."""
        self.causes = causes
        self._passes = passes
        self._next = next_consumer
        self._count_filtered = count_filtered
        self._complaints = complaints

    def consume(self, batch: Batch) -> None:
        """Take a batch; of nothing left the next consumer does not hear.

        Raises:
            ConsumeError: conditions failed on it under `propagate`, or the next consumer did not take it.
        """
        if not self._passes:
            self._next.consume(batch)
            return
        failures = Failures()
        dropped = sum([step.apply(batch, failures) for step in self._passes])
        # A batch that a pass has emptied is done with, whatever errors were met on the way (spec/ottl.md 5.4).
        if failures.count and batch.resource_metrics:
            self._complaints.refused("condition", str(failures))
            raise PermanentError(f"{self._complaints.component_id}: {failures}")
        self._count_filtered(self._complaints.component_id, dropped)
        if batch.resource_metrics:
            self._next.consume(batch)

    def judge(
        self,
        resource_metrics: ResourceMetrics,
        scope_metrics: ScopeMetrics,
        metric: Metric,
        at_ms: int = 0,
    ) -> str | None:
        """Return what drops this metric or all of its data points, or None if it is kept; changes nothing.

        `at_ms` is when the metric was received, for conditions that ask the time. Decodes the data points where a
        condition reads them. A metric that several passes drop only together, each some of its points, counts as kept.
        """
        for step in self._passes:
            dropped_by = step.judge(resource_metrics, scope_metrics, metric, at_ms)
            if dropped_by is not None:
                return dropped_by
        return None
