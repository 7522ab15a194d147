"""Requests that wait for a backend: bounded by number and by bytes, the oldest goes first, also when there is no room."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from daemon.config.sending import Sizer


class Request(NamedTuple):
    """What is sent in one piece."""

    body: bytes
    """As the protocol encodes it; two bodies one after the other are one body with the content of both."""
    points: int
    """Data points in it."""
    lane: int = 0
    """Requests of one lane are sent in order."""
    kind: int = 0
    """Requests of different kinds are never sent in one piece."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueueSettings:
    """How much may wait, and where."""

    capacity: int
    """In units of `sizer`, what is under way included; one request may always wait."""
    sizer: Sizer = Sizer.REQUESTS
    max_bytes: int
    lanes: int = 1
    join_up_to_bytes: int = 0
    """Requests of a lane that wait are sent together up to this size."""


@dataclass(slots=True)
class SendingQueue:
    """First in, first out, in each lane; used on one event loop."""

    settings: QueueSettings
    on_drop: Callable[[Request], None]
    """Hears of each request that found no room."""
    size: int = 0
    """What waits or is under way, in units of the sizer."""
    size_bytes: int = 0
    _lanes: Sequence[deque[tuple[int, Request]]] = ()
    _filled: Sequence[asyncio.Event] = ()
    _idle: asyncio.Event = field(default_factory=asyncio.Event)
    _put: int = 0
    _open: int = 0
    """Requests that wait or are under way."""

    def __post_init__(self) -> None:
        """Make the lanes."""
        self._lanes = [deque() for _ in range(self.settings.lanes)]
        self._filled = [asyncio.Event() for _ in range(self.settings.lanes)]
        self._idle.set()

    def put(self, request: Request) -> None:
        """Add `request`, and drop the oldest that wait while there is more than may."""
        if len(request.body) > self.settings.max_bytes:
            self.on_drop(request)
            return
        lane = request.lane % self.settings.lanes
        self._lanes[lane].append((self._put, request))
        self._put += 1
        self._account(request, 1)
        while self._is_over() and self._waiting() > 1:
            dropped = self._pop_oldest()
            self._account(dropped, -1)
            self.on_drop(dropped)
        self._filled[lane].set()

    async def take(self, lane: int) -> list[Request]:
        """Return the requests to send next, in one piece; `done` must be called with them."""
        waiting = self._lanes[lane]
        while not waiting:
            self._filled[lane].clear()
            await self._filled[lane].wait()
        taken = [waiting.popleft()[1]]
        size_bytes = len(taken[0].body)
        while waiting:
            size_bytes += len(waiting[0][1].body)
            other_kind = waiting[0][1].kind != taken[0].kind
            if other_kind or size_bytes > self.settings.join_up_to_bytes:
                break
            taken.append(waiting.popleft()[1])
        return taken

    def done(self, requests: Sequence[Request]) -> None:
        """Forget what was taken."""
        for request in requests:
            self._account(request, -1)

    async def emptied(self) -> None:
        """Wait until nothing waits or is under way."""
        await self._idle.wait()

    def drop_all(self) -> list[Request]:
        """Return what waits, and forget it."""
        left = [request for lane in self._lanes for _, request in lane]
        for lane in self._lanes:
            lane.clear()
        self.done(left)
        return left

    def _waiting(self) -> int:
        return sum(map(len, self._lanes))

    def _is_over(self) -> bool:
        return self.size > self.settings.capacity or self.size_bytes > self.settings.max_bytes

    def _pop_oldest(self) -> Request:
        oldest = min((lane for lane in self._lanes if lane), key=lambda lane: lane[0][0])
        return oldest.popleft()[1]

    def _account(self, request: Request, sign: int) -> None:
        self.size += sign * self._weight(request)
        self.size_bytes += sign * len(request.body)
        self._open += sign
        if self._open:
            self._idle.clear()
        else:
            self._idle.set()

    def _weight(self, request: Request) -> int:
        if self.settings.sizer is Sizer.ITEMS:
            return request.points
        return len(request.body) if self.settings.sizer is Sizer.BYTES else 1
