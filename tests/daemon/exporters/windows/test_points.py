"""Every kind of data point becomes its series (otlp.md 3.1)."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config.windows import HistogramBuckets
from query.estimator import estimate
from receivers.consumer import Sender
from receivers.model import (
    NO_RECORDED_VALUE,
    Metric,
    MetricHeader,
    MetricType,
    QuantileValue,
    Resource,
    SummaryDataPoint,
    Temporality,
)
from tests.support.exporting import (
    ENDED,
    SENDER,
    START_MS,
    DeltasOnTheWire,
    Exporting,
    OnTheWire,
    explicit,
    header,
    number,
    times_of,
)

GAUGE = header(MetricType.GAUGE)
COUNTER = header(MetricType.SUM, is_monotonic=True)
UP_DOWN = header(MetricType.SUM)
HISTOGRAM = header(MetricType.HISTOGRAM)
SUMMARY = header(MetricType.SUMMARY)


def summary(count: int, total: float, quantiles: dict[float, float], time_s: float, **more: Any) -> SummaryDataPoint:  # fmt: skip
    return SummaryDataPoint(
        count=count,
        sum=total,
        quantile_values=[QuantileValue(*pair) for pair in quantiles.items()],
        **times_of(time_s, 0),
        **more,
    )


@pytest.mark.parametrize("kind", [GAUGE, UP_DOWN], ids=["gauge", "up-down sum"])
def test_gauges(kind: MetricHeader) -> None:
    """Int and double, negative, infinite: all are values, and one that falls is no reset."""
    exporting = Exporting()
    for i, value in enumerate([5, 2.5, -3, math.inf, -math.inf, 2**53 + 1]):
        exporting.send(i, kind, number(value, i, 0))
    values = [value for _, value in exporting.stored()["m"]]
    assert values == [5, 2.5, -3, math.inf, -math.inf, 2.0**53]


def test_nan_is_a_value() -> None:
    """NaN is not absence: it is stored, and is no stale marker."""
    exporting = Exporting()
    exporting.send(1, GAUGE, number(math.nan, 1))
    ((_, value),) = exporting.stored()["m"]
    assert isinstance(value, float)
    assert math.isnan(value)


@pytest.mark.parametrize("start_s", [None, 99], ids=["absent", "after the point"])
def test_unknown_starts(start_s: float | None) -> None:
    """Without a start that can be, a counter is reset by its value only."""
    exporting = Exporting()
    for time_s, value in ((10, 5), (20, 8), (30, 3)):
        exporting.send(time_s, COUNTER, number(value, time_s, start_s))
    assert exporting.stored() == {"m": [(10, 5), (20, 8), (30, 3)]}


@pytest.mark.parametrize("way", ["decoded", "encoded"])
def test_a_new_start_is_a_reset(way: str) -> None:
    """A cumulative counter whose start time changes begins at 0 there, whatever its value."""
    exporting = Exporting()
    for time_s, value, start_s in ((10, 5, 0), (20, 9, 15)):
        if way == "decoded":
            exporting.send(time_s, COUNTER, number(value, time_s, start_s, path="a"))
        else:
            # A key stands for time series and start.
            wire = OnTheWire([(f"a@{start_s}", time_s, value, None)], start_s)
            exporting.consume(Metric(COUNTER, wire), at_ms=START_MS + time_s * 1000)
    assert exporting.stored() == {"m{path=a}": [(10, 5), (15, 0), (20, 9)]}


def test_summaries() -> None:
    """Count and sum are counters, each quantile is a gauge."""
    exporting = Exporting()
    exporting.send(10, SUMMARY, summary(2, 4.0, {0.5: 2.0, 0.99: 3.5, 1: 4.0}, 10))
    exporting.send(20, SUMMARY, summary(3, 5.0, {0.5: 1.0}, 20))
    assert exporting.stored() == {
        "m_count": [(10, 2), (20, 3)],
        "m_sum": [(10, 4), (20, 5)],
        "m{quantile=0.5}": [(10, 2), (20, 1)],
        "m{quantile=0.99}": [(10, 3.5)],
        "m{quantile=1}": [(10, 4)],
    }
    assert set(exporting.store.known_names()) == {"m", "m_count", "m_sum"}


def test_a_summary_on_the_wire_has_its_quantiles_too() -> None:
    """Rows have no room for quantiles: summaries are decoded whole."""

    class Wire(OnTheWire):
        def decode(self) -> Any:
            return [summary(1, 2.0, {0.5: 2.0}, 10)]

    exporting = Exporting()
    exporting.consume(Metric(SUMMARY, Wire([])), at_ms=START_MS + 10_000)
    assert set(exporting.stored()) == {"m_count", "m_sum", "m{quantile=0.5}"}


@pytest.mark.parametrize(
    ("kind", "first", "ended"),
    [
        pytest.param(GAUGE, number(1, 10), number(None, 20), id="gauge"),
        pytest.param(COUNTER, number(1, 10), number(None, 20), id="sum"),
        pytest.param(
            HISTOGRAM,
            explicit(3, 6, ([1, 2], [1, 1, 1]), 10),
            explicit(9, None, ([], []), 20, flags=1),
            id="histogram",
        ),
        pytest.param(
            SUMMARY,
            summary(2, 4.0, {0.5: 2.0, 1: 3.0}, 10),
            summary(9, 9.0, {}, 20, flags=1),
            id="summary",
        ),
    ],
)
def test_no_recorded_value(kind: MetricHeader, first: Any, ended: Any) -> None:
    """The series of a point that has no value have ended, all of them, whatever it says besides."""
    exporting = Exporting(HistogramBuckets.ALWAYS)
    exporting.send(10, kind, first)
    exporting.send(20, kind, ended)
    assert {samples[-1] for samples in exporting.stored().values()} == {(20, ENDED)}


def test_no_recorded_value_on_the_wire() -> None:
    """A row whose value is the marker marks its series; a counter goes on from where it was."""
    exporting = Exporting()
    for time_s, value in ((10, 5.0), (20, NO_RECORDED_VALUE), (30, 7.0)):
        wire = OnTheWire([("a", time_s, value, None)])
        exporting.consume(Metric(COUNTER, wire), at_ms=START_MS + time_s * 1000)
    assert exporting.stored() == {"m{path=a}": [(10, 5), (20, ENDED), (30, 7)]}


def test_other_bounds_of_a_cumulative_histogram() -> None:
    """Buckets start again, all together; those that are no more are gone."""
    exporting = Exporting(HistogramBuckets.ALWAYS)
    exporting.send(10, HISTOGRAM, explicit(3, 6, ([1, 2], [1, 1, 1]), 10, 0))
    exporting.send(20, HISTOGRAM, explicit(4, 9, ([1, 5], [1, 2, 1]), 20, 0))
    assert exporting.stored() == {
        "m_count": [(10, 3), (20, 4)],
        "m_sum": [(10, 6), (20, 9)],
        "m_bucket{le=1}": [(20, 1)],
        "m_bucket{le=5}": [(20, 3)],
        "m_bucket{le=+Inf}": [(20, 4)],
    }


def test_a_sum_that_is_absent_at_times() -> None:
    """A cumulative histogram without sum has no sample there, and goes on later."""
    exporting = Exporting()
    for time_s, total in ((10, 6.0), (20, None), (30, 9.0)):
        exporting.send(time_s, HISTOGRAM, explicit(time_s, total, ([], []), time_s, 0))
    assert exporting.stored()["m_sum"] == [(10, 6), (30, 9)]


def test_a_bound_that_is_infinite() -> None:
    """The last bucket is `+Inf` once, whether its bound is written or not."""
    exporting = Exporting(HistogramBuckets.ALWAYS)
    exporting.send(10, HISTOGRAM, explicit(9, 12, ([1, math.inf], [1, 2, 3]), 10))
    assert exporting.stored()["m_bucket{le=+Inf}"] == [(10, 9)]


def test_names_without_data_are_known() -> None:
    """A metric without data points, or without data at all, is known by its name."""
    exporting = Exporting()
    exporting.consume(
        Metric(MetricHeader(name="a.b")),
        Metric(header(MetricType.SUMMARY, name="s")),
        at_ms=START_MS,
    )
    assert set(exporting.store.known_names()) == {"a_b", "s", "s_count", "s_sum"}


def test_prometheus_names() -> None:
    """`add_metric_suffixes` names OTLP metrics as Prometheus' users do; those of other receivers stay as they are."""
    latency = MetricHeader(name="http.latency", unit="ms", type=MetricType.HISTOGRAM, temporality=Temporality.CUMULATIVE)  # fmt: skip
    exporting = Exporting(windows={"add_metric_suffixes": True})
    exporting.send(10, latency, explicit(1, 2, ([], []), 10))
    exporting.send(10, latency, explicit(1, 2, ([], []), 10), sender=Sender("opencensus", "x"))
    assert set(exporting.stored()) == {
        "http_latency_milliseconds_count",
        "http_latency_milliseconds_sum",
        "http_latency_count",
        "http_latency_sum",
    }


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        (["service.name"], {"m{service_name=shop}"}),
        (["*"], {"m{k8s_pod_name=p,service_name=shop}"}),
        ([], {"m{service_name=point}"}),
    ],
)
def test_resource_labels(labels: list[str], expected: set[str]) -> None:
    """Which of the resource's attributes become labels is a setting; they win over a point's own."""
    exporting = Exporting(windows={"resource_labels": labels})
    resource = Resource(attributes={"service.name": "shop", "k8s.pod.name": "p"})
    point = number(1, 10)
    point.attributes["service.name"] = "point"
    exporting.send(10, GAUGE, point, resource=resource)
    assert set(exporting.stored()) == expected


@pytest.mark.parametrize("wanted", [[], ["service.instance.id"]])
def test_labels_of_a_target(wanted: list[str]) -> None:
    """What was scraped has `job` and `instance` of the resource, whatever else is wanted; they are not there twice."""
    exporting = Exporting(windows={"resource_labels": wanted})
    attributes = {"service.name": "shop", "service.instance.id": "h:80", "server.port": "80"}
    exporting.send(
        10,
        GAUGE,
        number(1, 10),
        resource=Resource(attributes=attributes),
        sender=Sender("prometheus", "x"),
    )
    assert set(exporting.stored()) == {"m{instance=h:80,job=shop}"}


STEPS = st.lists(st.tuples(st.integers(1, 3), st.integers(0, 9)), min_size=1, max_size=12)
"""(intervals of 10 s until the next report that has the row, what was counted in the last of them)"""


@given(STEPS)
def test_both_temporalities_and_both_ways_are_the_same_series(steps: list[tuple[int, int]]) -> None:
    """Delta or cumulative, decoded or on the wire: one counter, one series, and it grew by what was sent."""
    delta = header(MetricType.SUM, Temporality.DELTA, is_monotonic=True)
    ways = {way: Exporting(retention_ms=0) for way in ("dd", "de", "cd", "ce")}
    now_s, total = 0, 0
    for intervals, count in steps:
        now_s, total = now_s + 10 * intervals, total + count
        at_ms = START_MS + now_s * 1000
        ways["dd"].send(now_s, delta, number(count, now_s, now_s - 10, path="a"))
        ways["cd"].send(now_s, COUNTER, number(total, now_s, 0, path="a"))
        wire = DeltasOnTheWire([("a", now_s, count, None)], [now_s - 10])
        ways["de"].consume(Metric(delta, wire), at_ms=at_ms)
        ways["ce"].consume(Metric(COUNTER, OnTheWire([("a", now_s, total, None)])), at_ms=at_ms)
    stored = {way: exporting.stored()["m{path=a}"] for way, exporting in ways.items()}
    assert stored["dd"] == stored["de"]
    assert stored["cd"] == stored["ce"]
    # Deltas say more: where the total was flat. At the times of the reports both say the same.
    times = {time for time, _ in stored["cd"]}
    assert [one for one in stored["dd"] if one[0] in times] == stored["cd"]
    values = [value for _, value in stored["dd"]]
    assert (values[0], values[-1], values == sorted(values)) == (0, total, True)


@given(STEPS)
def test_the_increase_is_what_was_sent(steps: list[tuple[int, int]]) -> None:
    """No value appears from nothing: from each report on, the increase is what later deltas hold."""
    exporting = Exporting(retention_ms=0)
    delta = header(MetricType.SUM, Temporality.DELTA, is_monotonic=True)
    sent: list[tuple[int, int]] = [(0, 0)]
    for intervals, count in steps:
        now_s = sent[-1][0] + 10 * intervals
        exporting.send(now_s, delta, number(count, now_s, now_s - 10))
        sent.append((now_s, count))
    end_s = sent[-1][0]
    for begin_s, _ in sent[:-1]:
        window_ms = (end_s - begin_s) * 1000
        selection = exporting.store.select([], start_ms=0, end_ms=2 * START_MS)
        found = estimate(selection, window_ms=window_ms, at_ms=START_MS + end_s * 1000)
        assert found.increase.tolist() == [sum(count for at_s, count in sent if at_s > begin_s)]


def test_default_report_interval() -> None:
    """A sender of OTLP reports every 60 s until its reports say otherwise, one of OpenCensus every 20 s."""
    exporting = Exporting()
    for sender in (Sender("otlp", "a"), Sender("opencensus", "b")):
        exporting.windows.opened(sender, START_MS)
        resource = Resource(attributes={"host.name": sender.identity})
        exporting.send(0, GAUGE, number(1, 0), sender=sender, resource=resource)
    found = exporting.store.select([], start_ms=0, end_ms=START_MS)
    intervals = dict(
        zip(found.senders.names, found.senders.report_interval_ms.tolist(), strict=True)
    )
    assert intervals == {"otlp:a": 60_000, "opencensus:b": 20_000}


def test_what_is_remembered_is_counted() -> None:
    """Buckets and quantiles count too: a metric's memory is bounded whatever its points hold."""
    exporting = Exporting(HistogramBuckets.ALWAYS, retention_ms=60_000)
    exporting.windows.opened(SENDER, START_MS)
    for time_s, bounds in ((10, [1, 2]), (20, [1]), (200, [1, 2, 3])):
        exporting.store.advance(START_MS + time_s * 1000)
        point = explicit(0, 0, (bounds, [0] * (len(bounds) + 1)), time_s, 0)
        exporting.send(time_s, HISTOGRAM, point)
        # The metric, its one time series, and a series for each bound.
        assert exporting.windows.remembered == 2 + len(bounds) + 1
    exporting.windows.closed(SENDER, START_MS + 200_000)
    assert exporting.windows.remembered == 0
