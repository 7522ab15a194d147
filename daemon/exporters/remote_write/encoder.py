"""A batch to requests of remote write."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import Final

from daemon.config.prometheusremotewrite_exporter import RemoteWriteExporterConfig
from daemon.exporters.inbox import POINTS_AT_ONCE, points_of
from daemon.exporters.labels import (
    TARGET_INFO,
    Frame,
    build_frame,
    prometheus_label,
    target_labels,
    told_scope_labels,
)
from daemon.exporters.names import prometheus_name
from daemon.exporters.remote_write.series import MIN_SCHEMA, SeriesTable
from daemon.exporters.remote_write.wire import Metadata, encode_metadata, encode_series
from daemon.exporters.sending_queue import Request
from daemon.exporters.totals import DeltaTotals
from receivers.consumer import Batch, Count, Sender
from receivers.model import (
    FLAG_NO_RECORDED_VALUE,
    DataPoint,
    ExponentialHistogramDataPoint,
    Metric,
    MetricHeader,
    MetricType,
    NumberDataPoint,
    Resource,
    ResourceMetrics,
    Temporality,
)

SERIES: Final = 0
METADATA: Final = 1
"""Kinds of request: what one kind holds is never sent together with the other."""

_NANOS_PER_MS: Final = 1_000_000
_HAVE_TEMPORALITY = frozenset(
    {MetricType.SUM, MetricType.HISTOGRAM, MetricType.EXPONENTIAL_HISTOGRAM}
)
_TYPES = {
    MetricType.GAUGE: 2,
    MetricType.HISTOGRAM: 3,
    MetricType.EXPONENTIAL_HISTOGRAM: 3,
    MetricType.SUMMARY: 5,
}
_COUNTER, _GAUGE = 1, 2


class RemoteWriteEncoder:
    """Implements `daemon.exporters.shipping.Encoder`; requests of one sender share a lane."""

    def __init__(
        self, config: RemoteWriteExporterConfig, count_refused: Count, count_series: Count
    ) -> None:
        """`count_series` hears of series under the word `translated`."""
        self._config = config
        self._count_refused = count_refused
        self._count_series = count_series
        self._totals = DeltaTotals(config.max_delta_series, count_refused)
        self._extra = {
            prometheus_label(key): value for key, value in config.external_labels.items()
        }

    def __call__(self, batch: Batch, put: Callable[[Request], None]) -> Generator[None]:
        """Encode `batch` in steps."""
        table = SeriesTable()
        metadata: dict[str, Metadata] = {}
        for group in batch.resource_metrics:
            yield from self._translate(batch.sender, group, table, metadata)
        lane = hash(batch.sender)
        self._count_series("translated", len(table.series))
        yield from self._requests(table, lane, put)
        if metadata:
            parts = ((encode_metadata(one), 0) for one in metadata.values())
            yield from self._in_pieces(parts, lane, METADATA, put)

    def _translate(
        self,
        sender: Sender,
        group: ResourceMetrics,
        table: SeriesTable,
        metadata: dict[str, Metadata],
    ) -> Generator[None]:
        newest_ms, points = 0, 0
        for scoped in group.scope_metrics:
            scope = {} if self._config.disable_scope_info else told_scope_labels(scoped.scope)
            conversion = self._config.resource_to_telemetry_conversion
            frame = build_frame(group.resource, scope, conversion, self._extra)
            for metric in scoped.metrics:
                name = self._name(metric.header)
                added = self._add_metric(sender, name, metric, frame, table)
                if added and self._config.send_metadata:
                    metadata.setdefault(name, _metadata(name, metric.header))
                newest_ms = max(
                    [newest_ms, *(one.time_unix_nano // _NANOS_PER_MS for one in added)]
                )
                points += len(added) + 1
                if points >= POINTS_AT_ONCE:
                    points = 0
                    yield
        if newest_ms:
            self._add_target(group.resource, newest_ms, table)

    def _name(self, header: MetricHeader) -> str:
        return prometheus_name(
            header,
            add_suffixes=self._config.add_metric_suffixes,
            namespace=self._config.namespace,
        )

    def _add_metric(
        self, sender: Sender, name: str, metric: Metric, frame: Frame, table: SeriesTable
    ) -> list[DataPoint]:
        """Add what `metric` holds, and return the points that were added."""
        header = metric.header
        if header.type is MetricType.NONE or not name:
            return []
        is_delta = header.type in _HAVE_TEMPORALITY and header.temporality is Temporality.DELTA
        points = points_of(metric)
        if header.type in _HAVE_TEMPORALITY and header.temporality is Temporality.UNSPECIFIED:
            self._count_refused("temporality_unspecified", len(points))
            return []
        added = []
        for point in points:
            labels = frame.labels(point.attributes)
            total: DataPoint | None = point
            if is_delta:
                key = (sender, name, header.type, header.is_monotonic, *sorted(labels.items()))
                total = self._totals.total(key, point)
            if total is not None and self._is_good(total):
                table.add(name, total, labels)
                added.append(total)
        return added

    def _is_good(self, point: DataPoint) -> bool:
        """Return whether a sample can be made; an exponential histogram's series is told even if not."""
        if isinstance(point, ExponentialHistogramDataPoint) and point.scale < MIN_SCHEMA:
            self._count_refused("scale_too_small", 1)
        valueless = isinstance(point, NumberDataPoint) and point.value is None
        if valueless and not point.flags & FLAG_NO_RECORDED_VALUE:
            self._count_refused("no_value", 1)
            return False
        return True

    def _add_target(self, resource: Resource, time_ms: int, table: SeriesTable) -> None:
        labels = target_labels(resource)
        if labels and self._config.target_info.enabled:
            front = self._config.namespace
            name = f"{front}_{TARGET_INFO}" if front else TARGET_INFO
            table.add_sample(name, {**self._extra, **labels}, time_ms, 1.0)

    def _requests(
        self, table: SeriesTable, lane: int, put: Callable[[Request], None]
    ) -> Generator[None]:
        parts = (
            (encode_series(labels, one.samples, one.histograms, one.exemplars), one.points)
            for labels, one in table.series.items()
        )
        return self._in_pieces(parts, lane, SERIES, put)

    def _in_pieces(
        self,
        parts: Iterable[tuple[bytes, int]],
        lane: int,
        kind: int,
        put: Callable[[Request], None],
    ) -> Generator[None]:
        """Put requests of at most `max_batch_size_bytes`, unless one series alone is larger."""
        piece: list[bytes] = []
        size, points = 0, 0
        for number, (part, of_points) in enumerate(parts, 1):
            if piece and size + len(part) > self._config.max_batch_size_bytes:
                put(Request(b"".join(piece), points, lane, kind))
                piece, size, points = [], 0, 0
            piece.append(part)
            size += len(part)
            points += of_points
            if number % POINTS_AT_ONCE == 0:
                yield
        if piece:
            put(Request(b"".join(piece), points, lane, kind))


def _metadata(name: str, header: MetricHeader) -> Metadata:
    kind = _TYPES.get(header.type, _COUNTER if header.is_monotonic else _GAUGE)
    return Metadata(kind, name, header.description, header.unit)
