from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from query.evaluate.buckets import parse_bound
from query.evaluate.stepped import StepVector
from query.labels import Labels
from tests.query.evaluate.steps import Values, ask, close, expect

DATA = """
    lat_bucket{app="n",le="0.1"} 10
    lat_bucket{app="n",le="0.5"} 20
    lat_bucket{app="n",le="1"} 20
    lat_bucket{app="n",le="+Inf"} 25
    neg_bucket{le="-1"} 5
    neg_bucket{le="1"} 10
    neg_bucket{le="+Inf"} 10
    noinf_bucket{le="1"} 5
    noinf_bucket{le="2"} 7
    inf_bucket{le="+Inf"} 5
    zero_bucket{le="1"} 0
    zero_bucket{le="+Inf"} 0
    odd_bucket{le="1"} 5
    odd_bucket{le="2"} 4
    odd_bucket{le="+Inf"} 10
    same_bucket{le="1"} 1
    same_bucket{le="1.0"} 2
    same_bucket{le="2"} 6
    same_bucket{le="+Inf"} 6
    noise_bucket{le="1"} 10
    noise_bucket{le="2"} 9.999999999999998
    noise_bucket{le="+Inf"} 20
"""


@pytest.mark.parametrize(
    ("query", "value"),
    [
        ("histogram_quantile(0.2, lat_bucket)", 0.05),
        ("histogram_quantile(0, lat_bucket)", 0),
        ("histogram_quantile(0.5, lat_bucket)", 0.2),
        ("histogram_quantile(0.9, lat_bucket)", 1),
        ("histogram_quantile(1, lat_bucket)", 1),
        ("histogram_quantile(-0.01, lat_bucket)", -math.inf),
        ("histogram_quantile(1.01, lat_bucket)", math.inf),
        ("histogram_quantile(NaN, lat_bucket)", math.nan),
        ("histogram_quantile(0.2, neg_bucket)", -1),
        ("histogram_quantile(0.75, neg_bucket)", 0),
        ("histogram_quantile(0.5, noinf_bucket)", math.nan),
        ("histogram_quantile(2, noinf_bucket)", math.inf),
        ("histogram_quantile(0.5, inf_bucket)", math.nan),
        ("histogram_quantile(0.5, zero_bucket)", math.nan),
        ("histogram_quantile(0.5, odd_bucket)", 1),
        ("histogram_quantile(0.25, same_bucket)", 0.5),
        ("histogram_quantile(0.75, same_bucket)", 1.5),
        ("histogram_quantile(0.5, noise_bucket)", 1),
        ("histogram_fraction(0, 0.1, lat_bucket)", 0.4),
        ("histogram_fraction(0, 0.05, lat_bucket)", 0.2),
        ("histogram_fraction(-1, 0.05, lat_bucket)", 0.2),
        ("histogram_fraction(-1, 0, lat_bucket)", 0),
        ("histogram_fraction(-Inf, 0.3, lat_bucket)", 0.6),
        ("histogram_fraction(0.1, 0.5, lat_bucket)", 0.4),
        ("histogram_fraction(0.1, 7, lat_bucket)", 0.4),
        ("histogram_fraction(0.3, Inf, lat_bucket)", 0.4),
        ("histogram_fraction(-Inf, Inf, lat_bucket)", 1),
        ("histogram_fraction(1, 0, lat_bucket)", 0),
        ("histogram_fraction(NaN, 0, lat_bucket)", math.nan),
        ("histogram_fraction(0, NaN, lat_bucket)", math.nan),
        ("histogram_fraction(-1, 0, neg_bucket)", 0.25),
        ("histogram_fraction(-Inf, -1, neg_bucket)", 0.5),
        ("histogram_fraction(-5, -2, neg_bucket)", 0),
        ("histogram_fraction(0, 1, noinf_bucket)", math.nan),
        ("histogram_fraction(0, 1, zero_bucket)", math.nan),
        ("histogram_fraction(0, 1, inf_bucket)", 0),
    ],
)
def test_values(query: str, value: float) -> None:
    """promql.md 2.10 and section 10 G; a share is interpolated as a quantile is."""
    (row,) = ask(DATA, query).rows.values()
    assert row == [pytest.approx(value, rel=1e-12, nan_ok=True)]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("histogram_quantile(0.2, lat_bucket)", '{app="n"} 0.05'),
        ('histogram_quantile(0.5, {le="nope"})', ""),
        ("histogram_quantile(0.5, nope)", ""),
        ('histogram_quantile(0.2, {__name__=~"lat.*|neg.*"})', '{app="n"} 0.05\n{} -1'),
    ],
)
def test_labels(query: str, expected: str) -> None:
    """A histogram is what is equal in all labels but `le`, the name included, which is then dropped."""
    assert ask(DATA, query).rows == expect(expected)


def test_equal_counts_are_added_per_step() -> None:
    """Buckets may be absent at single steps: what is there makes the histogram."""
    data = """
        h{le="1"} 1 1 1 _
        h{le="2"} 2 _ 2 _
        h{le="+Inf"} 2 2 _ _
    """
    assert ask(data, "histogram_quantile(0.75, h)").rows == expect("{} 1.5 1 NaN _")


FORCED = (
    "PromQL info: input to histogram_quantile needed to be fixed for monotonicity (see "
    "https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)"
)


@pytest.mark.parametrize(
    ("query", "delayed", "warnings", "infos"),
    [
        ("histogram_quantile(0.5, odd_bucket)", False, (), (f"{FORCED} (1:25)",)),
        (
            "histogram_quantile(0.5, odd_bucket)",
            True,
            (),
            (f'{FORCED} for metric name "odd_bucket" (1:25)',),
        ),
        ("histogram_quantile(0.5, noise_bucket)", False, (), ()),
        (
            "histogram_quantile(2, odd_bucket)",
            False,
            ("PromQL warning: quantile value should be between 0 and 1, got 2 (1:20)",),
            (),
        ),
        (
            "histogram_fraction(0, 1, bad)",
            False,
            (
                'PromQL warning: bucket label "le" is missing or has a malformed value of "" (1:26)',
                'PromQL warning: bucket label "le" is missing or has a malformed value of "x" (1:26)',
            ),
            (),
        ),
    ],
)
def test_annotations(
    query: str, delayed: bool, warnings: tuple[str, ...], infos: tuple[str, ...]
) -> None:
    """Forced monotonicity is an info, a quantile that is none and a bad bucket are warnings."""
    outcome = ask(DATA + '\nbad 1\nbad{le="x"} 1\n', query, delayed_names=delayed)
    assert (outcome.warnings, outcome.infos) == (warnings, infos)


@pytest.mark.parametrize(
    ("text", "bound"),
    [
        ("1", 1),
        ("+1.5e3", 1500),
        (".5", 0.5),
        ("1.", 1),
        ("+Inf", math.inf),
        ("-inf", -math.inf),
        ("Infinity", math.inf),
        ("0x1p-2", 0.25),
        ("", None),
        (" 1", None),
        ("1_000", 1000),
        ("1__0", None),
        ("_1", None),
        ("0x_fp+1_0", 15 * 1024),
        ("0xp1", None),
        ("0x1p9999", None),
        ("\u0661", None),
        ("NaN", None),
        ("1e999", None),
        ("0x1", None),
        ("x", None),
    ],
)
def test_bounds(text: str, bound: float | None) -> None:
    """`le` is a decimal or hexadecimal number or infinite; NaN bounds nothing."""
    assert parse_bound(text) == bound


BOUNDS = ["-2", "-1", "0", "1", "2.5", "1e1", "+Inf"]


@st.composite
def histograms(draw: st.DrawFn) -> StepVector:
    """A few histograms with a few buckets, with counts that may fall, absent here and there."""
    steps = draw(st.integers(1, 3))
    labels: list[Labels] = []
    for name in draw(st.lists(st.sampled_from("abc"), max_size=3, unique=True)):
        bounds = draw(st.lists(st.sampled_from(BOUNDS), min_size=1, max_size=6, unique=True))
        labels += [(("i", name), ("le", bound)) for bound in bounds]
    size = len(labels) * steps
    counts = draw(
        st.lists(st.one_of(st.none(), st.integers(0, 9).map(float)), min_size=size, max_size=size)
    )
    grid = np.array([math.nan if c is None else c for c in counts]).reshape(len(labels), steps)
    return StepVector(labels=labels, values=grid, present=~np.isnan(grid))


def plain_quantile(quantile: float, buckets: list[tuple[float, float]]) -> float:
    if not 0 <= quantile <= 1:
        return math.copysign(math.inf, quantile)
    if buckets[-1][0] != math.inf or len(buckets) < 2:
        return math.nan
    raised: list[float] = []
    for _, count in buckets:
        raised.append(max([count, *raised[-1:]]))
    rank = quantile * raised[-1]
    if raised[-1] == 0:
        return math.nan
    place = next((i for i, count in enumerate(raised[:-1]) if count >= rank), len(raised) - 1)
    if place == len(raised) - 1:
        return buckets[-2][0]
    if place == 0 and buckets[0][0] <= 0:
        return buckets[0][0]
    start, below = (buckets[place - 1][0], raised[place - 1]) if place else (0.0, 0.0)
    if raised[place] == below:
        return math.nan
    return start + (buckets[place][0] - start) * ((rank - below) / (raised[place] - below))


def plain_fraction(lower: float, upper: float, buckets: list[tuple[float, float]]) -> float:
    total = buckets[-1][1]
    if buckets[-1][0] != math.inf or total == 0:
        return math.nan
    if lower >= upper:
        return 0

    def rank(limit: float) -> float:
        start, below = (0.0 if buckets[0][0] > 0 else -math.inf), 0.0
        for end, count in buckets:
            if start >= limit:
                return min(below, total)
            if end > limit:
                share = (limit - start) / (end - start) if start > -math.inf else 1.0
                return min(below + (count - below) * share, total)
            start, below = end, count
        return total

    return (rank(upper) - rank(lower)) / total


@given(
    histograms(),
    st.sampled_from([0, 0.1, 0.5, 0.77, 1, 1.5, -1]),
    st.floats(-3, 12),
    st.floats(-3, 12),
)
@settings(max_examples=200, deadline=None)
def test_as_the_plain_model(
    vector: StepVector, quantile: float, lower: float, upper: float
) -> None:
    """Quantiles and shares are what a loop over histograms, steps and buckets says."""
    quantiles: dict[Labels, Values] = {}
    fractions: dict[Labels, Values] = {}
    steps = vector.values.shape[1]
    for step in range(steps):
        found: dict[Labels, list[tuple[float, float]]] = {}
        for row, labels in enumerate(vector.labels):
            if vector.present[row, step]:
                bucket = (float(labels[1][1]), float(vector.values[row, step]))
                found.setdefault(labels[:1], []).append(bucket)
        for labels, buckets in found.items():
            buckets.sort()
            quantiles.setdefault(labels, [None] * steps)[step] = plain_quantile(quantile, buckets)
            fractions.setdefault(labels, [None] * steps)[step] = plain_fraction(
                lower, upper, buckets
            )
    selector = '{le=~".+"}'
    got = ask(vector, f"histogram_quantile({quantile}, {selector})").rows
    assert got == close(quantiles)
    got = ask(vector, f"histogram_fraction({lower!r}, {upper!r}, {selector})").rows
    loose = {
        k: [v if v is None else pytest.approx(v, abs=1e-9, nan_ok=True) for v in row]
        for k, row in fractions.items()
    }
    assert got == loose
