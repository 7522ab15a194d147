"""Data points that were decoded whole: a processor has touched them, or more than count and sum is wanted."""

from __future__ import annotations

from daemon.exporters.windows.buckets import Buckets
from daemon.exporters.windows.labels import format_bound, source_of
from daemon.exporters.windows.memo import Tracked
from daemon.exporters.windows.message import Target, start_of
from daemon.exporters.windows.plans import NANOS_PER_MS
from receivers.consumer import Count
from receivers.model import (
    FLAG_NO_RECORDED_VALUE,
    NO_RECORDED_VALUE,
    DataPoint,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    NumberDataPoint,
    SummaryDataPoint,
)


class Points:
    """Adds decoded data points to a message."""

    def __init__(self, buckets: Buckets, count: Count) -> None:
        self._buckets = buckets
        self._count = count

    def add(self, target: Target, point: DataPoint) -> None:
        """Add one data point; a point that says that its series has ended marks all series that it had."""
        ended = bool(point.flags & FLAG_NO_RECORDED_VALUE)
        if not ended and isinstance(point, NumberDataPoint) and point.value is None:
            self._count("point_without_value", 1)
            return
        tracked = track(target, point)
        if tracked is None:
            return
        parts = len(tracked.parts)
        if ended:
            _end(target, tracked, point)
        elif isinstance(point, NumberDataPoint):
            target.add(point, tracked.first, float(point.value or 0))
        else:
            self._add_distribution(target, tracked, point)
        target.known.part_count += len(tracked.parts) - parts

    def _add_distribution(
        self,
        target: Target,
        tracked: Tracked,
        point: HistogramDataPoint | ExponentialHistogramDataPoint | SummaryDataPoint,
    ) -> None:
        target.add(point, tracked.first, float(point.count))
        _add_sum(target, tracked, point, point.sum)
        if isinstance(point, SummaryDataPoint):
            _add_quantiles(target, tracked, point)
        elif self._buckets.wanted(target.known.name):
            if isinstance(point, HistogramDataPoint):
                self._buckets.add_explicit(target, tracked, point)
            else:
                self._buckets.add_exponential(target, tracked, point)


def track(target: Target, point: DataPoint) -> Tracked | None:
    """Return what is remembered of a point's series, made or told of a new start if need be; None if refused."""
    known = target.known
    source = source_of(known.kind, point.attributes)
    start_unix_nano = 0 if known.is_delta else start_of(point)
    found = known.tracked.get(source)
    if found is not None and found.start_unix_nano == start_unix_nano and found.is_alive:
        return found
    pair = target.pair(point.attributes, start_unix_nano)
    if pair is None:
        return None
    tracked = Tracked(start_unix_nano, *pair)
    if found is not None and found.first is tracked.first:
        tracked.sum_is_gone, tracked.layout = found.sum_is_gone, found.layout
        tracked.parts = found.parts
        for series in tracked.parts.values():
            target.message.store.restart(series, start_unix_nano // NANOS_PER_MS)
    elif found is not None:
        known.part_count -= len(found.parts)
    known.tracked[source] = tracked
    return tracked


def _end(target: Target, tracked: Tracked, point: DataPoint) -> None:
    """Mark every series of a point as ended."""
    for series in (tracked.first, tracked.second, *tracked.parts.values()):
        if series is not None:
            target.add(point, series, NO_RECORDED_VALUE)


def _add_sum(target: Target, tracked: Tracked, point: DataPoint, total: float | None) -> None:
    """Add the sum; of deltas it ends for good where one is missing (otlp.md 3.2)."""
    second = tracked.second
    if second is None or tracked.sum_is_gone:
        return
    if total is not None:
        target.add(point, second, total)
    elif target.known.is_delta:
        tracked.sum_is_gone = True
        target.add(point, second, NO_RECORDED_VALUE)


def _add_quantiles(target: Target, tracked: Tracked, point: SummaryDataPoint) -> None:
    for quantile, value in point.quantile_values:
        text = format_bound(quantile)
        series = tracked.parts.get(text)
        if series is None or not series.alive:
            attributes = {**point.attributes, "quantile": text}
            series = target.find(target.known.name, attributes, 0, is_gauge=True)
        if series is not None:
            tracked.parts[text] = series
            target.add(point, series, value)
