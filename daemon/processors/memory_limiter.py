"""The memory limiter: refuses data while the process takes too much memory (otlp.md 4.5)."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from daemon.config.errors import ConfigError
from daemon.config.memory_limiter import MemoryLimiterConfig
from daemon.memory import give_back_memory
from daemon.memory_limit import memory_limit_bytes, resident_bytes
from daemon.processors.mistakes import raise_mistakes
from receivers.consumer import Batch, Consumer, Count
from receivers.errors import RETRY_AFTER_S, RetryableError

log = structlog.get_logger(__name__)

_MIB = 1024 * 1024


def collect_garbage() -> None:
    """Free what nobody holds and return it to the machine, which alone lets the resident memory fall."""
    gc.collect()
    give_back_memory()


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Resident memory from which data are refused, and the hard limit above it."""

    soft_bytes: int
    hard_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """What the limiter asks of the machine it runs on."""

    clock: Callable[[], float] = time.monotonic
    """Seconds that only go up."""
    resident_bytes: Callable[[], int | None] = resident_bytes
    limit_bytes: Callable[[], int | None] = memory_limit_bytes
    collect: Callable[[], None] = collect_garbage


class MemoryLimiter:
    """Looks at the memory at most once an interval, when a batch comes: without data there is nothing to refuse.

    Above a limit garbage is collected first, not more often than its interval, and the memory is looked at again; what
    is found holds until the next look. Runs on the event loop only.
    """

    def __init__(
        self,
        component_id: str,
        config: MemoryLimiterConfig,
        limits: Limits,
        following: Consumer,
        *,
        count_accepted: Count,
        count_refused: Count,
        machine: Machine,
    ) -> None:
        self._component_id = component_id
        self._config = config
        self._limits = limits
        self._next = following
        self._count_accepted = count_accepted
        self._count_refused = count_refused
        self._machine = machine
        self._looked_at_s: float | None = None
        self._collected_at_s: float | None = None
        self._refuses = False

    def consume(self, batch: Batch) -> None:
        """Hand the batch on, or refuse it.

        Raises:
            RetryableError: there is too little memory now.
            ConsumeError: the next consumer did not take it.
        """
        now_s = self._machine.clock()
        if self._looked_at_s is None or self._is_over(
            self._looked_at_s, self._config.check_interval
        ):
            self._looked_at_s = now_s
            self._look()
        if self._refuses:
            self._count_refused(self._component_id, batch.point_count())
            raise RetryableError(
                f"{self._component_id}: memory is short, data are refused for now", RETRY_AFTER_S
            )
        self._count_accepted(self._component_id, batch.point_count())
        self._next.consume(batch)

    def _look(self) -> None:
        size_bytes = self._machine.resident_bytes() or 0
        if self._should_collect(size_bytes):
            self._machine.collect()
            self._collected_at_s = self._machine.clock()
            size_bytes = self._machine.resident_bytes() or 0
        refuses = size_bytes >= self._limits.soft_bytes
        if refuses != self._refuses:
            say = log.warning if refuses else log.info
            say(
                "memory is short, refusing data" if refuses else "memory suffices, taking data",
                component=self._component_id,
                resident_mib=size_bytes // _MIB,
                refused_from_mib=self._limits.soft_bytes // _MIB,
            )
        self._refuses = refuses

    def _should_collect(self, size_bytes: int) -> bool:
        if size_bytes < self._limits.soft_bytes:
            return False
        hard = size_bytes >= self._limits.hard_bytes
        pause_ms = (
            self._config.min_gc_interval_when_hard_limited
            if hard
            else self._config.min_gc_interval_when_soft_limited
        )
        return self._collected_at_s is None or self._is_over(self._collected_at_s, pause_ms)

    def _is_over(self, since_s: float, interval_ms: int) -> bool:
        return self._machine.clock() - since_s >= interval_ms / 1000


def build_memory_limiter(
    component_id: str,
    config: MemoryLimiterConfig,
    following: Consumer,
    *,
    count_accepted: Count,
    count_refused: Count,
    machine: Machine | None = None,
) -> MemoryLimiter:
    """Return the limiter that `config` describes.

    Raises:
        ConfigError: the one mistake in it; its path begins below the component's own block.
        ExceptionGroup: several mistakes, each a ConfigError.
    """
    machine = machine or Machine()
    mistakes = _mistakes(config)
    limits = _limits(config, machine, mistakes)
    raise_mistakes(component_id, mistakes)
    return MemoryLimiter(
        component_id,
        config,
        limits,
        following,
        count_accepted=count_accepted,
        count_refused=count_refused,
        machine=machine,
    )


def _mistakes(config: MemoryLimiterConfig) -> list[ConfigError]:
    """Return what does not fit together."""
    mistakes: list[ConfigError] = []
    if not config.check_interval:
        mistakes.append(ConfigError(("check_interval",), "expected a duration above 0"))
    if config.min_gc_interval_when_soft_limited < config.min_gc_interval_when_hard_limited:
        expected = "expected at most min_gc_interval_when_soft_limited"
        mistakes.append(ConfigError(("min_gc_interval_when_hard_limited",), expected))
    if not config.limit_mib and not config.limit_percentage:
        mistakes.append(ConfigError((), "needs limit_mib or limit_percentage"))
    for unit in ("mib", "percentage"):
        limit, spike = f"limit_{unit}", f"spike_limit_{unit}"
        if 0 < getattr(config, limit) <= getattr(config, spike):
            mistakes.append(ConfigError((spike,), f"expected less than {limit}"))
    return mistakes


def _limits(config: MemoryLimiterConfig, machine: Machine, mistakes: list[ConfigError]) -> Limits:
    if config.limit_mib:
        hard, spike = config.limit_mib * _MIB, config.spike_limit_mib * _MIB
    else:
        whole = machine.limit_bytes() if config.limit_percentage else 0
        if whole is None:
            expected = "this machine does not tell its memory: write limit_mib"
            mistakes.append(ConfigError(("limit_percentage",), expected))
            whole = 0
        hard = whole * config.limit_percentage // 100
        spike = whole * config.spike_limit_percentage // 100
    return Limits(soft_bytes=hard - (spike or hard // 5), hard_bytes=hard)
