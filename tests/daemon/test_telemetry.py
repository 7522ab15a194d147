"""Log lines, self-metrics, supervised tasks."""

from __future__ import annotations

import asyncio
import errno
import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from daemon.config.service import LogLevel, LogsConfig
from daemon.telemetry import SelfMetrics, configure_logs, supervise
from tests.support.consumers import Counts


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def _logs_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


def test_json() -> None:
    """Away from a terminal a log line is one JSON object, errors with their trace in it."""
    stream = io.StringIO()
    configure_logs(LogsConfig(), stream)
    log = structlog.get_logger("x")
    try:
        int("broken")
    except ValueError:
        log.exception("it failed", port=4318)
    line = json.loads(stream.getvalue())
    assert (line["message"], line["level"], line["port"]) == ("it failed", "error", 4318)
    assert list(line)[:3] == ["timestamp", "level", "message"]
    assert line["timestamp"].endswith("Z")
    assert "ValueError: invalid literal" in line["exception"]


def test_terminal() -> None:
    """On a terminal a log line is for people."""
    stream = Terminal()
    configure_logs(LogsConfig(), stream)
    structlog.get_logger("x").info("it began", port=4318)
    assert "it began" in stream.getvalue()
    assert not stream.getvalue().startswith("{")


@pytest.mark.parametrize(
    ("environ", "colors"),
    [
        ({"TERM": "xterm"}, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, True),
        ({"TERM": "xterm", "NO_COLOR": "1"}, False),
        ({"TERM": "dumb"}, False),
    ],
    ids=str,
)
def test_colors(environ: dict[str, str], colors: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal gets colours unless it has none or its user wants none."""
    for name in ("TERM", "NO_COLOR"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    stream = Terminal()
    configure_logs(LogsConfig(), stream)
    structlog.get_logger("x").info("it began", port=4318)
    assert ("\x1b[" in stream.getvalue()) is colors


class FullDisk(io.StringIO):
    def write(self, _text: str) -> int:
        raise OSError(errno.ENOSPC, "no space left on device")


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stream", [FullDisk(), closed()], ids=["full disk", "closed"])
def test_a_line_that_cannot_be_written_costs_nothing_else(stream: io.StringIO) -> None:
    """A log stream that fails loses the line and counts it; who logs, libraries too, does not hear of it."""
    lines = configure_logs(LogsConfig(), stream)
    structlog.get_logger("x").warning("it happened")
    logging.getLogger("library").warning("it happened there")
    assert lines.lost == 2


def test_without_standard_error_lines_are_lost(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that was started without standard error runs, and counts what it could not say."""
    monkeypatch.setattr(sys, "stderr", None)
    lines = configure_logs(LogsConfig())
    structlog.get_logger("x").warning("it happened")
    assert lines.lost == 1


@pytest.mark.parametrize(
    ("level", "expected"),
    [("debug", "diwe"), ("info", "iwe"), ("warn", "we"), ("error", "e")],
)
def test_level(level: LogLevel, expected: str) -> None:
    """Lines below the level are not written."""
    stream = io.StringIO()
    configure_logs(LogsConfig(level=level, encoding="json"), stream)
    log = structlog.get_logger("x")
    log.debug("d")
    log.info("i")
    log.warning("w")
    log.error("e")
    assert (
        "".join(json.loads(line)["message"] for line in stream.getvalue().splitlines()) == expected
    )


def test_libraries() -> None:
    """What libraries say through the standard library comes in the same form, from warnings on."""
    stream = io.StringIO()
    configure_logs(LogsConfig(encoding="json"), stream)
    logging.getLogger("aiohttp.server").info("quiet")
    logging.getLogger("aiohttp.server").warning("port %d", 1)
    line = json.loads(stream.getvalue())
    assert (line["message"], line["library"], line["text"]) == (
        "library message",
        "aiohttp.server",
        "port 1",
    )


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
