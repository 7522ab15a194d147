"""What one OTLP request holds, and what of it was rejected (otlp.md 1.4)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from receivers.consumer import Columns, Sender
from receivers.model import ResourceMetrics
from receivers.otlp.refusals import EXPLANATIONS, Refusal

MAX_MESSAGE_BYTES = 1024
"""Of the text that tells the sender why points were rejected."""
MAX_NAME_CHARACTERS = 200
"""Of a metric's name in that text."""


class WholeColumns(Columns, Protocol):
    """The columns of a request of one sender."""

    sender: Sender


class Rejections:
    """The rejected data points of one request; grows while consumers read its metrics."""

    __slots__ = ("_first", "count", "kept")

    def __init__(self) -> None:
        self.count = 0
        """Data points rejected so far."""
        self.kept = 0
        """Good data points that consumers have read so far; those of metrics that a processor dropped are not counted."""
        self._first: tuple[Refusal, str, int] | None = None

    def add(self, refusal: Refusal, name: str, points: int) -> None:
        """Note that `points` of the metric `name` were rejected."""
        if not points:
            return
        if self._first is None:
            self._first = (refusal, name, points)
        self.count += points

    def message(self) -> str:
        """Return the first reason with its metric's name and how many more there are; empty if there is none."""
        if self._first is None:
            return ""
        refusal, name, _ = self._first
        if len(name) > MAX_NAME_CHARACTERS:
            name = name[:MAX_NAME_CHARACTERS] + "..."
        text = f'metric "{name}": {EXPLANATIONS[refusal]}'
        more = f" and {self.count - 1} more" if self.count > 1 else ""
        room = MAX_MESSAGE_BYTES - len(more)
        return text.encode(errors="replace")[:room].decode(errors="ignore") + more


class ExportRequest:
    """A request taken apart by sender; what only its data points tell is found out when they are read."""

    __slots__ = ("_batches", "columns", "rejections")

    def __init__(
        self,
        batches: Sequence[tuple[Sender, list[ResourceMetrics]]],
        rejections: Rejections,
        columns: WholeColumns | None = None,
    ) -> None:
        self._batches = batches
        self.rejections = rejections
        self.columns = columns
        """All samples as arrays, of a request that looks like one before it; there are no batches besides."""

    @property
    def batches(self) -> Sequence[tuple[Sender, list[ResourceMetrics]]]:
        """What each sender has sent, in order of first appearance."""
        columns = self.columns
        return self._batches if columns is None else [(columns.sender, columns.groups())]

    def unread(self) -> Iterator[tuple[Sender, list[ResourceMetrics] | None]]:
        """Yield the same; None for metrics that are made of `columns` only if they are asked for."""
        if self.columns is None:
            yield from self._batches
        else:
            yield self.columns.sender, None
