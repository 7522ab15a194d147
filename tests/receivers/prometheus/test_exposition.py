"""Pages of metrics as the model."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receivers.errors import DecodeError
from receivers.model import (
    HistogramDataPoint,
    Metric,
    MetricType,
    NumberDataPoint,
    SummaryDataPoint,
    Temporality,
)
from receivers.prometheus.exposition import decode_page

AT = 1_700_000_000_000_000_000
TEXT = "text/plain; version=0.0.4"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"


def decode(text: str, content_type: str = TEXT) -> list[Metric]:
    return decode_page(text, content_type=content_type, at_unix_nano=AT)


def only(text: str, content_type: str = TEXT) -> tuple[Metric, list[object]]:
    [metric] = decode(text, content_type)
    return metric, list(metric.data_points)


@pytest.mark.parametrize("name", ["requests_total", "dapr_http_server_request_count"])
def test_a_counter_keeps_its_name(name: str) -> None:
    """A cumulative monotonic sum, with or without `_total`: Dapr's own have none."""
    metric, points = only(f'# HELP {name} how many\n# TYPE {name} counter\n{name}{{a="1"}} 3\n')
    header = metric.header
    assert (header.name, header.description, header.type) == (name, "how many", MetricType.SUM)
    assert (header.is_monotonic, header.temporality) == (True, Temporality.CUMULATIVE)
    assert points == [NumberDataPoint(attributes={"a": "1"}, time_unix_nano=AT, value=3.0)]


@pytest.mark.parametrize("kind", ["gauge", "untyped"])
def test_gauges(kind: str) -> None:
    """A gauge and what has no type are gauges; a sample may have a time of its own, in milliseconds."""
    metric, points = only(f"# TYPE g {kind}\ng 1.5 1600000000123\n")
    assert metric.header.type is MetricType.GAUGE
    assert points == [NumberDataPoint(time_unix_nano=1_600_000_000_123_000_000, value=1.5)]


def test_a_histogram() -> None:
    """Buckets are no longer summed upwards, `+Inf` takes the count; the names of the series are the page's."""
    text = """\
# TYPE h histogram
h_bucket{a="1",le="0.5"} 1
h_bucket{a="1",le="2"} 4
h_bucket{a="1",le="+Inf"} 6
h_sum{a="1"} 12.5
h_count{a="1"} 6
"""
    metric, points = only(text)
    assert (metric.header.name, metric.header.type) == ("h", MetricType.HISTOGRAM)
    assert points == [
        HistogramDataPoint(
            attributes={"a": "1"},
            time_unix_nano=AT,
            count=6,
            sum=12.5,
            explicit_bounds=[0.5, 2.0],
            bucket_counts=[1, 3, 2],
        )
    ]


def test_a_summary() -> None:
    """Quantiles, count and sum."""
    metric, points = only('# TYPE s summary\ns{quantile="0.5"} 2\ns_sum 8\ns_count 4\n')
    assert metric.header.type is MetricType.SUMMARY
    assert points == [
        SummaryDataPoint(time_unix_nano=AT, count=4, sum=8.0, quantile_values=[(0.5, 2.0)])  # type: ignore[list-item]  # equal to a QuantileValue
    ]


def test_openmetrics() -> None:
    """Units and the times at which counters began are read; the page must end as it should."""
    text = """\
# TYPE work_seconds counter
# UNIT work_seconds seconds
work_seconds_total{a="1"} 3
work_seconds_created{a="1"} 1699999990.5
# EOF
"""
    metric, points = only(text, OPENMETRICS)
    assert (metric.header.name, metric.header.unit) == ("work_seconds_total", "seconds")
    assert points == [
        NumberDataPoint(
            attributes={"a": "1"},
            start_time_unix_nano=1_699_999_990_500_000_000,
            time_unix_nano=AT,
            value=3.0,
        )
    ]


def test_families_without_samples_are_left_out() -> None:
    """A page declares more than it has."""
    assert decode("# HELP a x\n# TYPE a counter\n# TYPE h histogram\nh_sum 1\n") == []


@pytest.mark.parametrize(
    ("text", "content_type"),
    [
        ("<html>", TEXT),
        ('a{b="c} 1', TEXT),
        ("a one", TEXT),
        ("a 1", OPENMETRICS),  # no EOF
        ('h_bucket{le="x"} 1\n', OPENMETRICS),
        ('# TYPE h histogram\nh_bucket{le="x"} 1\nh_count 1\n', TEXT),
    ],
)
def test_what_is_no_page(text: str, content_type: str) -> None:
    """It is told what kind of page was expected."""
    with pytest.raises(DecodeError, match=r"cannot decode (OpenMetrics page|page of Prometheus)"):
        decode(text, content_type)


LINES = st.lists(
    st.sampled_from(
        """\
# TYPE a counter
# TYPE h histogram
# TYPE s summary
# EOF
a 1
a 1 2 3
a Inf
a{
a{a="\\\\"} 1
h_bucket{le="1"} 2
h_count NaN
h_count 1e400
s{quantile="x"} 1
s_count -1
""".splitlines()
    )
)


@given(st.one_of(st.text(), LINES.map("\n".join)), st.sampled_from([TEXT, OPENMETRICS]))
def test_any_text(text: str, content_type: str) -> None:
    """Anything is metrics, or the documented error."""
    try:
        metrics = decode(text, content_type)
    except DecodeError:
        return
    assert all(metric.data_points for metric in metrics)
