"""Quantile and fraction on a logarithmic scale, against plain twins."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.evaluate.buckets import Block
from query.evaluate.exponential_buckets import exponential_quantile, exponential_rank

Buckets = Sequence[tuple[float, float, int]]
"""(begin, end, count) of each, ascending."""


def block_of(buckets: Buckets) -> Block:
    """One histogram at one step: the lowest bound, each bucket's end, +Inf."""
    bounds = [buckets[0][0], *(end for _, end, _ in buckets), math.inf]
    counts = np.cumsum([0, *(count for _, _, count in buckets), 0]).astype(np.float64)
    return Block(
        histograms=np.array([0]),
        last=np.array([len(bounds) - 1]),
        bounds=np.array([bounds]),
        counts=counts[np.newaxis, :, np.newaxis],
    )


def quantile(q: float, buckets: Buckets) -> float:
    with np.errstate(all="ignore"):
        return float(exponential_quantile(block_of(buckets), np.array([q]))[0, 0])


def slow_quantile(q: float, buckets: Buckets) -> float:
    """As it is told in words: walk to the bucket of the rank, from the top for the upper half."""
    filled = [one for one in buckets if one[2]]
    rank = q * sum(count for _, _, count in buckets)
    below, spans = 0, []
    for begin, end, count in filled:
        spans.append((begin, end, count, below))
        below += count
    if q < 0.5:
        found = next(span for span in spans if span[3] + span[2] >= rank)
    else:
        found = next(span for span in reversed(spans) if span[3] <= rank)
    begin, end, count, below = found
    share = (rank - below) / count
    if begin < 0 < end:
        only_positive = all(one[0] >= 0 for one in filled if one[:2] != (begin, end))
        only_negative = all(one[1] <= 0 for one in filled if one[:2] != (begin, end))
        if len(filled) > 1:
            begin, end = (0 if only_positive else begin), (0 if only_negative else end)
        return begin + (end - begin) * share
    return math.copysign(abs(begin) ** (1 - share) * abs(end) ** share, begin)


@st.composite
def histograms(draw: st.DrawFn) -> Buckets:
    """Negative buckets, one around zero, positive ones; some empty, at least one not."""
    counts = st.integers(0, 5)
    negative = [(-(2.0 ** (i + 1)), -(2.0**i), draw(counts)) for i in range(draw(st.integers(0, 3)) - 1, -1, -1)]  # fmt: skip
    positive = [(2.0**i, 2.0 ** (i + 1), draw(counts)) for i in range(draw(st.integers(0, 3)))]
    buckets = [*negative, (-0.5, 0.5, draw(counts)), *positive]
    # Gaps are buckets that hold nothing.
    whole = [buckets[0]]
    for one in buckets[1:]:
        if whole[-1][1] != one[0]:
            whole.append((whole[-1][1], one[0], 0))
        whole.append(one)
    if not sum(n for _, _, n in whole):
        begin, end, _ = whole[-1]
        whole[-1] = (begin, end, 1)
    return whole


@given(histograms(), st.sampled_from([0.0, 0.01, 0.25, 0.49, 0.5, 0.75, 0.9, 1.0]))
def test_quantiles(buckets: Buckets, q: float) -> None:
    """The quantile is that of a walk through the buckets."""
    assert quantile(q, buckets) == pytest.approx(slow_quantile(q, buckets), rel=1e-9, abs=1e-12)


@given(histograms(), st.sampled_from([0.01, 0.25, 0.6, 0.9]))
def test_ranks(buckets: Buckets, q: float) -> None:
    """As many observations are below a quantile as its share says."""
    value = quantile(q, buckets)
    total = float(sum(count for _, _, count in buckets))
    with np.errstate(all="ignore"):
        found = exponential_rank(block_of(buckets), np.array([value]), np.array([[total]]))
    assert float(found[0, 0]) == pytest.approx(q * total, rel=1e-6)


@pytest.mark.parametrize(
    ("q", "buckets", "expected"),
    [
        (math.nan, [(1, 2, 1)], math.nan),
        (-0.1, [(1, 2, 1)], -math.inf),
        (1.1, [(1, 2, 1)], math.inf),
        (0.5, [(1, 2, 0)], math.nan),
        (0.5, [(0, 5e-324, 4)], 0.0),
    ],
    ids=["no quantile", "below 0", "above 1", "empty", "a bound that underflows"],
)
def test_edges(q: float, buckets: Buckets, expected: float) -> None:
    """What has no value, or lies beyond all values."""
    assert quantile(q, buckets) == pytest.approx(expected, nan_ok=True)


def test_above_the_last_bound() -> None:
    """A value above the highest bound that a float64 holds counts as being there."""
    block = block_of([(1.0, 2.0, 1)])
    counts = block.counts.copy()
    counts[0, -1] = 4
    whole = Block(histograms=block.histograms, last=block.last, bounds=block.bounds, counts=counts)
    with np.errstate(all="ignore"):
        assert exponential_quantile(whole, np.array([0.9]))[0, 0] == 2.0
