"""How many data points a processor was given and how many it handed on (otlp.md 7)."""

from __future__ import annotations

from receivers.consumer import Batch, Consumer, Count


def count_points(batch: Batch) -> int:
    """Return how many data points a batch has; what can be counted on the wire stays there."""
    columns = batch.whole()
    if columns is not None:
        return columns.point_count
    return sum(
        metric.point_count()
        for group in batch.resource_metrics
        for scoped in group.scope_metrics
        for metric in scoped.metrics
    )


class Counted:
    """Counts the data points of every batch under a component's id, then hands it on."""

    def __init__(self, component_id: str, count: Count, following: Consumer) -> None:
        self._component_id = component_id
        self._count = count
        self._next = following

    def consume(self, batch: Batch) -> None:
        """Take a batch; raises what the next consumer raises."""
        self._count(self._component_id, count_points(batch))
        self._next.consume(batch)
