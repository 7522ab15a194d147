"""Running OTLP servers on loopback with everything they hand out kept."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import grpc

from receivers.consumer import Consumer
from receivers.otlp.grpc_server import METRICS_SERVICE, GrpcSettings, OtlpGrpcServer
from receivers.otlp.http_server import HttpSettings, OtlpHttpServer
from receivers.otlp.receiver import OtlpReceiver, Tallies
from tests.support.consumers import Counts, PresenceRecorder, SinkConsumer

UNIT_S = 5.0
"""How long anything on loopback may take."""
EXPORT = f"/{METRICS_SERVICE}/Export"
NOW_MS = 1_700_000_000_000
PROTOBUF, JSON = "application/x-protobuf", "application/json"


@dataclass
class Kept:
    """What a receiver hands out."""

    sink: SinkConsumer = field(default_factory=SinkConsumer)
    presence: PresenceRecorder = field(default_factory=PresenceRecorder)
    requests: Counts = field(default_factory=Counts)
    points: Counts = field(default_factory=Counts)
    outcomes: Counts = field(default_factory=Counts)
    now_ms: int = NOW_MS

    def receiver(self, consumer: Consumer | None = None) -> OtlpReceiver:
        tallies = Tallies(
            self.requests,
            self.points,
            lambda points: self.outcomes("accepted", points),
            lambda points: self.outcomes("refused", points),
        )
        return OtlpReceiver(consumer or self.sink, self.presence, lambda: self.now_ms, tallies)

    @property
    def names(self) -> list[str]:
        """The names of the metrics that were handed on, in order."""
        return [metric.header.name for _, _, metric in self.sink.metrics()]

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until `holds`."""
        deadline = time.monotonic() + UNIT_S
        while not holds():
            assert time.monotonic() < deadline, (self.requests, self.points)
            await asyncio.sleep(0.002)


@dataclass
class RunningGrpc(Kept):
    """A gRPC server, and a channel to it."""

    server: Any = None
    port: int = 0
    channel: Any = None

    async def export(self, raw: bytes, method: str = EXPORT, **kwargs: Any) -> bytes:
        """Send one message and return the answer."""
        call = self.channel.unary_unary(method)(raw, **kwargs)
        answer: bytes = await asyncio.wait_for(call, UNIT_S)
        return answer

    async def fails(
        self, raw: bytes, method: str = EXPORT, **kwargs: Any
    ) -> tuple[grpc.StatusCode, str, bytes]:
        """Send one message that is refused; return code, text and google.rpc.Status."""
        try:
            answer = await self.export(raw, method, **kwargs)
        except grpc.aio.AioRpcError as error:
            details = dict(error.trailing_metadata()).get("grpc-status-details-bin", b"")
            return error.code(), error.details() or "", bytes(details)
        raise AssertionError(f"answered {answer!r}")


@asynccontextmanager
async def running_grpc(
    consumer: Consumer | None = None, endpoint: str = "127.0.0.1:0", **settings: Any
) -> AsyncIterator[RunningGrpc]:
    run = RunningGrpc()
    run.server = OtlpGrpcServer(endpoint, run.receiver(consumer), GrpcSettings(**settings))
    run.port = await run.server.start()
    options = (("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{run.port}", options=options) as channel:
        run.channel = channel
        try:
            yield run
        finally:
            await run.server.stop(0.5)


@dataclass(frozen=True)
class HttpAnswer:
    """What came back."""

    status: int
    content_type: str
    body: bytes
    headers: dict[str, str]


@dataclass
class RunningHttp(Kept):
    """An HTTP server, and a client of it."""

    server: Any = None
    port: int = 0
    session: Any = None

    async def ask(
        self, method: str, path: str = "/v1/metrics", body: Any = None, **headers: str
    ) -> HttpAnswer:
        """Send one request; header names with `_` for `-`."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        timeout = aiohttp.ClientTimeout(UNIT_S)
        async with self.session.request(
            method,
            f"http://127.0.0.1:{self.port}{path}",
            data=body,
            headers=named,
            timeout=timeout,
            allow_redirects=False,
            skip_auto_headers=("Content-Type", "Accept-Encoding"),
        ) as response:
            body = await response.read()
            plain = {name.lower(): value for name, value in response.headers.items()}
            kind = plain.get("content-type", "").partition(";")[0]
            return HttpAnswer(response.status, kind, body, plain)

    async def post(self, body: Any, content_type: str = PROTOBUF, **headers: str) -> HttpAnswer:
        """Send metrics."""
        return await self.ask("POST", body=body, Content_Type=content_type, **headers)

    async def raw(self, *pieces: bytes) -> bytes:
        """Send bytes as they are and return all that comes back until the server closes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        try:
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
            return await asyncio.wait_for(reader.read(), UNIT_S)
        finally:
            writer.close()


@asynccontextmanager
async def running_http(
    consumer: Consumer | None = None, endpoint: str = "127.0.0.1:0", **settings: Any
) -> AsyncIterator[RunningHttp]:
    run = RunningHttp()
    run.server = OtlpHttpServer(endpoint, run.receiver(consumer), HttpSettings(**settings))
    run.port = await run.server.start()
    try:
        async with aiohttp.ClientSession(auto_decompress=False) as session:
            run.session = session
            yield run
    finally:
        await run.server.stop()
