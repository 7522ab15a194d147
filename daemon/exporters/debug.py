"""Writes what passes: for people who wonder what their pipeline does."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Final

import structlog

from daemon.clock import Clock, Sleep
from daemon.config.debug_exporter import DebugExporterConfig
from daemon.exporters.counts import ExporterCounts
from daemon.exporters.debug_text import detailed_lines, normal_lines
from daemon.exporters.inbox import Inbox, points_of
from receivers.consumer import Batch, Count

log = structlog.get_logger(__name__)

MAX_LINES: Final = 2_000
"""Of one message; what is beyond them is left out, and said to be."""
MAX_LINE: Final = 2_000
"""Characters of one line."""
LINES_AT_ONCE: Final = 200
"""Written between two turns of the others."""
_TEXTS = {"normal": normal_lines, "detailed": detailed_lines}


class Sampling:
    """Which messages are told: the first few of each second, then every so many-th; 0 is none."""

    def __init__(self, initial: int, thereafter: int) -> None:
        self._initial = initial
        self._thereafter = thereafter
        self._second = -1
        self._seen = 0

    def tells(self, now_ms: int) -> bool:
        """Return whether the message that came now is told."""
        if now_ms // 1000 != self._second:
            self._second, self._seen = now_ms // 1000, 0
        self._seen += 1
        beyond = self._seen - self._initial
        if beyond <= 0:
            return True
        return self._thereafter > 0 and beyond % self._thereafter == 0


class Debug:
    """The end of a pipeline that leads to the log, or to standard output; `Part` and `Consumer`."""

    def __init__(
        self,
        exporter: str,
        config: DebugExporterConfig,
        *,
        counts: ExporterCounts,
        count_failures: Count,
        clock: Clock,
        sleep: Sleep,
        write: Callable[[str], None] | None = None,
    ) -> None:
        """`write` takes the text of a message where it does not go to the log."""
        self._exporter = exporter
        self._config = config
        self._counts = counts
        self._clock = clock
        self._sampling = Sampling(config.sampling_initial, config.sampling_thereafter)
        self._write = write or self._to_paths
        self._inbox = Inbox(
            f"{exporter} writer", self._tell, _ignore, count_failures=count_failures, sleep=sleep
        )

    def consume(self, batch: Batch) -> None:
        """Take `batch`; it is neither read nor changed before this returns."""
        if self._sampling.tells(self._clock()):
            self._inbox.put(batch)

    async def start(self) -> None:
        """Begin to write."""
        self._inbox.start()

    async def stop(self) -> None:
        """Write what waits, for at most a second, and end; safe twice and before `start`."""
        try:
            async with asyncio.timeout(1):
                await self._inbox.emptied()
        except TimeoutError:
            pass
        await self._inbox.stop()

    async def _tell(self, batch: Batch) -> None:
        metrics = [
            metric
            for group in batch.resource_metrics
            for scoped in group.scope_metrics
            for metric in scoped.metrics
        ]
        points = sum(len(points_of(metric)) for metric in metrics)
        numbers = {
            "resource_metrics": len(batch.resource_metrics),
            "metrics": len(metrics),
            "data_points": points,
        }
        text = await self._text(batch)
        if self._config.use_internal_logger:
            more = {"text": text} if text else {}
            log.info("metrics", exporter=self._exporter, **numbers, **more)
        else:
            head = " ".join(f"{key}={value}" for key, value in numbers.items())
            self._write(f"{self._exporter} {head}\n{text}" + ("\n" if text else ""))
        self._counts.sent(points)

    async def _text(self, batch: Batch) -> str:
        lines_of = _TEXTS.get(self._config.verbosity)
        if lines_of is None:
            return ""
        lines = lines_of(batch.resource_metrics)
        kept: list[str] = []
        while piece := list(islice(lines, min(LINES_AT_ONCE, MAX_LINES - len(kept)))):
            kept += (line[:MAX_LINE] for line in piece)
            await asyncio.sleep(0)
        if _has_more(lines):
            kept.append(f"and more: a message is told in {MAX_LINES} lines")
        return "\n".join(kept)

    def _to_paths(self, text: str) -> None:
        for path in self._config.output_paths:
            stream = sys.stdout if path == "stdout" else sys.stderr
            try:
                stream.write(text)
                stream.flush()
            except (OSError, ValueError):  # closed, or its reader is gone
                self._counts.refused("cannot_be_written", 1)


def _has_more(lines: Iterator[str]) -> bool:
    return next(lines, None) is not None


def _ignore(_batch: Batch) -> None:
    """Leave a message untold: too many came at once."""
