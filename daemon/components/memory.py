"""The memory guard: settings to what looks at the process's memory, and what it shows."""

from __future__ import annotations

from daemon.config.windows import WindowsConfig
from daemon.memory_guard import MemoryGuard
from daemon.memory_limit import resident_bytes
from daemon.telemetry import SelfMetrics
from query.store.store import Store
from receivers.room import Room


def build_guard(
    config: WindowsConfig, store: Store, metrics: SelfMetrics
) -> tuple[MemoryGuard, Room]:
    """Return the guard of `store` and what room there is for messages; what they do is shown in any case."""
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
    room = Room(guard.free_bytes, is_short=lambda: guard.is_hard)
    metrics.gauge(
        "tallyd_memory_resident_bytes",
        "Resident memory of the process",
        lambda: resident_bytes() or 0,
    )
    metrics.gauge(
        "tallyd_memory_used_bytes",
        "What counts against the limit: the container's working set, or resident memory where none is limited",
        lambda: guard.used_bytes,
    )
    metrics.gauge(
        "tallyd_memory_shortage",
        "0; 1 while new series only take the places of ended ones; 2 while OTLP and remote write are refused too",
        lambda: guard.shortage,
    )
    metrics.table(
        "tallyd_memory",
        {
            "refused": "Batches that were refused because memory was short",
            "refused_messages": "Messages that were refused before they were read or decoded, for the same reason",
        },
        lambda: {"refused": guard.refused, "refused_messages": room.refused},
    )
    metrics.mapping(
        "tallyd_sender_refused_series",
        "Series that a limit or the memory guard refused, of the senders with most",
        store.blamed,
        label="sender",
    )
    return guard, room
