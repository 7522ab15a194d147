"""Data points that have become equal, made one (otlp.md 4.3)."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import TypeVar

from daemon.processors.metricstransform.aggregates import aggregate
from daemon.processors.metricstransform.exponential import add_sides
from receivers.model import (
    FLAG_NO_RECORDED_VALUE,
    AnyValue,
    Attributes,
    DataPoint,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    MetricHeader,
    NumberDataPoint,
    SummaryDataPoint,
    Temporality,
)

Distribution = TypeVar("Distribution", HistogramDataPoint, ExponentialHistogramDataPoint)


def merge_points(header: MetricHeader, points: Sequence[DataPoint], how: str) -> list[DataPoint]:
    """Return one data point for those with equal attributes and time, and start time of a delta metric.

    Histograms are added whatever `how` says, those with other bounds apart. Summaries cannot be merged and go.
    """
    by_start = header.temporality is Temporality.DELTA
    groups: dict[Hashable, list[DataPoint]] = {}
    for point in points:
        groups.setdefault(_key(point, by_start=by_start), []).append(point)
    merged = (_merge(group, how) for group in groups.values())
    return [point for point in merged if point is not None]


def _key(point: DataPoint, *, by_start: bool) -> Hashable:
    start = point.start_time_unix_nano if by_start else 0
    return (_frozen_map(point.attributes), point.time_unix_nano, start, _shape(point))


def _shape(point: DataPoint) -> Hashable:
    """Return what histograms must have in common to be added."""
    ended = point.flags & FLAG_NO_RECORDED_VALUE
    match point:
        case HistogramDataPoint():
            return (*point.explicit_bounds, len(point.bucket_counts), ended)
        case ExponentialHistogramDataPoint():
            return (point.zero_threshold, ended)
    return None


def _merge(group: Sequence[DataPoint], how: str) -> DataPoint | None:
    match group[0]:
        case NumberDataPoint():
            return _merge_numbers([p for p in group if isinstance(p, NumberDataPoint)], how)
        case HistogramDataPoint():
            return _merge_histograms([p for p in group if isinstance(p, HistogramDataPoint)])
        case ExponentialHistogramDataPoint():
            return _merge_exponentials(
                [p for p in group if isinstance(p, ExponentialHistogramDataPoint)]
            )
        case SummaryDataPoint():
            return None


def _merge_numbers(group: Sequence[NumberDataPoint], how: str) -> NumberDataPoint:
    """Merge numbers; points without a value count only where no other has one."""
    valued = [(point, point.value) for point in group if point.value is not None]
    if not valued:
        return group[0]
    first = valued[0][0]
    first.value = aggregate(how, [value for _, value in valued])
    if how:
        first.start_time_unix_nano = _earliest_start([point for point, _ in valued])
    return first


def _merge_histograms(group: Sequence[HistogramDataPoint]) -> HistogramDataPoint:
    first = group[0]
    first.bucket_counts = [
        sum(counts) for counts in zip(*(point.bucket_counts for point in group), strict=True)
    ]
    _add_totals(group)
    return first


def _merge_exponentials(
    group: Sequence[ExponentialHistogramDataPoint],
) -> ExponentialHistogramDataPoint:
    if len(group) > 1:
        add_sides(group)
        _add_totals(group)
    return group[0]


def _add_totals(group: Sequence[Distribution]) -> None:
    """Put count, sum, extremes, examples and start of all into the first; what one does not tell is not known of all."""
    first = group[0]
    sums = [point.sum for point in group if point.sum is not None]
    least = [point.min for point in group if point.min is not None]
    most = [point.max for point in group if point.max is not None]
    first.count = sum(point.count for point in group)
    first.sum = sum(sums) if len(sums) == len(group) else None
    first.min = min(least) if len(least) == len(group) else None
    first.max = max(most) if len(most) == len(group) else None
    first.exemplars = [exemplar for point in group for exemplar in point.exemplars]
    first.start_time_unix_nano = _earliest_start(group)


def _earliest_start(group: Sequence[DataPoint]) -> int:
    """Return the earliest start that is known, 0 if none is."""
    return min((p.start_time_unix_nano for p in group if p.start_time_unix_nano), default=0)


def _frozen_map(attributes: Attributes) -> Hashable:
    return frozenset((key, _frozen(value)) for key, value in attributes.items())


def _frozen(value: AnyValue) -> Hashable:
    """Return a value that is equal for equal values of one type only: 1, 1.0, true and "1" differ."""
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    if isinstance(value, dict):
        return _frozen_map(value)
    return (type(value), value)
