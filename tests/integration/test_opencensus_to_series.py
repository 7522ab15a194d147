"""From OpenCensus messages to series in the windows, through the whole daemon (opencensus.md 7, what is stored)."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from query.labels import METRIC_NAME, MatchOp
from query.regex import build_matcher
from tests.support.keda_client import WALKTHROUGH
from tests.support.opencensus_messages import (
    ABSENT,
    CUMULATIVE_DISTRIBUTION,
    CUMULATIVE_DOUBLE,
    CUMULATIVE_INT64,
    GAUGE_DISTRIBUTION,
    GAUGE_DOUBLE,
    GAUGE_INT64,
    N1,
    N2,
    R0,
    SUMMARY,
    S,
    T,
    ci,
    distribution,
    metric,
    node,
    point,
    request,
    resource,
)
from tests.support.running_app import RunningApp, running_app

pytestmark = pytest.mark.integration

HTTP = ("app_id", "method", "path", "status")
ACTOR = ("actor_type", "app_id", "operation")
RESILIENCY = ("app_id", "flow_direction", "name", "namespace", "policy", "status", "target")
ANONYMOUS = node(host_name="")


def stored(run: RunningApp) -> list[str]:
    """Return every sample as `name{labels}@seconds after T=value`; zeros that the store put are among them."""
    everything = [build_matcher(METRIC_NAME, MatchOp.REGEX, ".+")]
    now_ms = run.time.clock()
    found = run.app.store.select(everything, start_ms=now_ms - 300_000, end_ms=now_ms + 600_000)
    lines = []
    for i, labels in enumerate(found.labels):
        inner = ",".join(f"{key}={value}" for key, value in labels if key != METRIC_NAME)
        for j in range(found.counts[i]):
            value = found.values[i, j]
            if not np.isnan(value):
                at_s = found.times_ms[i, j] / 1000 - T
                lines.append(f"{dict(labels)[METRIC_NAME]}{{{inner}}}@{at_s:g}={value:g}")
    return sorted(lines)


async def result(*messages: bytes, first: Any = ANONYMOUS) -> list[str]:
    """Return what is stored after a sidecar has sent its Node and these messages, one every 20 s from T on."""
    async with (
        running_app(at_ms=T * 1000) as run,
        run.sidecar(request(node=first, resource=R0)) as sidecar,
    ):
        for number, raw in enumerate(messages):
            await sidecar.report(raw, (T + 20 * number) * 1000)
        return stored(run)


def one(type_: int, value: Any, field: str = "int64_value", at: float | None = T) -> bytes:
    """A report with one point."""
    return request(metric("m", type_, (), [((), [point(value, at, field)])]))


def row(name: str, keys: tuple[str, ...], *values: str | None) -> bytes:
    """A report with one counter of these label values."""
    return request(ci(name, keys, values))


DIST = distribution(4, 10.0, (1.0, 2.0), (1, 2, 1))
VALUES = {
    "C1 int gauge": (one(GAUGE_INT64, 5), ["m{}@0=5"]),
    "C2 double gauge": (one(GAUGE_DOUBLE, 1.25, "double_value"), ["m{}@0=1.25"]),
    "C3 int counter": (one(CUMULATIVE_INT64, 7), ["m{}@0=7"]),
    "C4 double counter": (one(CUMULATIVE_DOUBLE, 2.5, "double_value"), ["m{}@0=2.5"]),
    "C5 distribution": (
        one(CUMULATIVE_DISTRIBUTION, DIST, "distribution_value"),
        ["m_count{}@0=4", "m_sum{}@0=10"],
    ),
    "C6 no buckets": (
        one(CUMULATIVE_DISTRIBUTION, distribution(1, 15.0), "distribution_value"),
        ["m_count{}@0=1", "m_sum{}@0=15"],
    ),
    "C10 empty distribution": (
        one(CUMULATIVE_DISTRIBUTION, distribution(0, 0.0), "distribution_value"),
        ["m_count{}@0=0", "m_sum{}@0=0"],
    ),
    "C11 summary": (
        one(SUMMARY, {"count": {"value": 3}, "sum": {"value": 9.0}}, "summary_value"),
        ["m_count{}@0=3", "m_sum{}@0=9"],
    ),
    "C12 empty summary": (one(SUMMARY, {}, "summary_value"), ["m_count{}@0=0", "m_sum{}@0=0"]),
    "C13 unspecified type": (request(metric("m0", 0), ci("m1")), ["m1{}@0=5"]),
    "C14 gauge distribution": (one(GAUGE_DISTRIBUTION, DIST, "distribution_value"), []),
    "C15 unknown type": (one(42, 5), []),
    "C17 double in an int counter": (one(CUMULATIVE_INT64, 3.0, "double_value"), []),
    "C18 int in a double gauge": (one(GAUGE_DOUBLE, 3), []),
    "C19 int in a distribution": (one(CUMULATIVE_DISTRIBUTION, 3), []),
    "C20 no value": (one(CUMULATIVE_INT64, None), []),
    "C21 no time": (one(CUMULATIVE_INT64, 5, at=None), []),
    "C22 three points": (
        request(
            metric("m", GAUGE_INT64, (), [((), [point(v, T - 20 + 10 * v) for v in range(3)])])
        ),
        ["m{}@-10=1", "m{}@-20=0", "m{}@0=2"],
    ),
    "C23 the same metric twice": (
        request(ci("m", value=5, at=T - 20), ci("m", value=7, at=T)),
        ["m{}@-20=5", "m{}@0=7"],
    ),
    "C24 points backwards": (
        request(ci("m", value=7, at=T), ci("m", value=5, at=T - 20)),
        ["m{}@-20=5", "m{}@0=7"],
    ),
    "C25 negative gauge": (one(GAUGE_INT64, -3), ["m{}@0=-3"]),
    "C26 beyond 2 to the 53": (one(GAUGE_INT64, 2**53 + 1), ["m{}@0=9.0072e+15"]),
    "C27 NaN": (one(GAUGE_DOUBLE, float("nan"), "double_value"), []),
    "C28 negative count": (
        one(CUMULATIVE_DISTRIBUTION, distribution(-1, 1.0), "distribution_value"),
        [],
    ),
    "C29 time before 1970": (one(CUMULATIVE_INT64, 5, at=-5), []),
    "D1 labels": (row("m", ("a", "b"), "1", "2"), ["m{a=1,b=2}@0=5"]),
    "D2 absent value": (row("m", ("a", "b"), ABSENT, "2"), ["m{b=2}@0=5"]),
    "D4 empty value": (row("m", ("a",), ""), ["m{}@0=5"]),
    "D5 fewer values": (row("m", ("a", "b", "c"), "1", "2"), ["m{a=1,b=2}@0=5"]),
    "D6 more values": (row("m", ("a",), "1", "2"), ["m{a=1}@0=5"]),
    "D7 no keys": (row("m", (), "1"), ["m{}@0=5"]),
    "D8 no values": (row("m", ("a", "b")), ["m{}@0=5"]),
    "D9 a key twice": (row("m", ("a", "a"), "1", "2"), ["m{a=2}@0=5"]),
    "D10 path missing": (
        row("http/server/request_count", HTTP, "nodeapp", "GET", "200"),
        ["http_server_request_count{app_id=nodeapp,method=GET,status=200}@0=5"],
    ),
    "D11 method missing": (
        row("http/server/request_count", HTTP, "nodeapp", "/x", "500"),
        ["http_server_request_count{app_id=nodeapp,path=/x,status=500}@0=5"],
    ),
    "D12 both missing": (
        row("http/server/request_count", HTTP, "nodeapp", "204"),
        ["http_server_request_count{app_id=nodeapp,status=204}@0=5"],
    ),
    "D13 dot in a key": (row("m", ("a.b",), "x"), ["m{a_b=x}@0=5"]),
    "E2 dots and slashes": (row("grpc.io/server/x", ()), ["grpc_io_server_x{}@0=5"]),
    "E4 dash and colon": (row("a-b:c", ()), ["a_b:c{}@0=5"]),
    "E7 no name": (row("", ()), []),
    "F2 phantom": (
        row(
            "grpc.io/client/roundtrip_latency",
            ("app_id", "grpc_client_method"),
            "opencensus.proto.agent.trace.v1.TraceService/Config",
            "UNIMPLEMENTED",
        ),
        [],
    ),
    "F3 actor type missing": (
        row("runtime/actor/status_report_total", ACTOR, "nodeapp", "send"),
        ["runtime_actor_status_report_total{app_id=nodeapp,operation=send}@0=5"],
    ),
    "F4 status of a retry": (
        row(
            "resiliency/count",
            RESILIENCY,
            "pythonapp",
            "outbound",
            "res",
            "default",
            "retry",
            "app_x",
        ),
        [
            (
                "resiliency_count{app_id=pythonapp,flow_direction=outbound,name=res,namespace=default,"
                "policy=retry,target=app_x}@0=5"
            )
        ],
    ),
}


@pytest.mark.parametrize(("raw", "expected"), VALUES.values(), ids=VALUES.keys())
async def test_one_report(raw: bytes, expected: list[str]) -> None:
    """A report of one metric becomes these samples."""
    assert await result(raw) == expected


async def test_a_value_with_quotes_is_stored_as_it_is() -> None:
    """D14: quotes, backslashes and newlines in a label value stay."""
    assert await result(row("m", ("a",), 'x"\\\ny')) == ['m{a=x"\\\ny}@0=5']


async def test_label_order_does_not_matter() -> None:
    """D15: the same labels in another order are the same series."""
    first, second = (
        request(ci("m", ("a", "b"), ("1", "2"), 5)),
        request(ci("m", ("b", "a"), ("2", "1"), 7, T + 20)),
    )
    assert await result(first, second) == ["m{a=1,b=2}@0=5", "m{a=1,b=2}@20=7"]


async def test_the_host_is_the_nodes() -> None:
    """B15: the Node's host name wins over a label of that name; B14: a `pod` of the resource is no host."""
    raw = request(ci("m", ("host.name",), ("lie",)))
    assert await result(raw, first=N1) == ["m{host_name=pod-a}@0=5"]
    podded = request(ci("m"), resource=resource("", {"pod": "p1"}))
    assert await result(podded) == ["m{}@0=5"]


async def test_the_node_changes_within_a_stream() -> None:
    """A6: from the message that names another Node on, the data are the other Node's."""
    lines = await result(
        request(ci("a", value=1)),
        request(ci("a", value=2, at=T + 20), node=N2),
        request(ci("a", value=3, at=T + 40)),
        first=N1,
    )
    assert lines == ["a{host_name=pod-a}@0=1", "a{host_name=pod-b}@20=2", "a{host_name=pod-b}@40=3"]


async def test_metrics_of_the_first_message_count() -> None:
    """A5: what comes with the Node is stored."""
    async with running_app(at_ms=T * 1000) as run, run.sidecar(request(ci("m"), node=N1)):
        await run.until(lambda: run.app.windows.reports == 1)
        assert stored(run) == ["m{host_name=pod-a}@0=5"]


async def test_a_report_without_points_makes_its_names_known() -> None:
    """A9: 79 descriptors without a row are no samples, but known names, and the sender has reported."""
    raw = request(*(metric(f"m{i}") for i in range(79)))
    async with (
        running_app(at_ms=T * 1000) as run,
        run.sidecar(request(node=N1)) as sidecar,
    ):
        await sidecar.report(raw)
        assert (stored(run), len(run.app.store.known_names())) == ([], 79)


async def test_a_row_that_appears_counts_from_the_report_before() -> None:
    """F10: after a report without the row its first value is growth; without such a report it is not."""
    empty, first = request(metric("m")), request(ci("m", value=16, at=T + 20))
    assert await result(empty, first) == ["m{}@0=0", "m{}@20=16"]
    assert await result(request(metric("other")), first) == ["m{}@20=16"]


async def test_replayed_and_late_messages_change_nothing() -> None:
    """A31: a report that was stored already, and one older than the newest, are ignored and counted."""
    reports = [request(ci("m", value=10 + n, at=T + 20 * n)) for n in range(3)]
    async with (
        running_app(at_ms=T * 1000) as run,
        run.sidecar(request(node=ANONYMOUS)) as sidecar,
    ):
        for raw in [*reports, reports[2], reports[1]]:
            await sidecar.report(raw, (T + 60) * 1000)
        assert stored(run) == ["m{}@0=10", "m{}@20=11", "m{}@40=12"]
        page = run.page()
    assert (page["tallyd_windows_duplicate_total"], page["tallyd_windows_late_total"]) == (1, 1)


async def test_a_burst_of_queued_messages_is_stored_in_time_order() -> None:
    """A30: six reports that arrive at once keep their own times."""
    async with (
        running_app(at_ms=T * 1000) as run,
        run.sidecar(request(node=ANONYMOUS)) as sidecar,
    ):
        await run.at((T + 100) * 1000)
        for n in range(6):
            await sidecar.report(request(ci("m", value=n, at=T + 20 * n)))
        assert stored(run) == sorted(f"m{{}}@{20 * n}={n}" for n in range(6))


async def test_a_sum_that_falls_by_rounding_is_no_reset() -> None:
    """F9: one unit in the last place is rounding (opencensus.md 4.4): the value is held."""
    values = (4524174.000000018, 4524174.000000017)
    lines = await result(
        *(
            one(
                CUMULATIVE_DISTRIBUTION,
                distribution(9, value),
                "distribution_value",
                at=T + 20 * n,
            )
            for n, value in enumerate(values)
        )
    )
    assert lines == [
        "m_count{}@0=9",
        "m_count{}@20=9",
        "m_sum{}@0=4.52417e+06",
        "m_sum{}@20=4.52417e+06",
    ]


async def test_a_point_an_hour_ahead_is_refused() -> None:
    """C30: far in the future is refused and counted, and does not keep its sender's other data out."""
    raw = request(ci("ahead", at=T + 3600), ci("m"))
    async with (
        running_app(at_ms=T * 1000) as run,
        run.sidecar(request(node=ANONYMOUS)) as sidecar,
    ):
        await sidecar.report(raw)
        assert stored(run) == ["m{}@0=5"]
        assert run.page()["tallyd_windows_future_total"] == 1


async def test_two_live_processes_with_equal_labels_both_count() -> None:
    """B17: same host and pid, another start: two senders, told apart by the label `sender`, the sum is of both."""
    older, newer = N1, node(start=(S + 5, 0))
    metadata = {**WALKTHROUGH, "metricQuery": "sum(m)", "operationOverTime": "rate"}
    async with (
        running_app(at_ms=T * 1000) as run,
        run.sidecar(request(node=older)) as first,
        run.sidecar(request(node=newer)) as second,
        run.keda(metadata) as keda,
    ):
        for n in range(5):
            at_ms = (T + 20 * n) * 1000
            await first.report(request(ci("m", value=20 * n, at=T + 20 * n)), at_ms)
            await second.report(request(ci("m", value=1000 + 40 * n, at=T + 20 * n)), at_ms)
        assert await keda.value() == 3.0
        assert {line.split("@")[0] for line in stored(run)} == {
            f"m{{host_name=pod-a,sender=opencensus:pod-a/7/2024-11-01T00:00:{start}Z}}"
            for start in ("00.5", "05")
        }


async def test_two_thousand_series_in_one_message() -> None:
    """C32: a large report is stored whole."""
    raw = request(
        metric("m", CUMULATIVE_INT64, ("a",), [((str(n),), [point(n)]) for n in range(2000)])
    )
    assert len(await result(raw)) == 2000


async def test_names_and_aliases_in_queries() -> None:
    """E3, E5, E6: slashes, dots and Dapr's prefix find the series; a distribution has no series of its own name."""
    raw = request(
        ci("http/server/request_count", ("app_id",), ("nodeapp",)),
        metric(
            "http/server/latency",
            CUMULATIVE_DISTRIBUTION,
            (),
            [((), [point(DIST, T, "distribution_value")])],
        ),
    )
    answers: dict[str, float | str] = {}
    async with (
        running_app(at_ms=T * 1000) as run,
        run.sidecar(request(node=N1)) as sidecar,
    ):
        await sidecar.report(raw)
        for name in (
            "http_server_request_count",
            "http/server/request_count",
            "http.server.request_count",
            "dapr_http_server_request_count",
            "http_server_latency_count",
            "http_server_latency",
        ):
            metadata = {"metricQuery": name, "targetValue": "1"}
            async with run.keda(metadata, name=name.replace("/", ".")) as keda:
                answers[name] = await keda.outcome()
    assert answers == {
        "http_server_request_count": 5.0,
        "http/server/request_count": 5.0,
        "http.server.request_count": 5.0,
        "dapr_http_server_request_count": 5.0,
        "http_server_latency_count": 4.0,
        "http_server_latency": "NOT_FOUND",
    }


async def test_buckets_are_stored_once_somebody_asks() -> None:
    """DESIGN 3.5: a query that names the buckets of a histogram has them from the next report on."""
    metadata = {"metricQuery": 'm_bucket{le="2"}', "targetValue": "1"}
    async with (
        running_app(at_ms=T * 1000) as run,
        run.sidecar(request(node=ANONYMOUS)) as sidecar,
        run.keda(metadata) as keda,
    ):
        await sidecar.report(one(CUMULATIVE_DISTRIBUTION, DIST, "distribution_value"))
        before = await keda.outcome()
        await sidecar.report(
            one(CUMULATIVE_DISTRIBUTION, DIST, "distribution_value", at=T + 20), (T + 20) * 1000
        )
        after = await keda.outcome()
        lines = [line for line in stored(run) if "bucket" in line]
    assert (before, after) == ("NOT_FOUND", 3.0)
    assert lines == [f"m_bucket{{le={le}}}@20={n}" for le, n in (("+Inf", 4), ("1", 1), ("2", 3))]
