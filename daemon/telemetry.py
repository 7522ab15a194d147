"""What the process says about itself: log lines, self-metrics, and tasks that are not allowed to die in silence."""

from __future__ import annotations

import asyncio
import io
import logging
import os
import platform
import sys
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TextIO, cast

import structlog

from daemon.config.service import LogsConfig
from daemon.exposition import Family, format_page, process_families
from daemon.measuring import Distribution, Histograms
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
_FIRST_PAUSE_S = 0.5
_LAST_PAUSE_S = 30.0


class LogStream:
    """Where log lines go: a line that cannot be written is lost and counted, and costs nothing else.

    Standard error may be closed, its reader gone, its disk full. That is no reason to leave a question unanswered.
    """

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream
        self.is_terminal = stream is not None and not stream.closed and stream.isatty()
        self.lost = 0
        """Lines that could not be written."""

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


def configure_logs(config: LogsConfig, stream: TextIO | None = None) -> LogStream:
    """Write log lines to `stream` (standard error): JSON, or for people where it is a terminal."""
    lines = LogStream(stream or _standard_error())
    for_people = config.encoding == "console" or (config.encoding is None and lines.is_terminal)
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
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


class Counters:
    """A counter for each reason, handed out to parts as plain `count(reason, amount)`; one thread only."""

    def __init__(self) -> None:
        self.values: Counter[str] = Counter()

    def __call__(self, reason: str, amount: int) -> None:
        """Add `amount` to the counter of `reason`."""
        self.values[str(reason)] += amount


@dataclass(slots=True)
class _Family:
    """One metric of the page and who is asked for its samples."""

    documentation: str
    kind: str
    readers: list[Callable[[], Iterable[tuple[dict[str, str], float | Distribution]]]] = field(
        default_factory=list
    )


class SelfMetrics:
    """The page of self-metrics; all is read when the page is asked for, so that counting stays an addition."""

    def __init__(self) -> None:
        self._families: dict[str, _Family] = {}
        self._counters: dict[tuple[object, ...], Counters] = {}
        self._gauges: dict[tuple[object, ...], Callable[[], float]] = {}
        self._histograms: dict[tuple[object, ...], Histograms] = {}
        self.gauge(
            "tallyd_build_info",
            "Always 1; the labels tell what runs",
            lambda: 1,
            version=version("tallyd"),
            python=platform.python_version(),
            numpy=version("numpy"),
            grpc=version("grpcio"),
        )

    def counters(
        self, name: str, documentation: str, *, label: str = "reason", **labels: str
    ) -> Counters:
        """Return counters shown as `name_total{label="<reason>", <labels>}`, each from its first count on.

        The same ones for the same name and labels: a part that is built anew goes on counting.
        """
        key = (name, label, *labels.items())
        counters = self._counters.get(key)
        if counters is None:
            counters = self._counters[key] = Counters()
            self.mapping(name, documentation, lambda: counters.values, label=label, **labels)
        return counters

    def announce(self, name: str, documentation: str, kind: str = "counter") -> None:
        """Show that there is such a metric, before anything was counted."""
        self._family(name, documentation, kind)

    def mapping(
        self,
        name: str,
        documentation: str,
        read: Callable[[], Mapping[str, float]],
        *,
        label: str = "reason",
        **labels: str,
    ) -> None:
        """Show counters that somebody else keeps: `name_total{label="<key>", <labels>}`."""
        self._family(name, documentation, "counter").readers.append(
            lambda: [({label: key, **labels}, value) for key, value in read().items()]
        )

    def table(
        self, prefix: str, documentation: Mapping[str, str], read: Callable[[], Mapping[str, float]]
    ) -> None:
        """Show counters that somebody else keeps, each under a name of its own: `prefix_<key>_total`."""
        for key, text in documentation.items():
            self._family(f"{prefix}_{key}", text, "counter").readers.append(
                lambda key=key: [({}, read().get(key, 0))]  # type: ignore[misc]  # bound now
            )

    def gauge(
        self, name: str, documentation: str, read: Callable[[], float], **labels: str
    ) -> None:
        """Show a value that is read when the page is asked for; the last `read` counts for the same name and labels."""
        key = (name, *sorted(labels.items()))
        if key not in self._gauges:
            self._family(name, documentation, "gauge").readers.append(
                lambda: [(labels, self._gauges[key]())]
            )
        self._gauges[key] = read

    def gauges(
        self,
        name: str,
        documentation: str,
        read: Callable[[], Iterable[tuple[dict[str, str], float]]],
    ) -> None:
        """Show values that come and go, as (labels, value); no labels twice."""
        self._family(name, documentation, "gauge").readers.append(read)

    def histograms(self, name: str, documentation: str, *, label: str, **labels: str) -> Histograms:
        """Return distributions of seconds shown as `name{label="<key>", <labels>}`; the same ones for the same arguments."""
        key = (name, label, *labels.items())
        histograms = self._histograms.get(key)
        if histograms is None:
            histograms = self._histograms[key] = Histograms()
            self._family(name, documentation, "histogram").readers.append(
                lambda: [({label: key, **labels}, one) for key, one in histograms.values.items()]
            )
        return histograms

    def families(self) -> list[Family]:
        """Return all that is known at this moment."""
        own = [
            Family(
                name,
                family.documentation,
                family.kind,
                [sample for read in family.readers for sample in read()],
            )
            for name, family in self._families.items()
        ]
        return own + process_families()

    def page(self) -> bytes:
        """Return the page in Prometheus' text format."""
        return format_page(self.families())

    def _family(self, name: str, documentation: str, kind: str) -> _Family:
        return self._families.setdefault(name, _Family(documentation, kind))


async def supervise(
    name: str,
    run: Callable[[], Awaitable[None]],
    *,
    count: Callable[[str, int], None],
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> None:
    """Await `run()`, and whenever it fails, log, count and begin again after a pause.

    The pause doubles up to 30 s, and begins anew once `run()` has held out longer than that by `clock`, in seconds.
    """
    pause_s = _FIRST_PAUSE_S
    while True:
        started_s = clock()
        try:
            await run()
        except Exception:
            if clock() - started_s > _LAST_PAUSE_S:
                pause_s = _FIRST_PAUSE_S
            log.exception("task failed", task=name, restart_in_s=pause_s)
            count(name, 1)
        else:
            return
        await sleep(pause_s)
        pause_s = min(2 * pause_s, _LAST_PAUSE_S)
