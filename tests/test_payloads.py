"""The notation that tests write metrics in, both ways."""

from __future__ import annotations

import pytest
from hypothesis import given

from receivers.model import (
    ExponentialBuckets,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    MetricHeader,
    MetricType,
    NumberDataPoint,
    QuantileValue,
    ResourceMetrics,
    SummaryDataPoint,
    Temporality,
)
from tests.support import strategies
from tests.support.payload_text import write_metric, written
from tests.support.payloads import EPOCH_S, batch, payload

SECOND = 1_000_000_000
AT = EPOCH_S * SECOND


@pytest.mark.parametrize(
    "text",
    [
        "R{}",
        "R{} ;; R{host=b} S lib@1.2 gauge m1 [9{k=z}] ;; R{}",
        'R{a=1} csum m "1/s" [3{k=b}@10^-60!1, -4@none, null!1]',
        "R{} S sc gauge m [1.0, NaN, +Inf, -Inf, 1e+300, 0.25@0.5]",
        'R{} S sc{app=x,n=1} S sc@v2{app=""} gauge m []',
        'R{} dud a [1] xsum b [1] xud c [1] S "" gauge d [2]',
        "R{} chist h [h(3;6.0;1.0,2.0;1,1,1){k=a}, h(4;;1.0;1,3), h(1;9.0;1.0,2.0;0,0,1;9.0;9.5)]",
        "R{} xhist h [h(3;6.0;;), h(0;;;)]",
        "R{} cexp e [e(0;1;0.5;0:2,3;1:1;5.0){p=x}, e(1;0;0.0;2:5;), e(-1;2;0.0;;-3:1,0;;1.0;2.0)]",
        "R{} xexp e [] dexp f [e(0;0;0.0;;)]",
        "R{} summ q [q(1;2.0;0.5=2.0,0.9=3.5){k=a}, q(0;0.0;)] none z []",
        'R{e="",five="5",l=[1,a,{x=[]}],m={},n=nil,t=true,u="true",v="0x01",w=0x01ff,x=abc-42}',
        'R{} gauge "a b" [1{"k k"="v \\"w\\"",é="😀"}]'.replace("é=", '"é"='),
    ],
)
def test_round_trip(text: str) -> None:
    """What is read is written as it stood."""
    assert written(payload(text)) == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("dsum m [5@10^0] ", "R{} dsum m [5@10^0]", id="no resource"),
        pytest.param("R{b=1, a=x y}\n  S sc", 'R{a="x y",b=1} S sc', id="blanks and order"),
        pytest.param("gauge m [ 2.50 , 1 ]", "R{} gauge m [2.5, 1]", id="numbers"),
        pytest.param("summ q [q(1;1)]", "R{} summ q [q(1;1.0;)]", id="no quantiles"),
        pytest.param("gauge m [1@5.0^-60.250]", "R{} gauge m [1@5^-60.25]", id="seconds"),
    ],
)
def test_other_spellings(text: str, expected: str) -> None:
    """Blanks, the order of attributes and needless digits do not count."""
    assert written(batch(text)) == expected


def test_sorted_points() -> None:
    """Points can be written as a set."""
    metrics = payload("gauge m [7.0, 2, -3.0, null!1]")
    assert written(metrics, sort_points=True) == "R{} gauge m [-3.0, 2, 7.0, null!1]"


def test_what_the_texts_mean() -> None:
    """Every part lands in its field."""
    [item] = payload(
        'S sc gauge g [2{k=5}@1.5^-1!1] dsum s "By" [1] chist h [h(3;6;1,2;1,1,1;0.5;3)]'
        " cexp e [e(2;1;0.25;-1:2,3;4:1;9;-7;8)] summ q [q(4;8;0.5=2)]"
    )
    gauge, total, histogram, exponential, summary = item.scope_metrics[0].metrics
    assert gauge.data_points == [
        NumberDataPoint(
            value=2,
            attributes={"k": 5},
            time_unix_nano=AT + SECOND * 3 // 2,
            start_time_unix_nano=AT - SECOND,
            flags=1,
        )
    ]
    header = total.header
    assert (header.name, header.unit, header.type) == ("s", "By", MetricType.SUM)
    assert (header.temporality, header.is_monotonic) == (Temporality.DELTA, True)
    assert histogram.data_points == [
        HistogramDataPoint(
            time_unix_nano=AT,
            count=3,
            sum=6.0,
            explicit_bounds=[1.0, 2.0],
            bucket_counts=[1, 1, 1],
            min=0.5,
            max=3.0,
        )
    ]
    assert exponential.data_points == [
        ExponentialHistogramDataPoint(
            time_unix_nano=AT,
            count=7,
            sum=9.0,
            scale=2,
            zero_count=1,
            zero_threshold=0.25,
            positive=ExponentialBuckets(offset=-1, bucket_counts=[2, 3]),
            negative=ExponentialBuckets(offset=4, bucket_counts=[1]),
            min=-7.0,
            max=8.0,
        )
    ]
    assert summary.data_points == [
        SummaryDataPoint(
            time_unix_nano=AT, count=4, sum=8.0, quantile_values=[QuantileValue(0.5, 2.0)]
        )
    ]


def test_write_metric() -> None:
    """One metric can be written alone."""
    header = MetricHeader(name="m", unit="s", type=MetricType.GAUGE)
    assert write_metric(Metric(header)) == 'gauge m "s" []'


@pytest.mark.parametrize(
    "text",
    [
        "R{a}",
        "R{a=1",
        "gauge m",
        "gauge m [1",
        "gauge m [1] nonsense",
        "gauge m [x]",
        "gauge m [h(1;1;;)]",
        "chist m [1]",
        "none m [1]",
        "ggauge m []",
        "gauge m [1@x]",
        "gauge m [1!x]",
        "S sc@ gauge m []",
    ],
)
def test_what_cannot_be_read(text: str) -> None:
    """A mistake in a test's own text does not become a metric."""
    with pytest.raises(ValueError, match=r"."):
        payload(text)


@given(strategies.payloads)
def test_any_payload(metrics: list[ResourceMetrics]) -> None:
    """Whatever is written reads back as the same."""
    text = written(metrics)
    assert written(payload(text)) == text
