"""opencensus.md 7, the receiver's half of tables C to F: message in, data points out; pure and over real gRPC."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import inf, nan
from typing import Any

import pytest

from receivers.model import MetricType, Temporality
from receivers.opencensus.decode import Decoder
from receivers.opencensus.stream import StreamState
from tests.receivers.opencensus.reading import metrics_of, read_data_points, read_rows
from tests.receivers.opencensus.running import Running
from tests.support.consumers import Counts
from tests.support.opencensus_messages import (
    ABSENT,
    CUMULATIVE_DISTRIBUTION,
    CUMULATIVE_DOUBLE,
    CUMULATIVE_INT64,
    GAUGE_DISTRIBUTION,
    GAUGE_DOUBLE,
    GAUGE_INT64,
    HELLO,
    SUMMARY,
    Metric,
    T,
    ci,
    distribution,
    metric,
    point,
    request,
)

HTTP = ("app_id", "method", "path", "status")
ACTOR = ("actor_type", "app_id", "operation")
BULK = ("app_id", "component", "namespace", "process_status", "topic")
RESILIENCY = ("app_id", "flow_direction", "name", "namespace", "policy", "status", "target")
ACL = ("app_id", "namespace", "trustDomain")
REQUESTS = "http/server/request_count"
ROUNDTRIP = "grpc.io/client/roundtrip_latency"
ROUNDTRIP_KEYS = ("app_id", "grpc_client_method", "grpc_client_status")


@dataclass(frozen=True)
class Case:
    """Metrics of one message, the lines they give, and what is counted (by each reader, or while receiving)."""

    id: str
    metrics: list[Any]
    lines: list[str] = field(default_factory=list)
    read_counts: dict[str, int] = field(default_factory=dict)
    receive_counts: dict[str, int] = field(default_factory=dict)


def one(type_: int, *points: Any, name: str = "m") -> Any:
    """A metric of one series without labels."""
    return metric(name, type_, rows=[((), points)])


def dist(**fields: Any) -> Any:
    return one(CUMULATIVE_DISTRIBUTION, point(fields, field="distribution_value"))


def summary(**fields: Any) -> Any:
    return one(SUMMARY, point(fields, field="summary_value"))


def labelled(name: str, keys: tuple[str, ...], *values: str | None) -> Any:
    return ci(name, keys, values, 1)


GOOD = ci("good")
GOOD_LINE = "good{} 5 @0"
EMPTY_SERIES = metric("m", CUMULATIVE_INT64, rows=[((), []), ((), [point(5)])])
EMPTY_SERIES.timeseries[0].Clear()
NO_HAS_VALUE = ci("m", ("a", "b"), ("x", "2"))
NO_HAS_VALUE.timeseries[0].label_values[0].has_value = False
EXEMPLAR = dist(**distribution(4, 10, [1, 2], [1, 2, 1]))
EXEMPLAR.timeseries[0].points[0].distribution_value.buckets[1].exemplar.value = 1.5
TWO_THOUSAND = metric(
    "m", CUMULATIVE_INT64, ("i",), [((f"{i:04}",), [point(i)]) for i in range(2000)]
)
WRONG = {"wrong_value": 1}

CASES = [
    # Table C, types and values.
    Case("C1", [one(GAUGE_INT64, point(5))], ["m{} 5 @0"]),
    Case("C2", [one(GAUGE_DOUBLE, point(1.25, field="double_value"))], ["m{} 1.25 @0"]),
    Case("C3", [one(CUMULATIVE_INT64, point(7))], ["m{} 7 @0"]),
    Case("C4", [one(CUMULATIVE_DOUBLE, point(2.5, field="double_value"))], ["m{} 2.5 @0"]),
    Case("C5", [dist(**distribution(4, 10, [1, 2], [1, 2, 1]))], ["m{} 4/10.0 @0"]),
    Case("C6", [dist(**distribution(1, 15))], ["m{} 1/15.0 @0"]),
    Case("C7", [dist(**distribution(4, 10, [0, 1, 2], [1, 1, 1, 1]))], ["m{} 4/10.0 @0"]),
    Case("C8", [dist(**distribution(4, 10, [0, 1, 2], [1, 3]))], ["m{} 4/10.0 @0"]),
    Case("C9", [EXEMPLAR], ["m{} 4/10.0 @0"]),
    Case("C10", [dist(count=0, sum=0.0)], ["m{} 0/0.0 @0"]),
    Case(
        "C11",
        [
            summary(
                count={"value": 3},
                sum={"value": 9.0},
                snapshot={"percentile_values": [{"percentile": 99.0, "value": 4.0}]},
            )
        ],
        ["m{} 3/9.0 @0"],
    ),
    Case("C12", [summary(snapshot={})], ["m{} 0/0.0 @0"]),
    Case("C13", [one(0, point(1)), GOOD], [GOOD_LINE], {}, {"unsupported_type": 1}),
    Case("C14", [one(GAUGE_DISTRIBUTION, point(1))], [], {}, {"unsupported_type": 1}),
    Case("C15", [one(42, point(1)), GOOD], [GOOD_LINE], {}, {"unsupported_type": 1}),
    Case("C16", [Metric(), GOOD], [GOOD_LINE], {}, {"no_descriptor": 1}),
    Case("C17", [one(CUMULATIVE_INT64, point(3.0, field="double_value"))], [], WRONG),
    Case("C18", [one(GAUGE_DOUBLE, point(3))], [], WRONG),
    Case("C19", [one(CUMULATIVE_DISTRIBUTION, point(3))], [], WRONG),
    Case("C19 summary", [one(SUMMARY, point(3))], [], WRONG),
    Case("C20", [one(GAUGE_INT64, point(None), point(1))], ["m{} 1 @0"], WRONG),
    Case("C21", [one(GAUGE_INT64, point(4, None), point(1))], ["m{} 1 @0"], {"bad_time": 1}),
    Case(
        "C22",
        [one(CUMULATIVE_INT64, point(1), point(2, T + 10), point(3, T + 20))],
        ["m{} 1 @0", "m{} 2 @10", "m{} 3 @20"],
    ),
    Case("C23", [ci(value=1), ci(value=2, at=T + 20)], ["m{} 1 @0", "m{} 2 @20"]),
    # in wire order here: the store sorts
    Case("C24", [ci(value=2, at=T + 20), ci(value=1)], ["m{} 2 @20", "m{} 1 @0"]),
    Case("C25", [one(GAUGE_INT64, point(-3))], ["m{} -3 @0"]),
    Case("C26", [one(GAUGE_INT64, point(2**53 + 1))], ["m{} 9007199254740993 @0"]),
    Case(
        "C27",
        [one(GAUGE_DOUBLE, *(point(x, field="double_value") for x in (nan, inf, -inf, 1.0)))],
        ["m{} 1.0 @0"],
        {"not_finite": 3},
    ),
    Case("C27 sum", [dist(count=1, sum=nan)], [], {"not_finite": 1}),
    Case("C28", [dist(count=-1, sum=1.0)], [], {"negative_count": 1}),
    Case("C28 summary", [summary(count={"value": -1})], [], {"negative_count": 1}),
    Case("C29", [one(GAUGE_INT64, point(1, -5), point(2, 0))], [], {"bad_time": 2}),
    Case("C29 beyond int64 ns", [one(GAUGE_INT64, point(1, 2**62))], [], {"bad_time": 1}),
    Case("C30", [ci(at=T + 3600)], ["m{} 5 @3600"]),
    Case("C31", [EMPTY_SERIES], ["m{} 5 @0"]),
    Case("C32", [TWO_THOUSAND], [f'm{{i="{i:04}"}} {i} @0' for i in range(2000)]),
    # Table D, labels.
    Case("D1", [ci("m", ("a", "b"), ("1", "2"))], ['m{a="1",b="2"} 5 @0']),
    Case("D2", [ci("m", ("a", "b"), (ABSENT, "2"))], ['m{b="2"} 5 @0']),
    Case("D3", [NO_HAS_VALUE], ['m{b="2"} 5 @0']),
    Case("D4", [ci("m", ("a",), ("",))], ["m{} 5 @0"]),
    Case(
        "D5",
        [ci("m", ("a", "b", "c"), ("1", "2"))],
        ['m{a="1",b="2"} 5 @0'],
        {"shifted_labels": 1},
    ),
    Case("D6", [ci("m", ("a",), ("1", "2"))], ['m{a="1"} 5 @0']),
    Case("D7", [ci("m", (), ("1",))], ["m{} 5 @0"]),
    Case("D8", [ci("m", ("a", "b"), ())], ["m{} 5 @0"]),
    Case("D9", [ci("m", ("a", "a"), ("1", "2"))], ['m{a="2"} 5 @0']),
    Case(
        "D10",
        [labelled(REQUESTS, HTTP, "nodeapp", "GET", "200")],
        [REQUESTS + '{app_id="nodeapp",method="GET",status="200"} 1 @0'],
    ),
    Case(
        "D11",
        [labelled(REQUESTS, HTTP, "nodeapp", "/x", "500")],
        [REQUESTS + '{app_id="nodeapp",path="/x",status="500"} 1 @0'],
    ),
    Case(
        "D12",
        [labelled(REQUESTS, HTTP, "nodeapp", "204")],
        [REQUESTS + '{app_id="nodeapp",status="204"} 1 @0'],
    ),
    # names are sanitised where they are stored
    Case("D13", [ci("m", ("a.b",), ("x",))], ['m{a.b="x"} 5 @0']),
    Case("D14", [ci("m", ("a",), ('"\\\n',))], ['m{a=""\\\n"} 5 @0']),
    Case(
        "D15",
        [ci("m", ("a", "b"), ("1", "2")), ci("m", ("b", "a"), ("2", "1"), 6, T + 20)],
        ['m{a="1",b="2"} 5 @0', 'm{a="1",b="2"} 6 @20'],
    ),
    # Table E, names.
    Case(
        "E1",
        [ci("runtime/service_invocation/req_recv_total")],
        ["runtime/service_invocation/req_recv_total{} 5 @0"],
    ),
    Case("E2", [ci("grpc.io/server/completed_rpcs")], ["grpc.io/server/completed_rpcs{} 5 @0"]),
    Case("E4", [ci("a-b:c")], ["a-b:c{} 5 @0"]),
    Case("E7", [ci(""), GOOD], [GOOD_LINE], {}, {"empty_name": 1}),
    # Table F, daprd.
    Case(
        "F2",
        [
            labelled(
                ROUNDTRIP,
                ROUNDTRIP_KEYS,
                "opencensus.proto.agent.trace.v1.TraceService/Config",
                "UNIMPLEMENTED",
            ),
            labelled(ROUNDTRIP, ROUNDTRIP_KEYS, "nodeapp", "/x", "OK"),
        ],
        [ROUNDTRIP + '{app_id="nodeapp",grpc_client_method="/x",grpc_client_status="OK"} 1 @0'],
        {"phantom_series": 1},
    ),
    Case(
        "F2 elsewhere",
        [labelled("m", ("a",), "opencensus.proto.agent.x")],
        ['m{a="opencensus.proto.agent.x"} 1 @0'],
    ),
    Case("F2 no values", [ci(ROUNDTRIP, ROUNDTRIP_KEYS)], [ROUNDTRIP + "{} 5 @0"]),
    Case(
        "F3",
        [labelled("runtime/actor/status_report_total", ACTOR, "nodeapp", "send")],
        ['runtime/actor/status_report_total{app_id="nodeapp",operation="send"} 1 @0'],
    ),
    Case(
        "F4",
        [
            labelled(
                "resiliency/activations_total",
                RESILIENCY,
                *("pythonapp", "outbound", "res", "default", "retry", "app_nodeapp"),
            )
        ],
        [
            (
                'resiliency/activations_total{app_id="pythonapp",flow_direction="outbound",name="res",'
                'namespace="default",policy="retry",target="app_nodeapp"} 1 @0'
            )
        ],
    ),
    Case(
        "F5",
        [
            labelled(
                "resiliency/activations_total",
                RESILIENCY,
                *("pythonapp", "outbound", "res", "default", "circuitbreaker", "open", "app_x"),
            )
        ],
        [
            (
                'resiliency/activations_total{app_id="pythonapp",flow_direction="outbound",name="res",'
                'namespace="default",policy="circuitbreaker",status="open",target="app_x"} 1 @0'
            )
        ],
    ),
    Case(
        "F6",
        [labelled("component/pubsub_ingress/bulk/count", BULK, "a", "c", "n", "t")],
        [
            'component/pubsub_ingress/bulk/count{app_id="a",component="c",namespace="n",topic="t"} 1 @0'
        ],
    ),
    Case(
        "acl without values",
        [labelled("runtime/acl/global_policy_action_allowed_total", ACL)],
        ["runtime/acl/global_policy_action_allowed_total{} 1 @0"],
    ),
    Case(
        "F17",
        [
            metric(
                "m",
                CUMULATIVE_DISTRIBUTION,
                ("a",),
                [
                    (
                        ("5",),
                        [point(distribution(1, 2, [1] * 5, [1] * 6), field="distribution_value")],
                    ),
                    (("0",), [point(distribution(3, 4), field="distribution_value")]),
                ],
            )
        ],
        ['m{a="5"} 1/2.0 @0', 'm{a="0"} 3/4.0 @0'],
    ),
]
by_id = pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)


@by_id
def test_points_of_a_message(case: Case) -> None:
    """Both readers give the points of the table and count each one they leave out."""
    counts = Counts()
    state = StreamState(Decoder(counts), "10.0.0.1")
    state.receive(HELLO, 0)
    batch = state.receive(request(*case.metrics), 0)
    assert batch is not None
    assert counts == case.receive_counts
    counts.clear()
    assert (read_rows([batch]), counts) == (case.lines, case.read_counts)
    counts.clear()
    assert (read_data_points([batch]), counts) == (case.lines, case.read_counts)


@pytest.mark.integration
@by_id
async def test_points_over_grpc(oc: Running, case: Case) -> None:
    """The same over a real connection; the stream ends with OK whatever it carried."""
    status = await oc.play([HELLO, request(*case.metrics)])
    assert status.name == "OK"
    assert read_rows(oc.sink.batches) == case.lines
    assert oc.counts == {**case.receive_counts, **case.read_counts}


HEADERS = [
    (GAUGE_INT64, MetricType.GAUGE, Temporality.UNSPECIFIED, False),
    (GAUGE_DOUBLE, MetricType.GAUGE, Temporality.UNSPECIFIED, False),
    (CUMULATIVE_INT64, MetricType.SUM, Temporality.CUMULATIVE, True),
    (CUMULATIVE_DOUBLE, MetricType.SUM, Temporality.CUMULATIVE, True),
    (CUMULATIVE_DISTRIBUTION, MetricType.HISTOGRAM, Temporality.CUMULATIVE, False),
    (SUMMARY, MetricType.SUMMARY, Temporality.UNSPECIFIED, False),
]


@pytest.mark.parametrize(("type_", "expected", "temporality", "monotonic"), HEADERS)
def test_header(
    type_: int, expected: MetricType, temporality: Temporality, monotonic: bool
) -> None:
    """Each OpenCensus type has its OTLP type and flags (3.3); name, description and unit stay as they are."""
    message = metric("a/b.c-d", type_)
    message.metric_descriptor.description, message.metric_descriptor.unit = "text", "ms"
    state = StreamState(Decoder(Counts()), "10.0.0.1")
    state.receive(HELLO, 0)
    batch = state.receive(request(message), 0)
    assert batch is not None
    header = metrics_of([batch])[0].header
    assert (header.name, header.description, header.unit) == ("a/b.c-d", "text", "ms")
    assert (header.type, header.temporality, header.is_monotonic) == (
        expected,
        temporality,
        monotonic,
    )
