"""The Dapr walk-through, number by number (keda.md 6), through the whole daemon in virtual time."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack

import pytest

from tests.support.keda_client import KEDA_2_16, WALKTHROUGH
from tests.support.opencensus_messages import ci, metric, node, request
from tests.support.running_app import WALKTHROUGH_FILTER, RunningApp, Sidecar, running_app

pytestmark = pytest.mark.integration

START_S = 1_730_500_000
INTERVAL_S = 20
NAME = "runtime/service_invocation/req_recv_total"
KEYS, VALUES = ("app_id", "src_app_id"), ("nodeapp", "pythonapp")

Calls = Callable[[int], int]
"""How many calls a pod has had so many seconds after the start."""


class Fleet:
    """nodeapp pods whose sidecars report every 20 s; a point is 2 s old when it arrives."""

    def __init__(self, run: RunningApp, stack: AsyncExitStack, pods: Mapping[str, Calls]) -> None:
        self._run = run
        self._stack = stack
        self._pods = pods
        self._sidecars: dict[str, Sidecar] = {}

    async def start(self) -> None:
        for n, pod in enumerate(self._pods):
            hello = request(node=node(host_name=pod, pid=1, start=(START_S, n)))
            self._sidecars[pod] = await self._stack.enter_async_context(self._run.sidecar(hello))

    @property
    def sidecars(self) -> list[Sidecar]:
        return list(self._sidecars.values())

    async def reports(self, until_s: int) -> AsyncIterator[int]:
        """Report until then; yield the seconds since the start after each round of reports."""
        for at_s in range(0, until_s + 1, INTERVAL_S):
            for pod, calls in self._pods.items():
                count = calls(at_s)
                row = ci(NAME, KEYS, VALUES, count, START_S + at_s) if count else metric(NAME)
                other = ci("runtime/other_total", KEYS, VALUES, 10**6 + at_s, START_S + at_s)
                raw = request(row, other)
                await self._sidecars[pod].report(raw, (START_S + at_s + 2) * 1000)
            yield at_s


async def told(
    pods: Mapping[str, Calls], until_s: int, metadata: Mapping[str, str] = WALKTHROUGH
) -> dict[int, float]:
    """Return what KEDA is told just after each round of reports, by seconds since the start."""
    answers: dict[int, float] = {}
    async with (
        running_app(WALKTHROUGH_FILTER, at_ms=START_S * 1000) as run,
        run.keda(metadata) as keda,
        AsyncExitStack() as stack,
    ):
        fleet = Fleet(run, stack, pods)
        await fleet.start()
        async for at_s in fleet.reports(until_s):
            await run.at((START_S + at_s + 3) * 1000)
            answers[at_s] = await keda.value()
    return answers


def burst(at_s: int) -> int:
    """One call a second, and a hundred more between 120 and 140 s."""
    return at_s + (100 if at_s >= 140 else 0)


async def test_one_caller_is_one() -> None:
    """Once the window is full, one call a second is 1.0, at every report."""
    answers = await told({"pod-a": lambda at_s: at_s}, 200)
    assert {at_s: value for at_s, value in answers.items() if at_s >= 60} == dict.fromkeys(
        range(60, 201, 20), 1.0
    )


async def test_three_callers_are_three() -> None:
    """Three callers, however their calls fall on three pods, are 3.0 and never more."""
    answers = await told(
        {
            "pod-a": lambda at_s: at_s,
            "pod-b": lambda at_s: at_s // 2,
            "pod-c": lambda at_s: at_s + at_s // 2,
        },
        200,
    )
    assert max(answers.values()) == 3.0
    assert {answers[at_s] for at_s in range(60, 201, 20)} == {3.0}


async def test_one_to_three_callers() -> None:
    """Each report after the change shows two thirds more: 1.66, 2.33, 3.0 (keda.md 6.2)."""
    answers = await told({"pod-a": lambda at_s: at_s + 2 * max(0, at_s - 100)}, 200)
    assert [answers[at_s] for at_s in (100, 120, 140, 160, 180)] == [1.0, 1.666, 2.333, 3.0, 3.0]


async def test_a_burst_of_a_hundred() -> None:
    """A hundred extra calls make the answer 2.67, rounded down, for a minute, then 1.0 again (keda.md 6.2)."""
    answers = await told({"pod-a": burst}, 240)
    assert [answers[at_s] for at_s in range(120, 241, 20)] == [
        1.0,
        2.666,
        2.666,
        2.666,
        1.0,
        1.0,
        1.0,
    ]


@pytest.mark.parametrize(
    ("window", "peak"),
    [pytest.param("120s", 1.833, id="120 s"), pytest.param("20s", 6.0, id="20 s")],
)
async def test_a_burst_in_other_windows(window: str, peak: float) -> None:
    """A longer window shows less of a burst, a shorter one more (keda.md 6.2)."""
    answers = await told({"pod-a": burst}, 240, {**WALKTHROUGH, "window": window})
    assert max(value for at_s, value in answers.items() if at_s >= 120) == peak


async def test_clamp_max() -> None:
    """The value never exceeds clampMax."""
    answers = await told({"pod-a": burst}, 200, {**WALKTHROUGH, "clampMax": "2"})
    assert max(answers.values()) == 2.0


async def test_no_traffic_is_zero() -> None:
    """When the calls stop, the value is 0 a window later, and the trigger is no longer active."""
    async with (
        running_app(WALKTHROUGH_FILTER, at_ms=START_S * 1000) as run,
        run.keda() as keda,
        AsyncExitStack() as stack,
    ):
        fleet = Fleet(run, stack, {"pod-a": lambda at_s: min(at_s, 100)})
        await fleet.start()
        seen = {}
        async for at_s in fleet.reports(200):
            seen[at_s] = (await keda.value(), await keda.is_active())
    assert (seen[100], seen[160], seen[180]) == ((1.0, True), (0.0, False), (0.0, False))


async def test_a_pod_that_goes_away_counts_inside_the_window_only() -> None:
    """T5: its last requests decay with the window, then the value is 0, never an error, never negative."""
    values = []
    async with (
        running_app(WALKTHROUGH_FILTER, at_ms=START_S * 1000) as run,
        run.keda() as keda,
    ):
        async with AsyncExitStack() as stack:
            fleet = Fleet(run, stack, {"pod-a": lambda at_s: at_s})
            await fleet.start()
            async for _ in fleet.reports(100):
                pass
        for at_s in range(110, 190, 10):
            await run.at((START_S + at_s) * 1000)
            values.append(await keda.value())
    assert values[:2] == [1.0, 1.0]
    assert values == sorted(values, reverse=True)
    assert values[-1] == 0.0


async def test_a_process_that_stood_still_does_not_take_senders_for_dead() -> None:
    """Stopped for 70 s, reports waiting in sockets: before they are read the last value holds, then it is right."""
    async with (
        running_app(WALKTHROUGH_FILTER, at_ms=START_S * 1000) as run,
        run.keda() as keda,
        AsyncExitStack() as stack,
    ):
        pods: dict[str, Calls] = {"pod-a": lambda at_s: at_s, "pod-b": lambda at_s: at_s}
        fleet = Fleet(run, stack, pods)
        await fleet.start()
        async for _ in fleet.reports(200):
            pass
        run.time.jump_to((START_S + 272) * 1000)
        await run.at((START_S + 274) * 1000)
        values = [await keda.value()]
        for at_s in (220, 240, 260):
            for sidecar in fleet.sidecars:
                row = ci(NAME, KEYS, VALUES, at_s, START_S + at_s)
                await sidecar.report(request(row))
            await run.at((START_S + 275 + at_s // 20) * 1000)
            values.append(await keda.value())
        ended = run.page()["tallyd_windows_ended_senders_total"]
    assert (values, ended) == ([2.0, 2.0, 2.0, 2.0], 0.0)


async def test_settling_answers_no_sum_that_is_partial() -> None:
    """T7: for 65 s after start GetMetrics is UNAVAILABLE, GetMetricSpec is answered, then the value is right."""
    outcomes = {}
    async with (
        running_app(WALKTHROUGH_FILTER, at_ms=START_S * 1000, settle_for=None) as run,
        run.keda() as keda,
        AsyncExitStack() as stack,
    ):
        fleet = Fleet(run, stack, {"pod-a": lambda at_s: at_s, "pod-b": lambda at_s: at_s})
        await fleet.start()
        assert await keda.spec() == [("default-nodeapp", 1, 1.0)]
        async for at_s in fleet.reports(80):
            outcomes[at_s] = await keda.outcome()
    assert outcomes == {
        0: "UNAVAILABLE",
        20: "UNAVAILABLE",
        40: "UNAVAILABLE",
        60: "UNAVAILABLE",
        80: 2.0,
    }


def shown(run: RunningApp) -> list[float]:
    """Return the values that the self-metrics tell."""
    return [
        value for name, value in run.page().items() if name.startswith("tallyd_keda_scaler_value{")
    ]


async def test_the_self_metrics_tell_sizes_and_settling() -> None:
    """Series, senders and known names beside their limits, and the seconds until answers are whole."""
    async with (
        running_app(WALKTHROUGH_FILTER, at_ms=START_S * 1000, settle_for="65s") as run,
        AsyncExitStack() as stack,
    ):
        fleet = Fleet(run, stack, {"pod-a": lambda at_s: at_s})
        await fleet.start()
        async for _ in fleet.reports(20):
            pass
        page = run.page()
    names = (
        "tallyd_windows_senders",
        "tallyd_windows_senders_limit",
        "tallyd_windows_series_limit",
        "tallyd_windows_known_names_limit",
        "tallyd_settling",
    )
    assert [page[name] for name in names] == [1, 20_000, 200_000, 10_000, 43]
    assert page["tallyd_windows_series"] > 0
    assert page["tallyd_windows_known_names"] > 0


async def test_an_unknown_metric_is_an_error_and_a_known_one_without_match_is_zero() -> None:
    """Invariant 2: 0 means that nothing happens, never that nothing is known (keda.md 6.3.6)."""
    async with (
        running_app(WALKTHROUGH_FILTER, at_ms=START_S * 1000) as run,
        run.keda() as walkthrough,
        run.keda({**WALKTHROUGH, "metricQuery": "sum(nobody_reports_this)"}) as unknown,
        AsyncExitStack() as stack,
    ):
        before = await walkthrough.outcome()
        shown_before = shown(run)
        fleet = Fleet(run, stack, {"pod-a": lambda _: 0})
        await fleet.start()
        async for _ in fleet.reports(0):
            pass
        assert (before, await walkthrough.outcome()) == ("NOT_FOUND", 0.0)
        assert (shown_before, shown(run)) == ([], [0.0])
        assert await unknown.outcome() == "NOT_FOUND"


async def test_keda_2_16_reads_whole_numbers() -> None:
    """T13: a client without float fields gets the nearest whole number of the value."""
    async with (
        running_app(WALKTHROUGH_FILTER, at_ms=START_S * 1000) as run,
        run.keda(WALKTHROUGH, classes=KEDA_2_16) as old,
        AsyncExitStack() as stack,
    ):
        fleet = Fleet(run, stack, {"pod-a": burst})
        await fleet.start()
        async for at_s in fleet.reports(160):
            if at_s == 140:
                assert await old.metrics() == [("default-nodeapp", 3, 0.0)]
        assert await old.spec() == [("default-nodeapp", 1, 0.0)]


async def test_the_metadata_of_kedify_otel_works_unchanged() -> None:
    """All three trigger types send the same keys; unknown ones of KEDA's own do not disturb."""
    metadata = {
        "scalerAddress": "keda-otel-scaler.keda.svc:4318",
        "metricQuery": "sum(runtime_service_invocation_req_recv_total{app_id=nodeapp,src_app_id=pythonapp})",
        "operationOverTime": "rate",
        "targetValue": "1",
        "clampMin": "1",
        "clampMax": "10",
        "enableTLS": "false",
    }
    answers = await told({"pod-a": lambda at_s: at_s}, 100, metadata)
    assert answers[100] == 1.0


async def test_a_push_follows_the_sample_at_once() -> None:
    """T11: StreamIsActive says true once, when the first sample arrives, and nothing more while it stays so."""
    metadata = {"metricQuery": f"sum({NAME})", "targetValue": "1"}
    async with (
        running_app(WALKTHROUGH_FILTER, at_ms=START_S * 1000) as run,
        run.keda(metadata) as keda,
        AsyncExitStack() as stack,
    ):
        stream = keda.stream_is_active()
        fleet = Fleet(run, stack, {"pod-a": lambda at_s: at_s})
        await fleet.start()
        told_so = []
        async for at_s in fleet.reports(100):
            await run.at((START_S + at_s + 3) * 1000)
            told_so.append(at_s)
        first = await anext(aiter(stream))
        assert first.result
        page = run.page()
        assert page['tallyd_keda_scaler_total{event="pushed_activations"}'] == 1
        stream.cancel()
