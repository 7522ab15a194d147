"""The extension `snapshot`: writes what is remembered, and loads it at start, so that a restart costs no answer."""

from __future__ import annotations

import asyncio
import errno
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple

import structlog

from daemon.clock import Clock, Sleep
from daemon.config.snapshot import SnapshotConfig
from daemon.scaler.decision import Told
from daemon.snapshot.file import SnapshotError, SnapshotWriter, read_snapshot
from daemon.telemetry import SelfMetrics, supervise
from query.store.dump import Dump, DumpError
from query.store.store import Store

log = structlog.get_logger(__name__)

SETTLED_WITHIN_MS: Final = 60_000
"""A snapshot younger than a trigger's default window leaves nothing to settle (keda.md 6.3.6)."""
MAX_AHEAD_MS: Final = 10_000
"""A snapshot from later than this is not of this machine, or its clock was wrong: times in it mean nothing."""

Held = Mapping[str, Told]


class Loaded(NamedTuple):
    """What a start has found."""

    settled: bool = False
    """Whether it is so young that answers need not wait for senders to come back."""
    held: Held = MappingProxyType({})
    """What KEDA was last told, by trigger."""


class Snapshot:
    """Loads before anything is received, then writes every interval and at the end; runs on the event loop.

    The loop is held for one slice at a time; JSON, checksums and the disk are a thread's work.
    """

    def __init__(
        self,
        config: SnapshotConfig,
        store: Store,
        clock: Clock,
        sleep: Sleep,
        metrics: SelfMetrics,
        *,
        held: Callable[[], Held],
        loaded: Callable[[Loaded], None],
    ) -> None:
        """Take what is kept; `loaded` hears once, from `start`, of what was found, be it nothing."""
        self._path = Path(config.path)
        self._interval_s = config.interval / 1000
        self._store = store
        self._clock = clock
        self._sleep = sleep
        self._held = held
        self._loaded = loaded
        self._timer: asyncio.Task[None] | None = None
        self._writing: asyncio.Task[None] | None = None
        self._failing = False
        self._size_bytes = 0
        self._written_at_ms = 0
        self._count = metrics.counters(
            "tallyd_snapshots", "Times that a snapshot was written", label="result"
        )
        self._task_failures = metrics.counters(
            "tallyd_task_failures", "Tasks that failed and were begun again", label="task"
        )
        metrics.gauge(
            "tallyd_snapshot_bytes", "Size of the last snapshot", lambda: self._size_bytes
        )
        metrics.gauge(
            "tallyd_snapshot_last_success_timestamp_seconds",
            "When a snapshot was last written, 0 if none was since the start",
            lambda: self._written_at_ms / 1000,
        )

    async def start(self) -> None:
        """Load what there is, tell it, and begin to write.

        Raises:
            OSError: the folder is not there or cannot be written to; the text names the setting.
        """
        path = self._path
        if not os.access(path.parent, os.W_OK | os.X_OK):
            what = f"cannot write to {path.parent} (extensions.snapshot.path): expected a folder that is there and writable"
            raise OSError(errno.EACCES, what)
        self._loaded(await self._load())
        self._timer = asyncio.create_task(
            supervise("snapshot", self._tick, count=self._task_failures, sleep=self._sleep)
        )

    async def stop(self) -> None:
        """Write a last one; safe twice and before `start`."""
        timer, self._timer = self._timer, None
        if timer is None:
            return
        timer.cancel()
        if self._writing is not None:
            await self._writing
        await self.write()

    async def write(self) -> None:
        """Write a snapshot; what goes wrong is counted, and logged when it begins and when it ends."""
        writer = SnapshotWriter(self._path)
        try:
            await asyncio.to_thread(writer.open)
            for dump in self._slices():
                await asyncio.to_thread(writer.add, dump)
            await asyncio.to_thread(writer.commit)
        except OSError as error:
            self._count("failure", 1)
            if not self._failing:
                path, why = str(self._path), str(error)
                log.error("snapshot cannot be written", path=path, error=why)  # noqa: TRY400  no fault of the code
            self._failing = True
            return
        finally:
            with suppress(OSError):
                await asyncio.to_thread(writer.abandon)
        if self._failing:
            log.info("snapshot is written again", path=str(self._path))
        self._failing = False
        self._size_bytes, self._written_at_ms = writer.size_bytes, self._clock()
        self._count("success", 1)

    def _slices(self) -> Iterator[Dump]:
        held = {key: asdict(told) for key, told in self._held().items()}
        yield {"at_ms": self._clock(), "held": held}
        yield from self._store.dump()

    async def _tick(self) -> None:
        while True:
            await self._sleep(self._interval_s)
            self._writing = asyncio.create_task(self.write())
            await asyncio.shield(self._writing)  # a write that was begun is brought to its end

    async def _load(self) -> Loaded:
        path = self._path
        try:
            slices = await asyncio.to_thread(read_snapshot, path)
            loaded = await self._take(slices)
        except FileNotFoundError:
            log.info("no snapshot to load", path=str(path))
            return Loaded()
        except (SnapshotError, DumpError, OSError) as error:
            self._set_aside(str(error))
            return Loaded()
        log.info("snapshot loaded", path=str(path), series=self._store.series_count)
        return loaded

    async def _take(self, slices: Iterator[Dump]) -> Loaded:
        now_ms = self._clock()
        at_ms, held = _read_head(next(slices, {}))
        if at_ms > now_ms + MAX_AHEAD_MS:
            ahead_s = (at_ms - now_ms) // 1000
            raise SnapshotError(
                f"it was written {ahead_s} s later than now: this clock or that was wrong"
            )
        for _ in self._store.load(slices, now_ms):
            await asyncio.sleep(0)
        return Loaded(settled=now_ms - at_ms < SETTLED_WITHIN_MS, held=held)

    def _set_aside(self, why: str) -> None:
        """Keep the file under another name, for whoever wants to know; the next one takes its place."""
        path = self._path
        aside = path.with_name(f"{path.name}.set-aside")
        with suppress(OSError):
            path.replace(aside)
        log.warning("snapshot set aside", path=str(path), aside=str(aside), reason=why)


def _read_head(head: Mapping[str, Any]) -> tuple[int, Held]:
    """Return when a snapshot was written and what was held.

    Raises:
        SnapshotError: the first slice is no head.
    """
    try:
        held = {str(key): _read_told(**told) for key, told in head["held"].items()}
        return int(head["at_ms"]), held
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise SnapshotError(f"its head cannot be read: {error!r}") from error


def _read_told(*, value: object, active: object, at_ms: object) -> Told:
    """Return what was told, if it is what can have been told: it will be told again."""
    if (
        not isinstance(value, float)
        or not math.isfinite(value)
        or not isinstance(active, bool)
        or not isinstance(at_ms, int)
    ):
        raise ValueError(f"held: {value!r}, {active!r}, {at_ms!r}")
    return Told(value=value, active=active, at_ms=at_ms)
