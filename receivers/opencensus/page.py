"""The page that a sidecar serves for Prometheus -> the data points that it pushes.

daprd shows the same views both ways, but for metrics without rows, which the page leaves out. Only what somebody reads
is parsed: the plain twin of the reading here is `receivers.prometheus.exposition`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final, NamedTuple, cast

from receivers.model import (
    AnyValue,
    DataPoint,
    EncodedPoints,
    EncodedRow,
    HistogramDataPoint,
    Metric,
    MetricType,
    NumberDataPoint,
)
from receivers.opencensus.page_names import Naming, Reader
from receivers.opencensus.refusals import Refusal

_SAMPLE: Final = re.compile(r"([\w:]+)(?:\{(.*)\})? (\S+)", re.ASCII)
_BOUND: Final = re.compile(r'(?:\A|,)le="([^"\\]*)"(?=,|\Z)')
Attributes = dict[str, AnyValue]


def families(text: str) -> dict[str, str]:
    """Return the lines of each family by its name; a line break in a label is escaped, so none looks like another."""
    found: dict[str, str] = {}
    for part in f"\n{text}".split("\n# TYPE ")[1:]:
        head, _, lines = part.partition("\n")
        found[head.partition(" ")[0]] = lines.partition("\n# HELP ")[0]
    return found


class Row(NamedTuple):
    """The key of a row: equal in every page of one sender, as long as its start is."""

    name: str
    labels: str
    """As they stand on the page."""
    start_unix_nano: int


class PageMetric(Metric):
    """One metric of a page, its own `EncodedPoints`, as `WireMetric` is: most are dropped unread."""

    __slots__ = ("_at_unix_nano", "_lines", "_naming", "_reader", "_start_unix_nano")

    def __init__(
        self, naming: Naming, lines: str, start_unix_nano: int, at_unix_nano: int, reader: Reader
    ) -> None:
        """Read `lines`, those of the metric's family, which were on the page at `at_unix_nano`."""
        self.header = naming.layout.header
        self._data_points = None
        self._naming = naming
        self._lines = lines
        self._start_unix_nano = start_unix_nano
        self._at_unix_nano = at_unix_nano
        self._reader = reader

    @property
    def encoded(self) -> EncodedPoints | None:
        """The metric itself until `data_points` was read."""
        return self if self._data_points is None else None

    def point_count(self) -> int:
        """Return how many data points there are: a line for each, of a histogram that with its count."""
        if self._data_points is not None:
            return len(self._data_points)
        is_histogram = self.header.type is MetricType.HISTOGRAM
        name = self._naming.name + ("_count" if is_histogram else "")
        return f"\n{self._lines}".count(f"\n{name}{{") + f"\n{self._lines}".count(f"\n{name} ")

    def cut(self, most: int) -> Iterator[PageMetric]:
        """Yield metrics of at most so many points, which are this one's; itself if it has no more."""
        if self.point_count() <= most:
            yield self
            return
        # Of a histogram the count is the last line (as of Prometheus' text format).
        last = f"{self._naming.name}_count" if self.header.type is MetricType.HISTOGRAM else ""
        lines = self._lines.split("\n")
        ends = [number for number, line in enumerate(lines, 1) if line.startswith(last)]
        first = 0
        for end in [*ends[most - 1 : -1 : most], len(lines)]:
            part = "\n".join(lines[first:end])
            first = end
            yield PageMetric(
                self._naming, part, self._start_unix_nano, self._at_unix_nano, self._reader
            )

    def rows(self) -> list[EncodedRow]:
        """Return each good point, in the page's order."""
        if not self._lines:
            return []
        at_unix_nano = self._at_unix_nano
        if self.header.type is MetricType.HISTOGRAM:
            return [
                EncodedRow(self._key(labels), at_unix_nano, parts.count, parts.sum)
                for labels, parts in self._distributions(with_buckets=False)
            ]
        return [
            EncodedRow(self._key(labels), at_unix_nano, value, None)
            for labels, value in self._numbers()
        ]

    def decode(self) -> list[DataPoint]:
        """Return each good point whole, in the page's order."""
        if not self._lines:
            return []
        if self.header.type is MetricType.HISTOGRAM:
            found = self._distributions(with_buckets=True)
            points = [self._histogram(labels, parts) for labels, parts in found]
            return [point for point in points if point is not None]
        return [
            NumberDataPoint(
                attributes=self._attributes(labels),
                start_time_unix_nano=self._start_unix_nano,
                time_unix_nano=self._at_unix_nano,
                value=value,
            )
            for labels, value in self._numbers()
        ]

    def describe(self, key: Hashable) -> tuple[Attributes, int]:
        """Return attributes and start time of the row that `key` names."""
        row = cast("Row", key)
        return self._attributes(row.labels), row.start_unix_nano

    def _key(self, labels: str) -> Row:
        return Row(self._naming.name, labels, self._start_unix_nano)

    def _attributes(self, labels: str) -> Attributes:
        found = self._reader.labels(self._naming, labels)
        return {} if isinstance(found, Refusal) else dict(found)

    def _is_good(self, labels: str) -> bool:
        """Return whether a row is one that is pushed; what is not is counted."""
        found = self._reader.labels(self._naming, labels)
        if isinstance(found, Refusal):
            self._reader.count(found, 1)
            return False
        return True

    def _samples(self, skipped: str) -> Iterator[tuple[str, str, float]]:
        """Yield name, labels and value of each line that does not begin with `skipped`; bad ones are counted."""
        for line in self._lines.split("\n"):
            if not line or line.startswith("#") or (skipped and line.startswith(skipped)):
                continue
            found = _SAMPLE.fullmatch(line)
            try:
                value = float(found[3]) if found is not None else math.nan
            except ValueError:
                found = None
            if found is None:
                self._reader.count(Refusal.UNDECODABLE_SERIES, 1)
            elif not math.isfinite(value):
                self._reader.count(Refusal.NOT_FINITE, 1)
            else:
                yield found[1], found[2] or "", value

    def _numbers(self) -> Iterator[tuple[str, int | float]]:
        """Yield labels and value of each row of a gauge or sum."""
        is_integer = self._naming.layout.kind.is_integer
        for name, labels, value in self._samples(""):
            if name != self._naming.name:
                self._reader.count(Refusal.UNDECODABLE_SERIES, 1)
            elif self._is_good(labels):
                yield labels, int(value) if is_integer else value

    def _distributions(self, *, with_buckets: bool) -> Iterator[tuple[str, _Parts]]:
        """Yield labels and parts of each row of a histogram; without buckets, nearly all lines are not read."""
        name = self._naming.name
        rows: dict[str, _Parts] = {}
        for sample, labels, value in self._samples("" if with_buckets else f"{name}_bucket{{"):
            part = sample.removeprefix(name)
            if part == "_bucket" and (bound := _BOUND.search(labels)) is not None:
                others = (labels[: bound.start()] + labels[bound.end() :]).removeprefix(",")
                rows.setdefault(others, _Parts()).add_bucket(bound[1], value)
            elif part == "_sum":
                rows.setdefault(labels, _Parts()).sum = value
            elif part == "_count":
                rows.setdefault(labels, _Parts()).count = int(value)
        for labels, parts in rows.items():
            if parts.sum is None or parts.count < 0:
                self._reader.count(Refusal.UNDECODABLE_SERIES, 1)
            elif self._is_good(labels):
                yield labels, parts

    def _histogram(self, labels: str, parts: _Parts) -> HistogramDataPoint | None:
        """Return a whole histogram: the page's buckets are summed upwards, pushed ones are not."""
        below = [0, *parts.buckets.values(), parts.count]
        counts = [after - before for before, after in pairwise(below)]
        if min(counts) < 0:
            self._reader.count(Refusal.NEGATIVE_COUNT, 1)
            return None
        return HistogramDataPoint(
            attributes=self._attributes(labels),
            start_time_unix_nano=self._start_unix_nano,
            time_unix_nano=self._at_unix_nano,
            count=parts.count,
            sum=parts.sum,
            bucket_counts=counts if parts.buckets else [],
            explicit_bounds=list(parts.buckets),
        )


@dataclass(slots=True)
class _Parts:
    """What the lines of one histogram say."""

    sum: float | None = None
    count: int = -1
    buckets: dict[float, int] = field(default_factory=dict)
    """How many are at most at each finite bound, ascending as pages have them."""

    def add_bucket(self, bound: str, value: float) -> None:
        try:
            number = float(bound)
        except ValueError:
            return
        if math.isfinite(number):
            self.buckets[number] = int(value)
