"""The seam out of the receivers: batches to a `Consumer`, comings and goings of senders to `Presence`.

Consumers are synchronous and run on the event loop; a consumer that must wait queues, bounded, and returns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple, Protocol

from receivers.model import ResourceMetrics

Clock = Callable[[], int]
"""Returns the current time as Unix milliseconds."""

Count = Callable[[str, int], None]
"""Adds an amount to the receiver's counter of that reason."""


class Sender(NamedTuple):
    """Who reports: one process, for as long as it lives (DESIGN 3.4).

    `protocol` is the receiver's type; `identity` is printable and, within a protocol, differs between any two processes
    and between two lives of one process, as far as the protocol tells.
    """

    protocol: str
    identity: str

    def __str__(self) -> str:
        return f"{self.protocol}:{self.identity}"


class RequestContext(NamedTuple):
    """How a message came, for processors that ask (otlp.md 4.1, `from_context`)."""

    client_address: str = ""
    """The peer's IP address without the port."""
    metadata: Mapping[str, tuple[str, ...]] = MappingProxyType({})
    """Request headers by lower-case name, where the receiver's `include_metadata` is on."""


NO_CONTEXT = RequestContext()


@dataclass(slots=True)
class Batch:
    """What one message of one sender held; belongs to the consumer it is given to.

    A message that speaks for several senders is several batches.
    """

    sender: Sender
    received_at_ms: int
    resource_metrics: list[ResourceMetrics]
    context: RequestContext = NO_CONTEXT
    times_are_ours: bool = False
    """Times were read off this process's clock, not the sender's."""

    def point_count(self) -> int:
        """Return how many data points there are; what can be counted on the wire stays there."""
        return sum(
            metric.point_count()
            for group in self.resource_metrics
            for scoped in group.scope_metrics
            for metric in scoped.metrics
        )


def _nobody(_points: int) -> None:
    pass


class Passed(NamedTuple):
    """Where a receiver counts data points, as it read or counted them on the wire."""

    accepted: Callable[[int], None] = _nobody
    """Those that the pipeline has taken, or dropped by its own rules."""
    refused: Callable[[int], None] = _nobody
    """Those that it answered with an error."""


NOT_COUNTED = Passed()


class Consumer(Protocol):
    """Takes batches."""

    def consume(self, batch: Batch) -> None:
        """Take `batch`, which may be changed afterwards by nobody else.

        Raises:
            ConsumeError: it was not taken, in whole.
        """


class Presence(Protocol):
    """Hears of senders, past the pipeline: a filter that drops a whole report does not make its sender look dead.

    A receiver calls `opened` when a stream has told who its sender is, `reported` for every message that carries metrics
    *before* it hands the batch on, and `closed` when the stream is over. `opened` and `closed` come in pairs; streams of
    one sender may overlap.
    """

    def opened(self, sender: Sender, at_ms: int, report_interval_ms: int | None = None) -> None:
        """A stream of `sender` has begun; it reports so often, if the receiver knows, or as its protocol usually does."""

    def reported(self, sender: Sender, at_ms: int) -> None:
        """A report of `sender` has arrived; its batch, with the same `received_at_ms`, follows."""

    def sampled(self, sender: Sender, at_ms: int) -> None:
        """The values of `sender` were read between two of its reports; the batch follows, as after `reported`."""

    def heard(self, sender: Sender, at_ms: int) -> None:
        """A report of `sender` has arrived and is left out: newer values were `sampled`."""

    def closed(self, sender: Sender, at_ms: int) -> None:
        """A stream of `sender` has ended."""
