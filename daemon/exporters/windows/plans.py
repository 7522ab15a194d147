"""Where the samples of messages that look alike go: found once, written as arrays from then on."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from daemon.exporters.windows.memo import MetricMemo
from query.queryable import Int64Array
from query.store.store import Series, Store
from query.store.totals import Part
from receivers.consumer import Columns, Sender
from receivers.model import Metric, Resource

NANOS_PER_MS = 1_000_000
MAX_PLANNED = 1_000_000
"""Samples in all plans together; each takes about 30 bytes."""
MAX_FAILURES = 20_000
"""Shapes without a plan that are remembered as such."""


class Aside(NamedTuple):
    """A metric whose points are read one by one: their buckets are wanted."""

    known: MetricMemo
    resource: Resource
    position: int


class Reading(NamedTuple):
    """A metric of a message, and the keys of its rows; None where its points are read one by one."""

    known: MetricMemo
    resource: Resource
    metric: Metric
    keys: Sequence[tuple[Hashable, bool]]
    """And whether a row has a sum."""
    is_aside: bool


@dataclass(slots=True, kw_only=True)
class Plan:
    """What messages of one shape add to the store."""

    names: frozenset[str]
    series: Sequence[Series]
    rows: Int64Array
    """The rows of `series`."""
    which: Int64Array | None
    """Which samples are theirs; None for all."""
    are_distinct: bool
    asides: Sequence[Aside]
    removals: int
    """How many series the store had removed when all of these were alive."""
    wanted: int
    """The number of bucket names that were asked for when this was made."""

    def part(self, columns: Columns) -> Part:
        """Return what a message adds."""
        times_ms = (columns.times_unix_nano // NANOS_PER_MS).astype(np.int64)
        if self.which is None:
            return Part(self.rows, times_ms, columns.values)
        return Part(self.rows, times_ms[self.which], columns.values[self.which])


class Plans:
    """The plans of all senders, by the shape of their messages."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._plans: dict[Sender, dict[int, Plan]] = {}
        self._failures: dict[tuple[Sender, int], int] = {}
        """How often a plan was missed for each shape, since there was one."""
        self.size = 0
        """Samples in all plans."""

    def find(self, sender: Sender, shape: int, wanted: int) -> Plan | None:
        """Return the plan for messages of this shape, if it holds still."""
        plan = self._plans.get(sender, _NONE).get(shape)
        if plan is None or plan.wanted != wanted:
            return None
        removals = self._store.removals
        if plan.removals != removals:
            if not all(one.alive for one in plan.series):
                return None
            plan.removals = removals
        return plan

    def is_due(self, sender: Sender, shape: int) -> bool:
        """Return whether to try and make a plan for a shape that has none: less and less often where none comes of it."""
        failures = self._failures.pop((sender, shape), 0) + 1
        if len(self._failures) >= MAX_FAILURES:
            self._failures.clear()
        self._failures[sender, shape] = failures
        return not failures & (failures - 1)

    def put(self, sender: Sender, shape: int, plan: Plan) -> None:
        """Remember a plan in place of any other for that shape."""
        if self.size + len(plan.rows) > MAX_PLANNED:
            self.clear()
        self._failures.pop((sender, shape), None)
        of_sender = self._plans.setdefault(sender, {})
        before = of_sender.pop(shape, None)
        self.size += len(plan.rows) - (len(before.rows) if before else 0)
        of_sender[shape] = plan

    def forget(self, sender: Sender) -> None:
        """Forget the plans of a sender."""
        self.size -= sum(len(plan.rows) for plan in self._plans.pop(sender, {}).values())

    def clear(self) -> None:
        """Forget all plans."""
        self._plans.clear()
        self._failures.clear()
        self.size = 0


def read_keys(metric: Metric) -> list[tuple[Hashable, bool]]:
    """Return the key of each row of a metric on the wire, and whether it has a sum."""
    encoded = metric.encoded
    return (
        [] if encoded is None else [(key, total is not None) for key, _, _, total in encoded.rows()]
    )


def make_plan(
    readings: Sequence[Reading], names: Iterable[str], columns: Columns, removals: int, wanted: int
) -> Plan | None:
    """Return the plan for messages like one that was just stored, None if not all of it was."""
    if len(readings) != len(columns.metrics):
        return None
    firsts: list[tuple[int, Series]] = []
    sums: list[tuple[int, Series]] = []
    asides: list[Aside] = []
    rows = totals = 0
    for position, (known, resource, _, keys, is_aside) in enumerate(readings):
        if is_aside:
            asides.append(Aside(known, resource, position))
        for key, has_sum in keys:
            first, second = known.rows.get(key), known.sums.get(key)
            if not is_aside:
                if first is None or (has_sum and second is None):
                    return None
                firsts.append((rows, first))
                if has_sum and second is not None:
                    sums.append((totals, second))
            rows += 1
            totals += has_sum
    if rows + totals != len(columns.values):
        return None
    which = [*[at for at, _ in firsts], *[rows + at for at, _ in sums]]
    series = [*[one for _, one in firsts], *[one for _, one in sums]]
    numbers = [one.row for one in series]
    return Plan(
        names=frozenset(names),
        series=series,
        rows=np.array(numbers, dtype=np.int64),
        which=np.array(which, dtype=np.int64) if asides else None,
        are_distinct=len(set(numbers)) == len(numbers),
        asides=asides,
        removals=removals,
        wanted=wanted,
    )


_NONE: Mapping[int, Plan] = {}
