"""Ends of a pipeline for tests: consumers that keep or refuse, a Presence and a counter that remember."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

from receivers.consumer import Batch, Sender
from receivers.errors import ConsumeError
from receivers.model import DataPoint, Metric, Resource


class NopConsumer:
    """Takes batches and forgets them."""

    def consume(self, batch: Batch) -> None:
        pass


class SinkConsumer:
    """Keeps every batch it gets."""

    def __init__(self) -> None:
        self.batches: list[Batch] = []

    def consume(self, batch: Batch) -> None:
        self.batches.append(batch)

    def metrics(self) -> list[tuple[Sender, Resource, Metric]]:
        """Every metric with its sender and resource, in order of arrival."""
        return [
            (batch.sender, group.resource, metric)
            for batch in self.batches
            for group in batch.resource_metrics
            for scope_metrics in group.scope_metrics
            for metric in scope_metrics.metrics
        ]

    def data_points(self) -> list[tuple[str, DataPoint]]:
        """Every data point, decoded, with its metric's name."""
        return [
            (metric.header.name, point)
            for _, _, metric in self.metrics()
            for point in metric.data_points
        ]


class ErrorConsumer:
    """Raises what `fails` returns for a batch, and keeps the batches for which it returns None."""

    def __init__(self, fails: Callable[[Batch], Exception | None] | None = None) -> None:
        self._fails = fails or (lambda _: ConsumeError("refused by the test"))
        self.taken: list[Batch] = []
        self.refused: list[Batch] = []

    def consume(self, batch: Batch) -> None:
        error = self._fails(batch)
        if error is not None:
            self.refused.append(batch)
            raise error
        self.taken.append(batch)


class PresenceEvent(NamedTuple):
    """One call of Presence: `what` is the call's name."""

    what: str
    sender: Sender
    at_ms: int


class PresenceRecorder:
    """Remembers every call, in order."""

    def __init__(self) -> None:
        self.events: list[PresenceEvent] = []

    def opened(self, sender: Sender, at_ms: int, report_interval_ms: int | None = None) -> None:
        self.events.append(PresenceEvent("opened", sender, at_ms))

    def reported(self, sender: Sender, at_ms: int) -> None:
        self.events.append(PresenceEvent("reported", sender, at_ms))

    def sampled(self, sender: Sender, at_ms: int) -> None:
        self.events.append(PresenceEvent("sampled", sender, at_ms))

    def heard(self, sender: Sender, at_ms: int) -> None:
        self.events.append(PresenceEvent("heard", sender, at_ms))

    def closed(self, sender: Sender, at_ms: int) -> None:
        self.events.append(PresenceEvent("closed", sender, at_ms))

    def story(self) -> list[tuple[str, str]]:
        """What happened to whom, without times."""
        return [(event.what, event.sender.identity) for event in self.events]


class Counts(Counter[str]):
    """A counter of reasons that can be handed out as `receivers.consumer.Count`."""

    def __call__(self, reason: str, amount: int) -> None:
        self[str(reason)] += amount
