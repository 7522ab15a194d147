"""A reload through the whole daemon: connections, windows and streams stay."""

from __future__ import annotations

import aiohttp
import pytest
import structlog

from tests.support.opencensus_messages import ci, node, request
from tests.support.running_app import running_app

pytestmark = pytest.mark.integration

NOW_S = 1_730_500_000
DROP = "processors: {{filter: {{metrics: {{metric: ['name == \"{}\"']}}}}}}\nservice: {{pipelines: {{metrics: {{processors: [filter]}}}}}}"
QUERIES = "extensions: {{keda_scaler: {{queries: {{q: {{metricQuery: m, targetValue: {}}}}}}}}}"


async def test_a_stream_goes_on_through_another_filter() -> None:
    """A connected sidecar's next report meets the new filter, its earlier samples are there still."""
    async with (
        running_app(DROP.format("b"), at_ms=NOW_S * 1000) as run,
        run.sidecar(request(node=node())) as sidecar,
    ):
        await sidecar.report(request(ci("a", at=NOW_S), ci("b", at=NOW_S)))
        before = (run.app.store.knows("a"), run.app.store.knows("b"))
        outcome = await run.reload(DROP.format("c"))
        await sidecar.report(
            request(ci("b", at=NOW_S + 20), ci("c", at=NOW_S + 20)), (NOW_S + 20) * 1000
        )
        after = tuple(run.app.store.knows(name) for name in "abc")
        assert run.streams == 1
    assert (before, outcome.problem, after) == ((True, False), "", (True, True, False))


async def test_a_bad_file_keeps_the_old_configuration() -> None:
    """The filter that was in force drops what it dropped before; `/readyz` says why the new one is not taken."""
    async with running_app(DROP.format("b"), at_ms=NOW_S * 1000) as run:
        outcome = await run.reload(DROP.format("b").replace("name ==", "nmae =="))
        async with run.sidecar(request(node=node())) as sidecar:
            await sidecar.report(request(ci("a", at=NOW_S), ci("b", at=NOW_S)))
        known = (run.app.store.knows("a"), run.app.store.knows("b"))
        port = run.app.ports["health_check"]
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}/readyz") as answer,
        ):
            status, ready = answer.status, await answer.json()
    assert "nmae" in outcome.problem
    assert known == (True, False)
    assert (status, ready["status"]) == (200, "ready")
    assert "nmae" in ready["details"]["reload"]


async def test_a_named_query_that_changes_its_target() -> None:
    """KEDA's open StreamMetricSpec gets the new target at once (keda.md 0.4)."""
    async with (
        running_app(QUERIES.format(1), at_ms=NOW_S * 1000) as run,
        run.keda({"queryRef": "q"}) as keda,
    ):
        specs = keda.stream_metric_spec()
        first = (await specs.read()).metricSpecs[0].targetSizeFloat
        await run.reload(QUERIES.format(5))
        second = (await specs.read()).metricSpecs[0].targetSizeFloat
        specs.cancel()
    assert (first, second) == (1.0, 5.0)


async def test_what_needs_a_restart_is_told() -> None:
    """Another retention is not taken over; the log and the answer of the call name the setting."""
    async with running_app("", at_ms=NOW_S * 1000) as run:
        run.text[0] = "exporters: {windows: {retention: 9m}}"
        port = run.app.ports["http_api"]
        with structlog.testing.capture_logs() as lines:
            async with (
                aiohttp.ClientSession() as session,
                session.post(f"http://127.0.0.1:{port}/-/reload") as answer,
            ):
                status, text = answer.status, await answer.text()
    told = [line for line in lines if line["event"] == "settings take effect at a restart only"]
    assert (status, "exporters.windows.retention" in text) == (200, True)
    assert told[0]["settings"] == ["exporters.windows.retention"]


async def test_reload_over_http_tells_what_is_wrong() -> None:
    """A bad file: 500 and every mistake; GET does not reload."""
    async with running_app("", at_ms=NOW_S * 1000) as run:
        run.text[0] = "exporters: {windows: {retentoin: 9m}}"
        url = f"http://127.0.0.1:{run.app.ports['http_api']}/-/reload"
        async with aiohttp.ClientSession() as session:
            async with session.post(url) as answer:
                status, text = answer.status, await answer.text()
            async with session.get(url) as got:
                wrong_method = got.status
    assert (status, wrong_method) == (500, 405)
    assert "did you mean 'retention'?" in text


async def test_the_log_level_at_run_time() -> None:
    """PUT changes it, GET tells it, another word is refused with the words there are."""
    async with running_app("", at_ms=NOW_S * 1000) as run:
        url = f"http://127.0.0.1:{run.app.ports['http_api']}/-/log-level"
        async with aiohttp.ClientSession() as session:
            answers = []
            for method, query in (("PUT", "?level=error"), ("GET", ""), ("PUT", "?level=loud")):
                async with session.request(method, url + query) as answer:
                    answers.append((answer.status, (await answer.text()).strip()))
            async with session.put(url + "?level=info"):
                pass
    assert answers[:2] == [(200, "error"), (200, "error")]
    assert answers[2] == (400, "expected ?level= with one of debug, info, warn, error")
