"""Deltas to running totals: what is odd about a delta, and what it makes of its row's total (otlp.md 3.2).

A row's total is its last value. It lives as long as the series does, and in a dump too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from query.queryable import NO_TIME, BoolArray, Float64Array, Int64Array, is_stale
from query.store.ring import Rings, Rows
from query.store.rows import LOOK_FIRST, RowTable

PAUSE_MS = 1_000
"""From this gap between two deltas on it is noted where the second begins: nothing was counted before."""


class Part(NamedTuple):
    """Part of a message, one element per sample; with `starts_ms`, NO_TIME where unknown, the values are deltas."""

    rows: Rows
    times_ms: Int64Array
    values: Float64Array
    starts_ms: Int64Array | None = None

    def only(self, which: npt.NDArray[Any]) -> Part:
        """Return the samples that `which`, a mask or positions, names."""
        starts_ms = None if self.starts_ms is None else self.starts_ms[which]
        return Part(self.rows[which], self.times_ms[which], self.values[which], starts_ms)


def judge(part: Part, starts_ms: Int64Array, counters: Counter[str]) -> Part:
    """Return what can be added: NaN and infinities would stay for ever; a start at or after the time is none."""
    good = np.isfinite(part.values) | is_stale(part.values)
    counters["bad_deltas"] += len(good) - int(np.count_nonzero(good))
    starts_ms = np.where(starts_ms < part.times_ms, starts_ms, NO_TIME)
    return part._replace(starts_ms=starts_ms).only(good)


def beginnings(part: Part, table: RowTable, rings: Rings) -> Iterator[tuple[int, int]]:
    """Yield row and start of the deltas that are their row's first: a delta *is* an increase (keda.md 6.3.3 b)."""
    first = table.gate_ms.take(part.rows) == LOOK_FIRST
    first &= _starts(part) != NO_TIME
    first &= rings.held(part.rows) == 0
    for i in np.flatnonzero(first).tolist():
        yield int(part.rows[i]), int(_starts(part)[i])


def not_before_total(part: Part, table: RowTable, counters: Counter[str]) -> BoolArray:
    """Return which deltas do not begin before their total did."""
    starts_ms = _starts(part)
    good: BoolArray = (starts_ms == NO_TIME) | (starts_ms >= table.start_ms.take(part.rows))
    counters["late"] += len(good) - int(np.count_nonzero(good))
    return good


def totals_of(part: Part, table: RowTable, counters: Counter[str]) -> tuple[Part, Part]:
    """Return samples for where nothing had been counted for a while, and the totals that come after them.

    A sender leaves out what did not change: its next delta begins long after the one before it ended, and the total was
    flat until then.
    """
    starts_ms, gate_ms = _starts(part), table.gate_ms.take(part.rows)
    before = table.last_value.take(part.rows)
    before[np.isneginf(before)] = 0.0
    marked = is_stale(part.values)
    rested = (starts_ms != NO_TIME) & (gate_ms != NO_TIME) & ~marked
    overlaps = rested & (starts_ms < gate_ms)
    rested &= starts_ms >= gate_ms + PAUSE_MS
    negative = (part.values < 0) & table.is_counter.take(part.rows)
    counters["overlaps"] += int(np.count_nonzero(overlaps))
    counters["pauses"] += int(np.count_nonzero(rested))
    counters["negative_deltas"] += int(np.count_nonzero(negative))
    totals = before + np.where(marked, 0.0, part.values)
    totals[marked] = part.values[marked]  # arithmetic would lose the markers' bits
    pauses = Part(part.rows[rested], starts_ms[rested], before[rested])
    return pauses, Part(part.rows, part.times_ms, totals)


def _starts(part: Part) -> Int64Array:
    assert part.starts_ms is not None  # noqa: S101 these are deltas
    return part.starts_ms
