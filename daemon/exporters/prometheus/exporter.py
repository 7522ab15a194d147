"""Batches to the page, and the page for who asks."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import structlog

from daemon.clock import Clock, Sleep
from daemon.config.prometheus_exporter import PrometheusExporterConfig
from daemon.exporters.counts import ExporterCounts
from daemon.exporters.inbox import POINTS_AT_ONCE, Inbox, points_of
from daemon.exporters.prometheus.page import OPEN_METRICS_TYPE, TEXT_TYPE, Style, write_page
from daemon.exporters.prometheus.table import FamilySnapshot, PageTable
from receivers.consumer import Batch, Count
from receivers.model import ResourceMetrics

log = structlog.get_logger(__name__)

_NAMED: Final = 5
"""Families in a log line; the others are a number."""


class Page(NamedTuple):
    """An answer to a scrape."""

    body: bytes
    content_type: str
    encoding: str | None


class PrometheusExporter:
    """The end of a pipeline that leads to a page; a `Consumer`."""

    def __init__(
        self,
        exporter: str,
        config: PrometheusExporterConfig,
        *,
        counts: ExporterCounts,
        count_failures: Count,
        clock: Clock,
        sleep: Sleep,
    ) -> None:
        """`exporter` is its component id."""
        self._exporter = exporter
        self._config = config
        self._counts = counts
        self._clock = clock
        self._table = PageTable(config, counts.refused)
        self._one_at_a_time = asyncio.Lock()
        self._told: frozenset[str] = frozenset()
        self._inbox = Inbox(
            f"{exporter} reader",
            self._read,
            self._on_lost,
            count_failures=count_failures,
            sleep=sleep,
        )

    @property
    def series(self) -> int:
        """How many series the page has."""
        return self._table.size

    def consume(self, batch: Batch) -> None:
        """Take `batch`; it is neither read nor changed before this returns."""
        self._inbox.put(batch)

    def start(self) -> None:
        """Begin to read batches."""
        self._inbox.start()

    async def stop(self) -> None:
        """End; safe twice and before `start`."""
        await self._inbox.stop()

    async def emptied(self) -> None:
        """Wait until the page shows all that was taken."""
        await self._inbox.emptied()

    async def page(self, *, open_metrics: bool, gzip: bool) -> Page:
        """Return the page; it is written by a worker thread, one at a time."""
        style = Style(
            open_metrics and self._config.enable_open_metrics, self._config.send_timestamps
        )
        async with self._one_at_a_time:
            families = self._table.snapshot(self._clock())
            self._tell_conflicts(self._table.conflicts())
            body = await asyncio.to_thread(_write, families, style, gzip)
        kind = OPEN_METRICS_TYPE if style.open_metrics else TEXT_TYPE
        return Page(body, kind, "gzip" if gzip else None)

    def _tell_conflicts(self, conflicts: Mapping[str, str]) -> None:
        """Log what is left out since the page was last asked for: one line, however many there are."""
        new = [name for name in conflicts if name not in self._told]
        if new:
            log.error(
                "metrics left out of the page: their names are taken by another type",
                exporter=self._exporter,
                families={name: conflicts[name] for name in new[:_NAMED]},
                count=len(new),
            )
        self._told = frozenset(conflicts)

    async def _read(self, batch: Batch) -> None:
        points = 0
        now_ms = self._clock()
        for group in batch.resource_metrics:
            for added in self._read_group(group, now_ms):
                points += added
                if points >= POINTS_AT_ONCE:
                    self._counts.sent(points)
                    points = 0
                    await asyncio.sleep(0)
        self._counts.sent(points)

    def _read_group(self, group: ResourceMetrics, now_ms: int) -> Iterator[int]:
        """Show what a resource reports, yielding after each metric the number of its points."""
        has_points = False
        for scoped in group.scope_metrics:
            frame = self._table.frame(group.resource, scoped.scope)
            for metric in scoped.metrics:
                points = points_of(metric)
                self._table.add_metric(metric, points, frame, now_ms)
                has_points = has_points or bool(points)
                yield len(points)
        if has_points:
            self._table.add_target(group.resource, now_ms)

    def _on_lost(self, batch: Batch) -> None:
        metrics = sum(group.metric_count for group in batch.resource_metrics)
        self._counts.refused("metrics_came_too_fast", metrics)


def _write(families: list[FamilySnapshot], style: Style, gzip: bool) -> bytes:
    body = write_page(families, style).encode("utf-8", "replace")
    return zlib.compress(body, 1, wbits=31) if gzip else body
