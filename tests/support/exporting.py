"""The exporter `windows` over a store, and metrics to give it."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from daemon.config.windows import HistogramBuckets
from daemon.exporters.windows import Windows
from query.engine import PromEngine
from query.labels import METRIC_NAME, MatchOp
from query.queryable import is_stale
from query.regex import build_matcher
from query.store.store import Store, StoreSettings
from receivers.consumer import Batch, Sender
from receivers.model import (
    FLAG_NO_RECORDED_VALUE,
    DataPoint,
    EncodedRow,
    ExponentialBuckets,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    MetricHeader,
    MetricType,
    NumberDataPoint,
    Resource,
    ResourceMetrics,
    Scope,
    ScopeMetrics,
    Temporality,
)
from tests.support.consumers import Counts

START_MS = 1_730_000_000_000
NANO = 1_000_000
SENDER = Sender("otlp", "pod-a")
RESOURCE = Resource(attributes={"host.name": "pod-a", "process.pid": 1})

ENDED = "ended"
"""Stands for the stale marker."""
Sample = tuple[int, float | str]
"""(seconds after START_MS, value)"""


class Exporting:
    """Windows over a store, and what came of it."""

    def __init__(
        self,
        buckets: HistogramBuckets = HistogramBuckets.AUTO,
        *,
        windows: Mapping[str, Any] | None = None,
        **settings: Any,
    ) -> None:
        self.store = Store(StoreSettings(**settings), lambda _event, _fields: None)
        self.counts = Counts()
        self.appended: list[set[str]] = []
        self.windows = Windows(
            self.store,
            buckets=buckets,
            count=self.counts,
            on_append=lambda names: self.appended.append(set(names)),
            **(windows or {}),
        )
        self.engine = PromEngine(self.store)

    def consume(
        self,
        *metrics: Metric,
        at_ms: int,
        sender: Sender = SENDER,
        resource: Resource = RESOURCE,
    ) -> None:
        """Take one report."""
        self.windows.reported(sender, at_ms)
        scope_metrics = [ScopeMetrics(Scope(), list(metrics))]
        self.windows.consume(Batch(sender, at_ms, [ResourceMetrics(resource, scope_metrics)]))

    def send(self, at_s: float, header: MetricHeader, *points: DataPoint, **who: Any) -> None:
        """Take one report of one metric."""
        at_ms = START_MS + round(at_s * 1000)
        self.consume(Metric(header, data_points=points), at_ms=at_ms, **who)

    def stored(self) -> dict[str, list[Sample]]:
        """All samples, by series: `name{label=value,...}` less `host_name`."""
        everything = [build_matcher(METRIC_NAME, MatchOp.REGEX, ".+")]
        found = self.store.select(everything, start_ms=0, end_ms=2 * START_MS)
        series = {}
        for i, labels in enumerate(found.labels):
            times = (found.times_ms[i, : found.counts[i]] - START_MS).tolist()
            values = found.values[i, : found.counts[i]]
            series[text_of(labels)] = [
                (time / 1000 if time % 1000 else time // 1000, ENDED if stale else value)
                for time, value, stale in zip(
                    times, values.tolist(), is_stale(values).tolist(), strict=True
                )
            ]
        return series

    def counted(self) -> dict[str, int]:
        """What was out of the ordinary."""
        usual = {"stored", "zeros", "pauses"}
        counters = {key: n for key, n in self.store.counters.items() if n and key not in usual}
        return {**counters, **self.counts}

    def ask(self, query: str, at_s: float) -> list[float]:
        """The values of an instant query."""
        result = self.engine.instant(query, START_MS + round(at_s * 1000))
        return [points[0][1] for _, points in result.elements()]


def text_of(labels: Sequence[tuple[str, str]]) -> str:
    """Return labels as a test writes them."""
    names = [(key, value) for key, value in labels if key not in {METRIC_NAME, "host_name"}]
    inner = ",".join(f"{key}={value}" for key, value in names)
    name = dict(labels)[METRIC_NAME]
    return f"{name}{{{inner}}}" if inner else name


def header(
    type_: MetricType, temporality: Temporality = Temporality.CUMULATIVE, **more: Any
) -> MetricHeader:
    """Return the header of metric `m`."""
    return MetricHeader(**{"name": "m", "type": type_, "temporality": temporality, **more})


def times_of(time_s: float, start_s: float | None) -> dict[str, Any]:
    """Return time and start of a data point; no start is 0."""
    start_ms = 0 if start_s is None else START_MS + round(start_s * 1000)
    return {
        "time_unix_nano": (START_MS + round(time_s * 1000)) * NANO,
        "start_time_unix_nano": start_ms * NANO,
    }


def number(
    value: float | None, time_s: float, start_s: float | None = None, **attributes: Any
) -> NumberDataPoint:
    """Return one value; None is NoRecordedValue."""
    return NumberDataPoint(
        attributes=attributes,
        value=value,
        flags=FLAG_NO_RECORDED_VALUE if value is None else 0,
        **times_of(time_s, start_s),
    )


def explicit(
    count: int,
    total: float | None,
    buckets: tuple[Sequence[float], Sequence[int]],
    time_s: float,
    start_s: float | None = None,
    **more: Any,
) -> HistogramDataPoint:
    """Return a histogram with explicit bounds, `buckets` being those and the counts."""
    return HistogramDataPoint(
        count=count,
        sum=total,
        explicit_bounds=list(buckets[0]),
        bucket_counts=list(buckets[1]),
        **times_of(time_s, start_s),
        **more,
    )


def exponential(
    text: str, time_s: float = 10, start_s: float | None = 0, **more: Any
) -> ExponentialHistogramDataPoint:
    """Return `scale;zero count;zero threshold;offset:positive counts;offset:negative counts;sum`."""
    scale, zeros, threshold, positive, negative, total = text.split(";")
    sides = [_side(positive), _side(negative)]
    return ExponentialHistogramDataPoint(
        scale=int(scale),
        zero_count=int(zeros),
        zero_threshold=float(threshold or 0),
        positive=sides[0],
        negative=sides[1],
        count=int(zeros) + sum(sides[0].bucket_counts) + sum(sides[1].bucket_counts),
        sum=float(total) if total else None,
        **times_of(time_s, start_s),
        **more,
    )


def _side(text: str) -> ExponentialBuckets:
    offset, _, counts = text.partition(":")
    return ExponentialBuckets(
        offset=int(offset or 0), bucket_counts=[int(count) for count in counts.split(",") if count]
    )


class OnTheWire:
    """Encoded cumulative points: (key, seconds, value, sum); the label `path` is the key up to an `@`."""

    def __init__(
        self, rows: Iterable[tuple[str, float, float, float | None]], start_s: float = 0
    ) -> None:
        self._rows = list(rows)
        self._start_s = start_s
        self.described = 0

    def decode(self) -> list[DataPoint]:
        """Nobody needs whole data points here."""
        raise AssertionError("decoded for nothing")

    def rows(self) -> Iterator[EncodedRow]:
        """Yield the values."""
        for key, time_s, value, total in self._rows:
            yield EncodedRow(key, (START_MS + round(time_s * 1000)) * NANO, value, total)

    def describe(self, key: Hashable) -> tuple[dict[str, Any], int]:
        """Return attributes and start."""
        self.described += 1
        return {"path": str(key).partition("@")[0]}, (START_MS + round(self._start_s * 1000)) * NANO


class DeltasOnTheWire(OnTheWire):
    """Encoded delta points, with the start of each."""

    def __init__(
        self,
        rows: Iterable[tuple[str, float, float, float | None]],
        starts_s: Sequence[float | None],
    ) -> None:
        super().__init__(rows)
        self._starts_s = starts_s

    def describe(self, key: Hashable) -> tuple[dict[str, Any], int]:
        """Return attributes; deltas have no start in common."""
        return super().describe(key)[0], 0

    def starts_unix_nano(self) -> Sequence[int]:
        """Return the start of each row."""
        return [times_of(0, start_s)["start_time_unix_nano"] for start_s in self._starts_s]
