"""The memory guard: what goes and what is refused before the container's limit ends the process (DESIGN 1.3).

Memory that Python has freed stays with the process, so a guard that waits for it to fall would wait for ever: while memory is
short, new series get the places of those that went, and nothing else.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import structlog

from daemon.memory import give_back_memory
from daemon.memory_limit import memory_limit_bytes, resident_bytes
from query.store.store import Store
from receivers.consumer import Batch
from receivers.errors import RetryableError

log = structlog.get_logger(__name__)

EVERY_S: Final = 0.25
"""Between two looks: at most some MB of new series come meanwhile."""
EVICTED_AT_ONCE: Final = 1_000
"""Series of ended senders that one look forgets: some milliseconds."""
BACK_SHARE: Final = 0.05
"""Of the limit: a state ends this far below where it begins."""
RETRY_AFTER_S: Final = 5.0
"""What a refused sender is told to wait (otlp.md 1.5)."""
NEVER_REFUSED: Final = frozenset({"opencensus"})
"""Protocols whose senders cannot be told to come back: their streams go on, and known series with them."""
_MIB: Final = 1024 * 1024


class Shortage(IntEnum):
    """How short memory is."""

    NONE = 0
    SOFT = 1
    """Series of ended senders go, new series only take their places."""
    HARD = 2
    """Besides, requests are refused whose senders can come back."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What the guard asks of the machine."""

    limit_bytes: Callable[[], int | None] = memory_limit_bytes
    resident_bytes: Callable[[], int | None] = resident_bytes


class MemoryGuard:
    """Looks at the memory every now and then; runs on the event loop only."""

    def __init__(
        self,
        store: Store,
        *,
        soft_percentage: int,
        hard_percentage: int,
        machine: Machine | None = None,
    ) -> None:
        """Guard `store`; 0 percent, or a machine that does not tell its limit, is no guard."""
        self._store = store
        self._machine = machine or Machine()
        self.limit_bytes = self._machine.limit_bytes() or 0
        self._soft_bytes = self.limit_bytes * soft_percentage // 100
        self._hard_bytes = self.limit_bytes * hard_percentage // 100
        self.shortage = Shortage.NONE
        self.refused = 0
        """Batches that were refused."""

    @property
    def is_on(self) -> bool:
        """Whether there is a limit to guard."""
        return self._soft_bytes > 0 or self._hard_bytes > 0

    def resident(self) -> int:
        """Return the process's memory in bytes."""
        return self._machine.resident_bytes() or 0

    def look(self) -> None:
        """Look at the memory, and do what it takes."""
        if not self.is_on:
            return
        size_bytes = self.resident()
        shortage = self._judge(size_bytes)
        if shortage > self.shortage:
            gc.collect(1)
            give_back_memory()
            size_bytes = self.resident()
            shortage = self._judge(size_bytes)
        if shortage is not self.shortage:
            self._become(shortage, size_bytes)
        if shortage:
            self._store.evict(EVICTED_AT_ONCE)

    def admit(self, batch: Batch) -> None:
        """Let `batch` pass.

        Raises:
            RetryableError: memory is short, and its sender can come back.
        """
        if self.shortage is Shortage.HARD and batch.sender.protocol not in NEVER_REFUSED:
            self.refused += 1
            raise RetryableError("memory is short, data are refused for now", RETRY_AFTER_S)

    def details(self) -> dict[str, str]:
        """Return what an operator should know although the process is ready."""
        if not self.shortage:
            return {}
        mib, limit_mib = self.resident() // _MIB, self.limit_bytes // _MIB
        return {
            "memory": f"{mib} MiB of {limit_mib} MiB: {_DOES[self.shortage]}; "
            f"most refused: {self._blamed() or 'nobody yet'}"
        }

    def _judge(self, size_bytes: int) -> Shortage:
        """Return how short memory is; with some distance to where the present state began."""
        back_bytes = int(self.limit_bytes * BACK_SHARE)
        for state, from_bytes in (
            (Shortage.HARD, self._hard_bytes),
            (Shortage.SOFT, self._soft_bytes),
        ):
            nearer_bytes = back_bytes if self.shortage >= state else 0
            if from_bytes and size_bytes >= from_bytes - nearer_bytes:
                return state
        return Shortage.NONE

    def _become(self, shortage: Shortage, size_bytes: int) -> None:
        say = log.warning if shortage > self.shortage else log.info
        say(
            "memory is short" if shortage else "memory suffices",
            does=_DOES[shortage],
            resident_mib=size_bytes // _MIB,
            limit_mib=self.limit_bytes // _MIB,
            series=self._store.series_count,
            most_refused=self._blamed(),
        )
        self.shortage = shortage
        self._store.shut(is_shut=shortage is not Shortage.NONE)

    def _blamed(self) -> str:
        """Return the sender with most refused series."""
        blamed = self._store.blamed()
        return max(blamed, key=blamed.__getitem__) if blamed else ""


_DOES: Final = {
    Shortage.NONE: "takes everything",
    Shortage.SOFT: "forgets series of ended senders, new series only take their places",
    Shortage.HARD: "refuses what senders can send again too",
}
