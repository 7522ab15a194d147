"""The exporter `windows`: batches into a store, comings and goings of senders too."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet

from daemon.config.windows import DEFAULT_RESOURCE_LABELS, HistogramBuckets
from daemon.exporters.windows.buckets import Buckets
from daemon.exporters.windows.labels import NO_RENAMES
from daemon.exporters.windows.memo import (
    BUCKET_SUFFIX,
    MetricMemo,
    Pair,
    describe,
    has_no_temporality,
)
from daemon.exporters.windows.message import Message, Target
from daemon.exporters.windows.plans import NANOS_PER_MS, Plans, Reading, make_plan, read_keys
from daemon.exporters.windows.points import Points
from query.store.store import Store
from receivers.consumer import Batch, Columns, Count, Sender
from receivers.model import (
    NO_RECORDED_VALUE,
    EncodedDeltaPoints,
    EncodedPoints,
    Metric,
    MetricHeader,
    MetricType,
    Resource,
)

REPORT_INTERVAL_MS: Mapping[str, int] = {"opencensus": 20_000}
"""Time between reports before two gaps were seen (keda.md 6.3.5), by receiver type."""
DEFAULT_REPORT_INTERVAL_MS = 60_000
"""What the OpenTelemetry SDKs have."""
TRUSTED_CLOCKS = frozenset({"prometheusremotewrite", "prometheus"})
"""Receivers whose times are taken as they are: a writer may catch up on hours (promql.md 6.3), scrapes have our own."""
TARGET_LABELS: Mapping[str, Mapping[str, str]] = {
    "prometheus": {"service.name": "job", "service.instance.id": "instance"}
}
"""Resource attributes that become labels under another name, by receiver type: `up{job="x",instance="y"}`."""
SUFFIXED = frozenset({"otlp"})
"""Receivers whose names `add_metric_suffixes` is about: Dapr's triggers name metrics as they are, writers' are final."""

MAX_SENDER_MEMOS = 20_000
MAX_ROWS_PER_METRIC = 200_000
MAX_MEMOS = 1_000_000
"""Metrics and series remembered of all senders together; each takes about 300 bytes."""
MAX_HEADER_CHARACTERS = 16_384
"""Of name and description; larger ones are looked at anew in each report."""
MAX_FAMILIES = 10_000

_SenderMemo = dict[tuple[Resource, MetricHeader], MetricMemo | None]


class Windows:
    """Consumer and Presence in front of a store; runs on the event loop only."""

    def __init__(
        self,
        store: Store,
        *,
        buckets: HistogramBuckets = HistogramBuckets.AUTO,
        add_metric_suffixes: bool = False,
        resource_labels: Sequence[str] = DEFAULT_RESOURCE_LABELS,
        count: Count,
        on_append: Callable[[AbstractSet[str]], None],
    ) -> None:
        self._store = store
        self._buckets = Buckets(buckets)
        self._points = Points(self._buckets, count)
        self._add_metric_suffixes = add_metric_suffixes
        self._resource_labels = tuple(resource_labels)
        self._count = count
        self._on_append = on_append
        self._memos: dict[Sender, _SenderMemo] = {}
        self._plans = Plans(store)
        self.remembered = 0
        """Metrics and series in all memos."""
        self.families: dict[str, MetricHeader] = {}
        """What senders tell of metrics, by name as stored; of metrics that tell nothing there is nothing."""
        self.reports = 0
        """Messages with metrics that arrived, whatever a filter made of them."""

    def opened(self, sender: Sender, at_ms: int, report_interval_ms: int | None = None) -> None:
        """Tell the store that a stream of `sender` has begun."""
        usual_ms = REPORT_INTERVAL_MS.get(sender.protocol, DEFAULT_REPORT_INTERVAL_MS)
        self._store.sender_opened(
            str(sender), at_ms, report_interval_ms=report_interval_ms or usual_ms
        )

    def reported(self, sender: Sender, at_ms: int) -> None:
        """Tell the store that a report of `sender` has arrived."""
        self.reports += 1
        self._store.sender_reported(str(sender), at_ms)

    def sampled(self, sender: Sender, at_ms: int) -> None:
        """Tell the store that values of `sender` were read between two of its reports."""
        self._store.sender_reported(str(sender), at_ms, is_regular=False)

    def heard(self, sender: Sender, at_ms: int) -> None:
        """Tell the store that a report of `sender` has arrived whose values are there already."""
        self.reports += 1
        self._store.sender_heard(str(sender), at_ms)

    def closed(self, sender: Sender, at_ms: int) -> None:
        """Tell the store that a stream of `sender` has ended."""
        self._store.sender_closed(str(sender), at_ms)
        self._plans.forget(sender)
        memo = self._memos.pop(sender, {})
        self.remembered -= sum(known.size if known else 1 for known in memo.values())

    def asked(self, name: str) -> None:
        """Note that a query named this metric: buckets that someone asks for are stored from now on."""
        self._buckets.asked(name)

    def consume(self, batch: Batch) -> None:
        """Store every data point of `batch`; bad ones are counted and left out."""
        if len(self._memos) > MAX_SENDER_MEMOS or self.remembered > MAX_MEMOS:
            self._memos.clear()
            self._plans.clear()
            self.remembered = 0
        message = Message(
            store=self._store,
            sender=str(batch.sender),
            at_ms=batch.received_at_ms,
            resource_labels=self._resource_labels,
            renamed=TARGET_LABELS.get(batch.sender.protocol, NO_RENAMES),
        )
        columns = batch.whole()
        if columns is None:
            self._add_metrics(message, batch)
        else:
            self._add_columns(message, batch, columns)
        self._store.metrics_reported(message.sender, message.names, message.at_ms)
        trusted = batch.times_are_ours or batch.sender.protocol in TRUSTED_CLOCKS
        if message.write(correct_clock=not trusted):
            self._on_append(message.names)

    def _metrics(self, batch: Batch) -> Iterator[tuple[MetricMemo, Resource, Metric]]:
        """Yield what can be stored of a batch, and what is known of it."""
        memo = self._memos.setdefault(batch.sender, {})
        add_suffixes = self._add_metric_suffixes and batch.sender.protocol in SUFFIXED
        for resource_metrics in batch.resource_metrics:
            resource = resource_metrics.resource
            for scope_metrics in resource_metrics.scope_metrics:
                for metric in scope_metrics.metrics:
                    try:
                        known = memo[resource, metric.header]
                    except KeyError:
                        known = self._describe(memo, resource, metric.header, add_suffixes)
                    if known is not None:
                        yield known, resource, metric

    def _add_metrics(self, message: Message, batch: Batch) -> None:
        for known, resource, metric in self._metrics(batch):
            self._metric(message, known, resource, metric)

    def _add_columns(self, message: Message, batch: Batch, columns: Columns) -> None:
        """Add a batch that looks like one before it as arrays; the first of a kind as any other."""
        plan = self._plans.find(batch.sender, columns.shape, self._buckets.wanted_names)
        if plan is not None:
            columns.note_read()
            message.names.update(plan.names)
            for known, resource, position in plan.asides:
                self._metric(message, known, resource, columns.metrics[position])
            message.planned = plan, columns
        elif self._plans.is_due(batch.sender, columns.shape):
            self._add_and_plan(message, batch, columns)
        else:
            self._add_metrics(message, batch)

    def _add_and_plan(self, message: Message, batch: Batch, columns: Columns) -> None:
        wanted = self._buckets.wanted_names
        readings = [
            Reading(known, resource, metric, read_keys(metric), self._wants_buckets(known))
            for known, resource, metric in self._metrics(batch)
        ]
        for known, resource, metric, *_ in readings:
            self._metric(message, known, resource, metric)
        plan = make_plan(readings, message.names, columns, self._store.removals, wanted)
        if plan is not None:
            self._plans.put(batch.sender, columns.shape, plan)

    def _wants_buckets(self, known: MetricMemo) -> bool:
        return known.has_buckets and self._buckets.wanted(known.name)

    def _describe(
        self, memo: _SenderMemo, resource: Resource, header: MetricHeader, add_suffixes: bool
    ) -> MetricMemo | None:
        """Return what a metric is in the store, None for what no window can hold; and remember it."""
        if header.type is MetricType.NONE or not header.name:
            self._count("metric_without_data", 1)
        known = None
        if has_no_temporality(header):
            self._count("temporality_unspecified", 1)
        else:
            known = describe(header, add_suffixes=add_suffixes)
        if len(header.name) + len(header.description) <= MAX_HEADER_CHARACTERS:
            memo[resource, header] = known
            self.remembered += 1
        tells = header.description or header.unit or header.type is not MetricType.GAUGE
        if known and tells and (known.name in self.families or len(self.families) < MAX_FAMILIES):
            self.families[known.name] = header
        return known

    def _metric(
        self, message: Message, known: MetricMemo, resource: Resource, metric: Metric
    ) -> None:
        """Add one metric to a message."""
        message.names.update(known.names)
        wants_buckets = self._wants_buckets(known)
        if wants_buckets:
            message.names.add(known.name + BUCKET_SUFFIX)
        if known.is_empty:
            return
        encoded = metric.encoded
        if encoded is None or wants_buckets or known.has_quantiles:
            target, before = Target(message, known, resource), known.size
            for point in metric.data_points:
                self._points.add(target, point)
            self.remembered += known.size - before
        elif known.is_delta and isinstance(encoded, EncodedDeltaPoints):
            self._encoded_deltas(message, known, resource, encoded)
        else:
            self._encoded(message, known, resource, encoded)

    def _encoded(
        self, message: Message, known: MetricMemo, resource: Resource, encoded: EncodedPoints
    ) -> None:
        """Read values off the wire; attributes are decoded only for a time series not seen before."""
        rows, sums, samples = known.rows, known.sums, message.samples
        series, times_ms, values = samples.series, samples.times_ms, samples.values
        for key, time_unix_nano, value, total in encoded.rows():
            first = rows.get(key)
            second = None if total is None else sums.get(key)
            if first is None or not first.alive or (second is not None and not second.alive):
                target = Target(message, known, resource)
                pair = self._pair(target, encoded, key, time_unix_nano)
                if pair is None:
                    continue
                first, second = pair
            time_ms = time_unix_nano // NANOS_PER_MS
            series.append(first)
            times_ms.append(time_ms)
            values.append(value)
            if total is not None and second is not None:
                series.append(second)
                times_ms.append(time_ms)
                values.append(total)

    def _encoded_deltas(
        self, message: Message, known: MetricMemo, resource: Resource, encoded: EncodedDeltaPoints
    ) -> None:
        """Do the same for deltas."""
        rows, sums, deltas = known.rows, known.sums, message.deltas
        series, times_ms, values = deltas.series, deltas.times_ms, deltas.values
        starts_ms = deltas.starts_ms
        both = zip(encoded.rows(), encoded.starts_unix_nano(), strict=True)
        for (key, time_unix_nano, value, total), start_unix_nano in both:
            first, second = rows.get(key), sums.get(key)
            if first is None or not first.alive or (second is not None and not second.alive):
                target = Target(message, known, resource)
                pair = self._pair(target, encoded, key, time_unix_nano)
                if pair is None:
                    continue
                first, second = pair
            time_ms, start_ms = time_unix_nano // NANOS_PER_MS, start_unix_nano // NANOS_PER_MS
            series.append(first)
            times_ms.append(time_ms)
            values.append(value)
            starts_ms.append(start_ms)
            if second is not None:
                if total is None:  # a total that went on without it would be too small
                    sums.pop(key, None)
                series.append(second)
                times_ms.append(time_ms)
                values.append(NO_RECORDED_VALUE if total is None else total)
                starts_ms.append(start_ms)

    def _pair(
        self, target: Target, encoded: EncodedPoints, key: Hashable, time_unix_nano: int
    ) -> Pair | None:
        """Return the series of a row that is not remembered, and remember them."""
        rows, sums = target.known.rows, target.known.sums
        attributes, start_unix_nano = encoded.describe(key)
        if start_unix_nano > time_unix_nano:
            start_unix_nano = 0
        pair = target.pair(attributes, start_unix_nano)
        if pair is None or (pair[1] is None and target.known.is_distribution):
            return pair  # it is refused anew each time
        if len(rows) >= MAX_ROWS_PER_METRIC:
            self.remembered -= len(rows)
            rows.clear()
            sums.clear()
        self.remembered += key not in rows
        rows[key] = pair[0]
        if pair[1] is not None:
            sums[key] = pair[1]
        return pair
