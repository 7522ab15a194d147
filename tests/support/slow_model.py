"""The common-window rate once more, in exact fractions: slow and obviously right (keda.md 6.3).

`slow_estimate` reads a selection as the estimator does; `slow_increase` knows only what each process reported when.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from statistics import median
from typing import NamedTuple

from query.queryable import NO_TIME, Selection


class SlowRow(NamedTuple):
    """One series' part of the answer."""

    increase: Fraction
    variance: Fraction
    warming: bool
    live: bool


class Growth(NamedTuple):
    """A counter that grew evenly by `amount` from `begin_ms` to `end_ms`."""

    begin_ms: int
    end_ms: int
    amount: Fraction


def slow_estimate(
    selection: Selection, *, window_ms: int, at_ms: int, common_end: bool = True
) -> list[SlowRow]:
    """Return each series' increase and its variance, as `query.estimator.estimate` must."""
    ends = [
        int(known)
        for known, live in zip(
            selection.senders.known_until_ms, selection.senders.live, strict=True
        )
        if live and known != NO_TIME
    ]
    shared_end = min(ends, default=at_ms)
    rows = []
    for i, sender in enumerate(selection.sender_index):
        live = bool(selection.senders.live[sender])
        known_until = int(selection.senders.known_until_ms[sender])
        own_end = live and not common_end and known_until != NO_TIME
        end = known_until if own_end else shared_end
        growths, only_ms = _growths(selection, i, window_ms)
        rows.append(
            SlowRow(
                increase=sum((_inside(g, end - window_ms, end) for g in growths), Fraction(0)),
                variance=sum(
                    (_variance(g, cut) for g in growths for cut in (end - window_ms, end)),
                    Fraction(0),
                ),
                warming=only_ms is not None and only_ms > end - window_ms,
                live=live,
            )
        )
    return rows


def _growths(selection: Selection, i: int, window_ms: int) -> tuple[list[Growth], int | None]:
    """Return what is known of a series, and the time of its sample if there is but one."""
    samples = [
        (int(selection.times_ms[i, j]), Fraction(float(selection.values[i, j])))
        for j in range(int(selection.counts[i]))
        if math.isfinite(selection.values[i, j])
    ]
    start = int(selection.start_ms[i])
    if samples and start != NO_TIME and 0 <= samples[0][0] - start <= window_ms:
        samples.insert(0, (start, Fraction(0)))
    growths = []
    for (t0, v0), (t1, v1) in pairwise(samples):
        growths.append(Growth(t0, t1, v1 - v0 if v1 >= v0 else v1))
    return growths, samples[0][0] if len(samples) == 1 else None


def _inside(growth: Growth, begin_ms: int, end_ms: int) -> Fraction:
    """The part of a growth in (begin, end]."""
    if growth.begin_ms == growth.end_ms:
        return growth.amount if begin_ms < growth.end_ms <= end_ms else Fraction(0)
    overlap = min(end_ms, growth.end_ms) - max(begin_ms, growth.begin_ms)
    return growth.amount * max(overlap, 0) / (growth.end_ms - growth.begin_ms)


def _variance(growth: Growth, cut_ms: int) -> Fraction:
    """d f (1 - f), where the fraction f of a growth d lies before the cut."""
    if not growth.begin_ms < cut_ms < growth.end_ms:
        return Fraction(0)
    fraction = Fraction(cut_ms - growth.begin_ms, growth.end_ms - growth.begin_ms)
    return growth.amount * fraction * (1 - fraction)


REPORT_MS, GRACE_MS = 20_000, 5_000


class Report(NamedTuple):
    """One report that arrived; `calls` is 0 as long as there is no row."""

    time_ms: int
    at_ms: int
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One process, from its start to its end."""

    name: str
    start_ms: int
    reports: tuple[Report, ...]
    closed_ms: int | None = None

    def until(self, at_ms: int) -> list[Report]:
        return [report for report in self.reports if report.at_ms <= at_ms]

    def is_live(self, at_ms: int) -> bool:
        """Whether it reports still: the stream is open or just closed, and 2.2 intervals are not missed."""
        arrivals = [report.at_ms for report in self.until(at_ms)]
        if not arrivals:
            return False
        gaps = [b - a for a, b in pairwise(arrivals)][-5:]
        interval = int(median(gaps)) if len(gaps) >= 2 else REPORT_MS
        deadline = arrivals[-1] + int(2.2 * interval)
        if self.closed_ms is not None and self.closed_ms <= at_ms:
            deadline = min(deadline, self.closed_ms + interval + GRACE_MS)
        return at_ms < deadline

    def known_until(self, at_ms: int) -> int:
        return max(r.time_ms if r.calls else r.at_ms for r in self.until(at_ms))

    def growths(self, at_ms: int, window_ms: int) -> list[Growth]:
        """What is known of its counter: from the empty report before the first row, or from a start in the window."""
        reports = self.until(at_ms)
        points = [(report.time_ms, report.calls) for report in reports if report.calls]
        empty = [report.time_ms for report in reports if not report.calls]
        if points and empty:
            points.insert(0, (empty[-1], 0))
        elif points and points[0][0] - self.start_ms <= window_ms:
            points.insert(0, (self.start_ms, 0))
        return [Growth(t0, t1, Fraction(v1 - v0)) for (t0, v0), (t1, v1) in pairwise(points)]


def slow_increase(lives: Sequence[Life], *, window_ms: int, at_ms: int) -> Fraction:
    """Return the increase in the common window over all processes, from their reports alone."""
    heard = [life for life in lives if any(report.calls for report in life.until(at_ms))]
    end = min((life.known_until(at_ms) for life in heard if life.is_live(at_ms)), default=at_ms)
    growths = [growth for life in heard for growth in life.growths(at_ms, window_ms)]
    return sum((_inside(growth, end - window_ms, end) for growth in growths), Fraction(0))
