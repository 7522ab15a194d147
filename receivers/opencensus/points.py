"""The value of one OpenCensus point, by the type of its metric (opencensus.md 3.3, 3.4).

The value of another type than the descriptor's is refused, not read as 0 as the collector does.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite
from typing import Any

from receivers.model import (
    AnyValue,
    DataPoint,
    HistogramDataPoint,
    MetricType,
    NumberDataPoint,
    QuantileValue,
    SummaryDataPoint,
    Temporality,
)
from receivers.opencensus.refusals import Refusal

# Any: message objects; protobuf ships no types.
Message = Any

Value = tuple[float, float | None]
"""A point's number and None, or its count and sum."""

MAX_UNIX_NANO = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Frame:
    """What a data point has besides its value."""

    attributes: dict[str, AnyValue]
    start_time_unix_nano: int
    time_unix_nano: int


@dataclass(frozen=True, slots=True)
class Kind:
    """How the points of one MetricDescriptor.Type are read.

    `read_value` takes whole and partial points; `build_point` takes whole ones that `read_value` has accepted.
    """

    type: MetricType
    temporality: Temporality
    read_value: Callable[[Message], Value | Refusal]
    build_point: Callable[[Message, Frame], DataPoint | Refusal]

    @property
    def is_integer(self) -> bool:
        """Whether values are whole numbers."""
        return self.read_value is _read_int


def unix_nano(timestamp: Message) -> int:
    """Return Unix nanoseconds; 0 for a time that is missing, not after 1970 or beyond int64."""
    nanos: int = timestamp.seconds * 1_000_000_000 + timestamp.nanos
    return nanos if 0 < nanos <= MAX_UNIX_NANO else 0


# What is absent reads as 0: only then it is worth asking whether it is there.


def _read_int(point: Message) -> Value | Refusal:
    value = point.int64_value
    if not value and not point.HasField("int64_value"):
        return Refusal.WRONG_VALUE
    return value, None


def _read_double(point: Message) -> Value | Refusal:
    value = point.double_value
    if not value and not point.HasField("double_value"):
        return Refusal.WRONG_VALUE
    return (value, None) if isfinite(value) else Refusal.NOT_FINITE


def _read_distribution(point: Message) -> Value | Refusal:
    distribution = point.distribution_value
    count = distribution.count
    if not count and not point.HasField("distribution_value"):
        return Refusal.WRONG_VALUE
    return _checked(count, distribution.sum)


def _read_summary(point: Message) -> Value | Refusal:
    if not point.HasField("summary_value"):
        return Refusal.WRONG_VALUE
    summary = point.summary_value
    return _checked(summary.count.value, summary.sum.value)


def _checked(count: int, total: float) -> Value | Refusal:
    if count < 0:
        return Refusal.NEGATIVE_COUNT
    return (count, total) if isfinite(total) else Refusal.NOT_FINITE


def _build_int(point: Message, frame: Frame) -> DataPoint | Refusal:
    return _number(point.int64_value, frame)


def _build_double(point: Message, frame: Frame) -> DataPoint | Refusal:
    return _number(point.double_value, frame)


def _number(value: float, frame: Frame) -> NumberDataPoint:
    return NumberDataPoint(
        attributes=frame.attributes,
        start_time_unix_nano=frame.start_time_unix_nano,
        time_unix_nano=frame.time_unix_nano,
        value=value,
    )


def _build_histogram(point: Message, frame: Frame) -> DataPoint | Refusal:
    distribution = point.distribution_value
    bucket_counts = [bucket.count for bucket in distribution.buckets]
    if min(bucket_counts, default=0) < 0:
        return Refusal.NEGATIVE_COUNT
    return HistogramDataPoint(
        attributes=frame.attributes,
        start_time_unix_nano=frame.start_time_unix_nano,
        time_unix_nano=frame.time_unix_nano,
        count=distribution.count,
        sum=distribution.sum,
        bucket_counts=bucket_counts,
        explicit_bounds=list(distribution.bucket_options.explicit.bounds),
    )


def _build_summary(point: Message, frame: Frame) -> DataPoint | Refusal:
    summary = point.summary_value
    return SummaryDataPoint(
        attributes=frame.attributes,
        start_time_unix_nano=frame.start_time_unix_nano,
        time_unix_nano=frame.time_unix_nano,
        count=summary.count.value,
        sum=summary.sum.value,
        quantile_values=[
            QuantileValue(at.percentile / 100, at.value)
            for at in summary.snapshot.percentile_values
        ],
    )


_GAUGE = (MetricType.GAUGE, Temporality.UNSPECIFIED)
_SUM = (MetricType.SUM, Temporality.CUMULATIVE)
_HISTOGRAM = (MetricType.HISTOGRAM, Temporality.CUMULATIVE)
_SUMMARY = (MetricType.SUMMARY, Temporality.UNSPECIFIED)

KINDS: dict[int, Kind] = {
    1: Kind(*_GAUGE, _read_int, _build_int),
    2: Kind(*_GAUGE, _read_double, _build_double),
    4: Kind(*_SUM, _read_int, _build_int),
    5: Kind(*_SUM, _read_double, _build_double),
    6: Kind(*_HISTOGRAM, _read_distribution, _build_histogram),
    7: Kind(*_SUMMARY, _read_summary, _build_summary),
}
"""MetricDescriptor.Type -> kind; 0 (unspecified), 3 (GAUGE_DISTRIBUTION) and unknown numbers have none."""
