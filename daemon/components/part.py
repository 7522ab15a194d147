"""What starts and stops with the process, and what its parts share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from daemon.clock import Clock, Sleep
from daemon.config.schema import Config
from daemon.config.windows import WindowsConfig
from daemon.exporters.windows import Windows
from daemon.telemetry import Counters, SelfMetrics
from query.scaling import Engine
from query.store.store import Store

MIB = 1024 * 1024


@runtime_checkable
class Part(Protocol):
    """Something that starts and stops."""

    async def start(self) -> int | None:
        """Begin, and return the port where it listens, if it does."""

    async def stop(self) -> None:
        """Stop; safe twice and before `start`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Runtime:
    """What the parts of one tallyd share."""

    config: Config
    windows_config: WindowsConfig
    clock: Clock
    sleep: Sleep
    metrics: SelfMetrics
    store: Store
    engine: Engine
    windows: Windows

    def irregularities(self, receiver: str) -> Counters:
        """Return what a receiver counts by reason."""
        return self.metrics.counters(
            "tallyd_receiver_irregularities",
            "What a receiver did not hand on as it came",
            receiver=receiver,
        )
