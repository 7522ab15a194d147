"""Batches to a backend: encoded when there is time, queued, sent, sent again; nobody in the pipeline ever waits.

One task encodes; each consumer of the queue is a task that ships one request at a time. All is on one event loop.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from daemon.clock import Clock, Sleep
from daemon.config.sending import QueueConfig, RetryConfig
from daemon.exporters.counts import ExporterCounts
from daemon.exporters.inbox import Inbox, points_of
from daemon.exporters.retry import Backoff, Failed, Outcome, Sent
from daemon.exporters.sending_queue import QueueSettings, Request, SendingQueue
from daemon.notices import Notices
from daemon.telemetry import supervise
from receivers.consumer import Batch, Count

MIB: Final = 1024 * 1024
JOIN_UP_TO_BYTES: Final = MIB
"""Requests that wait because a backend is slow go out together: receivers take 4 MiB by default (otlp.md 1.1)."""
DRAIN_S: Final = 5.0
"""How long a queue is given at the end (otlp.md 5.1)."""


class Transport(Protocol):
    """The way to one backend."""

    async def open(self) -> None:
        """Get ready; connects to nobody yet."""

    async def close(self) -> None:
        """End all connections; safe twice and before `open`."""

    async def pack(self, body: bytes) -> bytes:
        """Return the bytes of every attempt: `body`, compressed."""

    async def attempt(self, packed: bytes) -> Outcome:
        """Send once; raises nothing but CancelledError."""


Encoder = Callable[[Batch, Callable[[Request], None]], Generator[None]]
"""Hands on the requests that a batch becomes; yields whenever others should have a turn. Raises nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShippingSettings:
    """How one exporter sends."""

    exporter: str
    """Its component id."""
    retry: RetryConfig
    queue: QueueSettings
    consumers: int
    """Tasks that send; a multiple of the queue's lanes."""

    @classmethod
    def of_otlp(cls, exporter: str, retry: RetryConfig, queue: QueueConfig) -> ShippingSettings:
        """Return what `queue` says: all consumers take from one lane."""
        limits = QueueSettings(
            capacity=queue.capacity,
            sizer=queue.sizer,
            max_bytes=queue.max_size_mib * MIB,
            join_up_to_bytes=JOIN_UP_TO_BYTES,
        )
        return cls(exporter=exporter, retry=retry, queue=limits, consumers=queue.num_consumers)


class Shipping:
    """The end of a pipeline that leads to a backend; `daemon.components.part.Part` and `Consumer`."""

    def __init__(
        self,
        settings: ShippingSettings,
        encoder: Encoder,
        transport: Transport,
        *,
        counts: ExporterCounts,
        count_failures: Count,
        clock: Clock,
        sleep: Sleep,
        draw: Callable[[], float] = random.random,
    ) -> None:
        """`draw` returns random numbers in [0, 1)."""
        self._settings = settings
        self._encoder = encoder
        self._transport = transport
        self._counts = counts
        self._count_failures = count_failures
        self._clock = clock
        self._sleep = sleep
        self._draw = draw
        self._notices = Notices(clock)
        self._queue = SendingQueue(settings.queue, self._on_no_room)
        self._inbox = Inbox(
            f"{settings.exporter} encoder",
            self._encode,
            self._on_lost,
            count_failures=count_failures,
            sleep=sleep,
        )
        self._tasks: list[asyncio.Task[None]] = []
        counts.queue(lambda: self._queue.size, settings.queue.capacity)

    def consume(self, batch: Batch) -> None:
        """Take `batch`; it is neither read nor changed before this returns."""
        self._inbox.put(batch)

    async def start(self) -> None:
        """Begin to send; nobody is connected to yet."""
        await self._transport.open()
        self._inbox.start()
        for number in range(self._settings.consumers):
            lane = number % self._settings.queue.lanes
            self._tasks.append(asyncio.create_task(self._consumer(number, lane)))

    async def stop(self) -> None:
        """Send what waits, for at most five seconds, and count the rest as failed; safe twice and before `start`."""
        if self._tasks:
            try:
                async with asyncio.timeout(DRAIN_S):
                    await self._inbox.emptied()
                    await self._queue.emptied()
            except TimeoutError:
                self._tell("exporter_stops_with_a_full_queue", waiting=self._queue.size)
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._inbox.stop()
        for request in self._queue.drop_all():
            self._counts.failed("Shutdown", request.points, permanent=False)
        await self._transport.close()

    async def _encode(self, batch: Batch) -> None:
        for _ in self._encoder(batch, self._queue.put):
            await asyncio.sleep(0)

    async def _consumer(self, number: int, lane: int) -> None:
        async def run() -> None:
            while True:
                await self._ship_next(lane)

        name = f"{self._settings.exporter} consumer {number}"
        await supervise(name, run, count=self._count_failures, sleep=self._sleep)

    async def _ship_next(self, lane: int) -> None:
        taken = await self._queue.take(lane)
        points = sum(request.points for request in taken)
        try:
            await self._ship(taken, points)
        except BaseException as error:
            stopped = isinstance(error, asyncio.CancelledError)
            self._counts.failed("Shutdown" if stopped else "_OTHER", points, permanent=not stopped)
            raise
        finally:
            self._queue.done(taken)

    async def _ship(self, requests: Sequence[Request], points: int) -> None:
        packed = await self._transport.pack(b"".join(request.body for request in requests))
        backoff = Backoff(self._settings.retry, self._draw, lambda: self._clock() / 1000)
        while True:
            outcome = await self._transport.attempt(packed)
            if isinstance(outcome, Sent):
                self._counts.sent(points)
                if outcome.warning:
                    self._tell("backend_took_a_part_only", text=outcome.warning)
                return
            pause_s = backoff.pause_s(outcome)
            if pause_s is None:
                self._give_up(outcome, points)
                return
            await self._sleep(pause_s)

    def _give_up(self, failed: Failed, points: int) -> None:
        self._counts.failed(failed.error_type, points, permanent=not failed.again)
        self._tell("exporter_lost_data_points", points=points, reason=failed.text)

    def _on_no_room(self, request: Request) -> None:
        self._counts.no_room(request.points)
        self._tell("exporter_queue_is_full", points=request.points)

    def _on_lost(self, batch: Batch) -> None:
        """Count a batch that was never encoded."""
        points = sum(
            len(points_of(metric))
            for group in batch.resource_metrics
            for scoped in group.scope_metrics
            for metric in scoped.metrics
        )
        self._counts.no_room(points)
        self._tell("exporter_queue_is_full", points=points)

    def _tell(self, event: str, **fields: object) -> None:
        self._notices(event, {"exporter": self._settings.exporter, **fields})
