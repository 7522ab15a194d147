"""Exponential histograms: buckets at a scale, and the bounds at which histograms of one name are stored together.

base = 2 ** (2 ** -scale); positive bucket i covers (base ** i, base ** (i + 1)], the negative one the same below zero.
Lowering the scale by d makes bucket i part of bucket i >> d: every bound of a scale is one of the next finer scale too, so
what is counted up to it stays exact (otlp.md 3.3).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from receivers.model import ExponentialBuckets, ExponentialHistogramDataPoint

MAX_BUCKETS = 160
"""Of one series, as the SDKs keep at most."""
MIN_SCALE = -11
"""Two buckets a side hold every float64."""

Side = Mapping[int, int]
"""Counts by index, those that are not 0."""


def bound_at(index: int, scale: int) -> float:
    """Return base ** index: exact at powers of two, and the same float at every scale that has this bound."""
    if scale <= 0:
        whole, part = index << -scale, 0.0
    else:
        whole, part = index >> scale, (index & ((1 << scale) - 1)) / (1 << scale)
    try:
        return math.ldexp(2.0**part, whole)
    except OverflowError:
        return math.inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Exponential:
    """The counts of one exponential histogram."""

    scale: int
    zero_count: int
    zero_threshold: float
    positive: Side
    negative: Side

    def at_scale(self, scale: int) -> Exponential:
        """Return the same with the buckets of a coarser scale, or of its own."""
        if scale >= self.scale:
            return self
        return Exponential(
            scale=scale,
            zero_count=self.zero_count,
            zero_threshold=self.zero_threshold,
            positive=_lowered(self.positive, self.scale - scale),
            negative=_lowered(self.negative, self.scale - scale),
        )


def read_exponential(point: ExponentialHistogramDataPoint) -> Exponential:
    """Return the buckets of a data point."""
    return Exponential(
        scale=point.scale,
        zero_count=point.zero_count,
        zero_threshold=point.zero_threshold if point.zero_threshold > 0 else 0.0,
        positive=_side(point.positive),
        negative=_side(point.negative),
    )


@dataclass(slots=True)
class Layout:
    """The bounds at which all histograms of one name are stored.

    They are the same for all, so that sums over senders are sums of equal buckets: as fine as the coarsest of them, and
    from the lowest to the highest value of any. The scale only falls, and the range only grows.
    """

    scale: int = 20
    zero_threshold: float = 0.0
    has_zero: bool = False
    positive: tuple[int, int] | None = None
    """First and last index whose bound is needed."""
    negative: tuple[int, int] | None = None
    bounds: tuple[float, ...] = field(default=())
    """Ascending, without +Inf."""

    def take(self, histogram: Exponential) -> None:
        """Make room for what `histogram` holds."""
        before = self._shape()
        self._lower_to(histogram.scale)
        coarse = histogram.at_scale(self.scale)
        self.positive = _around(self.positive, coarse.positive)
        self.negative = _around(self.negative, coarse.negative)
        while self._size() > MAX_BUCKETS and self.scale > MIN_SCALE:
            self._lower_to(self.scale - 1)
        self.zero_threshold = max(self.zero_threshold, histogram.zero_threshold)
        self.has_zero = self.has_zero or histogram.zero_count > 0 or self.zero_threshold > 0
        if self._shape() != before:
            self.bounds = tuple(self._bounds())

    def counts_of(self, histogram: Exponential) -> list[int]:
        """Return how much of `histogram`, which was taken, lies up to each of `bounds`."""
        coarse = histogram.at_scale(self.scale)
        ends = [(-bound_at(i, self.scale), count) for i, count in coarse.negative.items()]
        # Up to -t nothing of the zero bucket is counted, up to t all.
        ends.append((self.zero_threshold, coarse.zero_count))
        ends += [(bound_at(i + 1, self.scale), count) for i, count in coarse.positive.items()]
        ends.sort()
        counts, total, place = [], 0, 0
        for bound in self.bounds:
            while place < len(ends) and ends[place][0] <= bound:
                total += ends[place][1]
                place += 1
            counts.append(total)
        return counts

    def _shape(self) -> tuple[object, ...]:
        return self.scale, self.zero_threshold, self.has_zero, self.positive, self.negative

    def _lower_to(self, scale: int) -> None:
        down = self.scale - scale
        if down <= 0:
            return
        self.scale = scale
        self.positive = _shifted(self.positive, down)
        self.negative = _shifted(self.negative, down)

    def _size(self) -> int:
        return sum(side[1] - side[0] for side in (self.positive, self.negative) if side)

    def _bounds(self) -> Iterator[float]:
        threshold = self.zero_threshold
        if self.negative:
            for index in range(self.negative[1], self.negative[0] - 1, -1):
                if threshold < (bound := bound_at(index, self.scale)) < math.inf:
                    yield -bound
        if self.has_zero:
            yield from (-threshold, threshold) if threshold else (0.0,)
        if self.positive:
            for index in range(self.positive[0], self.positive[1] + 1):
                if threshold < (bound := bound_at(index, self.scale)) < math.inf:
                    yield bound


def _side(buckets: ExponentialBuckets) -> Side:
    return {buckets.offset + i: count for i, count in enumerate(buckets.bucket_counts) if count}


def _lowered(side: Side, down: int) -> Side:
    lowered: dict[int, int] = {}
    for index, count in side.items():
        lowered[index >> down] = lowered.get(index >> down, 0) + count
    return lowered


def _around(indexes: tuple[int, int] | None, side: Side) -> tuple[int, int] | None:
    """Return the bounds needed for `side` and for what was there before."""
    if not side:
        return indexes
    first, last = min(side), max(side) + 1
    return (first, last) if indexes is None else (min(indexes[0], first), max(indexes[1], last))


def _shifted(indexes: tuple[int, int] | None, down: int) -> tuple[int, int] | None:
    """Return the bounds of a coarser scale around those of a finer one."""
    return (indexes[0] >> down, -(-indexes[1] >> down)) if indexes else None
