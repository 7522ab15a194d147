"""The memory guard: settings to what looks at the process's memory, and what it shows."""

from __future__ import annotations

from daemon.config.windows import WindowsConfig
from daemon.memory_guard import MemoryGuard
from daemon.telemetry import SelfMetrics
from query.store.store import Store


def build_guard(config: WindowsConfig, store: Store, metrics: SelfMetrics) -> MemoryGuard:
    """Return the guard of `store`; what it does is shown in any case."""
    guard = MemoryGuard(
        store,
        soft_percentage=config.memory_soft_percentage,
        hard_percentage=config.memory_hard_percentage,
    )
    metrics.gauge(
        "tallyd_memory_limit_bytes",
        "What the container, or the machine, lets the process take; 0 where it does not tell",
        lambda: guard.limit_bytes,
    )
    metrics.gauge("tallyd_memory_resident_bytes", "Resident memory of the process", guard.resident)
    metrics.gauge(
        "tallyd_memory_shortage",
        "0; 1 while new series only take the places of ended ones; 2 while OTLP and remote write are refused too",
        lambda: guard.shortage,
    )
    metrics.table(
        "tallyd_memory",
        {"refused": "Batches that were refused because memory was short"},
        lambda: {"refused": guard.refused},
    )
    metrics.mapping(
        "tallyd_sender_refused_series",
        "Series that a limit or the memory guard refused, of the senders with most",
        store.blamed,
        label="sender",
    )
    return guard
