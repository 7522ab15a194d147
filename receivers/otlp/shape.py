"""Requests that are byte for byte one that was read before, but for their times and values.

A process reports the same series in the same order for as long as it lives, and every number in their points takes eight
bytes: where those stand, and what stands between them, is all that need be known to read all points at once. A shape is
made only of a request with nothing in it but good points in the plain form, cumulative or gauges; everything else takes
the long way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from receivers.consumer import Sender
from receivers.model import Resource, ResourceMetrics, Scope, ScopeMetrics
from receivers.otlp.headers import Layout
from receivers.otlp.reader import Reading
from receivers.otlp.request import ExportRequest
from receivers.otlp.wire_metric import WireMetric

PROTOCOL = "otlp"
Words64 = npt.NDArray[np.uint64]
Places = npt.NDArray[np.int64]


class Span(NamedTuple):
    """Where the data of a metric stand in a request, and how many points they are."""

    layout: Layout
    begin: int
    end: int
    points: int


class Group(NamedTuple):
    """The metrics of one resource, by scope."""

    resource: Resource
    scopes: Sequence[tuple[Scope, Sequence[Span]]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shape:
    """What all requests of one shape have in common, and where they differ.

    A sample is a point's number or count; after all of these come the sums of the distributions.
    """

    number: int
    """Its own, which no other shape ever had."""
    identity: str
    groups: Sequence[Group]
    fixed: bytes
    """A request with zeros for all that may change."""
    words: Places
    """Where the 8 bytes of each number that may change begin."""
    times: Places
    """Where the time of each sample begins."""
    values: Places
    """Where the value of each sample begins."""
    doubles: Places
    """Which samples are doubles."""
    counts: Places
    """Which are whole numbers without a sign; the others have one."""
    latest_start: int
    """No point of the shape began later."""

    @property
    def size_bytes(self) -> int:
        """About how much memory it takes."""
        return len(self.fixed) + 8 * (2 * len(self.words) + len(self.times) + len(self.values))

    def read(self, raw: bytes, reading: Reading, peer: str) -> ExportRequest | None:
        """Return what `raw` holds; None if it is of another shape, or if a time in it is not good."""
        words = words_of(raw)
        times = words[self.times]
        if not self._are_good(times, reading.latest_unix_nano):
            return None
        cleared = bytearray(raw)
        words_of(cleared)[self.words] = 0
        if cleared != self.fixed:
            return None
        columns = WireColumns(self, times, self._values(words))
        groups = [self._group(group, raw, reading, columns) for group in self.groups]
        sender = Sender(PROTOCOL, self.identity or peer)
        return ExportRequest([(sender, groups)], reading.rejections, columns)

    def _are_good(self, times: Words64, latest_unix_nano: int) -> bool:
        """Return whether no time is absent, before a start or too far ahead."""
        # Below the first good time they wrap around to the far end.
        first = max(self.latest_start, 1)
        return first + int(np.maximum.reduce(times - np.uint64(first))) <= latest_unix_nano

    def _values(self, words: Words64) -> npt.NDArray[np.float64]:
        raw = words[self.values]
        values = raw.view(np.int64).astype(np.float64)
        if len(self.doubles):
            values[self.doubles] = raw.view(np.float64)[self.doubles]
        if len(self.counts):
            values[self.counts] = raw[self.counts]
        return values

    def _group(
        self, group: Group, raw: bytes, reading: Reading, columns: WireColumns
    ) -> ResourceMetrics:
        scopes = []
        for scope, spans in group.scopes:
            metrics = [
                WireMetric(layout, reading, raw[begin:end]) for layout, begin, end, _ in spans
            ]
            columns.metrics += metrics
            scopes.append(ScopeMetrics(scope, [*metrics]))
        columns.resources.append(group.resource)
        return ResourceMetrics(group.resource, scopes)


class WireColumns:
    """All samples of a request as arrays: `receivers.consumer.Columns`."""

    __slots__ = ("_shape", "metrics", "resources", "times_unix_nano", "values")

    def __init__(self, shape: Shape, times: Words64, values: npt.NDArray[np.float64]) -> None:
        self._shape = shape
        self.times_unix_nano = times
        self.values = values
        self.resources: list[Resource] = []
        self.metrics: list[WireMetric] = []

    @property
    def shape(self) -> int:
        """The same for requests that differ in nothing but these arrays."""
        return self._shape.number

    def are_of(self, groups: Sequence[ResourceMetrics]) -> bool:
        """Return whether `groups` are all that arrived, and nothing in them was changed or taken for a change."""
        metrics = [
            one for group in groups for scope in group.scope_metrics for one in scope.metrics
        ]
        return (
            metrics == self.metrics
            and [group.resource for group in groups] == self.resources
            and all(one.is_untouched for one in self.metrics)
        )

    def note_read(self) -> None:
        """Tell the receiver that every point has been read."""
        spans = (span for group in self._shape.groups for _, some in group.scopes for span in some)
        for metric, span in zip(self.metrics, spans, strict=True):
            metric.note_read(span.points)


def words_of(raw: bytes | bytearray) -> Words64:
    """Return the 8 bytes that begin at each byte of `raw`, as a view of it."""
    return np.ndarray((len(raw) - 7,), "<u8", raw, strides=(1,))
