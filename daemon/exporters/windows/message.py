"""What one batch adds to the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from daemon.exporters.windows.labels import NO_RENAMES, build_labels, source_of
from daemon.exporters.windows.memo import MetricMemo, Pair
from daemon.exporters.windows.plans import NANOS_PER_MS, Plan
from query.store.store import Series, Store
from receivers.consumer import Columns
from receivers.model import Attributes, DataPoint, Resource


@dataclass(slots=True)
class Samples:
    """Parallel lists; `starts_ms` is filled for deltas only."""

    series: list[Series] = field(default_factory=list)
    times_ms: list[int] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    starts_ms: list[int] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class Message:
    """Samples and deltas of one batch, written to the store at once; finds the series they belong to."""

    store: Store
    sender: str
    at_ms: int
    resource_labels: Sequence[str]
    renamed: Mapping[str, str] = field(default_factory=lambda: NO_RENAMES)
    """Resource attributes that become labels under another name."""
    samples: Samples = field(default_factory=Samples)
    deltas: Samples = field(default_factory=Samples)
    names: set[str] = field(default_factory=set)
    planned: tuple[Plan, Columns] | None = None
    """What comes as arrays."""

    def add(self, series: Series, time_ms: int, value: float) -> None:
        """Add one sample."""
        self.samples.series.append(series)
        self.samples.times_ms.append(time_ms)
        self.samples.values.append(value)

    def add_delta(self, series: Series, time_ms: int, value: float, start_ms: int) -> None:
        """Add to a running total what was counted between two times; 0 is an unknown start."""
        self.deltas.series.append(series)
        self.deltas.times_ms.append(time_ms)
        self.deltas.values.append(value)
        self.deltas.starts_ms.append(start_ms)

    def write(self, *, correct_clock: bool) -> bool:
        """Hand everything to the store; return whether there was anything."""
        for some in (self.samples, self.deltas):
            if some.series:
                self.store.append(
                    self.sender,
                    self.at_ms,
                    some.series,
                    some.times_ms,
                    some.values,
                    starts_ms=some.starts_ms or None,
                    correct_clock=correct_clock,
                )
        if self.planned is not None:
            plan, columns = self.planned
            self.store.append_rows(
                self.sender,
                self.at_ms,
                plan.part(columns),
                are_distinct=plan.are_distinct,
                correct_clock=correct_clock,
            )
        return bool(self.planned or self.samples.series or self.deltas.series)


def start_of(point: DataPoint) -> int:
    """Return when a point's value began, in Unix nanoseconds; 0, unknown, for a start after its time (otlp.md 3.1)."""
    start_unix_nano = point.start_time_unix_nano
    return start_unix_nano if start_unix_nano <= point.time_unix_nano else 0


class Target(NamedTuple):
    """Where the points of one metric go: finds and creates series, adds samples to the message."""

    message: Message
    known: MetricMemo
    resource: Resource

    def add(self, point: DataPoint, series: Series, value: float) -> None:
        """Add one value of a data point, a delta if the metric is delta."""
        time_ms = point.time_unix_nano // NANOS_PER_MS
        if self.known.is_delta:
            start_ms = point.start_time_unix_nano // NANOS_PER_MS
            self.message.add_delta(series, time_ms, value, start_ms)
        else:
            self.message.add(series, time_ms, value)

    def pair(self, attributes: Attributes, start_unix_nano: int) -> Pair | None:
        """Find or create the series of one data point: (value, None) or (count, sum); None where a limit refused."""
        names = self.known.names
        first = self.find(names[0], attributes, start_unix_nano)
        if first is None or not self.known.is_distribution:
            return None if first is None else (first, None)
        return first, self.find(names[1], attributes, start_unix_nano, count_of=first)

    def find(
        self,
        name: str,
        attributes: Attributes,
        start_unix_nano: int,
        *,
        is_gauge: bool = False,
        count_of: Series | None = None,
    ) -> Series | None:
        """Find or create one series; None where a limit refused it."""
        message, known = self.message, self.known
        return message.store.series(
            message.sender,
            build_labels(
                name,
                attributes,
                self.resource.attributes,
                message.resource_labels,
                message.renamed,
            ),
            # Of deltas each has a start of its own.
            start_ms=0 if known.is_delta else start_unix_nano // NANOS_PER_MS,
            is_counter=known.is_counter and not is_gauge,
            at_ms=message.at_ms,
            count_of=count_of,
            source=source_of(known.kind, attributes),
        )
