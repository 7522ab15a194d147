"""What one OTLP data point says, by the type of its metric, and why it is rejected (otlp.md 1.4)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from receivers.model import (
    FLAG_NO_RECORDED_VALUE,
    NO_RECORDED_VALUE,
    AnyValue,
    DataPoint,
    Exemplar,
    ExponentialBuckets,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    MetricType,
    NumberDataPoint,
    QuantileValue,
    SummaryDataPoint,
)
from receivers.otlp import schema
from receivers.otlp.bounds import increase
from receivers.otlp.plain_points import (
    Rows,
    Words,
    find_histogram,
    find_number,
    read_histograms,
    read_numbers,
)
from receivers.otlp.refusals import Refusal

# Any: message objects; protobuf ships no types.
Message = Any

Value = tuple[float, float | None]
"""A point's number and None, or its count and sum."""

MIN_SCALE, MAX_SCALE = -10, 20
MAX_BUCKETS = 1_000
"""Of one side of an exponential histogram; SDKs keep to 160."""

_NO_NUMBER: Value = (NO_RECORDED_VALUE, None)
_NO_DISTRIBUTION: Value = (NO_RECORDED_VALUE, NO_RECORDED_VALUE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """What a data point has besides its value."""

    attributes: dict[str, AnyValue]
    start_unix_nano: int
    exemplars: list[Exemplar]


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """How the points of one type of metric are read.

    `read_value` tells a good point from a bad one; `build_point` takes good ones only.
    """

    type: MetricType
    has_temporality: bool
    point: schema.MessageClass
    attributes: schema.MessageClass
    """The attributes of such a point, nothing else."""
    read_plain: Callable[..., Rows] | None = None
    """Of `plain_points`, where there is a quicker way for points in the usual form."""
    find_words: Callable[[bytes, bool], Words] | None = None
    """Tells where the numbers of a point stand that `read_plain` has read."""
    has_exemplars: bool = True
    read_value: Callable[[Message], Value | Refusal]
    build_point: Callable[[Message, Frame], DataPoint]


def _read_number(point: Message) -> Value | Refusal:
    if point.flags & FLAG_NO_RECORDED_VALUE:
        return _NO_NUMBER
    value = number_of(point)
    return Refusal.NO_VALUE if value is None else (value, None)


def number_of(message: Message) -> int | float | None:
    """Return the value of a number point or exemplar; what is absent reads as 0."""
    if message.HasField("as_int"):
        whole: int = message.as_int
        return whole
    if message.HasField("as_double"):
        value: float = message.as_double
        return value
    return None


def _read_histogram(point: Message) -> Value | Refusal:
    bounds, buckets = point.explicit_bounds[:], len(point.bucket_counts)
    if buckets and buckets != len(bounds) + 1:
        return Refusal.WRONG_BUCKETS
    if not increase(bounds):
        return Refusal.UNORDERED_BOUNDS
    return _distribution(point)


def _read_exponential(point: Message) -> Value | Refusal:
    if not MIN_SCALE <= point.scale <= MAX_SCALE:
        return Refusal.WRONG_SCALE
    for side in (point.positive, point.negative):
        if (
            len(side.bucket_counts) > MAX_BUCKETS
            and len(_buckets(side).bucket_counts) > MAX_BUCKETS
        ):
            return Refusal.TOO_MANY_BUCKETS
    return _distribution(point)


def _read_summary(point: Message) -> Value | Refusal:
    if not all(0 <= one.quantile <= 1 for one in point.quantile_values):
        return Refusal.WRONG_QUANTILE
    if point.flags & FLAG_NO_RECORDED_VALUE:
        return _NO_DISTRIBUTION
    return point.count, point.sum


def _distribution(point: Message) -> Value:
    if point.flags & FLAG_NO_RECORDED_VALUE:
        return _NO_DISTRIBUTION
    total = point.sum
    return point.count, total if total or point.HasField("sum") else None


def _build_number(point: Message, frame: Frame) -> NumberDataPoint:
    return NumberDataPoint(
        attributes=frame.attributes,
        start_time_unix_nano=frame.start_unix_nano,
        time_unix_nano=point.time_unix_nano,
        value=number_of(point),
        flags=point.flags,
        exemplars=frame.exemplars,
    )


def _build_histogram(point: Message, frame: Frame) -> HistogramDataPoint:
    return HistogramDataPoint(
        attributes=frame.attributes,
        start_time_unix_nano=frame.start_unix_nano,
        time_unix_nano=point.time_unix_nano,
        count=point.count,
        sum=_optional(point, "sum"),
        min=_optional(point, "min"),
        max=_optional(point, "max"),
        bucket_counts=point.bucket_counts[:],
        explicit_bounds=point.explicit_bounds[:],
        flags=point.flags,
        exemplars=frame.exemplars,
    )


def _build_exponential(point: Message, frame: Frame) -> ExponentialHistogramDataPoint:
    return ExponentialHistogramDataPoint(
        attributes=frame.attributes,
        start_time_unix_nano=frame.start_unix_nano,
        time_unix_nano=point.time_unix_nano,
        count=point.count,
        sum=_optional(point, "sum"),
        min=_optional(point, "min"),
        max=_optional(point, "max"),
        scale=point.scale,
        zero_count=point.zero_count,
        zero_threshold=point.zero_threshold,
        positive=_buckets(point.positive),
        negative=_buckets(point.negative),
        flags=point.flags,
        exemplars=frame.exemplars,
    )


def _build_summary(point: Message, frame: Frame) -> SummaryDataPoint:
    return SummaryDataPoint(
        attributes=frame.attributes,
        start_time_unix_nano=frame.start_unix_nano,
        time_unix_nano=point.time_unix_nano,
        count=point.count,
        sum=point.sum,
        quantile_values=[QuantileValue(one.quantile, one.value) for one in point.quantile_values],
        flags=point.flags,
    )


def _optional(point: Message, field: str) -> float | None:
    value: float | None = getattr(point, field) if point.HasField(field) else None
    return value


def _buckets(side: Message) -> ExponentialBuckets:
    """Return one side as it came; of very many buckets those between the first and the last that hold something."""
    counts: Sequence[int] = side.bucket_counts[:]
    offset: int = side.offset
    if len(counts) > MAX_BUCKETS:
        used = [at for at, count in enumerate(counts) if count]
        first, last = (used[0], used[-1] + 1) if used else (0, 0)
        return ExponentialBuckets(offset=offset + first, bucket_counts=list(counts[first:last]))
    return ExponentialBuckets(offset=offset, bucket_counts=list(counts))


KINDS: dict[str, Kind] = {
    "gauge": Kind(
        type=MetricType.GAUGE,
        has_temporality=False,
        point=schema.NumberParts,
        attributes=schema.NumberAttributes,
        read_plain=read_numbers,
        find_words=find_number,
        read_value=_read_number,
        build_point=_build_number,
    ),
    "sum": Kind(
        type=MetricType.SUM,
        has_temporality=True,
        point=schema.NumberParts,
        attributes=schema.NumberAttributes,
        read_plain=read_numbers,
        find_words=find_number,
        read_value=_read_number,
        build_point=_build_number,
    ),
    "histogram": Kind(
        type=MetricType.HISTOGRAM,
        has_temporality=True,
        point=schema.HistogramParts,
        attributes=schema.HistogramAttributes,
        read_plain=read_histograms,
        find_words=find_histogram,
        read_value=_read_histogram,
        build_point=_build_histogram,
    ),
    "exponential_histogram": Kind(
        type=MetricType.EXPONENTIAL_HISTOGRAM,
        has_temporality=True,
        point=schema.ExponentialHistogramParts,
        attributes=schema.ExponentialHistogramAttributes,
        read_value=_read_exponential,
        build_point=_build_exponential,
    ),
    "summary": Kind(
        type=MetricType.SUMMARY,
        has_temporality=False,
        point=schema.SummaryParts,
        attributes=schema.SummaryAttributes,
        has_exemplars=False,
        read_value=_read_summary,
        build_point=_build_summary,
    ),
}
"""The field of a Metric that holds its data -> kind."""
