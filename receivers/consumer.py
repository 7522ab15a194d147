"""The seam out of the receivers: batches to a `Consumer`, comings and goings of senders to `Presence`.

Consumers are synchronous and run on the event loop; a consumer that must wait queues, bounded, and returns.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from receivers.model import Metric, ResourceMetrics

Clock = Callable[[], int]
"""Returns the current time as Unix milliseconds."""

Sleep = Callable[[float], Awaitable[None]]
"""Waits for that many seconds."""

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


class Columns(Protocol):
    """All samples of a batch as arrays, where a receiver has found its message to be like one before but for these.

    Samples are the rows of each metric in order, value by value; after all of them come the sums, of rows that have one.
    """

    @property
    def shape(self) -> int:
        """The same for messages that differ in nothing but these arrays."""

    @property
    def times_unix_nano(self) -> npt.NDArray[np.uint64]:
        """The time of each sample."""

    @property
    def values(self) -> npt.NDArray[np.float64]:
        """The value of each sample."""

    @property
    def point_count(self) -> int:
        """How many data points there are."""

    @property
    def metrics(self) -> Sequence[Metric]:
        """All metrics, in order."""

    def groups(self) -> list[ResourceMetrics]:
        """Return what arrived; the lists are the caller's, the metrics the same each time."""

    def are_of(self, groups: Sequence[ResourceMetrics]) -> bool:
        """Return whether `groups` are all that arrived, and nothing in them was changed or taken for a change."""

    def note_read(self) -> None:
        """Tell the receiver that every sample has been read, as `EncodedPoints.rows` does."""


class Batch:
    """What one message of one sender held; belongs to the consumer it is given to.

    A message that speaks for several senders is several batches.
    """

    __slots__ = ("_groups", "columns", "context", "received_at_ms", "sender", "times_are_ours")

    def __init__(
        self,
        sender: Sender,
        received_at_ms: int,
        resource_metrics: list[ResourceMetrics] | None,
        context: RequestContext = NO_CONTEXT,
        *,
        columns: Columns | None = None,
        times_are_ours: bool = False,
    ) -> None:
        """Without `resource_metrics` they are those of `columns`, made when they are first asked for."""
        self.sender = sender
        self.received_at_ms = received_at_ms
        self.context = context
        self.columns = columns
        """Of the batch as it arrived: processors may have changed it since."""
        self.times_are_ours = times_are_ours
        """Times were read off this process's clock, not the sender's."""
        self._groups = resource_metrics

    @property
    def resource_metrics(self) -> list[ResourceMetrics]:
        """The metrics; the list is the batch's own and may be changed."""
        if self._groups is None:
            self._groups = [] if self.columns is None else self.columns.groups()
        return self._groups

    @resource_metrics.setter
    def resource_metrics(self, resource_metrics: list[ResourceMetrics]) -> None:
        self._groups = resource_metrics

    def whole(self) -> Columns | None:
        """Return `columns` if they still say everything that the batch does."""
        columns, groups = self.columns, self._groups
        return columns if columns is None or groups is None or columns.are_of(groups) else None

    def point_count(self) -> int:
        """Return how many data points there are; what can be counted on the wire stays there."""
        columns = self.whole()
        if columns is not None:
            return columns.point_count
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
    """Those that the pipeline has taken; some receivers leave out what it dropped unread."""
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
