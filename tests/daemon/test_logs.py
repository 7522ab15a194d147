"""Log lines: form, level, and how many."""

from __future__ import annotations

import errno
import io
import json
import logging
import sys
from collections.abc import Iterator

import pytest
import structlog

from daemon.config.service import LogLevel, LogsConfig
from daemon.logs import LINES_A_MINUTE, configure_logs


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


def test_lines_a_minute() -> None:
    """Of one event so many lines are written in a minute; the next minute's first tells how many were held back."""
    stream, now_s = io.StringIO(), 600.0
    lines = configure_logs(LogsConfig(encoding="json"), stream, lambda: now_s)
    log = structlog.get_logger("x")
    for n in range(LINES_A_MINUTE + 5):
        log.warning("often", n=n)
    log.error("seldom")
    now_s += 60
    log.warning("often", n=-1)
    log.warning("often", n=-2)
    written = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [one.get("n") for one in written] == [*range(LINES_A_MINUTE), None, -1, -2]
    assert [one.get("held_back") for one in written[-3:]] == [None, 5, None]
    assert (lines.held_back, lines.lost) == (5, 0)


def test_what_is_asked_for_is_not_limited() -> None:
    """The exporter debug writes as many lines as its settings say, and every component tells its port."""
    stream = io.StringIO()
    configure_logs(LogsConfig(encoding="json"), stream)
    log = structlog.get_logger("x")
    for event in ("metrics", "listening", "odd configuration"):
        for _ in range(LINES_A_MINUTE + 5):
            log.info(event)
    assert len(stream.getvalue().splitlines()) == 3 * (LINES_A_MINUTE + 5)
