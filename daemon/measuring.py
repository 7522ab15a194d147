"""How long things took: a few buckets for each kind of thing, counted by addition alone."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

SECONDS: Final = (0.0005, 0.002, 0.01, 0.05, 0.25, 1.0, 5.0)
"""Bounds for answers: half a millisecond is a usual one, KEDA's ceiling is 250 ms (DESIGN 4.1)."""


@dataclass(slots=True)
class Distribution:
    """How many values lie in `(bounds[i - 1], bounds[i]]`, the last count beyond all bounds; and their sum."""

    bounds: Sequence[float]
    counts: list[int]
    sum: float = 0.0

    def copy(self) -> Distribution:
        """Return one that does not change when this does."""
        return Distribution(self.bounds, [*self.counts], self.sum)


class Histograms:
    """A distribution for each key, from its first value on; one thread only."""

    def __init__(self, bounds: Sequence[float] = SECONDS) -> None:
        self.values: dict[str, Distribution] = {}
        self._bounds = bounds

    def __call__(self, key: str, value: float) -> None:
        """Add `value` to the distribution of `key`."""
        found = self.values.get(key)
        if found is None:
            found = self.values[key] = Distribution(self._bounds, [0] * (len(self._bounds) + 1))
        found.counts[bisect_left(self._bounds, value)] += 1
        found.sum += value
