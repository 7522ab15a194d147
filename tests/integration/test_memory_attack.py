"""A cardinality attack on a process that may take 256 MiB: it lives, and what was there keeps exact answers."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import grpc
import pytest

from tests.support.golden import METRICS_EXPORT
from tests.support.keda_client import KedaClient
from tests.support.opencensus_messages import CUMULATIVE_INT64, ci, metric, node, point, request
from tests.support.otlp_requests import gauge, raw
from tests.support.otlp_requests import point as otlp_point
from tests.support.remote_write import push, time_series, write_request

pytestmark = [pytest.mark.integration, pytest.mark.slow]

LIMIT_MIB = 256
UNIT_S = 60.0
NEW_AT_ONCE = 500
AFTER_S = 3.0
"""The attack goes on for so long once memory is short."""
CONFIG = """
receivers:
  opencensus: {endpoint: "127.0.0.1:0"}
  otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}}}
  prometheusremotewrite: {}
extensions: {keda_scaler: {endpoint: "127.0.0.1:0"}, http_api: {endpoint: "127.0.0.1:0"}}
exporters: {windows: {settle_for: 0s, max_series: 10000000}}
service: {telemetry: {metrics: {address: "127.0.0.1:0"}, logs: {encoding: json}}}
"""
PROGRAM = f"""
import sys
import time
from functools import partial
from daemon import memory_guard
from daemon.cli import main
from daemon.memory_limit import resident_bytes
# What the container tells.
memory_guard.Machine = partial(memory_guard.Machine, limit_bytes=lambda: {LIMIT_MIB} << 20, used_bytes=resident_bytes)
main(sys.argv[1:])
"""
OTLP_EXPORT = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
VICTIM, ASKED = (
    "nodeapp-1",
    {"metricQuery": "sum(good_total)", "operationOverTime": "last_one", "targetValue": "1"},
)


@dataclass
class Daemon:
    pid: int
    ports: dict[str, int]
    log: Path

    def highest_mib(self) -> float:
        """Return the most memory it ever took."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        [most] = re.findall(r"VmHWM:\s+(\d+) kB", status)
        return int(most) / 1024

    def page(self) -> dict[str, float]:
        with urlopen(f"http://127.0.0.1:{self.ports['telemetry']}/metrics") as answer:
            lines = answer.read().decode().splitlines()
        return {
            line.rpartition(" ")[0]: float(line.rpartition(" ")[2])
            for line in lines
            if line[0] != "#"
        }

    def lines(self) -> list[dict[str, object]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]


@asynccontextmanager
async def daemon(folder: Path) -> AsyncIterator[Daemon]:
    (folder / "tallyd.yaml").write_text(CONFIG)
    log = folder / "log"
    with log.open("wb") as out:
        child = subprocess.Popen(
            [sys.executable, "-c", PROGRAM, "run", "--config", str(folder / "tallyd.yaml")],
            stderr=out,
            cwd=Path(__file__).parents[2],
        )
    try:
        run = Daemon(child.pid, {}, log)
        async with asyncio.timeout(UNIT_S):
            while '"ready"' not in log.read_text():
                assert child.poll() is None, log.read_text()
                await asyncio.sleep(0.05)
        run.ports = {
            str(one["component"]): int(str(one["port"]))
            for one in run.lines()
            if one["message"] == "listening"
        }
        yield run
        assert child.poll() is None, log.read_text()[-2000:]
    finally:
        child.kill()
        child.wait()


def blamed_senders(blamed: Iterable[str]) -> list[str]:
    """Return whom the counter names."""
    return [name.partition('sender="')[2].partition('"')[0] for name in blamed]


async def test_cardinality_attack(tmp_path: Path) -> None:
    """The process stays below 256 MiB, the victim's value is told exactly all the time, the attacker is named."""
    loop = asyncio.get_running_loop()
    async with daemon(tmp_path) as run, asyncio.timeout(UNIT_S):
        address = f"127.0.0.1:{run.ports['opencensus']}"
        async with (
            grpc.aio.insecure_channel(address) as good,
            grpc.aio.insecure_channel(address) as bad,
            grpc.aio.insecure_channel(f"127.0.0.1:{run.ports['otlp.protocols.grpc']}") as also_bad,
            grpc.aio.insecure_channel(f"127.0.0.1:{run.ports['keda_scaler']}") as keda,
        ):
            victim, attacker = (
                good.stream_stream(METRICS_EXPORT)(),
                bad.stream_stream(METRICS_EXPORT)(),
            )
            await victim.write(request(node=node(VICTIM, 1)))
            await attacker.write(request(node=node("attacker", 666)))
            client, numbers = KedaClient(keda, ASKED), itertools.count()
            write_url = f"http://127.0.0.1:{run.ports['http_api']}"
            count = 0
            short_since: float | None = None
            while short_since is None or loop.time() - short_since < AFTER_S:
                count += 1
                now_s = time.time()
                row = ci("good_total", ("app_id",), ("nodeapp",), count, now_s)
                await victim.write(request(row))
                rows = [([str(next(numbers))], [point(1, now_s)]) for _ in range(NEW_AT_ONCE)]
                await attacker.write(request(metric("evil_total", CUMULATIVE_INT64, ("id",), rows)))
                at_ms = round(now_s * 1000)
                points = [otlp_point(1, at_ms, id=str(next(numbers))) for _ in range(NEW_AT_ONCE)]
                with suppress(grpc.aio.AioRpcError):  # above the hard limit it is told to come back
                    await also_bad.unary_unary(OTLP_EXPORT)(raw(gauge("evil", *points)))
                written = [
                    time_series(
                        [("__name__", "evil_too"), ("id", str(next(numbers)))], [(at_ms, 1.0)]
                    )
                    for _ in range(NEW_AT_ONCE)
                ]
                with suppress(HTTPError):
                    await asyncio.to_thread(push, write_url, write_request(written))
                while (told := await client.outcome()) != count:
                    assert told == count - 1 or count == 1, "each value is told, and no other"
                if short_since is None and run.page()["tallyd_memory_shortage"] > 0:
                    short_since = loop.time()
            page = run.page()
        assert run.highest_mib() < LIMIT_MIB
        blamed = {
            name: number
            for name, number in page.items()
            if name.startswith("tallyd_sender_refused_series_total")
        }
        assert any("attacker/666" in name for name in blamed)
        assert not any(VICTIM in name for name in blamed)
        short = [line for line in run.lines() if line["message"] == "memory is short"]
        told_of = [line for line in run.lines() if line["message"] == "series refused"]
        assert {line["most_series"] for line in short} <= set(blamed_senders(blamed))
        assert told_of
        assert told_of[0]["setting"] == "memory"


async def test_large_messages_at_once(tmp_path: Path) -> None:
    """Connections that all send the largest message at once take turns; the process stays below 256 MiB and answers."""
    options = [("grpc.max_send_message_length", -1), ("grpc.use_local_subchannel_pool", 1)]
    large, outcomes = b"\xff" * (15 << 20), set()
    async with daemon(tmp_path) as run, asyncio.timeout(UNIT_S):

        async def send() -> None:
            address = f"127.0.0.1:{run.ports['otlp.protocols.grpc']}"
            async with grpc.aio.insecure_channel(address, options=options) as channel:
                try:
                    await channel.unary_unary(OTLP_EXPORT)(large)
                except grpc.aio.AioRpcError as error:
                    outcomes.add(error.code().name)

        await asyncio.gather(*(send() for _ in range(20)))
        assert run.highest_mib() < LIMIT_MIB
        assert outcomes <= {"INVALID_ARGUMENT", "UNAVAILABLE"}
