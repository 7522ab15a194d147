"""Histograms to `<name>_bucket{le}`: which are wanted, and how one point's buckets become samples."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from itertools import accumulate
from math import isfinite

from daemon.config.windows import HistogramBuckets
from daemon.exporters.windows.exponential import Layout, read_exponential
from daemon.exporters.windows.labels import format_bound
from daemon.exporters.windows.memo import BUCKET_SUFFIX, Tracked
from daemon.exporters.windows.message import Target, start_of
from query.store.store import Series
from receivers.model import ExponentialHistogramDataPoint, HistogramDataPoint

MAX_BUCKET_NAMES = 1_000
MAX_LAYOUTS = 10_000
INFINITE = "+Inf"


class Buckets:
    """Writes buckets where someone asked for them; counts are summed upwards, `+Inf` is the count (otlp.md 3.1)."""

    def __init__(self, setting: HistogramBuckets) -> None:
        self._setting = setting
        self._names: set[str] = set()
        self._layouts: dict[str, Layout] = {}
        """The bounds of exponential histograms, by metric name."""

    @property
    def wanted_names(self) -> int:
        """How many names were asked for; none is ever taken back."""
        return len(self._names)

    def asked(self, name: str) -> None:
        """Note that a query named this metric."""
        if (
            self._setting is HistogramBuckets.AUTO
            and name.endswith(BUCKET_SUFFIX)
            and len(self._names) < MAX_BUCKET_NAMES
        ):
            self._names.add(name)

    def wanted(self, name: str) -> bool:
        """Return whether the buckets of this metric are stored."""
        if self._setting is HistogramBuckets.AUTO:
            return bool(self._names) and name + BUCKET_SUFFIX in self._names
        return self._setting is HistogramBuckets.ALWAYS

    def add_explicit(self, target: Target, tracked: Tracked, point: HistogramDataPoint) -> None:
        """Add the buckets of a point; with other bounds than before they start again, all together."""
        bounds = tuple(point.explicit_bounds)
        if tracked.layout is not None and tracked.layout != bounds:
            target.message.store.forget(list(tracked.parts.values()))
            tracked.parts.clear()
        tracked.layout = bounds
        counts = [
            (format_bound(bound), count)
            for bound, count in zip(bounds, accumulate(point.bucket_counts), strict=False)
            if isfinite(bound)
        ]
        for text, count in [*counts, (INFINITE, point.count)]:
            series = tracked.parts.get(text)
            if series is None or not series.alive:
                series = _find(target, point, text)
            if series is not None:
                tracked.parts[text] = series
                target.add(point, series, count)

    def add_exponential(
        self, target: Target, tracked: Tracked, point: ExponentialHistogramDataPoint
    ) -> None:
        """Add the buckets of a point at the bounds that all histograms of its name share."""
        histogram = read_exponential(point)
        layout = self._layout(target)
        layout.take(histogram)
        texts = [*map(format_bound, layout.bounds), INFINITE]
        is_whole = len(tracked.parts) == len(texts) and all(
            one.alive for one in tracked.parts.values()
        )
        if tracked.layout is not layout.bounds or not is_whole:
            _lay_out(target, tracked, point, texts)
            tracked.layout = layout.bounds
        for text, count in zip(texts, [*layout.counts_of(histogram), point.count], strict=True):
            if (series := tracked.parts.get(text)) is not None:
                target.add(point, series, count)

    def _layout(self, target: Target) -> Layout:
        name = target.known.name
        found = self._layouts.get(name)
        if found is None:
            if len(self._layouts) >= MAX_LAYOUTS:
                self._layouts.clear()
            found = self._layouts[name] = Layout()
            target.message.store.note_exponential(name + BUCKET_SUFFIX)
        return found


def _lay_out(
    target: Target, tracked: Tracked, point: ExponentialHistogramDataPoint, texts: Sequence[str]
) -> None:
    """Bring the series of one histogram to the bounds in `texts`.

    Those of finer bounds go: a question reads the coarser ones for its whole window. A new bound lies where nothing was
    counted before, so its past is that of the bound below it.
    """
    old = {text: series for text, series in tracked.parts.items() if series.alive}
    before = sorted((float(text), series.row, series) for text, series in old.items())
    tracked.parts = {}
    for text in texts:
        series = old.pop(text, None)
        if series is None and (series := _find(target, point, text)) is not None and before:
            below = bisect_right(before, float(text), key=lambda one: one[0]) - 1
            past = before[max(below, 0)][2]
            target.message.store.continue_from(series, past, as_zero=below < 0)
        if series is not None:
            tracked.parts[text] = series
    target.message.store.forget(list(old.values()))


def _find(
    target: Target, point: HistogramDataPoint | ExponentialHistogramDataPoint, text: str
) -> Series | None:
    attributes = {**point.attributes, "le": text}
    name = target.known.name + BUCKET_SUFFIX
    return target.find(name, attributes, start_of(point))
