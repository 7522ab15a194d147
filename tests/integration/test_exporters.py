"""A whole tallyd that sends on what it gets: what backends do is nobody's business but theirs."""

from __future__ import annotations

import gzip
from contextlib import AsyncExitStack

import aiohttp
import pytest

from daemon.exporters.prometheus.page import OPEN_METRICS_TYPE, TEXT_TYPE
from tests.support.backends import Answer, HttpBackend, hang, http_backend, status
from tests.support.opencensus_messages import ci, node, request
from tests.support.otlp_reading import read_request
from tests.support.payload_text import written
from tests.support.running_app import (
    WALKTHROUGH_FILTER,
    RunningApp,
    running_app,
)

pytestmark = pytest.mark.integration

START_S = 1_730_500_000
NAME = "runtime/service_invocation/req_recv_total"
KEYS, VALUES = ("app_id", "src_app_id"), ("nodeapp", "pythonapp")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give queues no time at the end: virtual time stands still there."""
    monkeypatch.setattr("daemon.exporters.shipping.DRAIN_S", 0.05)


async def values(run: RunningApp) -> list[float]:
    """What KEDA is told after each of ten reports of one sidecar, one call a second."""
    told = []
    async with AsyncExitStack() as stack:
        keda = await stack.enter_async_context(run.keda())
        hello = request(node=node(host_name="pod", pid=1, start=(START_S, 0)))
        sidecar = await stack.enter_async_context(run.sidecar(hello))
        for at_s in range(0, 200, 20):
            row = ci(NAME, KEYS, VALUES, at_s + 1, START_S + at_s)
            other = ci("runtime/other_total", KEYS, VALUES, 5, START_S + at_s)
            await sidecar.report(request(row, other), (START_S + at_s + 2) * 1000)
            await run.at((START_S + at_s + 3) * 1000)
            told.append(await keda.value())
    return told


def exporters(backend: HttpBackend) -> str:
    queue = "{queue_size: 2, num_consumers: 1}"
    return (
        f"exporters:\n  otlphttp: {{endpoint: '{backend.url}', timeout: 100ms, sending_queue: {queue}}}\n"
        f"  prometheusremotewrite: {{endpoint: '{backend.url}', remote_write_queue: {queue}}}\n"
        "  otlp: {endpoint: 'http://127.0.0.1:1'}\n"
        "  prometheus: {endpoint: '127.0.0.1:0'}\n"
        "  debug: {verbosity: detailed}\n"
    )


@pytest.mark.parametrize(
    "answer", [hang, status(400), status(503)], ids=["hangs", "wrong", "short"]
)
async def test_no_effect(answer: Answer) -> None:
    """Whatever backends do, KEDA is told the same as without them, and the sidecar's stream goes on."""
    async with running_app(WALKTHROUGH_FILTER, at_ms=START_S * 1000) as run:
        alone = await values(run)
    async with (
        http_backend(answer) as backend,
        running_app(WALKTHROUGH_FILTER + exporters(backend), at_ms=START_S * 1000) as run,
    ):
        assert await values(run) == alone
        await run.until(lambda: len(backend.seen) > 0)
    assert alone[-1] == 1.0


async def test_what_is_sent() -> None:
    """Exporters get what the pipeline keeps, with the sender's times, and count it."""
    async with (
        http_backend(status(200)) as backend,
        running_app(WALKTHROUGH_FILTER + exporters(backend), at_ms=START_S * 1000) as run,
    ):
        await values(run)
        sent = 'otelcol_exporter_sent_metric_points_total{exporter="otlphttp"}'
        await run.until(lambda: run.page()[sent] == 10)
        bodies = [one.body for one in backend.seen if one.path == "/v1/metrics"]
        text = written(read_request(gzip.decompress(bodies[-1])))
        assert f"csum {NAME} [181{{app_id=nodeapp,src_app_id=pythonapp}}@" in text
        assert "other_total" not in text
        url = f"http://127.0.0.1:{run.app.ports['prometheus']}"
        async with aiohttp.ClientSession() as session:
            page = await (await session.get(f"{url}/metrics")).text()
            assert (await session.get(url)).status == 404
        assert "# TYPE runtime_service_invocation_req_recv_total counter" in page
        assert 'app_id="nodeapp"' in page


async def test_page_content() -> None:
    """The page says what it is, and is compressed or OpenMetrics for who asks."""
    text = (
        "exporters: {windows: , prometheus: {endpoint: '127.0.0.1:0', enable_open_metrics: true}}"
    )
    async with running_app(text, at_ms=START_S * 1000) as run, aiohttp.ClientSession() as session:
        url = f"http://127.0.0.1:{run.app.ports['prometheus']}/metrics"
        answer = await session.get(url, headers={"Accept-Encoding": "identity"})
        assert answer.headers["Content-Type"] == TEXT_TYPE
        assert (answer.status, await answer.read()) == (200, b"")
        answer = await session.post(url, headers={"Accept": "application/openmetrics-text"})
        assert answer.headers["Content-Encoding"] == "gzip"
        assert answer.headers["Content-Type"] == OPEN_METRICS_TYPE
        assert await answer.text() == "# EOF\n"


async def test_without_windows() -> None:
    """A tallyd without windows passes metrics on and remembers nothing."""
    async with http_backend(status(200)) as backend:
        text = f"exporters: {{otlphttp: {{endpoint: '{backend.url}', compression: none}}}}"
        async with running_app(text, at_ms=START_S * 1000, settle_for=None) as run:
            hello = request(node=node(host_name="pod", pid=1, start=(START_S, 0)))
            async with run.sidecar(hello) as sidecar:
                await sidecar.send(request(ci(NAME, KEYS, VALUES, 5, START_S)))
                await run.until(lambda: len(backend.seen) == 1)
            assert run.app.store.sizes()["series"][0] == 0
    assert NAME in written(read_request(backend.seen[0].body))


async def test_reload() -> None:
    """Exporters come, go and change while streams go on; a page keeps its settings until a restart."""
    async with http_backend(status(200)) as one, http_backend(status(200)) as other:

        def text(backend: HttpBackend, more: str = "") -> str:
            page = f"prometheus: {{endpoint: '127.0.0.1:0'{more}}}"
            otlp = f"otlphttp: {{endpoint: '{backend.url}'}}"
            return f"exporters: {{windows: , {otlp}, {page}}}"

        async with running_app(text(one), at_ms=START_S * 1000) as run:
            hello = request(node=node(host_name="pod", pid=1, start=(START_S, 0)))
            async with run.sidecar(hello) as sidecar:
                await sidecar.report(request(ci(NAME, KEYS, VALUES, 5, START_S)))
                await run.until(lambda: len(one.seen) == 1)
                outcome = await run.reload(text(other, ", namespace: x"))
                assert list(outcome.restart_needed) == ["exporters.prometheus.namespace"]
                await sidecar.report(request(ci(NAME, KEYS, VALUES, 6, START_S + 20)))
                await run.until(lambda: len(other.seen) == 1)
                for again in ("", text(one)):
                    outcome = await run.reload(again)
                    assert outcome == ("", [])
            lines = run.app.metrics.page().decode().splitlines()
            names = [line.rpartition(" ")[0] for line in lines if line[0] != "#"]
            assert len(names) == len(set(names)), "no value twice"
