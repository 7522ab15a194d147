"""Every recorded session of a real sidecar, played into a whole tallyd over gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import numpy as np
import pytest

from query.labels import METRIC_NAME, MatchOp
from query.queryable import Selection
from query.regex import build_matcher
from tests.support.golden import ExpectedReport, Session, load_sessions
from tests.support.running_app import WALKTHROUGH_FILTER, RunningApp, Sidecar, running_app

pytestmark = pytest.mark.integration

RECEIVED = "runtime_service_invocation_req_recv_total"
NAMES = sorted(load_sessions())


def select(run: RunningApp, name: str, **labels: str) -> Selection:
    """Return the series of a metric with their samples of the last five minutes."""
    matchers = [build_matcher(METRIC_NAME, MatchOp.EQUAL, name)]
    matchers += [build_matcher(key, MatchOp.EQUAL, value) for key, value in labels.items()]
    now_ms = run.time.clock()
    return run.app.store.select(matchers, start_ms=now_ms - 300_000, end_ms=now_ms)


def newest(run: RunningApp, name: str, **labels: str) -> list[tuple[dict[str, str], int, float]]:
    """Return labels, time and value of the newest sample of each series, by time."""
    found = select(run, name, **labels)
    rows = [
        (
            {key: value for key, value in found.labels[i] if key != METRIC_NAME},
            int(found.times_ms[i, found.counts[i] - 1]),
            float(found.values[i, found.counts[i] - 1]),
        )
        for i in range(len(found.labels))
        if found.counts[i]
    ]
    return sorted((row for row in rows if not np.isnan(row[2])), key=lambda row: row[1])


async def play(run: RunningApp, session: Session) -> AsyncIterator[ExpectedReport]:
    """Play a session event by event, connections as they came and went; yield after each report was taken."""
    expected = iter(session.reports)
    async with AsyncExitStack() as rest:
        pods: dict[str, tuple[AsyncExitStack, Sidecar]] = {}
        for event in session.events:
            if not event.is_metrics:
                continue
            await run.at(round(event.wall_s * 1000))
            if event.seq == 0 or event.raw is None:
                if event.peer in pods:
                    await pods.pop(event.peer)[0].aclose()
                if event.raw is not None:
                    stack = await rest.enter_async_context(AsyncExitStack())
                    sidecar = await stack.enter_async_context(run.sidecar(event.raw))
                    pods[event.peer] = stack, sidecar
                continue
            await pods[event.peer][1].report(event.raw)
            yield next(expected)


def started(session: Session) -> int:
    return round(session.events[0].wall_s * 1000)


@pytest.mark.parametrize("name", NAMES)
async def test_every_report_is_stored_whole(name: str) -> None:
    """Every sample of every report arrives in the windows, but for those of phantom series."""
    session = load_sessions()[name]
    seen, wanted = [], []
    async with running_app(at_ms=started(session)) as run:
        before = run.page()
        async for report in play(run, session):
            after = run.page()
            grown = {key: value - before.get(key, 0.0) for key, value in after.items()}
            phantoms = sum(value for key, value in grown.items() if "phantom_series" in key)
            seen.append(grown["tallyd_windows_stored_total"] + 2 * phantoms)
            wanted.append(report.samples)
            before = after
    assert seen == wanted


@pytest.mark.parametrize("name", NAMES)
async def test_counts_times_and_starts_are_the_senders(name: str) -> None:
    """The walk-through's counter has the recorded value, time and start after every report, filtered or not."""
    session = load_sessions()[name]
    async with running_app(WALKTHROUGH_FILTER, at_ms=started(session)) as run:
        async for report in play(run, session):
            rows = newest(run, RECEIVED, host_name=report.peer, app_id="nodeapp")
            latest = [row for row in rows if row[1] == rows[-1][1]]
            assert {row[0]["src_app_id"]: row[2] for row in latest} == report.req_recv_total
            if report.req_recv_total:
                # The recorder noted one point's time; views differ by microseconds.
                assert latest[0][1] == pytest.approx(report.point_time_s * 1000, abs=2)
                assert report.req_recv_start_s is not None
                starts = set(select(run, RECEIVED, host_name=report.peer).start_ms.tolist())
                assert int(report.req_recv_start_s * 1000) in starts
        known = run.app.store.known_names()
    assert known == [RECEIVED]


async def last_report(run: RunningApp, name: str) -> ExpectedReport:
    """Play a whole session and return its last report."""
    report = None
    async for report in play(run, load_sessions()[name]):  # noqa: B007 the last one is wanted
        pass
    assert report is not None
    return report


@pytest.mark.parametrize(
    ("session", "metric", "expected"),
    [
        pytest.param(
            "low-cardinality",
            "http/server/request_count",
            {("method", "POST"), ("status", "204")},
            id="a path is missing",
        ),
        pytest.param(
            "busy",
            "runtime/actor/status_report_total",
            {("operation", "send")},
            id="the actor type is never there",
        ),
        pytest.param(
            "busy",
            "component/pubsub_ingress/bulk/count",
            {("component", "pubsubName"), ("topic", "bulk")},
            id="the process status is never there",
        ),
        pytest.param(
            "busy-caller",
            "resiliency/activations_total",
            {("policy", "retry"), ("target", "app_nodeapp")},
            id="the status of a retry is never there",
        ),
    ],
)
async def test_shifted_labels_are_repaired(
    session: str, metric: str, expected: set[tuple[str, str]]
) -> None:
    """A tag that the sidecar left out does not move the others to wrong labels (opencensus.md 4.2)."""
    async with running_app(at_ms=started(load_sessions()[session])) as run:
        await last_report(run, session)
        rows = [set(row[0].items()) for row in newest(run, metric.replace("/", "_"))]
    assert any(expected <= row for row in rows), rows


@pytest.mark.parametrize("session", ["late-server", "trace-unimplemented", "server-restart"])
async def test_phantom_rows_are_left_out(session: str) -> None:
    """Rows that the sidecar's exporter counted about itself never become series (opencensus.md 4.3)."""
    async with running_app(at_ms=started(load_sessions()[session])) as run:
        await last_report(run, session)
        rows = [
            row
            for name in run.app.store.known_names()
            if name.startswith("grpc_io_client")
            for row in newest(run, name)
        ]
        page = run.page()
    assert rows == []
    assert sum(value for key, value in page.items() if "phantom_series" in key) > 0


async def test_a_sidecar_that_restarts_is_another_sender() -> None:
    """After the restart the count begins anew: nothing is lost, nothing is counted twice, nothing is negative."""
    session = load_sessions()["sidecar-restart"]
    async with running_app(at_ms=started(session)) as run:
        await last_report(run, "sidecar-restart")
        async with run.keda() as keda:
            value = await keda.value()
        senders = select(run, RECEIVED, app_id="nodeapp").senders.names
    # The window ends with the last report: 40 of the new process, of the old one what is younger than 60 s.
    assert len(senders) == 2
    assert 0.6 < value <= 1.0


async def test_a_server_restart_is_no_reset() -> None:
    """The same process on a new connection is the same sender: 40 requests in 40 s stay 1 per second."""
    session = load_sessions()["server-restart"]
    async with running_app(at_ms=started(session)) as run:
        await last_report(run, "server-restart")
        async with run.keda() as keda:
            assert await keda.value() == 1.0
        assert len(select(run, RECEIVED, app_id="nodeapp").labels) == 1


@pytest.mark.parametrize(
    ("session", "value"),
    [
        pytest.param("nodeapp-start", 0.999, id="one caller"),
        pytest.param("three-callers", 3.0, id="three callers"),
        pytest.param("scale-out", 3.0, id="three callers, three pods"),
        pytest.param("burst", 2.999, id="after the burst"),
        pytest.param("callers-gone", 1.666, id="two callers gone for 40 s"),
    ],
)
async def test_keda_gets_the_right_answer(session: str, value: float) -> None:
    """At the end of a session KEDA is told what the recording shows."""
    recording = load_sessions()[session]
    async with running_app(WALKTHROUGH_FILTER, at_ms=started(recording)) as run:
        await last_report(run, session)
        async with run.keda() as keda:
            assert await keda.value() == value
