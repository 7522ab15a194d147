"""Bad input: an error its sender understands, a counter, and nothing else lost (invariant 4)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from tests.support.golden import METRICS_EXPORT
from tests.support.keda_client import WALKTHROUGH, KedaClient
from tests.support.opencensus_messages import (
    CUMULATIVE_DISTRIBUTION,
    CUMULATIVE_INT64,
    GAUGE_DOUBLE,
    ci,
    distribution,
    metric,
    node,
    point,
    request,
)
from tests.support.running_app import UNIT_S, RunningApp, connect, running_app

pytestmark = pytest.mark.integration

START_S = 1_730_500_000
NAME = "runtime/service_invocation/req_recv_total"
LIMITED = "receivers: {opencensus: {max_recv_msg_size_mib: 1}}"


def calls(count: int, at_s: int) -> Any:
    return ci(NAME, ("app_id", "src_app_id"), ("nodeapp", "pythonapp"), count, START_S + at_s)


@asynccontextmanager
async def neighbourhood(
    config: str = "",
) -> AsyncIterator[tuple[RunningApp, KedaClient, Any]]:
    """A tallyd with one good sidecar that has told 1.0, and KEDA; in the end the answer is what it was."""
    async with (
        running_app(config, at_ms=START_S * 1000) as run,
        run.sidecar(request(node=node(host_name="good", start=(START_S, 0)))) as good,
        run.keda() as keda,
    ):
        for at_s in range(0, 80, 20):
            await good.report(request(calls(at_s, at_s)), (START_S + at_s + 2) * 1000)
        assert await keda.value() == 1.0
        yield run, keda, good
        await good.report(request(calls(80, 80)), (START_S + 82) * 1000)
        assert await keda.value() == 1.0


def grown(before: Mapping[str, float], after: Mapping[str, float]) -> set[str]:
    """Return the reasons whose counters have grown."""
    names = {name for name, value in after.items() if value > before.get(name, 0.0)}
    return {name.split('reason="')[1].split('"')[0] for name in names if "reason=" in name} | {
        name.removeprefix("tallyd_windows_").removesuffix("_total")
        for name in names
        if name.startswith("tallyd_windows_") and name.endswith("_total")
    } - {"stored", "reports", "zeros"}


def with_points(type_: int, value: Any, field: str, at: float | None = START_S + 60) -> bytes:
    return request(metric("bad", type_, (), [((), [point(value, at, field)])]))


MESSAGES: dict[str, tuple[bytes, set[str]]] = {
    "not protobuf": (b"\xff" * 40, {"undecodable_message"}),
    "cut off": (request(calls(9, 60))[:-3], {"undecodable_message"}),
    "an unknown metric type": (request(metric("bad", 42)), {"unsupported_type"}),
    "no descriptor": (request(metric("", 0)), {"unsupported_type"}),
    "labels that no repair explains": (
        request(ci("http/server/request_count", ("a", "b", "c"), ("1",), 5, START_S + 60)),
        {"shifted_labels"},
    ),
    "NaN": (with_points(GAUGE_DOUBLE, float("nan"), "double_value"), {"not_finite"}),
    "infinite": (with_points(GAUGE_DOUBLE, float("inf"), "double_value"), {"not_finite"}),
    "a negative count": (
        with_points(CUMULATIVE_DISTRIBUTION, distribution(-1, 1.0), "distribution_value"),
        {"negative_count"},
    ),
    "a value of another type": (
        with_points(CUMULATIVE_INT64, 1.5, "double_value"),
        {"wrong_value"},
    ),
    "no time": (with_points(CUMULATIVE_INT64, 1, "int64_value", None), {"bad_time"}),
    "a time before 1970": (with_points(CUMULATIVE_INT64, 1, "int64_value", -5), {"bad_time"}),
    "a time an hour ahead": (
        request(ci("bad", value=1, at=START_S + 3660), ci("good", value=1, at=START_S + 60)),
        {"future"},
    ),
}


@pytest.mark.parametrize(("raw", "reasons"), MESSAGES.values(), ids=MESSAGES.keys())
async def test_a_bad_message_costs_itself(raw: bytes, reasons: set[str]) -> None:
    """It is counted by its reason; its own stream goes on, and its neighbour's answer stays right."""
    async with neighbourhood() as (run, _, _):
        bad_node = request(node=node(host_name="bad", start=(START_S, 1)))
        async with run.sidecar(bad_node) as bad:
            before = run.page()
            await bad._calls[-1].write(raw)
            await bad.report(request(ci("after", value=7, at=START_S + 62)))
            await run.until(lambda: run.app.store.knows("after"))
            assert grown(before, run.page()) == reasons


async def test_a_wrong_first_message() -> None:
    """Its sender is told what the protocol demands."""
    async with neighbourhood() as (run, _, _):
        before = run.page()
        async with connect(run.app.ports["opencensus"]) as channel:
            call = channel.stream_stream(METRICS_EXPORT)()
            await call.write(request(calls(9, 60)))
            code = await asyncio.wait_for(call.code(), UNIT_S)
            details = await call.details()
        assert code is grpc.StatusCode.UNKNOWN
        assert details == "protocol violation: Export's first message must have a Node"
        assert grown(before, run.page()) == {"no_node"}


async def test_a_message_over_the_limit() -> None:
    """Its sender is told RESOURCE_EXHAUSTED; that it ended after one message is counted (opencensus.md 4.10)."""
    async with neighbourhood(LIMITED) as (run, _, _):
        before = run.page()
        async with connect(run.app.ports["opencensus"]) as channel:
            call = channel.stream_stream(METRICS_EXPORT)()
            await call.write(request(node=node(host_name="bad")))
            await call.write(request(ci("x" * 2**20)))
            code = await asyncio.wait_for(call.code(), UNIT_S)
        assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        await run.until(lambda: grown(before, run.page()) == {"one_message_stream"})


METADATA: dict[str, tuple[dict[str, str], str, tuple[str, ...]]] = {
    "a query that does not parse": (
        {"metricQuery": 'sum(http_total{app_id="a")', "targetValue": "1"},
        "INVALID_ARGUMENT",
        ("metricQuery", "^"),
    ),
    "a query this release does not evaluate": (
        {"metricQuery": "sum(rate(http_total[1m]))", "targetValue": "1"},
        "INVALID_ARGUMENT",
        ("metricQuery", "operationOverTime"),
    ),
    "no query": ({"targetValue": "1"}, "INVALID_ARGUMENT", ("metricQuery",)),
    "no target": ({"metricQuery": "sum(x)"}, "INVALID_ARGUMENT", ("targetValue",)),
    "a target of zero": (
        {"metricQuery": "sum(x)", "targetValue": "0"},
        "INVALID_ARGUMENT",
        ("targetValue",),
    ),
    "a target that is no number": (
        {"metricQuery": "sum(x)", "targetValue": "many"},
        "INVALID_ARGUMENT",
        ("targetValue", "many"),
    ),
    "an unknown operation": (
        {"metricQuery": "sum(x)", "targetValue": "1", "operationOverTime": "rat"},
        "INVALID_ARGUMENT",
        ("operationOverTime", "rate"),
    ),
    "a window beyond the retention": (
        {"metricQuery": "sum(x)", "targetValue": "1", "operationOverTime": "rate", "window": "1h"},
        "INVALID_ARGUMENT",
        ("window", "retention"),
    ),
    "clamps that cross": (
        {"metricQuery": "sum(x)", "targetValue": "1", "clampMin": "5", "clampMax": "2"},
        "INVALID_ARGUMENT",
        ("clampM",),
    ),
    "a named query that is not there": (
        {"queryRef": "calls"},
        "INVALID_ARGUMENT",
        ("queryRef", "calls"),
    ),
}


@pytest.mark.parametrize(("metadata", "code", "texts"), METADATA.values(), ids=METADATA.keys())
async def test_bad_metadata(metadata: dict[str, str], code: str, texts: tuple[str, ...]) -> None:
    """KEDA gets a status whose text names the key and what was expected; other triggers get their answers."""
    async with neighbourhood() as (run, _, _), run.keda(metadata, name="bad") as keda:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await keda.metrics()
        details = caught.value.details() or ""
        assert caught.value.code().name == code
        assert [text for text in texts if text not in details] == [], details
        assert run.page()['tallyd_keda_scaler_total{event="invalid_argument"}'] == 1


async def test_a_bad_query_has_a_target_all_the_same() -> None:
    """GetMetricSpec answers from the target alone: KEDA can build the HPA (keda.md 0.1)."""
    async with neighbourhood() as (run, _, _):
        metadata = {**WALKTHROUGH, "metricQuery": "sum(("}
        async with run.keda(metadata) as keda:
            assert await keda.spec() == [("default-nodeapp", 1, 1.0)]


async def test_unknown_metadata_keys_are_answered() -> None:
    """A key that nobody knows disturbs no answer."""
    metadata = {**WALKTHROUGH, "operationOverTme": "rate"}
    async with neighbourhood() as (run, _, _), run.keda(metadata, name="odd") as keda:
        assert await keda.value() == 1.0


async def test_a_request_that_is_no_protobuf() -> None:
    """Bytes that are no request are INVALID_ARGUMENT."""
    async with neighbourhood() as (_, keda, _):
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await keda.raw("GetMetrics", b"\xff\xff")
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_thousands_of_subscriptions_at_once() -> None:
    """All triggers come back at once after a restart: no stream is lost, and a question is answered meanwhile.

    C-core would cancel calls at random above 1,000 waiting ones.
    """
    async with (
        running_app("", at_ms=START_S * 1000) as run,
        run.keda() as keda,
        connect(run.app.ports["keda_scaler"]) as channel,
    ):
        clients = [KedaClient(channel, WALKTHROUGH, name=f"app-{i}") for i in range(1_500)]
        calls = [client.stream_is_active() for client in clients]
        calls += [client.stream_metric_spec() for client in clients[:300]]

        # Of the counters alone: a page with thousands of triggers, asked for all the time, would hold the streams up.
        events = run.app.metrics.counters("tallyd_keda_scaler", "", label="event").values

        def opened() -> int:
            return events["stream_is_active"] + events["stream_metric_spec"]

        await run.until(lambda: opened() == len(calls) or any(call.done() for call in calls))
        assert await keda.outcome() == "NOT_FOUND"
        assert (opened(), [call for call in calls if call.done()]) == (1_800, [])


def undecodable_series(run: RunningApp) -> float:
    name = 'tallyd_receiver_irregularities_total{reason="undecodable_series",receiver="opencensus"}'
    return run.page().get(name, 0.0)


async def test_a_message_of_nothing_at_all_is_refused() -> None:
    """A megabyte of empty metrics, points, label keys, or Node: refused as a whole, counted, neighbours unharmed."""
    empty_metrics = b"\x12\x00" * 400_000
    async with neighbourhood() as (run, _, good):
        before = run.page()
        await good.send(empty_metrics)
        await good.send(request(metric("p", rows=[((), [point(None, None)] * 20_000)])))
        await good.send(request(metric("m", keys=("k",) * 100_000)))
        await good.send(request(metric("v", keys=("k",), rows=[(("",) * 100_000, [point()])])))
        await good.send(request(node=node(host_name="h" * 100_000)))
        await run.until(
            lambda: (
                {"undecodable_message", "undecodable_series", "undecodable_metric"}
                <= grown(before, run.page())
            )
        )
