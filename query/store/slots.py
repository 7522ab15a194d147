"""What questions look at of the rings of some rows."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from query.queryable import BoolArray, Int64Array


class Slots(NamedTuple):
    """The rings of some rows: where each begins, its size less one, and how many samples were ever written to it."""

    base: Int64Array
    mask: Int64Array
    written: Int64Array

    def held(self) -> Int64Array:
        """Return how many samples each ring holds."""
        return np.minimum(self.written, self.mask + 1)


class Found(NamedTuple):
    """What was looked at of some rings, one column each, and what of it is wanted."""

    first: Int64Array
    """The number of the first sample looked at."""
    before: Int64Array
    """How many of those looked at come before the first wanted one."""
    counts: Int64Array
    where: Int64Array
    """int64[width, n]: where in the arrays they lie."""
    times_ms: Int64Array
    """int64[width, n]"""


def positions(first: Int64Array, width: int, base: Int64Array, mask: Int64Array) -> Int64Array:
    """Return int64[width, n]: where in the arrays the samples number `first` and following lie."""
    at = np.arange(width)[:, None] + first
    at &= mask
    at += base
    return at


def count_lines(there: BoolArray) -> Int64Array:
    """Return how many lines are set in each column; bytes are added eight times as fast as numbers of eight bytes."""
    kind = np.uint8 if len(there) < 2**8 else np.uint16
    counts: Int64Array = np.add.reduce(there.view(np.uint8), axis=0, dtype=kind).astype(np.int64)
    return counts
