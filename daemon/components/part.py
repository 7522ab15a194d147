"""What starts and stops with the process, and what its parts share."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Final, NamedTuple, Protocol, runtime_checkable

from daemon.clock import Clock, Sleep
from daemon.components.security import Security
from daemon.config.schema import Config
from daemon.config.windows import WindowsConfig
from daemon.exporters.windows import Windows
from daemon.scaler.decision import Told
from daemon.snapshot.extension import Loaded
from daemon.telemetry import Counters, SelfMetrics
from daemon.web.admin import Administration
from daemon.web.doctor import Finding
from daemon.web.targets import Targets
from query.scaling import Engine
from query.store.store import Store
from receivers.consumer import Passed
from receivers.grpc_services import Serving
from receivers.room import Room

MIB = 1024 * 1024
_POINTS = {
    "accepted": "Data points of messages that the pipeline has taken; of OpenCensus and OTLP not those of metrics that a "
    "processor dropped unread",
    "refused": "Data points of messages that the pipeline answered with an error",
}


@runtime_checkable
class Part(Protocol):
    """Something that starts and stops."""

    async def start(self) -> int | None:
        """Begin, and return the port where it listens, if it does."""

    async def stop(self) -> None:
        """Stop; safe twice and before `start`."""


class Counted(NamedTuple):
    """What was counted of the pipelines until some moment."""

    reports: int
    stored: int
    dropped: Mapping[str, int]
    """Metrics, by filter."""


NOTHING: Final = Counted(0, 0, {})


@dataclass(slots=True, kw_only=True)
class Runtime:
    """What the parts of one tallyd share."""

    config: Config
    """The one in force: a reload puts another in its place."""
    windows_config: WindowsConfig
    clock: Clock
    sleep: Sleep
    metrics: SelfMetrics
    security: Security
    store: Store
    engine: Engine
    windows: Windows
    held: Callable[[], Mapping[str, Told]]
    """What KEDA was last told, by trigger."""
    loaded: Callable[[Loaded], None]
    """Hears what a snapshot has brought."""
    targets: Targets
    """What is scraped, and how that went last."""
    diagnose: Callable[[], Sequence[Finding]]
    """What is wrong with it."""
    administration: Administration | None
    """What can be done to the process over HTTP; None where nobody administers it, as in the demo."""
    missing: Callable[[], Sequence[str]]
    """What the process still lacks to be ready."""
    details: Callable[[], Mapping[str, str]]
    """What an operator should know although it is ready."""
    room: Room
    """What memory there is for messages."""
    before: Counted = NOTHING
    """What had been counted when the configuration in force was taken over."""
    serving: Serving
    """What gRPC's health service tells on every port."""
    unread_pages: dict[str, Callable[[], Mapping[str, str]]] = field(default_factory=dict)
    """By receiver: the senders whose metrics page cannot be read (scrape_senders), and why not."""

    def passed(self, receiver: str, transport: str) -> Passed:
        """Return where a receiver counts its data points, under the Collector's names (otlp.md 7)."""
        accepted, refused = (
            self.metrics.counters(
                f"otelcol_receiver_{outcome}_metric_points",
                text,
                label="transport",
                receiver=receiver,
            )
            for outcome, text in _POINTS.items()
        )
        return Passed(partial(accepted, transport), partial(refused, transport))

    def irregularities(self, receiver: str) -> Counters:
        """Return what a receiver counts by reason."""
        return self.metrics.counters(
            "tallyd_receiver_irregularities",
            "What a receiver did not hand on as it came",
            receiver=receiver,
        )
