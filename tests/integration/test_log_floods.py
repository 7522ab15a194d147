"""Whatever senders and askers do, the log stays short: a real process, flooded on every port."""

from __future__ import annotations

import asyncio
import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import grpc
import pytest
import yaml

from daemon.logs import LINES_A_MINUTE
from tests.integration.test_process import Process, process
from tests.support.certificates import Files
from tests.support.golden import METRICS_EXPORT
from tests.support.keda_client import KedaClient
from tests.support.opencensus_messages import ci, node, request
from tests.support.running_app import connect, on_loopback

pytestmark = pytest.mark.integration

TIMES = 120
"""Of everything, in far less than a minute."""
CONFIG = """
processors:
  filter:
    error_mode: ignore
    metrics: {metric: ['Substring(name, 0, 99) == "x"']}
exporters:
  windows: {max_series: 50, max_senders: 40}
  prometheus: {endpoint: "127.0.0.1:0"}
extensions:
  bearertokenauth: {token: sesame}
  http_api: {auth: {authenticator: bearertokenauth}}
service:
  pipelines: {metrics: {processors: [filter]}}
"""
GARBAGE = (
    b"\xff" * 200,
    b"GET / HTTP/9.9\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00",
    b"POST /v1/metrics HTTP/1.1\r\n",
)


class Log:
    """What a process writes, as it comes."""

    def __init__(self, stream: IO[str]) -> None:
        self.text: list[str] = []
        self._stream = stream
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with suppress(ValueError):
            self.text.extend(self._stream)

    def events(self) -> Counter[str]:
        """Return how many lines there are of each event; every line is JSON."""
        return Counter(json.loads(line)["message"] for line in self.text)


@contextmanager
def tallyd(folder: Path) -> Iterator[tuple[Process, Log]]:
    """Start a tallyd with ports that speak TLS, over gRPC and HTTP, and one that asks for a token."""
    document = yaml.safe_load(on_loopback(CONFIG))
    lock = Files(folder).settings()
    document["extensions"]["health_check"]["tls"] = lock
    document["receivers"]["opencensus/tls"] = {"endpoint": "127.0.0.1:0", "tls": lock}
    path = folder / "tallyd.yaml"
    path.write_text(yaml.safe_dump(document))
    with process(path) as run:
        assert run.popen.stderr is not None
        yield run, Log(run.popen.stderr)


async def say(port: int, words: bytes, answered_in_s: float) -> None:
    """Open a connection, say something, wait a little for an answer and go away."""
    with suppress(OSError, TimeoutError):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            writer.write(words)
            async with asyncio.timeout(answered_in_s):
                await reader.read()
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()


async def garbage(port: int) -> None:
    """Say nonsense, over one connection each."""
    for n in range(TIMES):
        await say(port, GARBAGE[n % len(GARBAGE)], 0.01)


async def calls(port: int, *methods: str) -> None:
    """Call methods of gRPC with nonsense, those that exist and others."""
    async with connect(port) as channel:
        for n in range(TIMES):
            call = channel.unary_unary(methods[n % len(methods)])(b"\xff\x00nonsense")
            with suppress(grpc.aio.AioRpcError):
                await call


async def senders(port: int) -> None:
    """Report as one sender after the other: clocks are off, series too many, messages broken, types change."""
    async with connect(port) as channel:
        for n in range(TIMES):
            stream = channel.stream_stream(METRICS_EXPORT)()
            await stream.write(request(node=node(host_name=f"pod-{n}")))
            at_s = time.time() - 5_000 * (n % 3)
            await stream.write(request(*(ci(f"m{n}_{one}", at=at_s) for one in range(3))))
            await stream.write(b"\xff\xff\xff")
            await stream.done_writing()
            with suppress(grpc.aio.AioRpcError):
                await stream.code()


async def askers(port: int) -> None:
    """Ask as one scaled object after the other, all of them wrong."""
    wrong = ({"metricQuery": "sum("}, {"metricQuery": "sum(none)", "targetValue": "1"}, {"a": "b"})
    async with connect(port) as channel:
        for n in range(TIMES):
            keda = KedaClient(channel, {**wrong[n % 3], "unknown": "1"}, name=f"object-{n}")
            await keda.outcome()


async def pages(port: int) -> None:
    """Ask for pages that there are and are not, without a token, and over plain text where TLS is spoken."""
    for n in range(TIMES):
        path = ("/api/v1/query?query=sum(", "/metrics", f"/nonesuch/{n}", "/-/reload")[n % 4]
        await say(
            port, f"POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode(), 0.5
        )


async def flood(ports: dict[str, int]) -> None:
    """Do all of it on every port."""
    trace = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
    metrics = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
    await senders(ports["opencensus"])
    await askers(ports["keda_scaler"])
    for name, port in ports.items():
        await garbage(port)
        await pages(port)
        if name in {"opencensus", "opencensus/tls", "keda_scaler", "otlp.protocols.grpc"}:
            await asyncio.wait_for(calls(port, trace, metrics, METRICS_EXPORT, "/a/b"), 60)


async def test_floods(tmp_path: Path) -> None:
    """A flood costs a few lines of each event, a second one hardly any; what was held back is counted."""
    with tallyd(tmp_path) as (run, log):
        await flood(run.ports)
        first = log.events()
        await flood(run.ports)
        second = log.events()
        page = run.get("telemetry", "/metrics")
        assert run.popen.poll() is None
    assert max(first.values()) <= LINES_A_MINUTE
    assert first.total() <= 150, first
    # The minute may have changed meanwhile: what is told once a minute may be told again, once.
    assert max(second.values()) <= 2 * LINES_A_MINUTE
    assert (second - first).total() <= 100, second - first
    assert "tallyd_log_lost_lines_total 0.0" in page
    assert "tallyd_log_held_back_lines_total " in page
