"""How data points become series."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest

import daemon.exporters.windows.consumer as module
from daemon.config.windows import HistogramBuckets
from daemon.exporters.windows import Windows
from daemon.exporters.windows.labels import build_labels, format_bound
from query.labels import METRIC_NAME, MatchOp
from query.regex import build_matcher
from query.store.store import Store, StoreSettings
from receivers.consumer import Batch, Sender
from receivers.model import (
    DataPoint,
    EncodedRow,
    HistogramDataPoint,
    Metric,
    MetricHeader,
    MetricType,
    NumberDataPoint,
    Resource,
    ResourceMetrics,
    Scope,
    ScopeMetrics,
    SummaryDataPoint,
    Temporality,
)
from tests.support.consumers import Counts

START_MS = 1_730_000_000_000
NANO = 1_000_000
SENDER = Sender("opencensus", "pod-a/1/0")
RESOURCE = Resource(attributes={"host.name": "pod-a", "process.pid": 1})
COUNTER = MetricHeader(
    name="http/calls",
    type=MetricType.SUM,
    temporality=Temporality.CUMULATIVE,
    is_monotonic=True,
)
GAUGE = MetricHeader(name="level", type=MetricType.GAUGE)
HISTOGRAM = MetricHeader(
    name="latency", type=MetricType.HISTOGRAM, temporality=Temporality.CUMULATIVE
)


class OnTheWire:
    """Encoded points of one counter with a row per label value; counts how often labels are read."""

    def __init__(self, values: Mapping[str, float], at_ms: int) -> None:
        self._values = values
        self._at_ms = at_ms
        self.described = 0

    def decode(self) -> list[DataPoint]:
        raise AssertionError("nobody needs whole data points here")

    def rows(self) -> Iterator[EncodedRow]:
        for key, value in self._values.items():
            yield EncodedRow(key, self._at_ms * NANO, value, None)

    def describe(self, key: Hashable) -> tuple[dict[str, Any], int]:
        self.described += 1
        return {"path": str(key)}, START_MS * NANO


class Bench:
    """Windows over a store, and what came of it."""

    def __init__(self, buckets: HistogramBuckets = HistogramBuckets.AUTO, **settings: Any) -> None:
        self.store = Store(StoreSettings(**settings), lambda _event, _fields: None)
        self.counts = Counts()
        self.appended: list[set[str]] = []
        self.windows = Windows(
            self.store,
            buckets=buckets,
            count=self.counts,
            on_append=lambda names: self.appended.append(set(names)),
        )
        self.windows.opened(SENDER, START_MS)

    def consume(self, *metrics: Metric, at_ms: int, resource: Resource = RESOURCE) -> None:
        self.windows.reported(SENDER, at_ms)
        scope_metrics = [ScopeMetrics(Scope(), list(metrics))]
        self.windows.consume(Batch(SENDER, at_ms, [ResourceMetrics(resource, scope_metrics)]))

    def series(self, at_ms: int) -> dict[str, list[float]]:
        everything = [build_matcher(METRIC_NAME, MatchOp.REGEX, ".+")]
        found = self.store.select(everything, start_ms=at_ms - 300_000, end_ms=at_ms)
        return {
            _text(labels): found.values[i, : found.counts[i]].tolist()
            for i, labels in enumerate(found.labels)
        }


def _text(labels: Sequence[tuple[str, str]]) -> str:
    inner = ",".join(f"{key}={value}" for key, value in labels if key != METRIC_NAME)
    return f"{dict(labels)[METRIC_NAME]}{{{inner}}}"


def number(value: float | None, at_ms: int, **attributes: Any) -> NumberDataPoint:
    return NumberDataPoint(
        attributes=attributes,
        start_time_unix_nano=START_MS * NANO,
        time_unix_nano=at_ms * NANO,
        value=value,
    )


def histogram(at_ms: int, **attributes: Any) -> HistogramDataPoint:
    return HistogramDataPoint(
        attributes=attributes,
        start_time_unix_nano=START_MS * NANO,
        time_unix_nano=at_ms * NANO,
        count=7,
        sum=9.5,
        explicit_bounds=[0.5, 1.0],
        bucket_counts=[1, 2, 3],
    )


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        pytest.param(
            Metric(GAUGE, data_points=[number(-3, START_MS)]),
            {"level{host_name=pod-a}": [-3.0]},
            id="gauge",
        ),
        pytest.param(
            Metric(COUNTER, data_points=[number(5, START_MS, path="/a")]),
            {"http_calls{host_name=pod-a,path=/a}": [5.0]},
            id="counter",
        ),
        pytest.param(
            Metric(HISTOGRAM, data_points=[histogram(START_MS)]),
            {"latency_count{host_name=pod-a}": [7.0], "latency_sum{host_name=pod-a}": [9.5]},
            id="histogram",
        ),
        pytest.param(
            Metric(
                MetricHeader(name="s", type=MetricType.SUMMARY),
                data_points=[SummaryDataPoint(time_unix_nano=START_MS * NANO, count=2, sum=4.0)],
            ),
            {"s_count{host_name=pod-a}": [2.0], "s_sum{host_name=pod-a}": [4.0]},
            id="summary",
        ),
        pytest.param(Metric(GAUGE, data_points=[number(None, START_MS)]), {}, id="no value"),
    ],
)
def test_kinds(metric: Metric, expected: dict[str, list[float]]) -> None:
    """Each kind of metric has its series (DESIGN 3.5)."""
    bench = Bench()
    bench.consume(metric, at_ms=START_MS)
    stored = {name: values for name, values in bench.series(START_MS).items() if values}
    assert stored == expected


def test_labels_are_read_once_per_series() -> None:
    """In later reports the bytes of a time series are enough: no label is decoded again."""
    bench = Bench()
    reports = [OnTheWire({"/a": n, "/b": 2 * n}, START_MS + 20_000 * n) for n in range(3)]
    for n, report in enumerate(reports):
        bench.consume(Metric(COUNTER, report), at_ms=START_MS + 20_000 * n)
    assert [report.described for report in reports] == [2, 0, 0]
    assert bench.series(START_MS + 40_000) == {
        "http_calls{host_name=pod-a,path=/a}": [0.0, 1.0, 2.0],
        "http_calls{host_name=pod-a,path=/b}": [0.0, 2.0, 4.0],
    }


def test_wire_and_decoded_points_are_the_same_series() -> None:
    """A metric that a processor has touched goes on in the series that it had before."""
    bench = Bench()
    bench.consume(Metric(COUNTER, OnTheWire({"/a": 1}, START_MS)), at_ms=START_MS)
    later = START_MS + 20_000
    bench.consume(Metric(COUNTER, data_points=[number(2, later, path="/a")]), at_ms=later)
    assert bench.series(later) == {"http_calls{host_name=pod-a,path=/a}": [1.0, 2.0]}


def test_a_series_that_was_forgotten_is_made_again() -> None:
    """What is remembered of a series ends with the series."""
    bench = Bench()
    bench.consume(Metric(COUNTER, OnTheWire({"/a": 1}, START_MS)), at_ms=START_MS)
    later = START_MS + 400_000
    bench.store.advance(later)
    assert bench.series(later) == {}
    bench.consume(Metric(COUNTER, OnTheWire({"/a": 9}, later)), at_ms=later)
    assert bench.series(later) == {"http_calls{host_name=pod-a,path=/a}": [9.0]}


def test_a_metric_without_points_is_known() -> None:
    """A kept metric without points reaches the store by its stored names."""
    bench = Bench()
    bench.consume(Metric(COUNTER), Metric(HISTOGRAM), at_ms=START_MS)
    assert bench.store.known_names() == ["http_calls", "latency_count", "latency_sum"]
    assert bench.appended == []


def test_who_waits_for_samples_hears_the_names() -> None:
    """`on_append` gets the metric names of a message that brought samples, once."""
    bench = Bench()
    bench.consume(
        Metric(GAUGE, data_points=[number(1, START_MS)]),
        Metric(HISTOGRAM, data_points=[histogram(START_MS)]),
        at_ms=START_MS,
    )
    assert bench.appended == [{"level", "latency_count", "latency_sum"}]


@pytest.mark.parametrize(
    "header",
    [
        pytest.param(MetricHeader(name="x"), id="no data"),
        pytest.param(
            MetricHeader(name="x", type=MetricType.SUM), id="sum of unspecified temporality"
        ),
        pytest.param(MetricHeader(name="x", type=MetricType.HISTOGRAM), id="unspecified"),
    ],
)
def test_what_no_window_can_hold_is_counted(header: MetricHeader) -> None:
    """Metrics that are not cumulative, or have no data, are left out and counted; the others are stored."""
    bench = Bench()
    bench.consume(
        Metric(header, data_points=[number(1, START_MS)]),
        Metric(GAUGE, data_points=[number(2, START_MS)]),
        at_ms=START_MS,
    )
    assert list(bench.series(START_MS)) == ["level{host_name=pod-a}"]
    assert sum(bench.counts.values()) == 1


BUCKETS = {
    "latency_bucket{host_name=pod-a,le=0.5}": [1.0],
    "latency_bucket{host_name=pod-a,le=1}": [3.0],
    "latency_bucket{host_name=pod-a,le=+Inf}": [7.0],
}


@pytest.mark.parametrize(
    ("buckets", "asked", "expected"),
    [
        pytest.param(HistogramBuckets.AUTO, "latency_bucket", BUCKETS, id="auto, asked"),
        pytest.param(HistogramBuckets.AUTO, "latency", {}, id="auto, another name asked"),
        pytest.param(HistogramBuckets.ALWAYS, None, BUCKETS, id="always"),
        pytest.param(HistogramBuckets.NEVER, "latency_bucket", {}, id="never"),
    ],
)
def test_buckets(
    buckets: HistogramBuckets, asked: str | None, expected: dict[str, list[float]]
) -> None:
    """Buckets are stored where they are wanted: counts summed upwards, +Inf is the count (otlp.md 3.1)."""
    bench = Bench(buckets)
    if asked is not None:
        bench.windows.asked(asked)
    bench.consume(Metric(HISTOGRAM, data_points=[histogram(START_MS)]), at_ms=START_MS)
    found = bench.series(START_MS)
    assert {name: values for name, values in found.items() if "_bucket" in name} == expected


def test_a_limit_refuses_a_series_and_nothing_else() -> None:
    """At max_series the series that were there go on, and a refused one is asked for again in the next report."""
    bench = Bench(max_series=1)
    for n in range(2):
        at_ms = START_MS + 20_000 * n
        bench.consume(Metric(COUNTER, OnTheWire({"/a": n, "/b": n}, at_ms)), at_ms=at_ms)
    assert bench.series(START_MS + 20_000) == {"http_calls{host_name=pod-a,path=/a}": [0.0, 1.0]}
    assert bench.store.counters["refused_series"] == 2


@pytest.mark.parametrize(
    ("attributes", "resource", "expected"),
    [
        pytest.param({"a.b-c": "x"}, {}, {"a_b_c": "x"}, id="odd characters in names"),
        pytest.param({"a": "", "b": None}, {}, {}, id="empty values"),
        pytest.param({"host.name": "lie"}, {"host.name": "h"}, {"host_name": "h"}, id="host wins"),
        pytest.param(
            {},
            {"service.instance.id": "i", "k8s.pod.name": "p", "service.name": "s"},
            {"service_instance_id": "i", "k8s_pod_name": "p"},
            id="identity of the resource only",
        ),
        pytest.param(
            {"i": 5, "f": 2.5, "t": True, "b": b"\x01\xff"},
            {},
            {"i": "5", "f": "2.5", "t": "true", "b": "01ff"},
            id="values that are not text",
        ),
    ],
)
def test_labels(
    attributes: dict[str, Any], resource: dict[str, Any], expected: dict[str, str]
) -> None:
    """Labels are attributes and the resource's identity (DESIGN 3.4)."""
    assert dict(build_labels("m", attributes, resource)) == {METRIC_NAME: "m", **expected}


@pytest.mark.parametrize(
    ("bound", "text"), [(1.0, "1"), (2.5, "2.5"), (0.005, "0.005"), (1e21, "1e+21"), (-3.0, "-3")]
)
def test_bounds(bound: float, text: str) -> None:
    """`le` is the shortest decimal of the bound."""
    assert format_bound(bound) == text


def test_two_metrics_of_one_sender_do_not_become_one_series() -> None:
    """`a/b` and `a.b` are both a_b: mixed up they would look like a counter that is reset all the time."""
    bench = Bench()
    for at_ms in (START_MS + 1_000, START_MS + 2_000):
        for name, value in (("a/b", 100.0), ("a.b", 50.0)):
            header = replace(COUNTER, name=name)
            bench.consume(Metric(header, data_points=[number(value, at_ms)]), at_ms=at_ms)
    assert bench.series(START_MS + 2_000) == {"a_b{host_name=pod-a}": [100.0, 100.0]}
    assert bench.store.counters["refused_series"] == 2


def test_a_sum_that_was_refused_is_refused_until_there_is_room() -> None:
    """Count and sum of a distribution are two series: if only one found room, the other is asked for again."""

    class Wire(OnTheWire):
        def rows(self) -> Iterator[EncodedRow]:
            yield EncodedRow("key", self._at_ms * NANO, 7.0, 9.5)

    bench = Bench(max_series=1)
    for at_ms in (START_MS + 1_000, START_MS + 2_000):
        bench.consume(Metric(HISTOGRAM, Wire({}, at_ms)), at_ms=at_ms)
    assert bench.store.counters["refused_series"] == 2


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """New metrics and series in every report, of whichever sender: at the limit remembering begins anew."""
    monkeypatch.setattr(module, "MAX_MEMOS", 5)
    bench = Bench()
    wires = [OnTheWire({f"{i}": 1.0, "same": 1.0}, START_MS + i) for i in range(8)]
    for i, wire in enumerate(wires):
        bench.consume(Metric(COUNTER, wire), at_ms=START_MS + i)
    # Forgotten before the fifth report: the metric, its series "same", and one for each report made six.
    assert [wire.described for wire in wires] == [2, 1, 1, 1, 2, 1, 1, 1]


def test_a_megabyte_of_description_is_not_remembered() -> None:
    """The header of such a metric is good, but looked at anew in each report."""
    bench = Bench()
    wires = [OnTheWire({"a": float(i)}, START_MS + i) for i in range(2)]
    for i, wire in enumerate(wires):
        header = replace(COUNTER, description="long" * 2**18)
        bench.consume(Metric(header, wire), at_ms=START_MS + i)
    assert [wire.described for wire in wires] == [1, 1]
    assert bench.series(START_MS + 2) == {"http_calls{host_name=pod-a,path=a}": [0.0, 1.0]}
