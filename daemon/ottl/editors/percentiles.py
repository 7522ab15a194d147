"""What bucket counts say about a percentile: interpolated inside the bucket that it falls into (spec/ottl.md 6.4)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from receivers.model import (
    DataPoint,
    ExponentialBuckets,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
)


class Bucket(NamedTuple):
    """How many values lie between two bounds."""

    lower: float
    upper: float
    amount: int


def percentile_of(point: DataPoint, percentile: float) -> float | None:
    """Return the percentile of a histogram's values, or None where it has none to tell from."""
    match point:
        case HistogramDataPoint():
            return _percentile(explicit_buckets(point), percentile, _linear)
        case ExponentialHistogramDataPoint():
            return _percentile(exponential_buckets(point), percentile, _exponential)
        case _:
            return None


def explicit_buckets(point: HistogramDataPoint) -> Iterator[Bucket]:
    """Yield the buckets from the lowest; min and max, where given, stand for the ends that have no bound."""
    bounds = point.explicit_bounds
    if len(point.bucket_counts) != len(bounds) + 1:
        return
    first = min(0.0, bounds[0]) if bounds else math.nan
    last = bounds[-1] if bounds else math.nan
    lowers = [first if point.min is None else point.min, *bounds]
    uppers = [*bounds, last if point.max is None else point.max]
    for lower, upper, count in zip(lowers, uppers, point.bucket_counts, strict=True):
        yield Bucket(min(lower, upper), upper, count)


def exponential_buckets(point: ExponentialHistogramDataPoint) -> Iterator[Bucket]:
    """Yield the buckets from the lowest: negative ones, the one around zero, positive ones."""
    negative = list(_one_side(point.negative, point.scale))
    for bucket in reversed(negative):
        yield Bucket(-bucket.upper, -bucket.lower, bucket.amount)
    width = abs(point.zero_threshold)
    yield Bucket(-width if negative else 0.0, width, point.zero_count)
    yield from _one_side(point.positive, point.scale)


def _one_side(buckets: ExponentialBuckets, scale: int) -> Iterator[Bucket]:
    for index, count in enumerate(buckets.bucket_counts, start=buckets.offset):
        yield Bucket(_bound(index, scale), _bound(index + 1, scale), count)


def _bound(index: int, scale: int) -> float:
    try:
        return math.pow(2.0, math.ldexp(index, -scale))
    except OverflowError:
        return math.inf if index > 0 else 0.0


def _percentile(
    buckets: Iterable[Bucket], percentile: float, interpolate: Callable[[Bucket, float], float]
) -> float | None:
    filled = [bucket for bucket in buckets if bucket.amount > 0]
    rank = percentile / 100 * sum(bucket.amount for bucket in filled)
    for bucket in filled:
        if rank <= bucket.amount:
            value = interpolate(bucket, rank / bucket.amount)
            return value if math.isfinite(value) else None
        rank -= bucket.amount
    return None


def _linear(bucket: Bucket, share: float) -> float:
    """Return the value at this share of a bucket, of values that lie evenly in it."""
    return bucket.lower + (bucket.upper - bucket.lower) * share


def _exponential(bucket: Bucket, share: float) -> float:
    """Return the value at this share of a bucket, of values whose logarithms lie evenly in it."""
    if bucket.lower * bucket.upper <= 0:
        return _linear(bucket, share)
    return bucket.lower * math.pow(bucket.upper / bucket.lower, share)
