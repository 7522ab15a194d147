"""The configuration read again while the process runs: on a signal, over HTTP, when its file changes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import structlog

from daemon.clock import Clock, Sleep
from daemon.config.errors import InvalidConfigurationError
from daemon.config.load import LoadedConfig
from daemon.telemetry import SelfMetrics

log = structlog.get_logger(__name__)

LOOKED_AT_EVERY_S = 2.5
"""A change is taken when the file was the same at two looks: half-written files are not read."""

Read = Callable[[], LoadedConfig]
TakeOver = Callable[[LoadedConfig], Awaitable[Sequence[str]]]
_Stamp = tuple[str, int, int, int]


class Outcome(NamedTuple):
    """What came of a reload."""

    problem: str = ""
    """Why the old configuration stays in force, empty if it does not; several lines for several mistakes."""
    restart_needed: Sequence[str] = ()
    """Settings that are different in the file and take effect at a restart only."""


class Reloading:
    """Reads and takes over, one reload after the other; what fails changes nothing and is told until one succeeds."""

    def __init__(
        self, read: Read | None, take_over: TakeOver, metrics: SelfMetrics, clock: Clock
    ) -> None:
        """Take how to read the configuration, None for the built-in one, and who takes it over.

        `read` raises InvalidConfigurationError and runs in a thread; `take_over` returns the settings that need a
        restart and raises OSError if something cannot start.
        """
        self._read = read
        self._take_over = take_over
        self._clock = clock
        self._turn = asyncio.Lock()
        self._last = Outcome()
        self._succeeded_at_ms = clock()
        self._count = metrics.counters(
            "tallyd_config_reloads", "Times the configuration was read again", label="result"
        )
        metrics.gauge(
            "tallyd_config_last_reload_successful",
            "1, or 0 while the file is wrong and an older configuration is in force",
            lambda: not self._last.problem,
        )
        metrics.gauge(
            "tallyd_config_last_reload_success_timestamp_seconds",
            "When the configuration in force was taken over",
            lambda: self._succeeded_at_ms / 1000,
        )

    def details(self) -> Mapping[str, str]:
        """Return what an operator should know of the last reload; nothing if all of it is in force."""
        details = {}
        if self._last.problem:
            details["reload"] = f"failed, the old configuration is in force: {self._last.problem}"
        if self._last.restart_needed:
            details["restart_needed"] = ", ".join(self._last.restart_needed)
        return details

    async def reload(self, reason: str) -> Outcome:
        """Read the configuration and take it over; whatever is wrong with it is logged and returned."""
        async with self._turn:
            outcome = await self._attempt()
            self._last = outcome
        if outcome.problem:
            self._count("failure", 1)
            log.error(
                "reload failed, the old configuration stays", by=reason, error=outcome.problem
            )
            return outcome
        self._count("success", 1)
        self._succeeded_at_ms = self._clock()
        log.info("configuration reloaded", by=reason)
        if outcome.restart_needed:
            log.warning("settings take effect at a restart only", settings=outcome.restart_needed)
        return outcome

    async def watch(self, path: Path, sleep: Sleep) -> None:
        """Reload whenever the file at `path` is another or has changed, by name, link or content; never ends."""
        taken = before = _stamp(path)
        while True:
            await sleep(LOOKED_AT_EVERY_S)
            now = _stamp(path)
            if now is not None and now == before and now != taken:
                taken = now
                await self.reload("file change")
            before = now

    async def _attempt(self) -> Outcome:
        if self._read is None:
            return Outcome("tallyd runs with its built-in configuration: there is no file to read")
        try:
            loaded = await asyncio.to_thread(self._read)
            for warning in loaded.warnings:
                log.warning("odd configuration", detail=warning)
            return Outcome(restart_needed=await self._take_over(loaded))
        except (InvalidConfigurationError, OSError) as error:
            return Outcome(str(error))


def _stamp(path: Path) -> _Stamp | None:
    """Return what changes with the file; None while it is not there. A ConfigMap's file changes where its link leads."""
    try:
        found = path.resolve(strict=True)
        status = found.stat()
    except OSError:
        return None
    return str(found), status.st_ino, status.st_mtime_ns, status.st_size
