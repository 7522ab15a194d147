"""Requests that are byte for byte one that was read before, but for their times and values.

A process reports the same series in the same order for as long as it lives, and every number in their points takes eight
bytes: where those stand, and what stands between them, is all that need be known to read all points at once. A shape is
made only of a request with nothing in it but good points in the plain form, cumulative or gauges; everything else takes
the long way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from receivers.consumer import Sender
from receivers.model import Metric, Resource, ResourceMetrics, Scope, ScopeMetrics
from receivers.otlp.headers import Layout
from receivers.otlp.reader import Reading
from receivers.otlp.request import ExportRequest
from receivers.otlp.wire_metric import WireMetric

PROTOCOL = "otlp"
SPAN_BYTES = 200
"""What a `Span` takes, numbers and all."""

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
    points: int
    """How many there are."""

    @property
    def size_bytes(self) -> int:
        """About how much memory it takes."""
        places = len(self.words) + len(self.times) + len(self.values) + len(self.counts)
        metrics = sum(len(spans) for group in self.groups for _, spans in group.scopes)
        return len(self.fixed) + 8 * (places + len(self.doubles)) + SPAN_BYTES * metrics

    def spans(self) -> Iterator[Span]:
        """Yield where each metric stands, in order."""
        for group in self.groups:
            for _, spans in group.scopes:
                yield from spans

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
        sender = Sender(PROTOCOL, self.identity or peer)
        columns = WireColumns(self, sender, times, self._values(words), (raw, reading))
        return ExportRequest((), reading.rejections, columns)

    def _are_good(self, times: Words64, latest_unix_nano: int) -> bool:
        """Return whether no time is absent, before a start or too far ahead."""
        # Below the first good time they wrap around to the far end.
        first = max(self.latest_start, 1)
        return first + int(np.maximum.reduce(times - np.uint64(first))) <= latest_unix_nano

    def _values(self, words: Words64) -> npt.NDArray[np.float64]:
        raw = words[self.values]
        values = raw.view("<i8").astype(np.float64)
        if len(self.doubles):
            values[self.doubles] = raw.view("<f8")[self.doubles]
        if len(self.counts):
            values[self.counts] = raw[self.counts]
        return values


class WireColumns:
    """All samples of a request as arrays: `receivers.consumer.Columns`."""

    __slots__ = ("_groups", "_is_read", "_origin", "_shape", "sender", "times_unix_nano", "values")

    def __init__(
        self,
        shape: Shape,
        sender: Sender,
        times: Words64,
        values: npt.NDArray[np.float64],
        origin: tuple[bytes, Reading],
    ) -> None:
        self._shape = shape
        self._origin = origin
        self._groups: list[ResourceMetrics] | None = None
        self._is_read = False
        self.sender = sender
        self.times_unix_nano = times
        self.values = values

    @property
    def shape(self) -> int:
        """The same for requests that differ in nothing but these arrays."""
        return self._shape.number

    @property
    def point_count(self) -> int:
        """How many data points there are."""
        return self._shape.points

    @property
    def metrics(self) -> list[Metric]:
        """All metrics, in order."""
        return [one for group in self.groups() for one in _metrics_of(group)]

    def groups(self) -> list[ResourceMetrics]:
        """Return what the request holds, made when it is first asked for."""
        if self._groups is None:
            self._groups = [self._make_group(group) for group in self._shape.groups]
        return [
            ResourceMetrics(
                group.resource,
                [ScopeMetrics(one.scope, one.metrics.copy()) for one in group.scope_metrics],
            )
            for group in self._groups
        ]

    def are_of(self, groups: Sequence[ResourceMetrics]) -> bool:
        """Return whether `groups` are all that arrived, and nothing in them was changed or taken for a change."""
        metrics = self.metrics
        return (
            [one for group in groups for one in _metrics_of(group)] == metrics
            and [group.resource for group in groups]
            == [group.resource for group in self._shape.groups]
            and all(isinstance(one, WireMetric) and one.is_untouched for one in metrics)
        )

    def note_read(self) -> None:
        """Tell the receiver that every point has been read."""
        if self._is_read:
            return
        self._is_read = True
        if self._groups is None:
            self._origin[1].rejections.kept += self._shape.points
            return
        for metric, span in zip(self.metrics, self._shape.spans(), strict=True):
            assert isinstance(metric, WireMetric)  # noqa: S101  no other was put there
            metric.note_read(span.points)

    def _make_group(self, group: Group) -> ResourceMetrics:
        return ResourceMetrics(
            group.resource,
            [
                ScopeMetrics(scope, [self._make_metric(span) for span in spans])
                for scope, spans in group.scopes
            ],
        )

    def _make_metric(self, span: Span) -> Metric:
        raw, reading = self._origin
        metric = WireMetric(span.layout, reading, raw[span.begin : span.end])
        if self._is_read:
            metric.note_read(0)
        return metric


def _metrics_of(group: ResourceMetrics) -> Iterator[Metric]:
    for scope in group.scope_metrics:
        yield from scope.metrics


def words_of(raw: bytes | bytearray) -> Words64:
    """Return the 8 bytes that begin at each byte of `raw`, as a view of it."""
    return np.ndarray((len(raw) - 7,), "<u8", raw, strides=(1,))
