"""The common-window rate once more, series by series in exact fractions: slow and obviously right (keda.md 6.3)."""

from __future__ import annotations

import math
from fractions import Fraction
from itertools import pairwise
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
        growths, warming = _growths(selection, i, window_ms)
        rows.append(
            SlowRow(
                increase=sum((_inside(g, end - window_ms, end) for g in growths), Fraction(0)),
                variance=sum(
                    (_variance(g, cut) for g in growths for cut in (end - window_ms, end)),
                    Fraction(0),
                ),
                warming=warming,
                live=live,
            )
        )
    return rows


def _growths(selection: Selection, i: int, window_ms: int) -> tuple[list[Growth], bool]:
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
    return growths, len(samples) == 1


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
