"""Samples of several time series side by side, and the windows that a range function looks through."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from query.evaluate.stepped import StepVector
from query.labels import Labels
from query.queryable import BoolArray, Float64Array, Int64Array, is_stale

BLOCK_CELLS = 65_536
"""Samples that a kernel works on at once: its intermediate arrays then stay in the processor's cache."""
_MAX = 2**62


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Series:
    """The samples of n series with different labels, one column for each: numpy is fastest along long lines."""

    labels: Sequence[Labels]
    times_ms: Int64Array
    """int64[m, n]: ascending in the first `counts[i]` rows of column i, undefined behind them."""
    values: Float64Array
    """float64[m, n]: as `times_ms`; stale markers included, by their bit pattern."""
    counts: Int64Array
    """int64[n]"""
    drops_name: bool | BoolArray = False

    @property
    def number(self) -> int:
        """How many series there are."""
        return len(self.counts)

    def until(self, times_ms: Int64Array) -> Int64Array:
        """Return int64[s, n]: how many samples each series has until each of the ascending `times_ms`.

        One sorted list holds all series' samples, one series behind the other, so that one binary search finds them
        all. Where the list's numbers would be too large, as the samples span millennia, each step looks at each sample.
        """
        depth, number = self.times_ms.shape
        behind = np.arange(depth)[:, np.newaxis] >= self.counts
        first_ms = int(np.where(behind, _MAX, self.times_ms).min(initial=_MAX))
        last_ms = int(np.where(behind, -_MAX, self.times_ms).max(initial=-_MAX))
        if first_ms > last_ms:
            return np.zeros((len(times_ms), number), dtype=np.int64)
        if times_ms[0] >= last_ms:
            return np.broadcast_to(self.counts, (len(times_ms), number))
        stride = last_ms - first_ms + 2
        if stride > _MAX // number:
            counts = [np.count_nonzero(~behind & (self.times_ms <= at), axis=0) for at in times_ms]
            return np.array(counts)
        shift = np.arange(number, dtype=np.int64)
        keys = np.where(behind, stride - 1, self.times_ms - first_ms) + shift * stride
        wanted = np.clip(times_ms, first_ms - 1, last_ms) - first_ms
        found = np.searchsorted(
            keys.T.ravel(), (wanted[:, np.newaxis] + shift * stride).ravel(), side="right"
        )
        until: Int64Array = found.reshape(len(times_ms), number) - shift * depth
        return until

    def without_stale(self) -> Series:
        """Return the series without stale markers, which range functions do not see (promql.md 2.4)."""
        stale = is_stale(self.values)
        if not stale.any():
            return self
        stale &= np.arange(len(stale))[:, np.newaxis] < self.counts
        columns = np.flatnonzero(stale.any(axis=0))
        if not columns.size:
            return self
        order = stale[:, columns].argsort(axis=0, kind="stable")
        times_ms, values = self.times_ms.copy(), self.values.copy()
        times_ms[:, columns] = np.take_along_axis(self.times_ms[:, columns], order, axis=0)
        values[:, columns] = np.take_along_axis(self.values[:, columns], order, axis=0)
        return replace(
            self, times_ms=times_ms, values=values, counts=self.counts - stale.sum(axis=0)
        )


def from_steps(vector: StepVector, times_ms: Int64Array) -> Series:
    """Return the values of a subquery's expression as samples."""
    values, present = vector.values.T, vector.present.T
    times = np.broadcast_to(times_ms[:, np.newaxis], values.shape)
    counts = np.count_nonzero(present, axis=0)
    if not present.all():
        order = (~present).argsort(axis=0, kind="stable")
        times = np.take_along_axis(times, order, axis=0)
        values = np.take_along_axis(values, order, axis=0)
    return Series(
        labels=vector.labels,
        times_ms=np.ascontiguousarray(times),
        values=np.ascontiguousarray(values),
        counts=counts,
        drops_name=vector.drops_name,
    )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Windows:
    """The samples of k windows, one column for each; arrays may be views and are never changed."""

    times_ms: Int64Array
    """int64[w, k]: ascending in the first `counts[i]` rows of column i, undefined behind them; w is at least 1."""
    values: Float64Array
    """float64[w, k]: as `times_ms`; no stale markers."""
    counts: Int64Array
    """int64[k]"""
    start_ms: Int64Array
    """int64[k] or int64[1]: windows are (start, end]."""
    end_ms: Int64Array
    """int64[k] or int64[1]"""
    at_ms: Int64Array
    """int64[k] or int64[1]: the steps' own times, which `offset` and `@` do not move."""

    @property
    def is_full(self) -> bool:
        """Whether no window has fewer samples than there are rows."""
        return bool((self.counts == len(self.values)).all())

    def inside(self) -> BoolArray:
        """Return bool[w, k]: what is defined."""
        there: BoolArray = np.arange(len(self.values))[:, np.newaxis] < self.counts
        return there

    def pairs_inside(self) -> BoolArray:
        """Return bool[w - 1, k]: which samples but the first have one before them."""
        there: BoolArray = np.arange(1, len(self.values))[:, np.newaxis] < self.counts
        return there

    def filled(self, fill: float) -> Float64Array:
        """Return the values with `fill` where nothing is defined."""
        return self.values if self.is_full else np.where(self.inside(), self.values, fill)

    def nth_last(self, back: int) -> tuple[Int64Array, Float64Array]:
        """Return time and value of the sample `back` places before the last; undefined where there is none."""
        if self.is_full and len(self.values) > back:
            return self.times_ms[-1 - back], self.values[-1 - back]
        row = np.maximum(self.counts - 1 - back, 0)
        column = np.arange(len(row))
        return self.times_ms[row, column], self.values[row, column]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Range:
    """A range vector: n series and, for each of s steps, a window over them."""

    series: Series
    """Without stale markers. All samples are in (start of the first window - before, end of the last + after]."""
    start_ms: Int64Array
    """int64[s], ascending."""
    end_ms: Int64Array
    """int64[s], ascending."""
    at_ms: Int64Array
    """int64[s]: the steps' own times."""
    before_ms: int = 0
    """How far before its start a window takes samples."""
    after_ms: int = 0
    """How far after its end a window takes samples."""

    def windows(self) -> Iterator[Block]:
        """Yield all windows, as many at once as a kernel works on well."""
        if len(self.end_ms) == 1:
            yield from self._of_one_step()
        else:
            yield from self._of_steps()

    def bounds(self) -> tuple[Int64Array, Int64Array]:
        """Return int64[s, n]: the number of each window's first sample, and of the one behind its last."""
        series = self.series
        return series.until(self.start_ms - self.before_ms), series.until(
            self.end_ms + self.after_ms
        )

    def repeated(self, at_ms: Int64Array) -> Range:
        """Return the one window of all steps as a window of each."""
        return replace(
            self,
            start_ms=np.repeat(self.start_ms, len(at_ms)),
            end_ms=np.repeat(self.end_ms, len(at_ms)),
            at_ms=at_ms,
        )

    def _of_one_step(self) -> Iterator[Block]:
        """Yield the windows of one step: all samples there are."""
        series = self.series
        width = max(len(series.values), 1)
        if not len(series.values):
            shape = (1, series.number)
            series = replace(
                series, times_ms=np.zeros(shape, dtype=np.int64), values=np.zeros(shape)
            )
        size = max(BLOCK_CELLS // width, 1)
        for at in range(0, series.number, size):
            place = slice(at, min(at + size, series.number))
            windows = Windows(
                times_ms=series.times_ms[:, place],
                values=series.values[:, place],
                counts=series.counts[place],
                start_ms=self.start_ms,
                end_ms=self.end_ms,
                at_ms=self.at_ms,
            )
            yield Block(place, windows)

    def _of_steps(self) -> Iterator[Block]:
        """Yield the windows of several steps, copied out of the series."""
        first, until = self.bounds()
        counts = (until - first).ravel()
        if not counts.any():
            return
        first = first.ravel()
        times, values = self.series.times_ms.ravel(), self.series.values.ravel()
        size = max(BLOCK_CELLS // int(counts.max()), 1)
        for at in range(0, len(counts), size):
            place = slice(at, min(at + size, len(counts)))
            step, column = np.divmod(np.arange(place.start, place.stop), self.series.number)
            rows = np.arange(max(int(counts[place].max()), 1))[:, np.newaxis]
            position = (first[place] + rows) * self.series.number + column
            np.minimum(position, len(times) - 1, out=position)
            windows = Windows(
                times_ms=times.take(position),
                values=values.take(position),
                counts=counts[place],
                start_ms=self.start_ms[step],
                end_ms=self.end_ms[step],
                at_ms=self.at_ms[step],
            )
            yield Block(place, windows)


class Block(NamedTuple):
    """Some of the windows of all steps and series; window number i belongs to step i // n and series i % n."""

    place: slice
    windows: Windows
