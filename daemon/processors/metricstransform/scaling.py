"""Data points multiplied, and turned from whole numbers into doubles and back (otlp.md 4.3)."""

from __future__ import annotations

from daemon.processors.metricstransform.aggregates import Number, cut
from daemon.processors.metricstransform.exponential import moved_offset
from receivers.model import (
    DataPoint,
    Exemplar,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    NumberDataPoint,
    SummaryDataPoint,
)


def scale_point(point: DataPoint, factor: float) -> None:
    """Multiply a data point in place; whole numbers are cut to whole ones, summaries stay.

    Differs from the collector: a factor below 0 turns the buckets of histograms round, so that bounds still rise.
    """
    match point:
        case NumberDataPoint():
            point.value = _times(point.value, factor)
        case HistogramDataPoint():
            _scale_histogram(point, factor)
        case ExponentialHistogramDataPoint():
            _scale_exponential(point, factor)
        case SummaryDataPoint():
            return
    _scale_exemplars(point.exemplars, factor)


def toggle_point(point: DataPoint) -> None:
    """Turn a whole number into a double, a double into a whole number where 64 bits hold it."""
    if isinstance(point, NumberDataPoint) and point.value is not None:
        point.value = float(point.value) if isinstance(point.value, int) else cut(point.value)


def _times(value: Number | None, factor: float) -> Number | None:
    if value is None:
        return None
    return cut(float(value) * factor) if isinstance(value, int) else value * factor


def _scale_histogram(point: HistogramDataPoint, factor: float) -> None:
    point.explicit_bounds = [bound * factor for bound in point.explicit_bounds]
    if factor < 0:
        point.explicit_bounds.reverse()
        point.bucket_counts.reverse()
    _scale_totals(point, factor)


def _scale_exponential(point: ExponentialHistogramDataPoint, factor: float) -> None:
    for buckets in (point.positive, point.negative):
        if buckets.bucket_counts:
            buckets.offset = moved_offset(buckets.offset, point.scale, factor)
    if factor < 0:
        point.positive, point.negative = point.negative, point.positive
    point.zero_threshold *= abs(factor)
    _scale_totals(point, factor)


def _scale_totals(point: HistogramDataPoint | ExponentialHistogramDataPoint, factor: float) -> None:
    point.sum = None if point.sum is None else point.sum * factor
    point.min = None if point.min is None else point.min * factor
    point.max = None if point.max is None else point.max * factor
    if factor < 0:
        point.min, point.max = point.max, point.min


def _scale_exemplars(exemplars: list[Exemplar], factor: float) -> None:
    for exemplar in exemplars:
        exemplar.value = _times(exemplar.value, factor)
