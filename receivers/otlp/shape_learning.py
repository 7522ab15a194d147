"""From a request that was read the long way to its shape."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import count

import numpy as np

from receivers.model import ResourceMetrics
from receivers.otlp.headers import Layout
from receivers.otlp.reader import PointReader
from receivers.otlp.request import ExportRequest
from receivers.otlp.shape import Group, Places, Shape, Span, words_of
from receivers.otlp.wire import Field, WalkError, fields
from receivers.otlp.wire_metric import WireMetric

MIN_POINTS = 8
"""With fewer the arrays cost more than they save."""

_GROUP = _POINT = 0x0A
_SCOPE = _METRIC = 0x12
_DATA = frozenset({0x2A, 0x3A, 0x4A, 0x52, 0x5A})
"""Gauge, sum, histogram, exponential histogram, summary: tags as they stand on the wire."""
_numbers = count()


def learn(raw: bytes, request: ExportRequest, points: PointReader, latest: int) -> Shape | None:
    """Return the shape of a request that was just decoded, None if it has none; `latest` is the last good time."""
    if len(request.batches) != 1:
        return None
    sender, groups = request.batches[0]
    learner = _Learner(raw, points, latest)
    try:
        found = learner.walk(groups)
    except WalkError:
        return None
    return learner.shape(found, sender.identity) if len(learner.times) >= MIN_POINTS else None


class _Learner:
    """Walks one request, point by point."""

    def __init__(self, raw: bytes, points: PointReader, latest: int) -> None:
        self._raw = raw
        self._points = points
        self._latest = latest
        self._unread: list[int] = []
        self.times: list[int] = []
        self._values: list[int] = []
        self._total_times: list[int] = []
        self._totals: list[int] = []
        self._doubles: list[int] = []
        self._counts: list[int] = []
        self._latest_start = 0

    def walk(self, groups: Sequence[ResourceMetrics]) -> list[Group]:
        """Take in all points of the request, whose metrics `groups` are.

        Raises:
            WalkError: there is something in it that no shape has.
        """
        places = _metrics(self._raw)
        found = [
            Group(
                group.resource,
                [
                    (
                        scope.scope,
                        [self._metric(metric, next(places, None)) for metric in scope.metrics],
                    )
                    for scope in group.scope_metrics
                ],
            )
            for group in groups
        ]
        if next(places, None) is not None:  # a metric that was refused
            raise WalkError
        return found

    def shape(self, groups: Sequence[Group], identity: str) -> Shape:
        """Return the shape of what was walked."""
        numbers, totals = len(self.times), len(self._totals)
        words = _places([*self._unread, *self.times, *self._values, *self._totals])
        fixed = bytearray(self._raw)
        words_of(fixed)[words] = 0
        return Shape(
            number=next(_numbers),
            identity=identity,
            groups=groups,
            fixed=bytes(fixed),
            words=words,
            times=_places([*self.times, *self._total_times]),
            values=_places([*self._values, *self._totals]),
            doubles=_places([*self._doubles, *range(numbers, numbers + totals)]),
            counts=_places(self._counts),
            latest_start=self._latest_start,
            points=numbers,
        )

    def _metric(self, metric: object, place: Field | None) -> Span:
        if not isinstance(metric, WireMetric) or place is None:
            raise WalkError
        layout, raw = metric.layout, self._raw
        data = [one for one in fields(raw, place.begin, place.end) if one.tag in _DATA]
        if len(data) != 1 or layout.is_delta or layout.refusal is not None:
            raise WalkError
        _, begin, end = data[0]
        points = [one for one in fields(raw, begin, end) if one.tag == _POINT]
        # The points stand first, and what comes after them is what the header was made of.
        if raw[points[-1].end if points else begin : end] != layout.ending:
            raise WalkError
        self._add_points(layout, points)
        return Span(layout, begin, end, len(points))

    def _add_points(self, layout: Layout, points: Sequence[Field]) -> None:
        kind, keeps_start = layout.kind, layout.keeps_start
        if kind.read_plain is None or kind.find_words is None:
            raise WalkError
        raws = [self._raw[one.begin : one.end] for one in points]
        known = self._points.known[kind.attributes].get
        rows = kind.read_plain(raws, known, self._latest, keeps_start)
        for raw, row, place in zip(raws, rows, points, strict=True):
            if row is None:
                raise WalkError
            words = kind.find_words(raw, keeps_start)
            begin = place.begin
            if words.total is not None:
                self._counts.append(len(self.times))
                self._total_times.append(begin + words.time)
                self._totals.append(begin + words.total)
            elif words.is_double:
                self._doubles.append(len(self.times))
            self.times.append(begin + words.time)
            self._values.append(begin + words.value)
            self._unread += [begin + at for at in words.unread]
            if keeps_start:
                self._latest_start = max(self._latest_start, words.start)


def _metrics(raw: bytes) -> Iterator[Field]:
    """Yield where each metric of a request stands, in the order in which they are decoded."""
    for group in fields(raw, 0, len(raw)):
        if group.tag != _GROUP:
            raise WalkError
        for scope in fields(raw, group.begin, group.end):
            if scope.tag == _SCOPE:
                yield from (
                    one for one in fields(raw, scope.begin, scope.end) if one.tag == _METRIC
                )


def _places(numbers: Sequence[int]) -> Places:
    return np.array(numbers, dtype=np.int64)
