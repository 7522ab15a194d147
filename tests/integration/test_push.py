"""A tallyd sends its self-metrics over OTLP to another tallyd, which remembers them like anybody's."""

from __future__ import annotations

import pytest

from tests.support.backends import http_backend, status
from tests.support.opencensus_messages import ci, node, request
from tests.support.otlp_reading import read_request
from tests.support.payload_text import written
from tests.support.running_app import RunningApp, running_app

pytestmark = pytest.mark.integration

NOW_S = 1_730_500_000


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give queues no time at the end: virtual time stands still there."""
    monkeypatch.setattr("daemon.exporters.shipping.DRAIN_S", 0.05)


def reader(otlp: str) -> str:
    push = f"{{periodic: {{interval: 5000, exporter: {{otlp: {otlp}}}}}}}"
    return f"service: {{telemetry: {{metrics: {{readers: [{push}]}}}}}}"


async def told(run: RunningApp, query: str) -> object:
    async with run.keda({"metricQuery": query, "targetValue": "1"}) as keda:
        return await keda.outcome()


@pytest.mark.parametrize(
    ("port", "otlp"),
    [
        ("otlp.protocols.grpc", "{protocol: grpc, endpoint: '127.0.0.1:%d', insecure: true}"),
        ("otlp.protocols.http", "{protocol: http/protobuf, endpoint: 'http://127.0.0.1:%d'}"),
        ("otlp.protocols.http", "{endpoint: 'http://127.0.0.1:%d/v1/metrics', compression: gzip}"),
    ],
)
async def test_from_tallyd_to_tallyd(port: str, otlp: str) -> None:
    """Counters, gauges and histograms arrive every interval, each point once, under the names of the page."""
    async with running_app(at_ms=NOW_S * 1000) as backend:
        config = reader(otlp % backend.app.ports[port])
        async with (
            running_app(config, at_ms=NOW_S * 1000) as run,
            run.sidecar(request(node=node())) as sidecar,
        ):
            assert await told(run, "sum(m)") == "NOT_FOUND"
            for n in (1, 2):
                await sidecar.report(request(ci("m", at=NOW_S + n)), (NOW_S + n) * 1000)
            for at_s in (5, 10):
                await backend.at((NOW_S + at_s) * 1000)
                await run.at((NOW_S + at_s) * 1000)
                await backend.until(lambda at_s=at_s: backend.app.windows.reports == at_s // 5)  # type: ignore[misc]
            assert await told(backend, "sum(tallyd_windows_reports)") == 2.0
            assert await told(backend, "sum(tallyd_windows_series)") == 1.0
            assert await told(backend, "count(tallyd_build_info{host_name!=''})") == 1.0
            errors = 'sum(tallyd_keda_scaler_errors{code="NOT_FOUND",method="GetMetrics"})'
            assert await told(backend, errors) == 1.0
            assert await told(backend, "sum(tallyd_keda_scaler_call_seconds_count)") == 1.0
            assert (
                run.page()['otelcol_exporter_sent_metric_points_total{exporter="telemetry/0"}'] > 50
            )


async def test_the_end_is_told() -> None:
    """What was counted since the last interval is sent at the end, with the resource that names the process."""
    async with http_backend(status(200)) as backend:
        async with running_app(reader(f"{{endpoint: '{backend.url}'}}"), at_ms=NOW_S * 1000):
            assert not backend.seen
        (last,) = backend.seen
    text = written(read_request(last.body))
    assert last.path == "/v1/metrics"
    assert "service.name=tallyd" in text
    assert "tallyd_windows_reports" in text


async def test_a_backend_that_is_gone() -> None:
    """Nobody takes the self-metrics: KEDA is answered as ever, and what is lost is counted."""
    config = reader("{endpoint: 'http://127.0.0.1:1', timeout: 10}")
    async with (
        running_app(config, at_ms=NOW_S * 1000) as run,
        run.sidecar(request(node=node())) as sidecar,
    ):
        await sidecar.report(request(ci("m", at=NOW_S)), (NOW_S + 1) * 1000)
        await run.at((NOW_S + 20) * 1000)
        assert await told(run, "count(m)") == 1.0
        queued = 'otelcol_exporter_queue_size{data_type="metrics",exporter="telemetry/0"}'
        assert run.page()[queued] >= 1.0
