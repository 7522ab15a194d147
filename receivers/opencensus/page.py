"""The page that a sidecar serves for Prometheus -> the data points that it pushes.

daprd shows the same views both ways: the page puts `dapr_` before the name, writes `_` for what Prometheus does not take,
leaves out metrics without rows, and shows a tag that was not recorded as an empty label. Only what somebody reads is
parsed: the plain twin of the reading here is `receivers.prometheus.exposition`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import pairwise
from typing import Final, NamedTuple, cast

from receivers.consumer import Count
from receivers.model import (
    AnyValue,
    DataPoint,
    EncodedPoints,
    EncodedRow,
    HistogramDataPoint,
    Metric,
    MetricHeader,
    MetricType,
    NumberDataPoint,
)
from receivers.opencensus.decode import PHANTOM_VALUE, Layout
from receivers.opencensus.labels import keys_of_values
from receivers.opencensus.refusals import Refusal

PREFIX: Final = "dapr_"
"""The namespace that daprd gives its page (opencensus.md 4.14)."""
MAX_NAME_CHARACTERS: Final = 100
"""What the page keeps of a name."""
MAX_LABEL_SETS: Final = 16_384
"""Label sets remembered, of all senders together; those of replicas are the same."""
MAX_LABEL_CHARACTERS: Final = 2_048
"""Of a label set that is remembered."""
_NOT_IN_NAME: Final = re.compile(r"[^A-Za-z0-9_]")
_SAMPLE: Final = re.compile(r"([\w:]+)(?:\{(.*)\})? (\S+)", re.ASCII)
_PAIR: Final = re.compile(r'([A-Za-z_]\w*)="((?:[^"\\]|\\.)*)"', re.ASCII)
_PAIRS: Final = re.compile(rf"(?:{_PAIR.pattern}(?:,|\Z))*", re.ASCII)
_BOUND: Final = re.compile(r'(?:\A|,)le="([^"\\]*)"(?=,|\Z)')
_ESCAPE: Final = re.compile(r"\\(.)")
_ESCAPED: Final = {"n": "\n"}

Attributes = dict[str, AnyValue]
Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Naming:
    """What is called how on a page; one object for all senders with the same MetricDescriptor."""

    layout: Layout
    name: str
    """On the page."""
    keys: tuple[tuple[str, str], ...]
    """(on the page, as pushed), in the order of the wire."""

    @property
    def header(self) -> MetricHeader:
        """The header as pushes have it, the same object."""
        return self.layout.header


def name_on_page(layout: Layout) -> Naming:
    """Return what a pushed metric and its label keys are called on a page."""
    keys = tuple((_sanitized(key), key) for key in layout.label_keys)
    return Naming(layout, PREFIX + _sanitized(layout.header.name), keys)


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


class Reader:
    """How pages are read: what is wrong goes to `count`, label sets are remembered."""

    def __init__(self, count: Count) -> None:
        self.count = count
        self._known = lru_cache(MAX_LABEL_SETS)(pushed_labels)

    def labels(self, naming: Naming, text: str) -> Labels | Refusal:
        """Return what `pushed_labels` does."""
        if len(text) > MAX_LABEL_CHARACTERS:
            return pushed_labels(naming, text)
        return self._known(naming, text)


def pushed_labels(naming: Naming, text: str) -> Labels | Refusal:
    """Return the labels that a push has for a row of a page, wrong ones too where a push is shifted beyond repair.

    A push leaves out the values of absent tags, so that later ones slide to the keys before them (opencensus.md 4.1): what
    is repaired there is right here from the beginning, and for what is not, one series must not become two.
    """
    if _PAIRS.fullmatch(text) is None:
        return Refusal.UNDECODABLE_SERIES
    shown = {key: _unescaped(value) for key, value in _PAIR.findall(text)}
    layout = naming.layout
    keys: Sequence[str] = layout.label_keys
    if shown.keys() == {key for key, _ in naming.keys}:
        values = [shown[key] for key, _ in naming.keys if shown[key]]
        keys = keys_of_values(layout.header.name, layout.label_keys, values) or keys
    else:  # not what this descriptor says: then the page knows best
        keys, values = [key for key in shown if shown[key]], [one for one in shown.values() if one]
    if layout.may_hold_phantoms and values and values[0].startswith(PHANTOM_VALUE):
        return Refusal.PHANTOM_SERIES
    return tuple(zip(keys, values, strict=False))


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


def _sanitized(text: str) -> str:
    """Return `text` as the page writes names: at most 100 characters, and none that Prometheus does not take."""
    text = _NOT_IN_NAME.sub("_", text[:MAX_NAME_CHARACTERS])
    if text[:1].isdigit():
        return f"key_{text}"
    return f"key{text}" if text[:1] == "_" else text


def _unescaped(value: str) -> str:
    if "\\" not in value:
        return value
    return _ESCAPE.sub(lambda found: _ESCAPED.get(found[1], found[1]), value)
