"""docker/guides/metrics.md lists every self-metric of a running tallyd with everything configured, and no other."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from daemon.process import LOG_LINES
from tests.support.opencensus_messages import ci, node, request
from tests.support.running_app import running_app

pytestmark = pytest.mark.integration

GUIDE = Path(__file__).parent.parent.parent / "docker" / "guides" / "metrics.md"
NOW_S = 1_730_500_000
CONFIG = """
receivers: {opencensus: , otlp: , prometheusremotewrite: }
processors:
  filter: {metrics: {metric: ['name == "dropped"']}}
  transform: {metric_statements: ['set(metric.unit, "1") where metric.name == "a"']}
  memory_limiter: {check_interval: 1s, limit_mib: 4000}
exporters:
  windows:
  otlp: {endpoint: "127.0.0.1:1", tls: {insecure: true}}
  prometheusremotewrite: {endpoint: "http://127.0.0.1:1"}
  prometheus: {endpoint: "127.0.0.1:0"}
  debug:
extensions: {snapshot: {path: FOLDER/snapshot}}
service:
  extensions: [keda_scaler, http_api, health_check, snapshot]
  pipelines:
    metrics:
      receivers: [opencensus, otlp, prometheusremotewrite]
      processors: [memory_limiter, filter, transform]
      exporters: [windows, otlp, prometheusremotewrite, prometheus, debug]
"""
_SAMPLE = re.compile(r"(\w+?)(?:_bucket|_sum|_count)?(?:\{(.*)\})? \S+\Z")
_LABEL = re.compile(r'(\w+)="(?:[^"\\]|\\.)*"')


class Shown:
    """The metrics of a page: name -> type, labels, help."""

    def __init__(self, page: str) -> None:
        self.kinds: dict[str, str] = {}
        self.helps: dict[str, str] = {}
        self.labels: dict[str, set[str]] = {}
        for line in page.splitlines():
            if line.startswith("# HELP "):
                name, _, self.helps[name] = line[7:].partition(" ")
            elif line.startswith("# TYPE "):
                name, _, self.kinds[name] = line[7:].partition(" ")
            else:
                self._sample(line)

    def _sample(self, line: str) -> None:
        name, _, _ = line.partition("{")
        name = name.partition(" ")[0]
        if name not in self.kinds:
            name = re.sub(r"_(bucket|sum|count)\Z", "", name)
        self.labels.setdefault(name, set()).update(_LABEL.findall(line))
        self.labels[name].discard("le")


async def everything(folder: Path) -> Shown:
    """Return what a tallyd with everything shows after a report, a poll and a request."""
    async with (
        running_app(CONFIG.replace("FOLDER", str(folder)), at_ms=NOW_S * 1000) as run,
        run.sidecar(request(node=node())) as sidecar,
        run.keda({"metricQuery": "count(m)", "targetValue": "1"}) as keda,
        run.keda({"metricQuery": "count(nonesuch)", "targetValue": "1"}) as other,
    ):
        run.app.metrics.table("tallyd_log", LOG_LINES, dict)  # as the process does
        await sidecar.report(
            request(ci("m", at=NOW_S), ci("dropped", at=NOW_S)), (NOW_S + 2) * 1000
        )
        await keda.outcome()
        await other.outcome()
        return Shown(run.app.metrics.page().decode())


def documented() -> dict[str, tuple[str, set[str]]]:
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.*?) \| .+ \|$", GUIDE.read_text(), re.MULTILINE)
    assert len(rows) == len({name for name, _, _ in rows})
    return {name: (kind, {one for one in labels.split(", ") if one}) for name, kind, labels in rows}


async def test_every_metric_is_documented_and_no_other(tmp_path: Path) -> None:
    """Names and types are those of the page, and so are the labels of what was counted."""
    shown, rows = await everything(tmp_path), documented()
    assert {name: kind for name, (kind, _) in rows.items()} == shown.kinds
    assert {name: rows[name][1] for name in shown.labels} == shown.labels


async def test_the_metrics_of_a_scaled_object(tmp_path: Path) -> None:
    """Value, target, activity and age of each trigger that has a value; the reason for each that has none."""
    async with (
        running_app(at_ms=NOW_S * 1000) as run,
        run.sidecar(request(node=node())) as sidecar,
        run.keda({"metricQuery": "count(m)", "targetValue": "2"}) as keda,
        run.keda({"metricQuery": "count(nonesuch)", "targetValue": "3"}) as other,
    ):
        await sidecar.report(request(ci("m", at=NOW_S + 1)), (NOW_S + 2) * 1000)
        await keda.outcome()
        await other.outcome()
        await run.at((NOW_S + 5) * 1000)
        page = run.page()
    found = {
        name.partition("{")[0][19:]: value for name, value in page.items() if "count(m)" in name
    }
    assert found == {"value": 1.0, "target": 2.0, "active": 1.0, "newest_sample_age_seconds": 4.0}
    labels = 'namespace="default",query="count(nonesuch)"'
    end = 'scaled_object="nodeapp"}'
    assert page[f'tallyd_keda_scaler_unknown{{{labels},reason="not_found",{end}'] == 1.0
    assert page[f"tallyd_keda_scaler_target{{{labels},{end}"] == 3.0
    errors = 'tallyd_keda_scaler_errors_total{code="NOT_FOUND",method="GetMetrics"}'
    assert page[errors] == 1.0
    assert page['tallyd_keda_scaler_call_seconds_count{method="GetMetrics"}'] == 2.0


async def test_points_of_senders_and_drops_by_condition(tmp_path: Path) -> None:
    """OpenCensus points are counted as they arrive; each condition tells how many metrics it has dropped."""
    async with (
        running_app(CONFIG.replace("FOLDER", str(tmp_path)), at_ms=NOW_S * 1000) as run,
        run.sidecar(request(node=node())) as sidecar,
    ):
        for at_s in (NOW_S, NOW_S + 20):
            sent = request(ci("m", at=at_s), ci("dropped", at=at_s))
            await sidecar.report(sent, (at_s + 2) * 1000)
        page = run.page()
    name = "otelcol_receiver_accepted_metric_points_total"
    assert page[f'{name}{{receiver="opencensus",transport="grpc"}}'] == 4.0
    dropped = "tallyd_filter_dropped_metrics_total"
    assert page[f'{dropped}{{condition="name == \\"dropped\\"",filter="filter"}}'] == 2.0
