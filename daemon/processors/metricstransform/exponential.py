"""Exponential histograms multiplied and added (otlp.md 3.3, 4.3)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from receivers.model import ExponentialBuckets, ExponentialHistogramDataPoint

MAX_BUCKETS = 160
"""Of a side of a sum, unless one of what is added has more: the scale is lowered, as in the collector's totals."""
_WIDE = 500.0
"""Exponents from which on 1 + 2 ** x is 2 ** x."""


def moved_offset(offset: int, scale: int, factor: float) -> int:
    """Return the index of the bucket that holds the middle of bucket `offset` times `factor`, which is not 0.

    In logarithms to the bucket's base, where nothing overflows.
    """
    width = 2.0**-scale
    middle = width - 1 if width > _WIDE else math.log2((1 + 2.0**width) / 2)
    return offset + math.ceil((middle + math.log2(abs(factor))) / width) - 1


def add_sides(points: Sequence[ExponentialHistogramDataPoint]) -> None:
    """Add the buckets of all points to those of the first, at the smallest scale and below it where they lie far apart.

    Every bound at a scale is a bound at the larger ones, so that nothing is guessed.
    """
    first = points[0]
    scale = min(point.scale for point in points)
    positive = [(point.positive, point.scale) for point in points]
    negative = [(point.negative, point.scale) for point in points]
    scale = min(_fitting_scale(positive, scale), _fitting_scale(negative, scale))
    first.positive, first.negative = _sum(positive, scale), _sum(negative, scale)
    first.scale = scale
    first.zero_count = sum(point.zero_count for point in points)


_Side = Sequence[tuple[ExponentialBuckets, int]]
"""The buckets on one side of several points, and the scale of each."""


def _fitting_scale(side: _Side, scale: int) -> int:
    """Return the largest scale, at most `scale`, at which the sum has no more buckets than allowed."""
    filled = [(buckets, own) for buckets, own in side if buckets.bucket_counts]
    most = max([MAX_BUCKETS, *(len(buckets.bucket_counts) for buckets, _ in filled)])
    while filled and _span(filled, scale) > most:
        scale -= 1
    return scale


def _span(side: _Side, scale: int) -> int:
    low = min(buckets.offset >> (own - scale) for buckets, own in side)
    high = max(
        (buckets.offset + len(buckets.bucket_counts) - 1) >> (own - scale) for buckets, own in side
    )
    return high - low + 1


def _sum(side: _Side, scale: int) -> ExponentialBuckets:
    filled = [(buckets, own) for buckets, own in side if buckets.bucket_counts]
    if not filled:
        return ExponentialBuckets()
    low = min(buckets.offset >> (own - scale) for buckets, own in filled)
    counts = [0] * _span(filled, scale)
    for buckets, own in filled:
        for position, count in enumerate(buckets.bucket_counts):
            counts[((buckets.offset + position) >> (own - scale)) - low] += count
    return ExponentialBuckets(offset=low, bucket_counts=counts)
