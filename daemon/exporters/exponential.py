"""Arithmetic of exponential histograms: coarser scales, sums, Prometheus' native form (otlp.md 3.2, 3.3)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Final

from receivers.model import ExponentialBuckets, ExponentialHistogramDataPoint

MAX_BUCKETS: Final = 160
"""A side of a total may have so many, as in the collector; the scale is lowered until it has no more."""

Counts = dict[int, int]
"""Counts that are not 0, by index."""


def counts_of(buckets: ExponentialBuckets, shift: int = 0) -> Counts:
    """Return the counts by index, at a scale that is `shift` lower."""
    counts: Counts = {}
    for index, count in enumerate(buckets.bucket_counts, buckets.offset):
        if count:
            counts[index >> shift] = counts.get(index >> shift, 0) + count
    return counts


def add(
    total: ExponentialHistogramDataPoint, point: ExponentialHistogramDataPoint
) -> ExponentialHistogramDataPoint:
    """Return `point` with the counts of both, at the smaller scale and the larger zero threshold."""
    scale = min(total.scale, point.scale)
    threshold = max(total.zero_threshold, point.zero_threshold)
    sides = []
    zero_count = total.zero_count + point.zero_count
    for side in ("positive", "negative"):
        merged: Counts = {}
        for one in (total, point):
            for index, count in counts_of(getattr(one, side), one.scale - scale).items():
                merged[index] = merged.get(index, 0) + count
        zero_count += _pop_below(merged, scale, threshold)
        sides.append(merged)
    shift = max(map(_excess, sides))
    positive, negative = (_buckets(_lowered(side, shift)) for side in sides)
    return replace(
        point,
        count=total.count + point.count,
        scale=scale - shift,
        zero_count=zero_count,
        zero_threshold=threshold,
        positive=positive,
        negative=negative,
    )


def _pop_below(counts: Counts, scale: int, threshold: float) -> int:
    """Take out buckets that lie wholly within the zero bucket, and return what they counted."""
    if not threshold:
        return 0
    below = [index for index in counts if _upper_bound(index, scale) <= threshold]
    return sum(counts.pop(index) for index in below)


def _upper_bound(index: int, scale: int) -> float:
    try:
        return float(2.0 ** ((index + 1) * 2.0**-scale))
    except OverflowError:
        return float("inf")


def _excess(counts: Counts) -> int:
    """Return by how much the scale must fall for a side to have no more than `MAX_BUCKETS`."""
    if not counts:
        return 0
    low, high, shift = min(counts), max(counts), 0
    while (high >> shift) - (low >> shift) >= MAX_BUCKETS:
        shift += 1
    return shift


def _lowered(counts: Mapping[int, int], shift: int) -> Counts:
    lowered: Counts = {}
    for index, count in counts.items():
        lowered[index >> shift] = lowered.get(index >> shift, 0) + count
    return lowered


def _buckets(counts: Counts) -> ExponentialBuckets:
    if not counts:
        return ExponentialBuckets()
    low, high = min(counts), max(counts)
    in_order = [counts.get(index, 0) for index in range(low, high + 1)]
    return ExponentialBuckets(offset=low, bucket_counts=in_order)
