"""What tallyd counts of OTLP on its way through, under the collector's names (otlp.md 7)."""

from __future__ import annotations

import pytest

from tests.integration.test_otlp_bad_input import PROTOBUF, post
from tests.support.backends import http_backend, status
from tests.support.otlp_requests import NOW_MS, gauge, point, request
from tests.support.running_app import RunningApp, running_app

pytestmark = pytest.mark.integration

PROCESSORS = """
processors:
  memory_limiter: {check_interval: 1s, limit_mib: 1000000}
  filter: {metrics: {metric: ['name == "dropped"']}}
  resource: {attributes: [{key: env, value: dev, action: insert}]}
service: {pipelines: {metrics: {processors: [memory_limiter, filter, resource]}}}
"""


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give queues no time at the end: virtual time stands still there."""
    monkeypatch.setattr("daemon.exporters.shipping.DRAIN_S", 0.05)


def counted(run: RunningApp, name: str) -> dict[str, float]:
    """Return the values of one metric by its labels, in alphabetical order."""
    found = {key.partition("{")[::2]: value for key, value in run.page().items()}
    return {
        ",".join(sorted(labels.rstrip("}").split(","))): value
        for (one, labels), value in found.items()
        if one == name
    }


HTTP = 'receiver="otlp",transport="http"'


async def test_on_the_way() -> None:
    """Accepted, rejected, filtered, processed, sent and given up points each have their counter with its labels."""
    async with http_backend(status(400)) as bad, http_backend(status(200)) as good:
        exporters = (
            f"exporters:\n  windows:\n  otlphttp: {{endpoint: '{bad.url}'}}\n"
            f"  prometheusremotewrite: {{endpoint: '{good.url}'}}\n"
        )
        async with running_app(exporters + PROCESSORS, at_ms=NOW_MS) as run:
            kept = gauge("kept", point(1.0), point(2.0, 0))
            body = request(kept, gauge("dropped"), instance="i").SerializeToString()
            assert (await post(run, body))[0] == 200
            assert (await post(run, b"no protobuf", PROTOBUF))[0] == 400
            sent = "otelcol_exporter_sent_metric_points_total"
            failed = "otelcol_exporter_send_failed_metric_points_total"
            writer, queue = (
                'exporter="prometheusremotewrite"',
                'data_type="metrics",exporter="otlphttp"',
            )
            size = "otelcol_exporter_queue_size"
            await run.until(lambda: counted(run, sent).get(writer) == 1)
            await run.until(lambda: bool(counted(run, failed)) and counted(run, size)[queue] == 0)
            assert counted(run, "otelcol_receiver_accepted_metric_points_total")[HTTP] == 1
            rejected = "tallyd_receiver_rejected"
            assert counted(run, f"{rejected}_points_total") == {f'reason="no_time",{HTTP}': 1}
            assert counted(run, f"{rejected}_requests_total") == {f'reason="malformed",{HTTP}': 1}
            limiter = 'processor="memory_limiter"'
            assert counted(run, "otelcol_processor_accepted_metric_points_total") == {limiter: 3}
            assert counted(run, "otelcol_processor_filter_datapoints_filtered_total") == {
                'filter="filter"': 1
            }
            assert counted(run, failed) == {
                'error_permanent="true",error_type="400",exporter="otlphttp"': 1
            }
            assert counted(run, "otelcol_exporter_queue_capacity")[queue] == 1000


async def test_refused_by_the_pipeline() -> None:
    """Points that were read before a consumer did not take them count as refused."""
    text = """
processors:
  transform: {error_mode: propagate, metric_statements: ['set(datapoint.attributes["a"], Int(datapoint.attributes["x"][0]))']}
service: {pipelines: {metrics: {processors: [transform]}}}
"""
    async with running_app(text, at_ms=NOW_MS) as run:
        status_code, _ = await post(run, request(gauge("m", point(1.0, x="y"))).SerializeToString())
        assert status_code == 500
        assert counted(run, "otelcol_receiver_refused_metric_points_total") == {HTTP: 1}
        requests = counted(run, "tallyd_receiver_rejected_requests_total")
        assert requests == {f'reason="permanent",{HTTP}': 1}
