"""Times as senders give them, as arrays: those that are no times among them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from query.queryable import NO_TIME, Int64Array

MAX_TIME_MS = 2**62
"""Later start times are no times."""


def int64_times(times_ms: Sequence[int]) -> Int64Array:
    """Return times as an array; those that do not fit are as far away as can be."""
    try:
        return np.array(times_ms, dtype=np.int64)
    except OverflowError:
        return np.array([max(-MAX_TIME_MS, min(time, MAX_TIME_MS)) for time in times_ms], np.int64)


def known_starts(starts_ms: Sequence[int], offset_ms: int) -> Int64Array:
    """Return start times by the corrected clock, NO_TIME for those that are no times."""
    starts = int64_times(starts_ms)
    no_times = (starts <= 0) | (starts >= MAX_TIME_MS)
    starts += offset_ms
    starts[no_times] = NO_TIME
    return starts
