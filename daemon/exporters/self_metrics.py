"""The self-metrics as OTLP: what the page shows, sent to a backend every interval."""

from __future__ import annotations

import asyncio
import platform
from collections.abc import Iterable
from importlib.metadata import version
from typing import Final

from daemon.clock import Clock, Sleep
from daemon.exporters.shipping import Shipping
from daemon.exposition import Family, written
from daemon.measuring import Distribution
from daemon.telemetry import SelfMetrics, supervise
from receivers.consumer import Batch, Count, Sender
from receivers.model import (
    AnyValue,
    DataPoint,
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

_SENDER: Final = Sender("self", "tallyd")
_NS_PER_MS: Final = 1_000_000
_TYPES: Final = {
    "gauge": MetricType.GAUGE,
    "counter": MetricType.SUM,
    "histogram": MetricType.HISTOGRAM,
}


class SelfMetricsPush:
    """Sends the self-metrics through an exporter of its own; `daemon.components.part.Part`."""

    def __init__(
        self,
        name: str,
        metrics: SelfMetrics,
        shipping: Shipping,
        interval_s: float,
        *,
        count_failures: Count,
        clock: Clock,
        sleep: Sleep,
    ) -> None:
        """Send nothing yet; `name` is the task's in the log."""
        self._name = name
        self._metrics = metrics
        self._shipping = shipping
        self._interval_s = interval_s
        self._count_failures = count_failures
        self._clock = clock
        self._sleep = sleep
        self._started_ms = clock()
        self._resource = Resource(
            attributes={
                "service.name": "tallyd",
                "service.version": version("tallyd"),
                "host.name": platform.node(),
            }
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to send, the first time after one interval."""
        await self._shipping.start()
        self._task = asyncio.create_task(
            supervise(self._name, self._run, count=self._count_failures, sleep=self._sleep)
        )

    async def stop(self) -> None:
        """Send a last time and what waits; safe twice and before `start`."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await self._send()
        await self._shipping.stop()

    async def _run(self) -> None:
        while True:
            await self._sleep(self._interval_s)
            await self._send()

    async def _send(self) -> None:
        now_ms = self._clock()
        families = self._metrics.families()
        metrics = await written(
            families, lambda all_: list(as_metrics(all_, self._started_ms, now_ms))
        )
        scoped = ScopeMetrics(Scope(name="tallyd", version=version("tallyd")), metrics)
        self._shipping.consume(Batch(_SENDER, now_ms, [ResourceMetrics(self._resource, [scoped])]))


def as_metrics(families: Iterable[Family], started_ms: int, now_ms: int) -> Iterable[Metric]:
    """Yield each family with samples as a metric: counters as cumulative sums, without `_total` in their names."""
    for family in families:
        points = [
            _as_point(dict(labels), value, started_ms * _NS_PER_MS, now_ms * _NS_PER_MS)
            for labels, value in family.samples
        ]
        if points:
            yield Metric(_header(family), data_points=points)


def _header(family: Family) -> MetricHeader:
    is_gauge = family.kind == "gauge"
    return MetricHeader(
        name=family.name,
        description=family.documentation,
        type=_TYPES[family.kind],
        temporality=Temporality.UNSPECIFIED if is_gauge else Temporality.CUMULATIVE,
        is_monotonic=family.kind == "counter",
    )


def _as_point(
    attributes: dict[str, AnyValue], value: float | Distribution, start_ns: int, now_ns: int
) -> DataPoint:
    if not isinstance(value, Distribution):
        return NumberDataPoint(
            attributes=attributes,
            start_time_unix_nano=start_ns,
            time_unix_nano=now_ns,
            value=float(value),
        )
    return HistogramDataPoint(
        attributes=attributes,
        start_time_unix_nano=start_ns,
        time_unix_nano=now_ns,
        count=sum(value.counts),
        sum=value.sum,
        bucket_counts=list(value.counts),
        explicit_bounds=list(value.bounds),
    )
