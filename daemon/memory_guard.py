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
from daemon.memory_limit import memory_limit_bytes, used_bytes
from query.store.store import Store
from receivers.consumer import Batch
from receivers.errors import RETRY_AFTER_S, RetryableError

log = structlog.get_logger(__name__)

EVERY_S: Final = 0.25
"""Between two looks; new series ask for another in between when they have taken what they may."""
EVICTED_AT_ONCE: Final = 1_000
"""Series of ended senders that one look forgets: some milliseconds."""
BACK_SHARE: Final = 0.05
"""Of the limit: a state ends this far below where it begins, and so much no message may count on."""
ALLOWED_BYTES: Final = 16 * 1024 * 1024
"""What new series may take until the next look: some 7,000."""
STALE_OK_BYTES: Final = 1024 * 1024
"""For so much nobody looks anew at how much memory is free."""
REPEATED_EVERY_LOOKS: Final = 240
"""Looks, a minute of them, after which the log says again that memory is short."""
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
    used_bytes: Callable[[], int | None] = used_bytes


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
        self._soft_percentage, self._hard_percentage = soft_percentage, hard_percentage
        self.limit_bytes = self._machine.limit_bytes() or 0
        self.used_bytes = 0
        """What the last look found."""
        self.shortage = Shortage.NONE
        self.refused = 0
        """Batches that were refused."""
        self._looks = 0
        if self.is_on:
            store.when_spent(self._look)
            self._look()

    @property
    def is_hard(self) -> bool:
        """Whether senders that can come back are told to."""
        return self.shortage is Shortage.HARD

    @property
    def is_on(self) -> bool:
        """Whether there is a limit to guard."""
        return self._from_bytes(Shortage.SOFT) > 0 or self._from_bytes(Shortage.HARD) > 0

    def look(self) -> None:
        """Look at the memory, and do what it takes; called every EVERY_S."""
        if not self.is_on:
            return
        self._looks += 1
        self._look()
        if self.shortage and self._looks >= REPEATED_EVERY_LOOKS:
            self._tell("memory is still short", log.warning)

    def free_bytes(self, wanted_bytes: int) -> int | None:
        """Return how much a message that wants so much may take for the moment; None is no limit."""
        if not self.is_on:
            return None
        if wanted_bytes > STALE_OK_BYTES:
            self.used_bytes = self._used()
        return max(self.limit_bytes - self._back_bytes() - self.used_bytes, 0)

    def admit(self, batch: Batch) -> None:
        """Let `batch` pass.

        Raises:
            RetryableError: memory is short, and its sender can come back.
        """
        if self.is_hard and batch.sender.protocol not in NEVER_REFUSED:
            self.refused += 1
            raise RetryableError("memory is short, data are refused for now", RETRY_AFTER_S)

    def details(self) -> dict[str, str]:
        """Return what an operator should know although the process is ready."""
        if not self.shortage:
            return {}
        mib, limit_mib = self.used_bytes // _MIB, self.limit_bytes // _MIB
        return {
            "memory": f"{mib} MiB of {limit_mib} MiB: {_DOES[self.shortage]}; "
            f"most refused: {self._blamed() or 'nobody yet'}; most series: {self._store.largest_sender()}"
        }

    def _look(self) -> None:
        # The limit of a running container may change.
        self.limit_bytes = self._machine.limit_bytes() or self.limit_bytes
        shortage = self._measure()
        if shortage > self.shortage:
            gc.collect(1)
            give_back_memory()
            shortage = self._measure()
        if shortage is not self.shortage:
            self._become(shortage)
        if shortage:
            self._store.evict(EVICTED_AT_ONCE)
        self._allow()

    def _used(self) -> int:
        return self._machine.used_bytes() or 0

    def _measure(self) -> Shortage:
        """Return how short memory is; with some distance to where the present state began."""
        self.used_bytes = self._used()
        for state in (Shortage.HARD, Shortage.SOFT):
            from_bytes = self._from_bytes(state)
            nearer_bytes = self._back_bytes() if self.shortage >= state else 0
            if from_bytes and self.used_bytes >= from_bytes - nearer_bytes:
                return state
        return Shortage.NONE

    def _from_bytes(self, state: Shortage) -> int:
        """Return where `state` begins; 0 if it is switched off."""
        hard = state is Shortage.HARD
        return self.limit_bytes * (self._hard_percentage if hard else self._soft_percentage) // 100

    def _back_bytes(self) -> int:
        return int(self.limit_bytes * BACK_SHARE)

    def _allow(self) -> None:
        """Tell the store what may be taken until the next look; samples may take half of what is left of all."""
        hard_bytes = self._from_bytes(Shortage.HARD) or self.limit_bytes
        soft_bytes = self._from_bytes(Shortage.SOFT) or hard_bytes
        new_bytes = 0 if self.shortage else soft_bytes - self.used_bytes
        more_bytes = 0 if self.is_hard else (hard_bytes - self.used_bytes) // 2
        self._store.allow(min(max(new_bytes, 0), ALLOWED_BYTES), max(more_bytes, 0))

    def _become(self, shortage: Shortage) -> None:
        say = log.warning if shortage > self.shortage else log.info
        self.shortage = shortage
        self._tell("memory is short" if shortage else "memory suffices", say)

    def _tell(self, event: str, say: Callable[..., object]) -> None:
        self._looks = 0
        say(
            event,
            does=_DOES[self.shortage],
            used_mib=self.used_bytes // _MIB,
            limit_mib=self.limit_bytes // _MIB,
            series=self._store.series_count,
            most_series=self._store.largest_sender(),
            most_refused=self._blamed(),
        )

    def _blamed(self) -> str:
        """Return the sender with most refused series."""
        blamed = self._store.blamed()
        return max(blamed, key=blamed.__getitem__) if blamed else ""


_DOES: Final = {
    Shortage.NONE: "takes everything",
    Shortage.SOFT: "forgets series of ended senders, new series only take their places",
    Shortage.HARD: "refuses what senders can send again too",
}
