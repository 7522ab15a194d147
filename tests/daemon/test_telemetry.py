"""Self-metrics, supervised tasks."""

from __future__ import annotations

import asyncio

import pytest
import structlog

from daemon.telemetry import SelfMetrics, supervise
from tests.support.consumers import Counts


def samples(metrics: SelfMetrics) -> list[str]:
    """Return the page's lines of our own metrics."""
    lines = metrics.page().decode().splitlines()
    return [line for line in lines if line.startswith(("t_", "tallyd_"))]


def test_counters() -> None:
    """Counters of one name from several parts stand side by side, each reason from its first count on."""
    metrics = SelfMetrics()
    one = metrics.counters("t_points", "Points refused", receiver="a")
    two = metrics.counters("t_points", "Points refused", receiver="b")
    one("late", 2)
    one("late", 1)
    two("early", 1)
    assert samples(metrics)[1:] == [
        't_points_total{reason="late",receiver="a"} 3.0',
        't_points_total{reason="early",receiver="b"} 1.0',
    ]


def test_read_when_asked() -> None:
    """Values that others keep are read when the page is asked for."""
    metrics = SelfMetrics()
    kept = Counts({"stored": 1})
    metrics.table(
        "t_windows", {"stored": "samples stored", "late": "samples ignored"}, lambda: kept
    )
    metrics.mapping("t_calls", "Calls", lambda: {"IsActive": 7}, label="method")
    metrics.gauge("t_streams", "Open streams", lambda: 3, receiver="a")
    kept("stored", 4)
    assert samples(metrics)[1:] == [
        "t_windows_stored_total 5.0",
        "t_windows_late_total 0.0",
        't_calls_total{method="IsActive"} 7.0',
        't_streams{receiver="a"} 3.0',
    ]


def test_gauges_that_come_and_go() -> None:
    """Values with labels are shown as they are when the page is asked for."""
    metrics = SelfMetrics()
    values: list[tuple[dict[str, str], float]] = []
    metrics.gauges("told", "Told", lambda: values)
    before = metrics.page().decode()
    values.append(({"query": 'sum(x{a="b"})'}, 1.5))
    line = 'told{query="sum(x{a=\\"b\\"})"} 1.5'
    assert (line in before, line in metrics.page().decode()) == (False, True)


def test_what_several_metrics_show_is_read_once_for_each_page() -> None:
    """Parts of one reading stand on one page, and the next page has the next reading."""
    metrics, readings = SelfMetrics(), iter(range(10))
    read = metrics.once(lambda: next(readings))
    for name in ("t_a", "t_b"):
        metrics.gauges(name, "X", lambda: [({}, float(read()))])
    pages = [[line[-3:] for line in samples(metrics) if line[:2] == "t_"] for _ in range(2)]
    assert pages == [["1.0", "1.0"], ["2.0", "2.0"]]


def test_build_info() -> None:
    """The page tells the version and the process's own figures."""
    page = SelfMetrics().page().decode()
    info = next(line for line in page.splitlines() if line.startswith("tallyd_build_info{"))
    assert all(f'{label}="' in info for label in ("version", "python", "numpy", "grpc"))
    assert "process_resident_memory_bytes" in page


async def test_supervise() -> None:
    """A task that fails begins again after a pause that doubles up to 30 s; one that returns is done."""
    pauses: list[float] = []
    failures = iter([True] * 8 + [False])
    count = Counts()

    async def run() -> None:
        if next(failures):
            raise ValueError("broken")

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    with structlog.testing.capture_logs() as logs:
        await supervise("tick", run, count=count, sleep=sleep)
    assert (pauses, count) == ([0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0], {"tick": 8})
    assert logs[0]["event"] == "task failed"


async def test_supervise_forgives() -> None:
    """A task that held out for long begins again after the first pause."""
    pauses: list[float] = []
    times = iter([0.0, 1.0, 10.0, 11.0, 20.0, 51.0, 60.0])
    failures = iter([True, True, True, False])

    async def run() -> None:
        if next(failures):
            raise ValueError("broken")

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    with structlog.testing.capture_logs():
        await supervise("tick", run, count=Counts(), sleep=sleep, clock=lambda: next(times))
    assert pauses == [0.5, 1.0, 0.5]


async def test_supervise_is_cancelled() -> None:
    """Cancelling ends a supervised task."""
    task = asyncio.create_task(supervise("x", asyncio.Event().wait, count=Counts()))  # type: ignore[arg-type]  # any awaitable
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
