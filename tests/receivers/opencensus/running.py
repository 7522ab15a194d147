"""A running OpenCensus server on loopback with everything it hands out kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc

from receivers.consumer import Consumer
from receivers.opencensus.server import OpenCensusServer
from tests.support.consumers import Counts, PresenceRecorder, SinkConsumer
from tests.support.golden import METRICS_EXPORT

UNIT_S = 5.0
"""How long anything on loopback may take."""


@dataclass
class Running:
    """A server, a channel to it, and what came out."""

    server: OpenCensusServer
    port: int
    channel: Any
    sink: SinkConsumer
    presence: PresenceRecorder
    counts: Counts
    calls: list[Any] = field(default_factory=list)

    def stream(self, method: str = METRICS_EXPORT, channel: Any = None, **kwargs: Any) -> Any:
        """Open a stream of raw bytes."""
        call = (channel or self.channel).stream_stream(method)(**kwargs)
        self.calls.append(call)
        return call

    async def send(self, *messages: bytes, **kwargs: Any) -> Any:
        """Open a metrics stream and write `messages`; it stays open."""
        call = self.stream(**kwargs)
        for raw in messages:
            await call.write(raw)
        return call

    async def play(self, messages: Iterable[bytes], **kwargs: Any) -> grpc.StatusCode:
        """Write `messages` to a new metrics stream, half-close it and return its status."""
        call = await self.send(*messages, **kwargs)
        await call.done_writing()
        return await asyncio.wait_for(call.code(), UNIT_S)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until `holds`."""
        deadline = time.monotonic() + UNIT_S
        while not holds():
            assert time.monotonic() < deadline, (self.presence.story(), self.counts)
            await asyncio.sleep(0.002)


@asynccontextmanager
async def running(
    consumer: Consumer | None = None, endpoint: str = "127.0.0.1:0", **settings: Any
) -> AsyncIterator[Running]:
    sink, presence, counts = SinkConsumer(), PresenceRecorder(), Counts()
    server = OpenCensusServer(
        endpoint,
        consumer or sink,
        presence,
        lambda: time.time_ns() // 1_000_000,
        counts,
        **settings,
    )
    port = await server.start()
    options = (("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=options) as channel:
        run = Running(server, port, channel, sink, presence, counts)
        try:
            yield run
        finally:
            for call in run.calls:
                call.cancel()
            await server.stop(0.5)
