"""Batches on their way out of the pipeline: taken at once, worked on when everybody else has had a turn.

An exporter must neither delay the windows nor the sender that waits for its answer, so nothing is decoded or encoded
in `consume`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from daemon.clock import Sleep
from daemon.telemetry import supervise
from receivers.consumer import Batch, Count
from receivers.model import DataPoint, Metric

MAX_METRICS: Final = 20_000
"""In the batches that wait: 250 whole reports of sidecars. They only wait for their turn on the event loop."""

POINTS_AT_ONCE: Final = 100
"""Work between two turns of the others: 0.5 ms of OTLP, 1 to 2 ms of remote write."""


def points_of(metric: Metric) -> list[DataPoint]:
    """Return the data points, leaving those on the wire there: others read the metric too."""
    encoded = metric.encoded
    return metric.data_points if encoded is None else encoded.decode()


class Inbox:
    """A bounded queue of batches and the task that works on them one by one; at the limit the oldest is lost."""

    def __init__(
        self,
        name: str,
        work: Callable[[Batch], Awaitable[None]],
        lost: Callable[[Batch], None],
        *,
        count_failures: Count,
        sleep: Sleep,
        max_metrics: int = MAX_METRICS,
    ) -> None:
        """`work` is awaited with each batch in turn, `lost` called with those that nobody worked on."""
        self._name = name
        self._work = work
        self._lost = lost
        self._count_failures = count_failures
        self._sleep = sleep
        self._max_metrics = max_metrics
        self._waiting: deque[tuple[Batch, int]] = deque()
        self._metrics = 0
        self._filled = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None

    def put(self, batch: Batch) -> None:
        """Take `batch`; it is not changed, and must not be changed by anybody from now on."""
        weight = 1 + sum(group.metric_count for group in batch.resource_metrics)
        self._waiting.append((batch, weight))
        self._metrics += weight
        while self._metrics > self._max_metrics and len(self._waiting) > 1:
            self._lose_oldest()
        self._idle.clear()
        self._filled.set()

    def start(self) -> None:
        """Begin to work."""
        self._task = asyncio.create_task(
            supervise(self._name, self._run, count=self._count_failures, sleep=self._sleep)
        )

    async def emptied(self) -> None:
        """Wait until nothing waits any more."""
        if self._task is not None:
            await self._idle.wait()

    async def stop(self) -> None:
        """End the task; what waits still is lost. Safe twice and before `start`."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait([task])
        while self._waiting:
            self._lose_oldest()
        self._idle.set()

    def _lose_oldest(self) -> None:
        batch, weight = self._waiting.popleft()
        self._metrics -= weight
        self._lost(batch)

    async def _run(self) -> None:
        while True:
            while self._waiting:
                batch, weight = self._waiting.popleft()
                self._metrics -= weight
                await self._work(batch)
                await asyncio.sleep(0)
            self._filled.clear()
            self._idle.set()
            await self._filled.wait()
