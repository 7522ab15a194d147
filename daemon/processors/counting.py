"""How many data points a processor was given and how many it handed on (otlp.md 7)."""

from __future__ import annotations

from receivers.consumer import Batch, Consumer, Count


class Counted:
    """Counts the data points of every batch under a component's id, then hands it on."""

    def __init__(self, component_id: str, count: Count, following: Consumer) -> None:
        self._component_id = component_id
        self._count = count
        self._next = following

    def consume(self, batch: Batch) -> None:
        """Take a batch; raises what the next consumer raises."""
        self._count(self._component_id, batch.point_count())
        self._next.consume(batch)
