"""Whether there is memory for what senders send: asked before a message is read, and again before it is decoded.

gRPC reads a message whole, whatever its size, before anybody here sees it, but only once it is asked for: until then it
waits with its sender. So the number of messages that are being read at once is what bounds their memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from receivers.errors import RETRY_AFTER_S, RetryableError

READ_TIMES: Final = 3
"""Memory that a message takes while it is read, in its own size: gRPC's copy, ours, and what lies between."""
OTLP_TIMES: Final = 12
"""The same while it is decoded, itself included: measured 11 with 300,000 points of 40 bytes, protobuf as JSON."""
OPENCENSUS_TIMES: Final = 5
"""The same of OpenCensus: measured 4."""
REMOTE_WRITE_TIMES: Final = 6
"""The same of remote write, which is decoded bit by bit."""
_MIB: Final = 1024 * 1024

FreeBytes = Callable[[int], int | None]
"""Given how much is wanted, returns how much memory is free for it; None is no limit."""


class Room:
    """The room of one process for messages; all that runs on the event loop."""

    def __init__(
        self,
        free_bytes: FreeBytes,
        *,
        is_short: Callable[[], bool] = bool,
        wait_s: float = RETRY_AFTER_S,
    ) -> None:
        """While `is_short`, nothing is read of senders that can come back; a message waits up to `wait_s` for others."""
        self._free_bytes = free_bytes
        self._is_short = is_short
        self._wait_s = wait_s
        self._held_bytes = 0
        self._left = asyncio.Condition()
        self.refused = 0
        """Messages that were refused."""

    @asynccontextmanager
    async def reading(self, most_bytes: int) -> AsyncIterator[None]:
        """Hold room for a message of at most so many bytes while it is read; one at a time is read in any case.

        Raises:
            RetryableError: memory is short, or others take all of the room for too long.
        """
        wanted_bytes = most_bytes * READ_TIMES
        if not self._has_room(wanted_bytes):
            await self._wait(wanted_bytes)
        self._held_bytes += wanted_bytes
        try:
            yield
        finally:
            self._held_bytes -= wanted_bytes
            async with self._left:
                self._left.notify()

    def check(self, size_bytes: int, times: int = OTLP_TIMES) -> None:
        """Let a message of so many bytes pass that takes `times` as much when it is decoded.

        Raises:
            RetryableError: there is too little memory for it now.
        """
        wanted_bytes = size_bytes * times
        free_bytes = self._free_bytes(wanted_bytes)
        if free_bytes is not None and wanted_bytes > free_bytes:
            self.refused += 1
            raise _refusal(
                f" for a message of {size_bytes} bytes, {free_bytes // _MIB} MiB are free"
            )

    def _has_room(self, wanted_bytes: int) -> bool:
        if self._is_short():
            return False
        free_bytes = self._free_bytes(0)
        return (
            free_bytes is None
            or not self._held_bytes
            or self._held_bytes + wanted_bytes <= free_bytes
        )

    async def _wait(self, wanted_bytes: int) -> None:
        if not self._is_short():
            try:
                async with asyncio.timeout(self._wait_s), self._left:
                    await self._left.wait_for(lambda: self._has_room(wanted_bytes))
            except TimeoutError:
                pass
            else:
                return
        self.refused += 1
        raise _refusal("")


def unlimited(_wanted_bytes: int) -> None:
    """Return that nothing limits memory."""
    return


def _refusal(detail: str) -> RetryableError:
    return RetryableError(f"memory is short{detail}, data are refused for now", RETRY_AFTER_S)
