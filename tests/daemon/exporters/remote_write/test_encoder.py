"""Data points to the series that remote write sends: the collector's own output for the same payloads."""

from __future__ import annotations

import struct
from typing import Any

import pytest

from daemon.config.prometheusremotewrite_exporter import (
    RemoteWriteExporterConfig,
    ResourceToTelemetryConfig,
    TargetInfoConfig,
)
from daemon.exporters.remote_write.encoder import METADATA, RemoteWriteEncoder
from daemon.exporters.sending_queue import Request
from receivers.consumer import Batch, Sender
from receivers.model import Exemplar, NumberDataPoint
from tests.support.consumers import Counts
from tests.support.payloads import batch
from tests.support.written import STALE, WriteRequest, series_text


class Encoding:
    def __init__(self, **settings: Any) -> None:
        self.refused = Counts()
        self.series = Counts()
        config = RemoteWriteExporterConfig(endpoint="http://backend/write", **settings)
        self._encoder = RemoteWriteEncoder(config, self.refused, self.series)

    def requests(self, *batches: Batch) -> list[Request]:
        made: list[Request] = []
        for one in batches:
            for _ in self._encoder(one, made.append):
                pass
        return made

    def series_of(self, payload: str) -> list[str]:
        return [line for one in self.requests(batch(payload)) for line in series_text(one.body)]


VECTORS = {
    "resource and scope": (
        "R{service.name=svc,service.namespace=ns,service.instance.id=i1,k8s.pod.name=p} S sc@1 gauge m [1{http.method=GET}]",
        (
            'm{http_method="GET",instance="i1",job="ns/svc",otel_scope_name="sc",otel_scope_version="1"} 1 ; '
            'target_info{instance="i1",job="ns/svc",k8s_pod_name="p"} 1'
        ),
    ),
    "keys that become one": (
        "R{service.name=svc} gauge m [1{http.method=GET,http_method=PUT}]",
        'm{http_method="GET;PUT",job="svc"} 1',
    ),
    "names of labels": (
        'R{service.instance.id=i1} gauge m [1{a-b=1,9x=2,_x=3,__y=4,"é"=5,k_=6,key-a=7}]',
        'm{a_b="1",instance="i1",k_="6",key_="5",key_9x="2",key_a="7",key_x="3",key_y="4"} 1',
    ),
    "kinds of value": (
        'gauge m [1{e="",b=true,d=1.5,i=5,l=[1,a],m={x=1},n=nil,by=0x01ff}]',
        'm{b="true",by="Af8=",d="1.5",e="",i="5",l="[1,"a"]",m="{"x":1}",n=""} 1',
    ),
    "reserved labels": (
        "gauge m [1{job=j,instance=i,le=x,__name__=zz}]",
        'm{instance="i",job="j",le="x"} 1',
    ),
    "scope labels win": (
        "R{service.name=svc} S sc gauge m [1{scope_name=x,otel_scope_name=y}]",
        'm{job="svc",otel_scope_name="sc",scope_name="x"} 1',
    ),
    "no recorded value": ("gauge m [5{a=1}!1]", 'm{a="1"} stale'),
    "not finite": (
        "gauge m [NaN{a=1}, +Inf{a=2}, -Inf{a=3}]",
        'm{a="1"} NaN ; m{a="2"} +Inf ; m{a="3"} -Inf',
    ),
    "histogram": (
        "chist h [h(6;12.5;1,2.5;1,2,3){a=1}]",
        (
            'h_bucket{a="1",le="+Inf"} 6 ; h_bucket{a="1",le="1"} 1 ; h_bucket{a="1",le="2.5"} 3 ; '
            'h_count{a="1"} 6 ; h_sum{a="1"} 12.5'
        ),
    ),
    "histogram without sum": (
        "chist h [h(6;;1,2;1,2,3)]",
        'h_bucket{le="+Inf"} 6 ; h_bucket{le="1"} 1 ; h_bucket{le="2"} 3 ; h_count{} 6',
    ),
    "histogram without buckets": (
        "chist h [h(6;12;;)]",
        'h_bucket{le="+Inf"} 6 ; h_count{} 6 ; h_sum{} 12',
    ),
    "histogram, count above its buckets": (
        "chist h [h(9;12;1,2;1,2,3)]",
        'h_bucket{le="+Inf"} 9 ; h_bucket{le="1"} 1 ; h_bucket{le="2"} 3 ; h_count{} 9 ; h_sum{} 12',
    ),
    "histogram, a bucket too few": (
        "chist h [h(6;12;1,2;1,2)]",
        'h_bucket{le="+Inf"} 6 ; h_bucket{le="1"} 1 ; h_bucket{le="2"} 3 ; h_count{} 6 ; h_sum{} 12',
    ),
    "summary": (
        "summ q [q(4;8;0.5=2,0.99=3){a=1}]",
        'q_count{a="1"} 4 ; q_sum{a="1"} 8 ; q{a="1",quantile="0.5"} 2 ; q{a="1",quantile="0.99"} 3',
    ),
    "exponential histogram": ("cexp e [e(2;1;0.25;-1:2,3;4:1;12.5){a=1}]", 'e{a="1"} native'),
    "exponential, scale lowered": ("cexp e [e(20;0;0;0:1,1;;2)]", "e{} native"),
    "exponential, scale too small": ("cexp e [e(-5;0;0;0:1;;2)]", "e{}"),
    "two points of one series": ("gauge m [1{a=1}, 2{a=1}]", 'm{a="1"} 1 2'),
    "stale histogram": (
        "chist h [h(6;12;1,2;1,2,3)!1]",
        'h_bucket{le="+Inf"} stale ; h_bucket{le="1"} stale ; h_bucket{le="2"} stale ; h_count{} stale ; h_sum{} stale',
    ),
    "stale summary": (
        "summ q [q(4;8;0.5=2)!1]",
        'q_count{} stale ; q_sum{} stale ; q{quantile="0.5"} stale',
    ),
    "counter": ("gauge m [1{le=5}] csum m [2{}]", 'm_total{} 2 ; m{le="5"} 1'),
    "unspecified temporality": ("xsum c [5]", ""),
    "no type": ("none n []", ""),
    "no points": ("gauge n []", ""),
}


@pytest.mark.parametrize(("payload", "expected"), VECTORS.values(), ids=VECTORS)
def test_series(payload: str, expected: str) -> None:
    """A payload becomes the series that the collector writes for it."""
    lines = [line for line in expected.split(" ; ") if line]
    assert Encoding().series_of(payload) == sorted(lines)


@pytest.mark.parametrize(
    ("payload", "time_ms"),
    [("gauge m [1@none]", 0), ("gauge m [1@0.0015]", 1_700_000_000_001)],
    ids=["none", "cut to milliseconds"],
)
def test_times(payload: str, time_ms: int) -> None:
    """Times are milliseconds, cut; a time that is missing is sent as 0."""
    (request,) = Encoding().requests(batch(payload))
    assert WriteRequest.FromString(request.body).timeseries[0].samples[0].timestamp == time_ms


DELTAS = {
    "sum": ("dsum c [5@10^0]", "dsum c [3@20^10]", "c_total{} 5", "c_total{} 8"),
    "up-down sum": ("dud c [5@10^0]", "dud c [-3@20^10]", "c{} 5", "c{} 2"),
    "no start": ("dsum c [5@10]", "dsum c [3@20]", "c_total{} 5", "c_total{} 8"),
    "overlap": ("dsum c [5@10^0]", "dsum c [3@20^5]", "c_total{} 5", "c_total{} 8"),
    "int then double": ("dsum c [5@10^0]", "dsum c [2.5@20^10]", "c_total{} 5", "c_total{} 7.5"),
    "late": ("dsum c [5@20^10]", "dsum c [3@10^0]", "c_total{} 5", ""),
    "duplicate": ("dsum c [5@10^0]", "dsum c [5@10^0]", "c_total{} 5", ""),
    "other attributes": (
        "dsum c [5{a=1}@10]",
        "dsum c [3{a=2}@20]",
        'c_total{a="1"} 5',
        'c_total{a="2"} 3',
    ),
    "NaN": ("dsum c [5@10]", "dsum c [NaN@20]", "c_total{} 5", ""),
    "stale": ("dsum c [5@10]", "dsum c [null@20!1]", "c_total{} 5", "c_total{} stale"),
    "histogram": (
        "dhist h [h(3;6;1;1,2)@10^0]",
        "dhist h [h(1;9;1;0,1)@20^10]",
        'h_bucket{le="+Inf"} 3 ; h_bucket{le="1"} 1 ; h_count{} 3 ; h_sum{} 6',
        'h_bucket{le="+Inf"} 4 ; h_bucket{le="1"} 1 ; h_count{} 4 ; h_sum{} 15',
    ),
    "histogram, other bounds": (
        "dhist h [h(3;6;1;1,2)@10^0]",
        "dhist h [h(1;9;5;0,1)@20^10]",
        'h_bucket{le="+Inf"} 3 ; h_bucket{le="1"} 1 ; h_count{} 3 ; h_sum{} 6',
        'h_bucket{le="+Inf"} 1 ; h_bucket{le="5"} 0 ; h_count{} 1 ; h_sum{} 9',
    ),
    "histogram, sum missing once": (
        "dhist h [h(3;6;;)@10^0]",
        "dhist h [h(1;;;)@20^10]",
        'h_bucket{le="+Inf"} 3 ; h_count{} 3 ; h_sum{} 6',
        'h_bucket{le="+Inf"} 4 ; h_count{} 4',
    ),
}


@pytest.mark.parametrize(("first", "then", "one", "two"), DELTAS.values(), ids=DELTAS)
def test_deltas(first: str, then: str, one: str, two: str) -> None:
    """Delta points go out as the running total, which a moving start time does not disturb."""
    encoding = Encoding()
    assert encoding.series_of(first) == [line for line in one.split(" ; ") if line]
    assert encoding.series_of(then) == [line for line in two.split(" ; ") if line]


def test_totals_are_per_sender() -> None:
    """Two processes that report the same labels have totals of their own, which do not mix."""
    encoding = Encoding()
    senders = [Sender("test", "a"), Sender("test", "b")]
    made = encoding.requests(*(batch("dsum c [5@10]", one) for one in senders * 1))
    assert [series_text(one.body) for one in made] == [["c_total{} 5"], ["c_total{} 5"]]


def test_native_histogram() -> None:
    """Spans and deltas say the same counts; scale 20 is lowered to 8, and a zero threshold of 0 gets Prometheus' own."""
    payload = "cexp e [e(2;1;0.25;-1:2,0,3,0,0,0,4;4:1;12.5)]"
    (request,) = Encoding().requests(batch(payload))
    (one,) = WriteRequest.FromString(request.body).timeseries[0].histograms
    assert (one.count_int, one.sum, one.schema, one.zero_count_int) == (11, 12.5, 2, 1)
    assert [(span.offset, span.length) for span in one.positive_spans] == [(0, 3), (3, 1)]
    assert list(one.positive_deltas) == [2, -2, 3, 1]
    assert [(span.offset, span.length) for span in one.negative_spans] == [(5, 1)]
    (request,) = Encoding().requests(batch("cexp e [e(20;0;0;0:1,1;;2)!1]"))
    (one,) = WriteRequest.FromString(request.body).timeseries[0].histograms
    assert (one.schema, one.zero_threshold, list(one.positive_deltas)) == (8, 1e-128, [2])
    assert one.count_int == STALE
    assert struct.pack("<d", one.sum) == struct.pack("<Q", STALE)


def test_exemplars() -> None:
    """Exemplars go along: trace and span in hexadecimal."""
    one = batch("csum c [5]")
    point = one.resource_metrics[0].scope_metrics[0].metrics[0].data_points[0]
    assert isinstance(point, NumberDataPoint)
    point.exemplars = [Exemplar(time_unix_nano=5_000_000, value=3, span_id=b"\1", trace_id=b"\2")]
    (request,) = Encoding().requests(one)
    (exemplar,) = WriteRequest.FromString(request.body).timeseries[0].exemplars
    labels = {label.name: label.value for label in exemplar.labels}
    assert (labels, exemplar.value, exemplar.timestamp) == (
        {"span_id": "01", "trace_id": "02"},
        3,
        5,
    )


PAYLOAD = 'R{service.name=svc,host.name=h} S sc@1 csum http.requests "By" [1{a=1}]'
SETTINGS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "namespace": (
        {"namespace": "ns"},
        [
            'ns_http_requests_bytes_total{a="1",job="svc",otel_scope_name="sc",otel_scope_version="1"} 1',
            'ns_target_info{host_name="h",job="svc"} 1',
        ],
    ),
    "without suffixes": (
        {"add_metric_suffixes": False, "disable_scope_info": True},
        ['http_requests{a="1",job="svc"} 1', 'target_info{host_name="h",job="svc"} 1'],
    ),
    "resource attributes as labels": (
        {
            "disable_scope_info": True,
            "target_info": TargetInfoConfig(enabled=False),
            "resource_to_telemetry_conversion": ResourceToTelemetryConfig(enabled=True),
        },
        ['http_requests_bytes_total{a="1",host_name="h",job="svc",service_name="svc"} 1'],
    ),
    "but those of the service": (
        {
            "disable_scope_info": True,
            "target_info": TargetInfoConfig(enabled=False),
            "resource_to_telemetry_conversion": ResourceToTelemetryConfig(
                enabled=True, exclude_service_attributes=True
            ),
        },
        ['http_requests_bytes_total{a="1",host_name="h",job="svc"} 1'],
    ),
    "external labels": (
        {
            "disable_scope_info": True,
            "target_info": TargetInfoConfig(enabled=False),
            "external_labels": {"a": "x", "data.center": "eu"},
        },
        ['http_requests_bytes_total{a="1",data_center="eu",job="svc"} 1'],
    ),
}


@pytest.mark.parametrize(("settings", "expected"), SETTINGS.values(), ids=SETTINGS)
def test_settings(settings: dict[str, Any], expected: list[str]) -> None:
    """Each setting changes names or labels as in the collector."""
    assert Encoding(**settings).series_of(PAYLOAD) == expected


def test_metadata() -> None:
    """Metadata goes in a request of its own."""
    made = Encoding(send_metadata=True).requests(
        batch('csum c "By" [1] gauge g [2] chist h [h(1)] summ s [q(1)]')
    )
    assert [request.kind == METADATA for request in made] == [False, True]
    told = WriteRequest.FromString(made[1].body).metadata
    assert [(one.type, one.family, one.unit) for one in told] == [
        (1, "c_bytes_total", "By"),
        (2, "g", ""),
        (3, "h", ""),
        (5, "s", ""),
    ]


def test_pieces() -> None:
    """A batch beyond max_batch_size_bytes is several requests; each point is counted in one of them."""
    points = ", ".join(f"{n}{{a={n}}}" for n in range(100))
    made = Encoding(max_batch_size_bytes=1_000).requests(batch(f"gauge m [{points}]"))
    assert len(made) > 2
    assert all(len(request.body) <= 1_000 for request in made)
    assert sum(request.points for request in made) == 100


def test_bounded_totals() -> None:
    """Totals beyond max_delta_series are forgotten, those longest silent first, and that is counted."""
    encoding = Encoding(max_delta_series=2)
    for name in "abc":
        encoding.series_of(f"dsum {name} [5@10]")
    assert encoding.refused == {"delta_series_forgotten": 1}
    assert encoding.series_of("dsum c [5@20]") == ["c_total{} 10"]
    assert encoding.series_of("dsum a [5@20]") == ["a_total{} 5"]


def test_counted() -> None:
    """What cannot be told is counted by its reason, and the series are counted."""
    encoding = Encoding()
    encoding.series_of("xsum c [5, 6] gauge g [null] cexp e [e(-5;0;0;0:1;;2)] gauge h [1]")
    assert encoding.refused == {"temporality_unspecified": 2, "no_value": 1, "scale_too_small": 1}
    assert encoding.series["translated"] == 2
