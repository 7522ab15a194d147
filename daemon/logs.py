"""Log lines: where they go, from which level on, and how many of a kind."""

from __future__ import annotations

import io
import logging
import os
import sys
import time
from collections.abc import Callable, Iterable
from typing import Final, TextIO, cast

import structlog

from daemon.config.service import LogsConfig
from daemon.seldom import Seldom

log = structlog.get_logger(__name__)

_LEVELS = {
    "debug": logging.DEBUG,
    "info": logging.INFO,
    "warn": logging.WARNING,
    "error": logging.ERROR,
}
LOG_LEVELS = tuple(_LEVELS)
_LOGGERS = {name: structlog.make_filtering_bound_logger(level) for name, level in _LEVELS.items()}
LINES_A_MINUTE: Final = 100
"""Of one event; what may happen often is told seldom where it happens, and this is for what nobody has thought of."""
_WITHOUT_LIMIT: Final = frozenset({"listening", "odd configuration", "metrics"})
"""Events as many as the configuration asks for; the last are those of the exporter `debug`."""


class LogStream:
    """Where log lines go: a line that cannot be written is lost and counted, and costs nothing else.

    Standard error may be closed, its reader gone, its disk full. That is no reason to leave a question unanswered.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.is_terminal = stream is not None and not stream.closed and stream.isatty()
        self.lost = 0
        """Lines that could not be written."""
        self.held_back = 0
        """Lines beyond what is told of one event in a minute."""

    def write(self, text: str) -> None:
        """Write `text`, or lose it."""
        try:
            if self._stream is None:
                raise BrokenPipeError
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):  # ValueError: the stream was closed
            self.lost += 1

    def flush(self) -> None:
        """Do nothing: `write` has flushed."""


def configure_logs(
    config: LogsConfig,
    stream: TextIO | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> LogStream:
    """Write log lines to `stream` (standard error): JSON, or for people where it is a terminal.

    `clock` gives monotonic seconds, for the limit of lines a minute.
    """
    lines = LogStream(stream or _standard_error())
    for_people = config.encoding == "console" or (config.encoding is None and lines.is_terminal)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _Limit(lines, clock),
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.StackInfoRenderer(),
            *_renderers(lines, for_people=for_people),
        ],
        # WriteLogger calls `write` and `flush` alone.
        logger_factory=structlog.WriteLoggerFactory(file=cast("TextIO", lines)),
    )
    logging.getLogger().handlers = [_FromLibraries()]
    set_log_level(config.level)
    return lines


def log_level() -> str:
    """Return the level from which on lines are written."""
    level = structlog.get_config()["wrapper_class"]
    return next((name for name, one in _LOGGERS.items() if one is level), "unknown")


def set_log_level(level: str) -> None:
    """Write lines from `level` on: one of `LOG_LEVELS`."""
    structlog.configure(wrapper_class=_LOGGERS[level])
    logging.getLogger().setLevel(max(_LEVELS[level], logging.WARNING))


def _standard_error() -> TextIO | None:
    """Return standard error without its buffer, which would keep what it cannot write and fail at exit; None if closed."""
    if sys.__stderr__ is None or sys.stderr is not sys.__stderr__:
        return sys.stderr
    raw = io.FileIO(sys.__stderr__.fileno(), "w", closefd=False)
    return io.TextIOWrapper(
        cast("io.BufferedWriter", raw), "utf-8", "backslashreplace", write_through=True
    )


def _renderers(stream: LogStream, *, for_people: bool) -> Iterable[structlog.typing.Processor]:
    if for_people:
        return (structlog.dev.ConsoleRenderer(colors=stream.is_terminal and _wants_colors()),)
    return (
        structlog.processors.format_exc_info,
        _in_reading_order,
        structlog.processors.JSONRenderer(),
    )


def _wants_colors() -> bool:
    return not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def _in_reading_order(
    _logger: object, _method: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """Put first what a reader looks at first."""
    head = ("timestamp", "level", "event")
    ordered = {key: event.pop(key) for key in head if key in event}
    ordered["message"] = ordered.pop("event", "")
    return {**ordered, **event}


class _Limit:
    """Holds back what is beyond `LINES_A_MINUTE` of one event, and says how many in the next line of it."""

    def __init__(self, lines: LogStream, clock: Callable[[], float]) -> None:
        self._lines = lines
        self._clock = clock
        self._minute = 0
        self._told: dict[str, int] = {}
        self._left_out: dict[str, int] = {}

    def __call__(
        self, _logger: object, _method: str, event: structlog.typing.EventDict
    ) -> structlog.typing.EventDict:
        """Return `event` as it is to be written.

        Raises:
            DropEvent: it is one too many.
        """
        name = str(event.get("event", ""))
        if name in _WITHOUT_LIMIT:
            return event
        minute = int(self._clock() // 60)
        if minute != self._minute:
            self._minute = minute
            self._told.clear()
        told = self._told[name] = self._told.get(name, 0) + 1
        if told > LINES_A_MINUTE:
            self._lines.held_back += 1
            self._left_out[name] = self._left_out.get(name, 0) + 1
            raise structlog.DropEvent
        held_back = self._left_out.pop(name, 0)
        return {**event, "held_back": held_back} if held_back else event


class _FromLibraries(logging.Handler):
    """Passes on what libraries say through the standard library's logging: the same text once a minute."""

    def __init__(self) -> None:
        super().__init__()
        self._seldom = Seldom()

    def emit(self, record: logging.LogRecord) -> None:
        held_back = self._seldom(f"{record.name} {record.msg}")
        if held_back is None:
            return
        more = {"left_out": held_back} if held_back else {}
        log.log(
            record.levelno,
            "library message",
            library=record.name,
            text=record.getMessage(),
            exc_info=record.exc_info,
            **more,
        )
