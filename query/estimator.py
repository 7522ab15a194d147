"""The common-window rate: by how much counters grew in one window that all series share (keda.md 6.3).

A counter is a piecewise-linear function between its samples, flat after the last one. All series are cut at the same
two instants, so that a load that moves between senders is counted once. The plain twin of all this is
`tests/support/slow_model.py`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from query.queryable import NO_TIME, BoolArray, Float64Array, Int64Array, Selection

NEVER = int(np.iinfo(np.int64).max)
FORGIVEN_SHARE = 0.1
"""Deviation from its target that the HPA forgives (keda.md 6.3.8)."""
SIGMAS = 3.0
"""Standard deviations within which an excess is no evidence (keda.md 6.3.8)."""
FLOAT_NOISE = 1e-9
"""Relative error of float64 arithmetic that is taken for none; a true value is never known as exactly."""
MOST_NOISE = 1e-6
"""Absolute limit of the same when rounding, so that large values lose no whole thousandth."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimate:
    """By how much each of n series grew within its window; rows are those of the selection."""

    start_ms: int
    end_ms: int
    """The common window (start_ms, end_ms]."""
    increase: Float64Array
    """float64[n]: 0 for a warming series."""
    variance: Float64Array
    """float64[n]: of the increase, from both cuts (keda.md 6.3.8)."""
    warming: BoolArray
    """bool[n]: its one sample lies in the window and no zero is known: wait for the second (keda.md 6.3.3)."""
    live: BoolArray
    """bool[n]: the sender reports still."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Cut:
    """The counters at one instant."""

    value: Float64Array
    """float64[n]: resets taken out."""
    variance: Float64Array
    """float64[n]: d f (1 - f), where d is the growth in the report interval and f its fraction before the cut."""


def estimate(
    selection: Selection, *, window_ms: int, at_ms: int, common_end: bool = True
) -> Estimate:
    """Return the increase of each series in the common window that ends at the newest time all live senders cover.

    With `common_end=False` each live series' window ends at its own sender's last report instead, which reacts sooner
    but counts a moving load twice; it is for activity only (keda.md 0.3).
    """
    return Counters(selection, window_ms=window_ms).estimate(at_ms, common_end=common_end)


class Counters:
    """A selection prepared for cutting: finite values, resets taken out, known zeros found."""

    def __init__(self, selection: Selection, *, window_ms: int) -> None:
        self._window_ms = window_ms
        self._senders = selection.senders
        self._sender_index = selection.sender_index
        self._live = selection.senders.live[selection.sender_index]
        self._times, values, self._counts = _finite_only(selection)
        values = _without_resets(values, self._counts)
        self._rows = np.arange(len(self._counts))
        # Column after column, as the store answers: views then, and `take` is twice as fast as two-dimensional indexing.
        self._flat_times, self._flat_values = self._times.ravel("F"), values.ravel("F")
        self._first = self._times[:, 0]
        # (b) of keda.md 6.3.3, judged by the window that ends at the first sample: the same answer for life.
        self._zero_known = (
            (self._counts > 0)
            & (selection.start_ms <= self._first)
            & (selection.start_ms >= self._first - window_ms)
        )
        self._zero_ms = np.where(self._zero_known, selection.start_ms, self._first)
        self._zero = np.where(self._zero_known, 0.0, values[:, 0])
        self._seen_once = (self._counts == 1) & ~self._zero_known

    def reach_back(self, at_ms: int, *, read_from_ms: int) -> bool:
        """Return whether a selection of samples after `read_from_ms` says all that older samples could say.

        It does if every series has a sample before the window begins. A series without one may have begun in the
        window or may have been cut off.
        """
        start_ms = self._common_end_ms(at_ms) - self._window_ms
        late = (self._first > start_ms) & (self._counts > 0)
        return read_from_ms <= start_ms and bool(len(late)) and not late.any()

    def estimate(self, at_ms: int, *, common_end: bool = True) -> Estimate:
        """Return the increase of each series; see `estimate`."""
        end_ms = self._common_end_ms(at_ms)
        ends = np.full(len(self._counts), end_ms, dtype=np.int64)
        if not common_end:
            known_until = self._senders.known_until_ms[self._sender_index]
            ends = np.where(self._live & (known_until != NO_TIME), known_until, ends)
        starts = ends - self._window_ms
        begin, end = self._cut(starts), self._cut(ends)
        warming = self._seen_once & (self._first > starts)
        with np.errstate(invalid="ignore"):
            increase = end.value - begin.value
        return Estimate(
            start_ms=end_ms - self._window_ms,
            end_ms=end_ms,
            # More than a float64 holds is no "nothing known", which NaN would mean.
            increase=np.where(np.isnan(increase), np.inf, increase),
            variance=begin.variance + end.variance,
            warming=warming,
            live=self._live,
        )

    def _common_end_ms(self, at_ms: int) -> int:
        """Return the earliest last report of the live senders, or `at_ms` if there is none (keda.md 6.3.5)."""
        known_until = self._senders.known_until_ms[self._senders.live]
        known_until = known_until[known_until != NO_TIME]
        return int(known_until.min()) if known_until.size else at_ms

    def _cut(self, at_ms: Int64Array) -> _Cut:
        """Return each counter's value at its instant of `at_ms`."""
        following = np.count_nonzero(self._times <= at_ms[:, np.newaxis], axis=1)
        from_zero, flat = following == 0, following >= self._counts
        number, width = self._times.shape
        left = np.maximum(following - 1, 0) * number + self._rows
        right = np.minimum(following, width - 1) * number + self._rows
        t0 = np.where(from_zero, self._zero_ms, self._flat_times.take(left))
        v0 = np.where(from_zero, self._zero, self._flat_values.take(left))
        t1 = np.where(flat, t0, self._flat_times.take(right))
        fraction = np.clip((at_ms - t0) / np.maximum(t1 - t0, 1), 0.0, 1.0)
        with np.errstate(over="ignore", invalid="ignore"):
            growth = np.where(flat, 0.0, self._flat_values.take(right) - v0)
            grown = growth * fraction
            return _Cut(value=v0 + grown, variance=grown * (1.0 - fraction))


def _finite_only(selection: Selection) -> tuple[Int64Array, Float64Array, Int64Array]:
    """Return times, values and counts without stale markers, NaN and Inf: one bad sample costs itself alone.

    Behind each row's samples times are NEVER and values 0. There is at least one column. The arrays are the selection's
    own unless a sample had to go: they are written only where the selection defines nothing, because a fresh array of
    10,000 rows costs a millisecond in page faults.
    """
    times, values, counts = selection.times_ms, selection.values, selection.counts
    if times.shape[1] == 0:
        shape = (len(counts), 1)
        return np.full(shape, NEVER, dtype=np.int64), np.zeros(shape), counts
    behind = (np.arange(times.shape[1])[:, np.newaxis] >= counts).T
    np.copyto(times, NEVER, where=behind)
    np.copyto(values, 0.0, where=behind)
    missing = ~np.isfinite(values)
    if missing.any():
        rows = np.flatnonzero(missing.any(axis=1))
        order = missing[rows].argsort(axis=1, kind="stable")
        times, values = np.where(missing, NEVER, times), np.where(missing, 0.0, values)
        times[rows] = np.take_along_axis(times[rows], order, axis=1)
        values[rows] = np.take_along_axis(values[rows], order, axis=1)
        counts = counts - missing.sum(axis=1)
    return times, values, counts


def _without_resets(values: Float64Array, counts: Int64Array) -> Float64Array:
    """Return `values` as they would be had no counter begun anew: after a drop the new value counts from 0."""
    drops = values[:, 1:] < values[:, :-1]
    drops &= (np.arange(1, values.shape[1])[:, np.newaxis] < counts).T
    rows = np.flatnonzero(drops.any(axis=1)) if drops.any() else ()
    if len(rows):
        lost = np.where(drops[rows], values[rows, :-1], 0.0)
        values = values.copy()
        with np.errstate(over="ignore"):
            values[rows, 1:] += np.cumsum(lost, axis=1)
    return values


def settle_on_target(
    value: float, sigma: float, target: float, window_ms: int, is_rate: bool
) -> float:
    """Return the multiple of `target` just below `value` if the data do not show more, else `value` (keda.md 6.3.8).

    `value` is a rate or an increase and `sigma` its standard deviation. Not shown is an excess of at most 3 sigma and
    one event, and of at most a tenth of the multiple, which the HPA would forgive anyway.
    """
    if not (target > 0.0 and math.isfinite(value)):
        return value
    settled = math.floor(value / target * (1.0 + FLOAT_NOISE)) * target
    one_event = 1000.0 / window_ms if is_rate else 1.0
    allowed = min(SIGMAS * sigma + one_event, FORGIVEN_SHARE * settled)
    excess = value - settled
    return settled if settled > 0.0 and excess <= allowed * (1.0 + FLOAT_NOISE) else value


def round_down(value: float) -> float:
    """Return `value` rounded down to thousandths (keda.md 0.6).

    What lies below a thousandth by no more than float64 arithmetic loses (a relative 1e-9, at most 1e-6) counts as
    that thousandth: 2.9999999999 is 3, 3.0004 is 3, 2.9996 is 2.999.
    """
    if not math.isfinite(value):
        return value
    noise = min(abs(value) * FLOAT_NOISE, MOST_NOISE)
    return math.floor((value + noise) * 1000.0) / 1000.0
