"""Exponential histograms: bounds, what is stored, and what quantiles come of it (otlp.md 3.3)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config.windows import HistogramBuckets
from daemon.exporters.windows.exponential import (
    MAX_BUCKETS,
    Exponential,
    Layout,
    bound_at,
    read_exponential,
)
from receivers.consumer import Sender
from receivers.model import MetricType, Resource, Temporality
from tests.support.exporting import ENDED, Exporting, Sample, exponential, header, number

CUMULATIVE = header(MetricType.EXPONENTIAL_HISTOGRAM)
DELTA = header(MetricType.EXPONENTIAL_HISTOGRAM, Temporality.DELTA)
QUANTILES = (0, 0.1, 0.5, 0.9, 0.99, 1)


@pytest.mark.parametrize(
    ("scale", "index", "bound"),
    [
        (0, -3, 0.125),
        (0, 0, 1.0),
        (1, 1, 1.414214),
        (1, 3, 2.828427),
        (2, -1, 0.840896),
        (2, 5, 2.378414),
        (3, 7, 1.834008),
        (3, 9, 2.181015),
        (-1, -1, 0.25),
        (-1, 2, 16.0),
        (-4, 1, 65536.0),
        (20, 1, 1.0000006610368821),
        (0, 1024, math.inf),
        (-10, 1, math.inf),
        (0, -1074, 5e-324),
        (0, -1075, 0.0),
        (20, 2**31, math.inf),
    ],
)
def test_bounds(scale: int, index: int, bound: float) -> None:
    """Bounds as the collector prints them; exact at powers of two, infinite and 0 beyond what a float64 holds."""
    assert bound_at(index, scale) == pytest.approx(bound, rel=1e-6)
    if math.log2(bound or 1) == round(math.log2(bound or 1) if bound < math.inf else 0):
        assert bound_at(index, scale) == bound


@given(st.integers(-2000, 2000), st.integers(-8, 18), st.integers(0, 10))
def test_a_bound_is_one_of_finer_scales_too(index: int, scale: int, finer: int) -> None:
    """The same float, whichever scale it was computed at: `le` is a text."""
    finer = min(finer, 20 - scale)
    assert bound_at(index, scale) == bound_at(index << finer, scale + finer)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0;0;0;0:2,3,5;;", (1, 1.41421, 4, 6.9644, 7.88986, 8)),
        ("1;0;0;0:1,2,3,4;;", (1, 1.41421, 2.51984, 3.66802, 3.96549, 4)),
        ("2;1;0.25;-1:2,3;4:1;", (-2.37841, -2.10672, 0.957603, 1.14208, 1.18441, 1.18921)),
        ("0;4;0;1:4;;", (0, 0, 2, 3.4822, 3.94493, 4)),
        ("0;0;0;;0:10;", (-2, -1.86607, -1.41421, -1.07177, -1.00696, -1)),
        ("0;4;0.5;;0:4;", (-2, -1.7411, -0.5, -0.1, -0.01, 0)),
        ("0;4;0.5;0:2;0:2;", (-2, -1.51572, 0, 1.51572, 1.94531, 2)),
        ("-1;0;0;0:10;;", (1, 1.1487, 2, 3.4822, 3.94493, 4)),
        ("20;0;0;1661953:1;0:0;3", (3, 3, 3, 3, 3, 3)),
    ],
)
@pytest.mark.parametrize("kind", [CUMULATIVE, DELTA], ids=["cumulative", "delta"])
def test_quantiles(kind: object, text: str, expected: Sequence[float]) -> None:
    """What Prometheus makes of the same histogram as a native one; of rates and sums too."""
    exporting = Exporting(HistogramBuckets.ALWAYS)
    exporting.send(10, kind, exponential(text))  # type: ignore[arg-type]  # it is a header
    for of in ("m_bucket", "sum by (le) (m_bucket)"):
        found = [
            value
            for q in QUANTILES
            for value in exporting.ask(f"histogram_quantile({q}, {of})", 10)
        ]
        assert found == pytest.approx(expected, rel=1e-5)
    assert exporting.ask("histogram_quantile(-1, m_bucket)", 10) == [-math.inf]
    assert exporting.ask("histogram_quantile(2, m_bucket)", 10) == [math.inf]


def test_fractions() -> None:
    """The share of observations up to a value is the quantile read the other way round."""
    exporting = Exporting(HistogramBuckets.ALWAYS)
    exporting.send(10, CUMULATIVE, exponential("1;0;0;0:1,2,3,4;;"))
    for q in (0.1, 0.35, 0.5, 0.9):
        (value,) = exporting.ask(f"histogram_quantile({q}, m_bucket)", 10)
        (share,) = exporting.ask(f"histogram_fraction(-Inf, {value!r}, m_bucket)", 10)
        assert share == pytest.approx(q)


def test_explicit_powers_of_two_stay_linear() -> None:
    """Only buckets of exponential histograms are read on a logarithmic scale."""
    exporting = Exporting(HistogramBuckets.ALWAYS)
    exporting.send(10, CUMULATIVE, exponential("0;0;0;0:0,4;;"))
    gauge = header(MetricType.GAUGE, name="x_bucket")
    exporting.send(
        11, gauge, *(number(v, 11, le=le) for le, v in (("2", 0), ("4", 4), ("+Inf", 4)))
    )
    assert exporting.ask("histogram_quantile(0.25, x_bucket)", 11) == [2.5]
    assert exporting.ask("histogram_quantile(0.25, m_bucket)", 11) == pytest.approx([2 * 2**0.25])


def buckets(exporting: Exporting) -> dict[str, list[Sample]]:
    stored = exporting.stored().items()
    return {name[12:-1]: samples for name, samples in stored if name.startswith("m_bucket")}


@pytest.mark.parametrize("kind", [CUMULATIVE, DELTA], ids=["cumulative", "delta"])
def test_a_lower_scale(kind: object) -> None:
    """Finer bounds go; coarser ones have the past that they had, and new ones that of the bound below."""
    exporting = Exporting(HistogramBuckets.ALWAYS)
    is_delta = kind is DELTA
    exporting.send(10, kind, exponential("1;0;0;0:1,2,3,4;;", 10, 0))  # type: ignore[arg-type]  # it is a header
    later = exponential("0;0;0;1:1,2;;", 20, 10) if is_delta else exponential("0;0;0;0:3,8,2;;", 20, 0)  # fmt: skip
    exporting.send(20, kind, later)  # type: ignore[arg-type]  # the same
    begin: list[Sample] = [(0, 0)] if is_delta else []
    assert buckets(exporting) == {
        "1": [*begin, (10, 0), (20, 0)],
        "2": [*begin, (10, 3), (20, 3)],
        "4": [*begin, (10, 10), (20, 11)],
        "8": [*begin, (10, 10), (20, 13)],
        "+Inf": [*begin, (10, 10), (20, 13)],
    }


def test_a_range_that_grows() -> None:
    """Below the range nothing was counted, above it all: new bounds on either side have that past."""
    exporting = Exporting(HistogramBuckets.ALWAYS)
    exporting.send(10, CUMULATIVE, exponential("0;2;0;3:5;;", 10, 0))
    exporting.send(20, CUMULATIVE, exponential("0;2;0;2:1,6,1;0:4;", 20, 0))
    assert buckets(exporting) == {
        "-2": [(10, 0), (20, 0)],
        "-1": [(10, 0), (20, 4)],
        "0": [(10, 2), (20, 6)],
        "4": [(10, 2), (20, 6)],
        "8": [(10, 2), (20, 7)],
        "16": [(10, 7), (20, 13)],
        "32": [(10, 7), (20, 14)],
        "+Inf": [(10, 7), (20, 14)],
    }


def test_senders_share_their_bounds() -> None:
    """Ranges and scales of two pods differ; their sum is that of one histogram with both pods' values."""
    exporting = Exporting(HistogramBuckets.ALWAYS)
    pods = {"a": "0;0;0;0:4;;", "b": "1;0;0;4:0,0,4;;"}
    for at_s in (10, 20):
        for name, text in pods.items():
            resource = Resource(attributes={"host.name": name})
            who = {"sender": Sender("otlp", name), "resource": resource}
            exporting.send(at_s, CUMULATIVE, exponential(text, at_s, 0), **who)
    assert exporting.ask("histogram_quantile(0.25, sum by (le) (m_bucket))", 20) == pytest.approx([2**0.5])  # fmt: skip
    assert exporting.ask("histogram_quantile(0.75, sum by (le) (m_bucket))", 20) == pytest.approx([8 * 2**0.5])  # fmt: skip


@pytest.mark.parametrize(
    ("texts", "scale"),
    [
        (["20;0;0;1661953:1;;3"], 20),
        (["20;0;0;1661953:1;;3", "20;0;0;1661954:1;;3"], 20),
        (["20;0;0;-10000000:1;;", "20;0;0;10000000:1;;"], 3),
        (["4;0;0;0:1;;", "4;0;0;400:1;;"], 2),
        (["20;0;0;1000000:1;1000000:1;"], 20),
        (["0;0;0;-1074:1;;", "0;0;0;1023:1;;"], -4),
        (["-10;0;0;-1:1,1;-1:1,1;"], -10),
    ],
)
def test_no_more_than_160_buckets(texts: Sequence[str], scale: int) -> None:
    """The scale falls until all fit, whatever the offsets are: SDKs begin at scale 20 with offsets in the millions."""
    layout = Layout()
    for text in texts:
        layout.take(read_exponential(exponential(text)))
    assert layout.scale == scale
    assert len(layout.bounds) <= MAX_BUCKETS + 2
    assert list(layout.bounds) == sorted(set(layout.bounds))


SIDES = st.dictionaries(st.integers(-3000, 3000), st.integers(1, 9), max_size=6)
HISTOGRAMS = st.tuples(st.integers(-10, 20), SIDES, SIDES, st.integers(0, 3))


def histogram_of(scale: int, positive: dict[int, int], negative: dict[int, int], zeros: int) -> Exponential:  # fmt: skip
    # Indexes whose bounds a float64 holds.
    most = min(3000, max(int(1000 * 2.0**scale), 1))
    sides = [
        {index % most - most // 2: count for index, count in side.items()}
        for side in (positive, negative)
    ]
    return Exponential(
        scale=scale, zero_count=zeros, zero_threshold=0, positive=sides[0], negative=sides[1]
    )


@given(st.lists(HISTOGRAMS, min_size=1, max_size=4))
def test_counts_at_coarser_bounds_are_exact(
    histograms: list[tuple[int, dict[int, int], dict[int, int], int]],
) -> None:
    """What is counted up to each bound is what a list of all buckets says, at every scale."""
    layout = Layout()
    made = [histogram_of(*histogram) for histogram in histograms]
    for one in made:
        layout.take(one)
    for one in made:
        ends = [(-bound_at(i, one.scale), n) for i, n in one.negative.items()]
        ends += [(0.0, one.zero_count)]
        ends += [(bound_at(i + 1, one.scale), n) for i, n in one.positive.items()]
        expected = [sum(n for end, n in ends if end <= bound) for bound in layout.bounds]
        assert layout.counts_of(one) == expected


def test_a_point_that_ended_marks_all_buckets() -> None:
    """NoRecordedValue: count, sum and all buckets get the marker."""
    exporting = Exporting(HistogramBuckets.ALWAYS)
    exporting.send(10, CUMULATIVE, exponential("0;0;0;0:1;;1", 10, 0))
    exporting.send(20, CUMULATIVE, exponential("0;0;0;;;", 20, 0, flags=1))
    assert {samples[-1] for samples in exporting.stored().values()} == {(20, ENDED)}
    assert len(exporting.stored()) == 5
