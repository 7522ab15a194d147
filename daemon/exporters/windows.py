"""How a data point becomes a series: the way into the store, and the one place where both vocabularies meet.

Data point -> sample, attribute -> label, header -> metric name and kind, sender -> the store's sender (DESIGN 3.4, 3.5).
Histograms and summaries become `<name>_count` and `<name>_sum`; `<name>_bucket{le}` is stored where it is wanted only.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from itertools import accumulate

from daemon.config.windows import HistogramBuckets
from query.labels import METRIC_NAME, Labels, label_name, metric_name
from query.store.store import Series, Store
from receivers.consumer import Batch, Count, Sender
from receivers.model import (
    AnyValue,
    Attributes,
    EncodedPoints,
    HistogramDataPoint,
    Metric,
    MetricHeader,
    MetricType,
    NumberDataPoint,
    Resource,
    Temporality,
)

BUCKET_SUFFIX = "_bucket"
RESOURCE_LABELS = ("host.name", "service.instance.id", "k8s.pod.name")
"""Resource attributes that become labels and win over a data point's own (DESIGN 3.4)."""

REPORT_INTERVAL_MS: Mapping[str, int] = {"opencensus": 20_000}
"""Time between reports before two gaps were seen (keda.md 6.3.5), by receiver type."""
DEFAULT_REPORT_INTERVAL_MS = 60_000
TRUSTED_CLOCKS = frozenset({"prometheusremotewrite"})
"""Receivers whose times are taken as they are: a writer may catch up on hours (promql.md 6.3)."""

MAX_SENDER_MEMOS = 20_000
MAX_ROWS_PER_METRIC = 200_000
MAX_MEMOS = 1_000_000
"""Metrics and series remembered of all senders together; each takes about 300 bytes."""
MAX_HEADER_CHARACTERS = 16_384
"""Of name and description; larger ones are looked at anew in each report."""
MAX_BUCKET_NAMES = 1_000
MAX_FAMILIES = 10_000
_NANOS_PER_MS = 1_000_000

_CUMULATIVE_KINDS = frozenset(
    {MetricType.SUM, MetricType.HISTOGRAM, MetricType.EXPONENTIAL_HISTOGRAM}
)


@dataclass(slots=True)
class _MetricMemo:
    """What is remembered of one metric of one sender: its series by the key of their bytes."""

    name: str
    written: str
    """The name as the sender writes it."""
    names: tuple[str, ...]
    """Of its series, buckets aside."""
    is_counter: bool
    is_distribution: bool
    rows: dict[Hashable, tuple[Series, Series | None]] = field(default_factory=dict)


@dataclass(slots=True)
class _Message:
    """What one batch adds: parallel lists, written to the store at once."""

    sender: str
    at_ms: int
    series: list[Series] = field(default_factory=list)
    times_ms: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    names: set[str] = field(default_factory=set)

    def add(self, series: Series, time_ms: int, value: float) -> None:
        """Add one sample."""
        self.series.append(series)
        self.times_ms.append(time_ms)
        self.values.append(value)


_SenderMemo = dict[tuple[Resource, MetricHeader], _MetricMemo | None]


class Windows:
    """Consumer and Presence in front of a store; runs on the event loop only."""

    def __init__(
        self,
        store: Store,
        *,
        buckets: HistogramBuckets = HistogramBuckets.AUTO,
        count: Count,
        on_append: Callable[[AbstractSet[str]], None],
    ) -> None:
        self._store = store
        self._buckets = buckets
        self._count = count
        self._on_append = on_append
        self._memos: dict[Sender, _SenderMemo] = {}
        self._remembered = 0
        """Metrics and series in all memos."""
        self._bucket_names: set[str] = set()
        self.families: dict[str, MetricHeader] = {}
        """What senders tell of metrics, by name as stored; of metrics that tell nothing there is nothing."""
        self.reports = 0
        """Messages with metrics that arrived, whatever a filter made of them."""

    def opened(self, sender: Sender, at_ms: int) -> None:
        """Tell the store that a stream of `sender` has begun."""
        interval_ms = REPORT_INTERVAL_MS.get(sender.protocol, DEFAULT_REPORT_INTERVAL_MS)
        self._store.sender_opened(str(sender), at_ms, report_interval_ms=interval_ms)

    def reported(self, sender: Sender, at_ms: int) -> None:
        """Tell the store that a report of `sender` has arrived."""
        self.reports += 1
        self._store.sender_reported(str(sender), at_ms)

    def closed(self, sender: Sender, at_ms: int) -> None:
        """Tell the store that a stream of `sender` has ended."""
        self._store.sender_closed(str(sender), at_ms)
        memo = self._memos.pop(sender, {})
        self._remembered -= len(memo) + sum(len(known.rows) for known in memo.values() if known)

    def asked(self, name: str) -> None:
        """Note that a query named this metric: buckets that someone asks for are stored from now on."""
        if (
            self._buckets is HistogramBuckets.AUTO
            and name.endswith(BUCKET_SUFFIX)
            and len(self._bucket_names) < MAX_BUCKET_NAMES
        ):
            self._bucket_names.add(name)

    def consume(self, batch: Batch) -> None:
        """Store every data point of `batch`; bad ones are counted and left out."""
        if len(self._memos) > MAX_SENDER_MEMOS or self._remembered > MAX_MEMOS:
            self._memos.clear()
            self._remembered = 0
        memo = self._memos.setdefault(batch.sender, {})
        message = _Message(sender=str(batch.sender), at_ms=batch.received_at_ms)
        for resource_metrics in batch.resource_metrics:
            resource = resource_metrics.resource
            for scope_metrics in resource_metrics.scope_metrics:
                for metric in scope_metrics.metrics:
                    self._metric(message, memo, resource, metric)
        self._store.metrics_reported(message.sender, message.names, message.at_ms)
        if message.series:
            self._store.append(
                message.sender,
                message.at_ms,
                message.series,
                message.times_ms,
                message.values,
                correct_clock=batch.sender.protocol not in TRUSTED_CLOCKS,
            )
            self._on_append(message.names)

    def _metric(
        self, message: _Message, memo: _SenderMemo, resource: Resource, metric: Metric
    ) -> None:
        key = (resource, metric.header)
        try:
            known = memo[key]
        except KeyError:
            known = self._describe(metric.header)
            if len(metric.header.name) + len(metric.header.description) <= MAX_HEADER_CHARACTERS:
                memo[key] = known
                self._remembered += 1
        if known is None:
            return
        message.names.update(known.names)
        if known.is_distribution and self._wants_buckets(known.name):
            message.names.add(known.name + BUCKET_SUFFIX)
            self._decoded(message, known, resource, metric)
        elif (encoded := metric.encoded) is None:
            self._decoded(message, known, resource, metric)
        else:
            self._encoded(message, known, resource, encoded)

    def _describe(self, header: MetricHeader) -> _MetricMemo | None:
        if header.type is MetricType.NONE or not header.name:
            self._count("metric_without_data", 1)
            return None
        if header.type in _CUMULATIVE_KINDS and header.temporality is not Temporality.CUMULATIVE:
            self._count("temporality_not_cumulative", 1)
            return None
        is_distribution = header.type not in {MetricType.GAUGE, MetricType.SUM}
        name = metric_name(header.name)
        tells = header.description or header.unit or header.type is not MetricType.GAUGE
        if tells and (name in self.families or len(self.families) < MAX_FAMILIES):
            self.families[name] = header
        return _MetricMemo(
            name=name,
            written=header.name,
            names=(name + "_count", name + "_sum") if is_distribution else (name,),
            is_counter=is_distribution or (header.type is MetricType.SUM and header.is_monotonic),
            is_distribution=is_distribution,
        )

    def _wants_buckets(self, name: str) -> bool:
        if self._buckets is HistogramBuckets.AUTO:
            return bool(self._bucket_names) and name + BUCKET_SUFFIX in self._bucket_names
        return self._buckets is HistogramBuckets.ALWAYS

    def _encoded(
        self, message: _Message, known: _MetricMemo, resource: Resource, encoded: EncodedPoints
    ) -> None:
        """Read values off the wire; attributes are decoded only for a time series not seen before."""
        rows = known.rows
        series, times_ms, values = message.series, message.times_ms, message.values
        for key, time_unix_nano, value, total in encoded.rows():
            pair = rows.get(key)
            if pair is None or not pair[0].alive or (pair[1] is not None and not pair[1].alive):
                attributes, start_unix_nano = encoded.describe(key)
                pair = self._pair(message, known, resource, attributes, start_unix_nano)
                if pair is None:
                    continue
                if (
                    pair[1] is not None or not known.is_distribution
                ):  # else it is refused anew each time
                    if len(rows) >= MAX_ROWS_PER_METRIC:
                        self._remembered -= len(rows)
                        rows.clear()
                    self._remembered += key not in rows
                    rows[key] = pair
            time_ms = time_unix_nano // _NANOS_PER_MS
            series.append(pair[0])
            times_ms.append(time_ms)
            values.append(value)
            if total is not None and (second := pair[1]) is not None:
                series.append(second)
                times_ms.append(time_ms)
                values.append(total)

    def _decoded(
        self, message: _Message, known: _MetricMemo, resource: Resource, metric: Metric
    ) -> None:
        """Store data points that a processor has touched, or whose buckets are wanted."""
        for point in metric.data_points:
            pair = self._pair(
                message, known, resource, point.attributes, point.start_time_unix_nano
            )
            if pair is None:
                continue
            time_ms = point.time_unix_nano // _NANOS_PER_MS
            if isinstance(point, NumberDataPoint):
                if point.value is None:
                    self._count("point_without_value", 1)
                else:
                    message.add(pair[0], time_ms, float(point.value))
                continue
            message.add(pair[0], time_ms, float(point.count))
            if pair[1] is not None and point.sum is not None:
                message.add(pair[1], time_ms, point.sum)
            if isinstance(point, HistogramDataPoint) and self._wants_buckets(known.name):
                self._add_buckets(message, known, resource, point)

    def _add_buckets(
        self, message: _Message, known: _MetricMemo, resource: Resource, point: HistogramDataPoint
    ) -> None:
        """Add one sample for each bucket: counts summed upwards, `+Inf` takes the count (otlp.md 3.1)."""
        below = list(accumulate(point.bucket_counts))[: len(point.explicit_bounds)]
        bounds = [format_bound(bound) for bound in point.explicit_bounds]
        for bound, count in [*zip(bounds, below, strict=False), ("+Inf", point.count)]:
            attributes = {**point.attributes, "le": bound}
            labels = build_labels(known.name + BUCKET_SUFFIX, attributes, resource.attributes)
            source = source_of(known.written, attributes)
            series = self._series(
                message, labels, point.start_time_unix_nano, is_counter=True, source=source
            )
            if series is not None:
                message.add(series, point.time_unix_nano // _NANOS_PER_MS, float(count))

    def _pair(
        self,
        message: _Message,
        known: _MetricMemo,
        resource: Resource,
        attributes: Attributes,
        start_unix_nano: int,
    ) -> tuple[Series, Series | None] | None:
        """Find or create the series of one data point: (value, None) or (count, sum); None where a limit refused."""
        suffix = "_count" if known.is_distribution else ""
        labels = build_labels(known.name + suffix, attributes, resource.attributes)
        source = source_of(known.written, attributes)
        first = self._series(
            message, labels, start_unix_nano, is_counter=known.is_counter, source=source
        )
        if first is None or not known.is_distribution:
            return None if first is None else (first, None)
        labels = build_labels(known.name + "_sum", attributes, resource.attributes)
        second = self._series(
            message, labels, start_unix_nano, is_counter=True, source=source, count_of=first
        )
        return first, second

    def _series(
        self,
        message: _Message,
        labels: Labels,
        start_unix_nano: int,
        *,
        is_counter: bool,
        source: int,
        count_of: Series | None = None,
    ) -> Series | None:
        return self._store.series(
            message.sender,
            labels,
            start_ms=start_unix_nano // _NANOS_PER_MS,
            is_counter=is_counter,
            at_ms=message.at_ms,
            count_of=count_of,
            source=source,
        )


def source_of(name: str, attributes: Attributes) -> int:
    """Return what tells series apart that become equal by their labels: `a/b` and `a.b`, a point's own `host.name`."""
    return hash((name, frozenset((key, format_value(attributes[key])) for key in attributes)))


def build_labels(name: str, attributes: Attributes, resource_attributes: Attributes) -> Labels:
    """Return the labels of a series: attributes and the resource's identity, which wins (DESIGN 3.4)."""
    labels = {label_name(key): format_value(value) for key, value in attributes.items()}
    for key in RESOURCE_LABELS:
        if key in resource_attributes:
            labels[label_name(key)] = format_value(resource_attributes[key])
    labels[METRIC_NAME] = name
    return tuple(sorted((key, value) for key, value in labels.items() if value))


def format_value(value: AnyValue) -> str:
    """Return an attribute's value as a label value."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def format_bound(bound: float) -> str:
    """Return a bucket's bound as the shortest decimal (otlp.md 3.1)."""
    return str(int(bound)) if bound == int(bound) and abs(bound) < 1e15 else repr(bound)
