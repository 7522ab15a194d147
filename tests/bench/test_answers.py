"""How long KEDA waits: for a value, and to hear that something happened."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import grpc
import pytest

from daemon.scaler import schema
from tests.bench.process import STORED, Process, tallyd
from tests.bench.reports import counters, hello
from tests.bench.table import show
from tests.support.golden import METRICS_EXPORT
from tests.support.keda_client import KEDA_2_17, WALKTHROUGH

pytestmark = pytest.mark.bench

SENDERS = 50
REPORTS = 8
CALLS = 300
STEADY_S = 10.0
METADATA = {
    **WALKTHROUGH,
    "metricQuery": 'sum(runtime_service_invocation_req_recv_total{app_id="nodeapp"})',
    "clampMax": "1000000",
}


@contextmanager
def _filled(process: Process, series: int) -> Iterator[None]:
    """Let connected senders have reported so many series of one metric for some minutes."""
    over, now_s, each = Event(), time.time(), series // SENDERS
    with ExitStack() as stack:
        for sender in range(SENDERS):
            reports = [hello(sender)]
            for number in range(REPORTS):
                values = {("nodeapp", f"app-{sender}-{row}"): 20 * number for row in range(each)}
                reports.append(counters(values, now_s - 20 * (REPORTS - 1 - number), now_s - 3_600))
            stack.enter_context(_reporting(process, reports, over))
        process.until_quiet()
        yield
        over.set()


@contextmanager
def _reporting(process: Process, reports: list[bytes], over: Event) -> Iterator[None]:
    def messages() -> Iterator[bytes]:
        yield from reports
        over.wait()

    with _channel(process, "opencensus") as channel:
        call = channel.stream_stream(METRICS_EXPORT)(messages())
        yield
        call.cancel()


@contextmanager
def _channel(process: Process, component: str) -> Iterator[Any]:
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.insecure_channel(f"127.0.0.1:{process.ports[component]}", options=options) as one:
        yield one


def _request(name: str, **metadata: str) -> bytes:
    ref = KEDA_2_17["ScaledObjectRef"](
        name=name, namespace="default", scalerMetadata={**METADATA, **metadata}
    )
    raw: bytes = KEDA_2_17["GetMetricsRequest"](
        scaledObjectRef=ref, metricName="m"
    ).SerializeToString()
    return raw


def _waits_ms(
    call: Callable[[bytes], bytes], requests: Iterator[bytes], gap_s: float = 0.0
) -> list[float]:
    """How long each answer took, in ascending order."""
    waits = []
    due = time.monotonic()
    for request in requests:
        time.sleep(max(0.0, due - time.monotonic()))
        began = time.perf_counter()
        call(request)
        waits.append((time.perf_counter() - began) * 1e3)
        due += gap_s
    return sorted(waits)


def _p99(waits: list[float]) -> float:
    return waits[len(waits) * 99 // 100]


@pytest.mark.parametrize(("series", "most_ms"), [(1_000, 1), (10_000, 3)], ids=["1,000", "10,000"])
def test_get_metrics(series: int, most_ms: float, tmp_path: Path) -> None:
    """The memo of one instant saves at least half of an answer."""
    with (
        tallyd(STORED, tmp_path) as process,
        _filled(process, series),
        _channel(process, "keda_scaler") as channel,
    ):
        call = channel.unary_unary(f"/{schema.SERVICE}/GetMetrics")
        call(_request("first"))
        memo = _waits_ms(call, (_request("same") for _ in range(CALLS)))
        fresh = _waits_ms(call, (_request(f"object-{n}") for n in range(CALLS)))
        new = _waits_ms(call, (_request("new", clampMax=str(10**6 + n)) for n in range(CALLS)))
        calls = int(STEADY_S * 100)
        steady = _waits_ms(call, (_request(f"steady-{n}") for n in range(calls)), 0.01)
    what = f"GetMetrics, {series:,} series"
    show(f"{what}: median within 100 ms of the last", statistics.median(memo), "ms")
    show(f"{what}: median", statistics.median(fresh), "ms", at_most=most_ms)
    show(f"{what}: median, metadata never seen before", statistics.median(new), "ms")
    show(f"{what}: p99 at 100 requests a second", _p99(steady), "ms", at_most=5)
    assert statistics.median(memo) < statistics.median(fresh) / 1.5


def test_reaction(tmp_path: Path) -> None:
    """A sample that makes a trigger active is told at once, not at the next look."""
    waits = []
    with (
        tallyd(STORED, tmp_path) as process,
        _channel(process, "keda_scaler") as keda,
        _channel(process, "opencensus") as sidecar,
    ):
        ref = KEDA_2_17["ScaledObjectRef"](
            name="a", namespace="b", scalerMetadata={**METADATA, "operationOverTime": "last_one"}
        )
        edges = keda.unary_stream(f"/{schema.SERVICE}/StreamIsActive")(ref.SerializeToString())
        sent: list[float] = []

        def reports() -> Iterator[bytes]:
            yield hello(0)
            for _ in range(100):
                for value in (0, 5):
                    time.sleep(0.15)
                    raw = counters({("nodeapp", "pythonapp"): value}, time.time())
                    sent.append(time.perf_counter())
                    yield raw

        call = sidecar.stream_stream(METRICS_EXPORT)(reports())
        for number in range(100):
            next(edges)
            waits.append((time.perf_counter() - sent[2 * number + 1]) * 1e3)
        edges.cancel()
        call.cancel()
    show("sample sent to StreamIsActive message: median", statistics.median(waits), "ms")
    show("sample sent to StreamIsActive message: p99", _p99(sorted(waits)), "ms", at_most=20)
    assert statistics.median(waits) < 500 / 2
