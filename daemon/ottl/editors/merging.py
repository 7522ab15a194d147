"""Histograms of one shape as one: counts are added bucket by bucket."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from daemon.ottl.errors import OttlEvaluationError
from receivers.model import (
    ExponentialBuckets,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
)

MAX_BUCKETS = 100_000
"""Buckets of one exponential histogram: offsets far apart would make millions of empty ones."""

_Histogram = HistogramDataPoint | ExponentialHistogramDataPoint


def merge_histograms(merged: HistogramDataPoint, points: Sequence[HistogramDataPoint]) -> None:
    """Put the sum of all points, which have the same bounds, into `merged`."""
    counts = [
        sum(column) for column in zip(*(point.bucket_counts for point in points), strict=True)
    ]
    _merge_totals(merged, points)
    merged.bucket_counts = counts


def merge_exponential(
    merged: ExponentialHistogramDataPoint, points: Sequence[ExponentialHistogramDataPoint]
) -> None:
    """Put the sum of all points, which have the same scale, into `merged`.

    Raises:
        OttlEvaluationError: their buckets lie too far apart.
    """
    positive = _merge_buckets([point.positive for point in points])
    negative = _merge_buckets([point.negative for point in points])
    _merge_totals(merged, points)
    merged.zero_count = sum(point.zero_count for point in points)
    merged.positive, merged.negative = positive, negative


def _merge_totals(merged: _Histogram, points: Sequence[_Histogram]) -> None:
    merged.count = sum(point.count for point in points)
    merged.sum = _of_all((point.sum for point in points), sum)
    merged.min = _of_all((point.min for point in points), min)
    merged.max = _of_all((point.max for point in points), max)
    merged.exemplars = [exemplar for point in points for exemplar in point.exemplars]


def _of_all(
    values: Iterable[float | None], function: Callable[[list[float]], float]
) -> float | None:
    """Return the function of the values, or None if one is not known."""
    listed = list(values)
    known = [value for value in listed if value is not None]
    return function(known) if len(known) == len(listed) else None


def _merge_buckets(sides: Sequence[ExponentialBuckets]) -> ExponentialBuckets:
    filled = [side for side in sides if side.bucket_counts]
    if not filled:
        return ExponentialBuckets()
    offset = min(side.offset for side in filled)
    length = max(side.offset + len(side.bucket_counts) for side in filled) - offset
    if length > MAX_BUCKETS:
        raise OttlEvaluationError(f"the merged histogram would have {length} buckets")
    counts = [0] * length
    for side in filled:
        for index, count in enumerate(side.bucket_counts, start=side.offset - offset):
            counts[index] += count
    return ExponentialBuckets(offset=offset, bucket_counts=counts)
