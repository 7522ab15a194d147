"""The page that a sidecar serves for Prometheus -> the metrics that it pushes, under their names and with their labels.

daprd shows the same views both ways: the page puts `dapr_` before the name, writes `_` for what Prometheus does not take,
and leaves out metrics without rows. What a name on the page is called when it is pushed, pushes tell.
"""

from __future__ import annotations

import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final, cast

from receivers.consumer import Batch, Count
from receivers.errors import DecodeError
from receivers.model import (
    AnyValue,
    DataPoint,
    EncodedRow,
    Metric,
    MetricHeader,
    MetricType,
    NumberDataPoint,
    Resource,
    ResourceMetrics,
    Scope,
    ScopeMetrics,
)
from receivers.opencensus.decode import PHANTOM_METRICS, PHANTOM_VALUE, WireMetric
from receivers.opencensus.refusals import Refusal
from receivers.prometheus.exposition import decode_page

PREFIX: Final = "dapr_"
"""The namespace that daprd gives its page (opencensus.md 4.14)."""
MAX_NAMES: Final = 10_000
"""Of one sender; daprd has 79."""
MAX_NAME_CHARACTERS: Final = 100
"""What the page keeps of a name."""
MAX_START_DIFFERENCE_S: Final = 60.0
"""Between the start of the process that the page tells and the one that the Node tells."""
_PROCESS_START: Final = "process_start_time_seconds"
_NODE_START: Final = "opencensus.starttime"
_NOT_IN_NAME: Final = re.compile(r"[^A-Za-z0-9_]")
_NO_RESOURCE: Final = Resource()
_SCOPE: Final = Scope()
_WHAT: Final = "sidecar's page of metrics"

Attributes = dict[str, AnyValue]


@dataclass(slots=True)
class Pushed:
    """What pushes have told of one metric."""

    header: MetricHeader
    keys: dict[str, str]
    """Label keys by what they are called on the page, where that differs."""
    is_integer: bool
    start_unix_nano: int = 0
    """0 until a row was pushed."""


class Pushes:
    """What one sender's pushes have told; it learns from batches whose points are on the wire still."""

    def __init__(self) -> None:
        self.resource = _NO_RESOURCE
        self._by_name: dict[str, Pushed] = {}
        self._twice: set[str] = set()

    @property
    def number(self) -> int:
        """How many metrics are known."""
        return len(self._by_name)

    def learn(self, batch: Batch) -> None:
        """Take over the resource, new names, and the start of metrics that have rows for the first time."""
        for group in batch.resource_metrics[
            :1
        ]:  # metrics with a resource of their own are not daprd's
            self.resource = group.resource
            for scope_metrics in group.scope_metrics:
                for metric in scope_metrics.metrics:
                    if isinstance(metric, WireMetric):
                        self._learn(metric)

    def read(self, text: str, at_unix_nano: int, count: Count) -> list[ResourceMetrics]:
        """Return the metrics that were pushed as the page has them now; those that are not on it have no rows.

        Data points are decoded when somebody reads them.

        Raises:
            DecodeError: it is no page of the process that pushes.
        """
        families = dict(_families(text))
        self._check_process(families.get(_PROCESS_START, ""))
        metrics: list[Metric] = []
        for name, pushed in self._by_name.items():
            lines = families.get(name, "")
            if pushed.start_unix_nano and not lines:
                raise DecodeError(_WHAT, f"{name}, which the sidecar pushes, is not on it")
            points = PagePoints(name, lines, pushed, at_unix_nano, count)
            metrics.append(Metric(pushed.header, points))
        return [ResourceMetrics(self.resource, [ScopeMetrics(_SCOPE, metrics)])]

    def _learn(self, metric: WireMetric) -> None:
        layout = metric.layout
        name = page_name(layout.header.name)
        known = self._by_name.get(name)
        if known is None:
            if name in self._twice or len(self._by_name) >= MAX_NAMES:
                return
            known = Pushed(
                layout.header,
                {_sanitized(key): key for key in layout.label_keys if _sanitized(key) != key},
                layout.kind.is_integer,
            )
            self._by_name[name] = known
        elif known.header.name != layout.header.name:
            # Two names that are one on the page: nobody can tell whose rows these are.
            self._twice.add(name)
            del self._by_name[name]
            return
        known.header = layout.header
        if not known.start_unix_nano:
            known.start_unix_nano = metric.first_start_unix_nano()

    def _check_process(self, lines: str) -> None:
        """Raise DecodeError if the page tells another start than the Node: several processes behind one address."""
        told = self.resource.attributes.get(_NODE_START)
        found = re.match(rf"{_PROCESS_START} (\S+)", lines)
        if found is None or not isinstance(told, str):
            return
        try:
            difference_s = abs(float(found[1]) - datetime.fromisoformat(told).timestamp())
        except ValueError:
            return
        if difference_s > MAX_START_DIFFERENCE_S:
            raise DecodeError(
                _WHAT,
                f"it is that of a process that started {difference_s:.0f} s before or after the sidecar that pushes",
            )


class PagePoints:
    """The rows of one metric on a page; implements `receivers.model.EncodedPoints`."""

    __slots__ = ("_at_unix_nano", "_count", "_lines", "_name", "_pushed")

    def __init__(
        self, name: str, lines: str, pushed: Pushed, at_unix_nano: int, count: Count
    ) -> None:
        self._name = name
        self._lines = lines
        self._pushed = pushed
        self._at_unix_nano = at_unix_nano
        self._count = count

    def decode(self) -> list[DataPoint]:
        """Return all data points: with the start that pushes tell, and without empty labels, which are never pushed."""
        return self._decode(self._lines)

    def rows(self) -> Iterator[EncodedRow]:
        """Yield the value of each data point; buckets, nearly all lines of a page, are not read for that."""
        lines = self._lines
        if self._pushed.header.type is MetricType.HISTOGRAM:
            bucket = f"{self._name}_bucket{{"
            lines = "\n".join([line for line in lines.split("\n") if not line.startswith(bucket)])
        for point in self._decode(lines):
            key = (self._name, tuple(sorted(cast("dict[str, str]", point.attributes).items())))
            if isinstance(point, NumberDataPoint):
                yield EncodedRow(key, point.time_unix_nano, point.value or 0, None)
            else:
                yield EncodedRow(key, point.time_unix_nano, point.count, point.sum)

    def describe(self, key: Hashable) -> tuple[Attributes, int]:
        """Return attributes and start time of the row that `key` names."""
        _, attributes = cast("tuple[str, tuple[tuple[str, str], ...]]", key)
        return dict(attributes), self._pushed.start_unix_nano

    def _decode(self, lines: str) -> list[DataPoint]:
        if not lines:
            return []
        kind = _KINDS[self._pushed.header.type]
        try:
            metrics = decode_page(
                f"# TYPE {self._name} {kind}\n{lines}",
                content_type="text/plain",
                at_unix_nano=self._at_unix_nano,
            )
        except DecodeError:
            self._count(Refusal.UNDECODABLE_METRIC, 1)
            return []
        return [point for metric in metrics for point in metric.data_points if self._adapt(point)]

    def _adapt(self, point: DataPoint) -> bool:
        """Make a point of the page what the sidecar pushes; return whether it would push it at all."""
        pushed = self._pushed
        point.attributes = {
            pushed.keys.get(key, key): value for key, value in point.attributes.items() if value
        }
        if pushed.header.name.startswith(PHANTOM_METRICS) and any(
            str(value).startswith(PHANTOM_VALUE) for value in point.attributes.values()
        ):
            self._count(Refusal.PHANTOM_SERIES, 1)
            return False
        point.start_time_unix_nano = pushed.start_unix_nano
        if isinstance(point, NumberDataPoint) and pushed.is_integer and point.value is not None:
            try:
                point.value = int(point.value)
            except (ValueError, OverflowError):
                self._count(Refusal.NOT_FINITE, 1)
                return False
        return True


_KINDS: Final = {
    MetricType.SUM: "counter",
    MetricType.GAUGE: "gauge",
    MetricType.HISTOGRAM: "histogram",
    MetricType.SUMMARY: "summary",
}


def page_name(name: str) -> str:
    """Return what a pushed metric is called on the page."""
    return PREFIX + _sanitized(name)


def _sanitized(text: str) -> str:
    """Return `text` as the page writes names: at most 100 characters, and none that Prometheus does not take."""
    text = _NOT_IN_NAME.sub("_", text[:MAX_NAME_CHARACTERS])
    if text[:1].isdigit():
        return f"key_{text}"
    return f"key{text}" if text[:1] == "_" else text


def _families(text: str) -> Iterator[tuple[str, str]]:
    """Yield name and lines of each family of a page; a line break in a label is escaped, so none looks like another."""
    for part in f"\n{text}".split("\n# TYPE ")[1:]:
        head, _, lines = part.partition("\n")
        yield head.partition(" ")[0], lines.partition("\n# HELP ")[0]
