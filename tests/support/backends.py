"""Backends of exporters on loopback that answer as they are told, and exporters in a time of their own."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from aiohttp import web

from daemon.components.exporters import build_exporter
from daemon.config.load import parse_config
from daemon.exporters.shipping import Shipping
from daemon.telemetry import SelfMetrics
from receivers.consumer import Batch

UNIT_S = 10.0
"""How long anything on loopback may take."""
METHOD = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class Seen:
    """One request that a backend has got."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class HttpBackend:
    """Answers with the first of `answers`, and keeps the last of them."""

    url: str
    answers: list[Answer]
    seen: list[Seen] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        self.seen.append(Seen(request.method, request.path, headers, body))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request)


def status(code: int, body: bytes = b"", **headers: str) -> Answer:
    """An answer with this status; `_` in the name of a header stands for `-`."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=code, body=body, headers=named)

    return answer


async def hang(_request: web.Request) -> web.StreamResponse:
    """Never answer."""
    await asyncio.Event().wait()
    raise AssertionError


async def hang_up(request: web.Request) -> web.StreamResponse:
    """Close the connection instead of answering."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


@asynccontextmanager
async def http_backend(*answers: Answer, ssl: Any = None) -> AsyncIterator[HttpBackend]:
    """Run a backend over HTTP."""
    backend = HttpBackend("", list(answers))
    app = web.Application(client_max_size=1 << 30)
    app.router.add_route("*", "/{path:.*}", backend.handle)
    runner = web.AppRunner(
        app, access_log=None, shutdown_timeout=0.1, handler_cancellation=True, auto_decompress=False
    )
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=ssl)
    await site.start()
    port = runner.addresses[0][1]
    backend.url = f"{'https' if ssl else 'http'}://localhost:{port}"
    try:
        yield backend
    finally:
        await runner.cleanup()


@dataclass
class GrpcBackend:
    """Answers with the first of `answers` (a handler of the raw request), and keeps the last of them."""

    port: int
    answers: list[Callable[[bytes, Any], Awaitable[bytes]]]
    seen: list[bytes] = field(default_factory=list)
    metadata: list[dict[str, str]] = field(default_factory=list)

    async def handle(self, request: bytes, context: Any) -> bytes:
        self.seen.append(request)
        self.metadata.append(dict(context.invocation_metadata()))
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return await answer(request, context)


def aborts(code: grpc.StatusCode, *trailing: tuple[str, bytes]) -> Any:
    """An answer with this status."""

    async def answer(_request: bytes, context: Any) -> bytes:
        context.set_trailing_metadata(trailing)
        await context.abort(code, "told to")
        raise AssertionError

    return answer


def returns(body: bytes = b"") -> Any:
    """An answer OK with this message."""

    async def answer(_request: bytes, _context: Any) -> bytes:
        return body

    return answer


async def hangs(_request: bytes, _context: Any) -> bytes:
    """Never answer."""
    await asyncio.Event().wait()
    raise AssertionError


@asynccontextmanager
async def grpc_backend(*answers: Any, credentials: Any = None) -> AsyncIterator[GrpcBackend]:
    """Run a backend over gRPC."""
    backend = GrpcBackend(0, list(answers))
    server = grpc.aio.server()
    service, _, method = METHOD.strip("/").partition("/")
    handler = grpc.unary_unary_rpc_method_handler(backend.handle)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler(service, {method: handler}),)
    )
    if credentials is None:
        backend.port = server.add_insecure_port("127.0.0.1:0")
    else:
        backend.port = server.add_secure_port("127.0.0.1:0", credentials)
    await server.start()
    try:
        yield backend
    finally:
        await server.stop(None)


class Exporting:
    """One exporter on its own: pauses pass at once, and are written down."""

    def __init__(self, text: str) -> None:
        self.metrics = SelfMetrics()
        self.pauses: list[float] = []
        self._now_ms = 1_700_000_000_000
        config = parse_config(f"exporters: {{{text}}}", {}).config
        (self.name,) = config.exporters
        self.exporter: Any = build_exporter(_Runtime(self, config), self.name)  # type: ignore[arg-type]  # all it reads

    def clock(self) -> int:
        return self._now_ms

    async def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self._now_ms += round(seconds * 1000)
        await asyncio.sleep(0)

    def consume(self, *batches: Batch) -> None:
        for one in batches:
            self.exporter.consume(one)

    async def settled(self) -> None:
        """Wait until nothing waits or is under way."""
        exporter = self.exporter
        async with asyncio.timeout(UNIT_S):
            await exporter._inbox.emptied()
            if isinstance(exporter, Shipping):
                await exporter._queue.emptied()

    def page(self) -> dict[str, float]:
        """The counters of exporters as `name{labels}`, less those that are 0, without prefix and the exporter."""
        lines = self.metrics.page().decode().splitlines()
        pairs = [line.rsplit(" ", 1) for line in lines if "_exporter_" in line and line[0] != "#"]
        return {
            name.removeprefix("otelcol_exporter_")
            .replace(f'exporter="{self.name}"', "")
            .replace("{}", "")
            .replace("{,", "{")
            .replace(",}", "}"): float(value)
            for name, value in pairs
            if float(value) and "_queue_" not in name
        }


class _Runtime:
    def __init__(self, exporting: Exporting, config: Any) -> None:
        self.config = config
        self.metrics = exporting.metrics
        self.clock = exporting.clock
        self.sleep = exporting.sleep


@asynccontextmanager
async def exporting(text: str) -> AsyncIterator[Exporting]:
    """Run the one exporter that `text` configures."""
    run = Exporting(text)
    await run.exporter.start()
    try:
        yield run
    finally:
        await run.exporter.stop()
