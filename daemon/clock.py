"""Time as the daemon's parts are given it: a clock and a sleep, real or virtual."""

from __future__ import annotations

import asyncio
import heapq
import itertools
import time
from collections.abc import Awaitable, Callable

Clock = Callable[[], int]
"""Returns the current time as Unix milliseconds."""

Sleep = Callable[[float], Awaitable[None]]
"""Waits for that many seconds."""


_STEADY = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Goes on while the machine is suspended, where there is such a clock."""


def system_clock() -> int:
    """Return the time as Unix milliseconds: the machine's as the process began, and steady from there on.

    A step of the machine's clock would end all senders at once, or keep dead ones live and new samples out. This way
    it looks like senders whose clocks are off, and those are corrected (keda.md 6.3.5).
    """
    return _BEGAN_MS + _steady_ms()


def _steady_ms() -> int:
    return time.clock_gettime_ns(_STEADY) // 1_000_000


_BEGAN_MS = time.time_ns() // 1_000_000 - _steady_ms()


class VirtualTime:
    """Time that moves only when told to: for the demo, which plays minutes in seconds, and for tests.

    `clock` and `sleep` go where a Clock and a Sleep are expected; only one task calls `advance_to`.
    """

    def __init__(self, now_ms: int) -> None:
        self._now_ms = now_ms
        self._sleepers: list[tuple[int, int, asyncio.Future[None]]] = []
        self._order = itertools.count()

    def clock(self) -> int:
        """Return the virtual time as Unix milliseconds."""
        return self._now_ms

    async def sleep(self, seconds: float) -> None:
        """Wait until the virtual time has moved on by `seconds`."""
        future = asyncio.get_running_loop().create_future()
        wake_ms = self._now_ms + max(1, round(seconds * 1000))
        heapq.heappush(self._sleepers, (wake_ms, next(self._order), future))
        await future

    def jump_to(self, at_ms: int) -> None:
        """Move the time on without waking anybody: they wake at the next `advance_to`."""
        self._now_ms = max(self._now_ms, at_ms)

    async def advance_to(self, at_ms: int) -> None:
        """Move the time on to `at_ms`, waking sleepers one after the other, each at its own time."""
        while self._sleepers and self._sleepers[0][0] <= at_ms:
            wake_ms, _, future = heapq.heappop(self._sleepers)
            self.jump_to(wake_ms)
            if not future.done():
                future.set_result(None)
            await _let_others_run()
        self.jump_to(at_ms)


async def _let_others_run() -> None:
    """Give tasks that were just woken the turns they need to go back to sleep."""
    for _ in range(5):
        await asyncio.sleep(0)
