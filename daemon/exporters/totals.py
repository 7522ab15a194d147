"""Running totals of delta series: a delta point in, the cumulative point that stands for it out (otlp.md 3.2)."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass, replace
from operator import add as plus

from daemon.exporters.exponential import add as add_exponential
from receivers.consumer import Count
from receivers.model import (
    FLAG_NO_RECORDED_VALUE,
    DataPoint,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    NumberDataPoint,
)


@dataclass(slots=True)
class _Total:
    point: DataPoint
    """The last one handed out, whose values are the total."""
    time_unix_nano: int
    """Of the last point, whether it had a value or not."""


class DeltaTotals:
    """The totals of one exporter, at most `max_series`; those longest without a point are forgotten first.

    Points of one series come in the order in which they arrived.
    """

    def __init__(self, max_series: int, count: Count) -> None:
        """`count` hears of points that are not added, by reason."""
        self._max_series = max_series
        self._count = count
        self._totals: OrderedDict[Hashable, _Total] = OrderedDict()

    def __len__(self) -> int:
        return len(self._totals)

    def total(self, key: Hashable, point: DataPoint) -> DataPoint | None:
        """Return the cumulative point that the series `key` has reached with `point`; None if that changes nothing."""
        known = self._totals.get(key)
        if reason := _objection(known, point):
            self._count(reason, 1)
            return None
        if point.flags & FLAG_NO_RECORDED_VALUE:
            if known is not None:
                known.time_unix_nano = point.time_unix_nano
            return point
        if known is None:
            self._begin(key, point)
            return point
        before = known.point
        if 0 < point.start_time_unix_nano < known.time_unix_nano:
            self._count("overlap", 1)
        sum_of = add_points(before, point)
        sum_of.start_time_unix_nano = (
            point.start_time_unix_nano if sum_of is point else before.start_time_unix_nano
        )
        known.point, known.time_unix_nano = sum_of, point.time_unix_nano
        self._totals.move_to_end(key)
        return sum_of

    def _begin(self, key: Hashable, point: DataPoint) -> None:
        self._totals[key] = _Total(point, point.time_unix_nano)
        if len(self._totals) > self._max_series:
            self._totals.popitem(last=False)
            self._count("delta_series_forgotten", 1)


def add_points(total: DataPoint, point: DataPoint) -> DataPoint:
    """Return `point` with the values of both, or `point` itself where the two cannot be added; both are of one kind."""
    return _ADD[type(point)](total, point)


def _objection(known: _Total | None, point: DataPoint) -> str:
    """Return why `point` is not added; empty if it is."""
    if isinstance(point, NumberDataPoint) and not point.flags & FLAG_NO_RECORDED_VALUE:
        if point.value is None:
            return "no_value"
        if math.isnan(point.value):
            return "nan_delta"
    if known is None:
        return ""
    if point.time_unix_nano <= known.time_unix_nano:
        return "duplicate" if point.time_unix_nano == known.time_unix_nano else "late"
    start = point.start_time_unix_nano
    return "late" if 0 < start < known.point.start_time_unix_nano else ""


def _add_numbers(total: DataPoint, point: DataPoint) -> DataPoint:
    assert isinstance(total, NumberDataPoint)  # noqa: S101  one key, one kind
    assert isinstance(point, NumberDataPoint)  # noqa: S101  see above
    return replace(point, value=float(total.value or 0) + float(point.value or 0))


def _add_histograms(total: DataPoint, point: DataPoint) -> DataPoint:
    """Return both together; a histogram with other bounds begins again."""
    assert isinstance(total, HistogramDataPoint)  # noqa: S101  one key, one kind
    assert isinstance(point, HistogramDataPoint)  # noqa: S101  see above
    if total.explicit_bounds != point.explicit_bounds or len(total.bucket_counts) != len(
        point.bucket_counts
    ):
        return point
    return replace(
        point,
        count=total.count + point.count,
        sum=_sum(total.sum, point.sum),
        min=_either(min, total.min, point.min),
        max=_either(max, total.max, point.max),
        bucket_counts=list(map(plus, total.bucket_counts, point.bucket_counts)),
    )


def _add_exponentials(total: DataPoint, point: DataPoint) -> DataPoint:
    assert isinstance(total, ExponentialHistogramDataPoint)  # noqa: S101  one key, one kind
    assert isinstance(point, ExponentialHistogramDataPoint)  # noqa: S101  see above
    together = add_exponential(total, point)
    together.sum = _sum(total.sum, point.sum)
    together.min = _either(min, total.min, point.min)
    together.max = _either(max, total.max, point.max)
    return together


def _sum(total: float | None, more: float | None) -> float | None:
    return None if total is None or more is None else total + more


def _either(
    pick: Callable[[float, float], float], one: float | None, other: float | None
) -> float | None:
    return None if one is None or other is None else pick(one, other)


_ADD: dict[type, Callable[[DataPoint, DataPoint], DataPoint]] = {
    NumberDataPoint: _add_numbers,
    HistogramDataPoint: _add_histograms,
    ExponentialHistogramDataPoint: _add_exponentials,
}
