"""Editors of histogram buckets: other bounds, fewer buckets (spec/ottl.md 6.4)."""

from __future__ import annotations

import math
import random
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Final

from daemon.ottl.editors.headers import METRIC_ONLY, changed, here, metric_editor
from daemon.ottl.editors.percentiles import Bucket, exponential_buckets
from daemon.ottl.editors.signature import Arguments, Editor, refuse
from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.evaluation import Edit, EditContext
from daemon.ottl.functions.signature import Param, ParamKind
from receivers.model import (
    DataPoint,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    MetricType,
)

_Spread = Callable[[Bucket, Sequence[float], list[int]], None]
_EPSILON: Final = 1e-12


def _whole_at(value_of: Callable[[Bucket], float]) -> _Spread:
    """Return the spread that puts all of a bucket where one value of it belongs."""

    def spread(bucket: Bucket, bounds: Sequence[float], counts: list[int]) -> None:
        counts[bisect_left(bounds, value_of(bucket))] += bucket.amount

    return spread


def _evenly(bucket: Bucket, bounds: Sequence[float], counts: list[int]) -> None:
    """Give each new bucket that overlaps an equal share, the first ones what is left.

    Differs from the collector, which also fills the bucket that ends where the old one begins.
    """
    first, last = _overlap(bucket, bounds)
    share, left = divmod(bucket.amount, last - first + 1)
    for index in range(first, last + 1):
        counts[index] += share + (index - first < left)


def _at_random(bucket: Bucket, bounds: Sequence[float], counts: list[int]) -> None:
    """Give each new bucket that overlaps a random share."""
    first, last = _overlap(bucket, bounds)
    cuts = sorted(random.randint(0, bucket.amount) for _ in range(last - first))  # noqa: S311 (no secret)
    for index, low, high in zip(
        range(first, last + 1), [0, *cuts], [*cuts, bucket.amount], strict=True
    ):
        counts[index] += high - low


def _overlap(bucket: Bucket, bounds: Sequence[float]) -> tuple[int, int]:
    """Return the first and the last new bucket that has values of an old one."""
    last = bisect_left(bounds, bucket.upper)
    return min(bisect_right(bounds, bucket.lower), last), last


_SPREADS: Final[dict[str, _Spread]] = {
    "upper": _whole_at(lambda bucket: bucket.upper),
    "midpoint": _whole_at(lambda bucket: (bucket.lower + bucket.upper) / 2),
    "uniform": _evenly,
    "random": _at_random,
}


def _bind_convert_exponential(arguments: Arguments) -> Edit:
    spread = _SPREADS[arguments.choice("distribution", *_SPREADS)]
    given = arguments.literals.get("explicit_bounds")
    bounds = [float(str(bound)) for bound in given] if isinstance(given, list) else []
    if not bounds or any(low >= high for low, high in pairwise(bounds)):
        refuse("explicit_bounds: expected at least one bound, each above the one before it")

    def edit(context: EditContext) -> None:
        _, metric = here(context)
        if metric.header.type is MetricType.EXPONENTIAL_HISTOGRAM:
            metric.data_points = [_explicit(point, bounds, spread) for point in metric.data_points]
            metric.header = changed(context, metric.header, type=MetricType.HISTOGRAM)

    return edit


def _explicit(point: DataPoint, bounds: list[float], spread: _Spread) -> DataPoint:
    """Return a point with these bounds, and one more bucket for what lies above them, as OTLP wants it.

    Differs from the collector, which counts that into the last bucket, and leaves out negative values.
    """
    if not isinstance(point, ExponentialHistogramDataPoint):
        return point
    counts = [0] * (len(bounds) + 1)
    for bucket in exponential_buckets(point):
        if bucket.amount:
            spread(bucket, bounds, counts)
    return HistogramDataPoint(
        attributes=point.attributes,
        start_time_unix_nano=point.start_time_unix_nano,
        time_unix_nano=point.time_unix_nano,
        count=point.count,
        sum=point.sum,
        min=point.min,
        max=point.max,
        bucket_counts=counts,
        explicit_bounds=list(bounds),
        flags=point.flags,
        exemplars=point.exemplars,
    )


def _bind_merge_buckets(arguments: Arguments) -> Edit:
    method = arguments.choice(
        "method", "remove_explicit_bound", "limit_buckets", default="remove_explicit_bound"
    )
    merge = _limit_buckets if method == "limit_buckets" else _remove_bound
    read = arguments.read("target_value")
    _check_limit(arguments, method)

    def edit(context: EditContext) -> None:
        _, metric = here(context)
        if metric.header.type is not MetricType.HISTOGRAM:
            return
        value = read(context)
        if not isinstance(value, float):
            raise OttlEvaluationError("merge_histogram_buckets: expected a number, got nil")
        points = metric.data_points if context.data_point is None else [context.data_point]
        for point in points:
            if isinstance(point, HistogramDataPoint) and _is_sound(point):
                merge(point, value)

    return edit


def _check_limit(arguments: Arguments, method: str) -> None:
    limit = arguments.literals.get("target_value")
    if method == "limit_buckets" and isinstance(limit, float) and not _is_limit(limit):
        refuse(f"target_value: expected a whole number of buckets from 1 up, got {limit}")


def _is_limit(value: float) -> bool:
    return value >= 1 and math.isfinite(value) and value == math.trunc(value)


def _is_sound(point: HistogramDataPoint) -> bool:
    bounds = point.explicit_bounds
    ascending = all(low < high for low, high in pairwise(bounds))
    return ascending and len(point.bucket_counts) == len(bounds) + 1


def _remove_bound(point: HistogramDataPoint, bound: float) -> None:
    """Merge the bucket that ends at this bound with the next one."""
    for index, other in enumerate(point.explicit_bounds):
        if abs(other - bound) <= _EPSILON:
            counts = point.bucket_counts
            merged = counts[index] + counts[index + 1]
            point.bucket_counts = [*counts[:index], merged, *counts[index + 2 :]]
            point.explicit_bounds = [
                *point.explicit_bounds[:index],
                *point.explicit_bounds[index + 1 :],
            ]
            return


def _limit_buckets(point: HistogramDataPoint, limit: float) -> None:
    """Merge neighbours in groups of one size, the smallest that leaves no more than `limit` buckets."""
    if not _is_limit(limit):
        raise OttlEvaluationError(f"expected a whole number of buckets from 1 up, got {limit}")
    counts = point.bucket_counts
    size = -(-len(counts) // int(limit))
    if size > 1:
        starts = range(0, len(counts), size)
        point.bucket_counts = [sum(counts[start : start + size]) for start in starts]
        point.explicit_bounds = point.explicit_bounds[size - 1 :: size][: len(starts) - 1]


EDITORS: Final[tuple[Editor, ...]] = (
    metric_editor(
        "convert_exponential_histogram_to_histogram",
        _bind_convert_exponential,
        Param("distribution", ParamKind.LITERAL_STRING),
        Param("explicit_bounds", ParamKind.LITERAL_FLOAT, many=True),
        changes_header=True,
    ),
    Editor(
        name="merge_histogram_buckets",
        params=(
            Param("target_value", ParamKind.FLOAT_LIKE),
            Param("method", ParamKind.LITERAL_STRING, optional=True),
        ),
        bind=_bind_merge_buckets,
        contexts=METRIC_ONLY | {"datapoint"},
        touches_points=True,
    ),
)
