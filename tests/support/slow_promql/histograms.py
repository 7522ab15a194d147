"""Classic histograms: quantile and fraction of one set of buckets (promql.md 2.10)."""

from __future__ import annotations

import math
from collections.abc import Sequence

Buckets = Sequence[tuple[float, float]]
"""(upper bound, count up to it)."""


def merged(buckets: Buckets) -> list[tuple[float, float]]:
    """Sort by bound; equal bounds add their counts; counts never decrease."""
    together: dict[float, float] = {}
    for bound, count in sorted(buckets, key=lambda bucket: bucket[0]):
        together[bound] = together[bound] + count if bound in together else count
    rising: list[tuple[float, float]] = []
    for bound, count in together.items():
        before = rising[-1][1] if rising else count
        rising.append((bound, before if count < before or _nearly(before, count) else count))
    return rising


def _nearly(a: float, b: float) -> bool:
    return a == b or abs(a - b) / min(abs(a) + abs(b), 1.7e308) < 1e-12


def bucket_quantile(q: float, buckets: Buckets) -> float:
    if math.isnan(q):
        return math.nan
    if q < 0:
        return -math.inf
    if q > 1:
        return math.inf
    if not buckets or max(bound for bound, _ in buckets) != math.inf:
        return math.nan
    rising = merged(buckets)
    count = rising[-1][1]
    if len(rising) < 2 or count == 0:
        return math.nan
    rank = q * count
    at = next((i for i, (_, c) in enumerate(rising[:-1]) if c >= rank), len(rising) - 1)
    if at == len(rising) - 1:
        return rising[-2][0]
    bound, upto = rising[at]
    if at == 0 and bound <= 0:
        return bound
    low, before = rising[at - 1] if at else (0.0, 0.0)
    if upto == before:
        return math.nan
    return low + (bound - low) * ((rank - before) / (upto - before))


def bucket_fraction(lower: float, upper: float, buckets: Buckets) -> float:
    if not buckets or max(bound for bound, _ in buckets) != math.inf:
        return math.nan
    rising = merged(buckets)
    count = rising[-1][1]
    if count == 0 or any(map(math.isnan, (count, lower, upper))):
        return math.nan
    if lower >= upper:
        return 0.0
    return (_below(upper, rising) - _below(lower, rising)) / count


def _below(value: float, rising: Buckets) -> float:
    """How much is counted up to `value`, interpolated within a bucket with two finite bounds."""
    low, before = (0.0 if rising[0][0] > 0 else -math.inf), 0.0
    for bound, upto in rising:
        if value <= low:
            return before
        if value < bound:
            if math.isinf(bound):
                return before if value < math.inf else upto
            if math.isinf(low):
                return before
            return before + (upto - before) * (value - low) / (bound - low)
        low, before = bound, upto
    return before
