"""Who may go on: pauses of work on the event loop, and the one large query at a time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Generator
from typing import TypeVar

from daemon.web.envelope import ApiError

T = TypeVar("T")

_HOLD_S = 0.0005
"""How long work on the loop goes on before others get their turn."""


async def stepwise(work: Generator[object, None, T]) -> T:
    """Return the result of work on the loop, between whose slices others get their turn."""
    pauses = Pauses()
    while True:
        try:
            next(work)
        except StopIteration as done:
            result: T = done.value
            return result
        await pauses.pause()


class Gone:
    """Whether an asker has gone: set by the loop, read by any thread; an Event, which can be waited for, takes 5 us to make."""

    def __init__(self) -> None:
        self._gone = False

    def set(self) -> None:
        """Note that it has."""
        self._gone = True

    def is_set(self) -> bool:
        """Return whether it has."""
        return self._gone


class Room:
    """How many large queries may run or wait at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._large = 0

    def enter(self) -> None:
        """Count one more; raises ApiError where there are too many."""
        if self._large >= self._most:
            raise ApiError(
                "unavailable",
                f"too many queries: {self._large} large ones run or wait already, which is the limit "
                "(extensions.http_api.max_concurrency)",
            )
        self._large += 1

    def leave(self) -> None:
        """Count one less."""
        self._large -= 1


class Turn:
    """The right of one large query to hold its copies, while no other does."""

    def __init__(self, lock: asyncio.Lock, room: Room, deadline_s: float) -> None:
        self._lock = lock
        self._room = room
        self._deadline_s = deadline_s
        self._entered = False
        self.taken = False
        self.waited = False

    async def take_at_once(self) -> bool:
        """Take it if nobody else has it; return whether it is taken. Raises ApiError where there is no room to wait."""
        if not self._entered:
            self._room.enter()
            self._entered = True
        if self._lock.locked():
            return False
        await self._lock.acquire()
        self.taken = True
        return True

    async def take(self) -> None:
        """Wait for it; raises ApiError when the query's time is over."""
        self.waited = True
        await _until(self._lock.acquire(), self._deadline_s)
        self.taken = True

    def check(self) -> None:
        """Raise ApiError when the query's time is over: reading may take long too."""
        if time.monotonic() > self._deadline_s:
            raise ApiError("timeout", "query timed out while its series were looked for")

    def end(self) -> None:
        """Give back what was taken."""
        if self.taken:
            self._lock.release()
        if self._entered:
            self._room.leave()


class Pauses:
    """Lets others have their turn, now and then."""

    def __init__(self) -> None:
        self._began_s = time.perf_counter()

    async def pause(self) -> None:
        """Return at once, or after everybody else's turn if this one lasted long enough."""
        if time.perf_counter() - self._began_s >= _HOLD_S:
            await asyncio.sleep(0)
            self._began_s = time.perf_counter()


async def _until(waited_for: Awaitable[object], deadline_s: float) -> None:
    try:
        await asyncio.wait_for(waited_for, max(0.0, deadline_s - time.monotonic()))
    except TimeoutError as error:
        raise ApiError("timeout", "query timed out in query queue") from error
