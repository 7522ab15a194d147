"""docker/guides/metrics.md lists every self-metric of a running tallyd with everything configured, and no other."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from daemon.process import LOG_LINES
from tests.support.certificates import Files
from tests.support.metrics_guide import Row, documented
from tests.support.opencensus_messages import ci, node, request
from tests.support.running_app import running_app

pytestmark = pytest.mark.integration

NOW_S = 1_730_500_000
CONFIG = """
receivers:
  opencensus: {scrape_senders: {interval: 5s}}
  otlp:
  prometheusremotewrite:
  prometheus: {config: {scrape_configs: [{job_name: j, static_configs: [{targets: ["127.0.0.1:1"]}]}]}}
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
extensions:
  bearertokenauth: {token: sesame}
  health_check: {tls: TLS}
  http_api: {auth: {authenticator: bearertokenauth}}
  snapshot: {path: FOLDER/snapshot}
service:
  extensions: [keda_scaler, http_api, health_check, snapshot, bearertokenauth]
  pipelines:
    metrics:
      receivers: [opencensus, otlp, prometheusremotewrite, prometheus]
      processors: [memory_limiter, filter, transform]
      exporters: [windows, otlp, prometheusremotewrite, prometheus, debug]
"""
LATER = {
    "otelcol_exporter_send_failed_metric_points_total": {
        "error_permanent",
        "error_type",
        "exporter",
    },
    "tallyd_sender_refused_series_total": {"sender"},
}
"""Labels of what comes with its first count only."""
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


def configuration(folder: Path) -> str:
    """Return the one with everything, with files in `folder`."""
    lock = json.dumps(Files(folder).settings())
    return CONFIG.replace("FOLDER", str(folder)).replace("TLS", lock)


async def everything(folder: Path) -> Shown:
    """Return what a tallyd with everything shows after a report, a poll and a request."""
    async with (
        running_app(configuration(folder), at_ms=NOW_S * 1000) as run,
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
        shown = Shown(run.app.metrics.page().decode())
        # What nothing was counted of yet has its labels nevertheless: the name of the first, then the others.
        keys: list[Any] = [*run.app.metrics._counters, *run.app.metrics._histograms]
        for name, label, *others in keys:
            shown.labels.setdefault(
                name if name in shown.kinds else f"{name}_total",
                {label, *(key for key, _ in others)},
            )
        return shown


async def test_every_metric_is_documented_and_no_other(tmp_path: Path) -> None:
    """Names, types, labels and meanings are those of the page."""
    shown, rows = await everything(tmp_path), documented()
    labels = shown.labels | LATER
    assert rows == {
        name: Row(kind, labels[name], shown.helps[name].rstrip("."))
        for name, kind in shown.kinds.items()
    }


async def test_scaled_objects_that_are_gone_leave_the_page() -> None:
    """Nothing is shown of a trigger that nobody has asked for in 10 minutes."""
    async with (
        running_app(at_ms=NOW_S * 1000) as run,
        run.keda({"metricQuery": "count(nonesuch)", "targetValue": "3"}) as keda,
    ):
        before = set(run.page())
        await keda.outcome()
        assert len([name for name in run.page() if "nonesuch" in name]) == 2
        await run.at((NOW_S + 601) * 1000)
        assert not [name for name in set(run.page()) - before if "nonesuch" in name]


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
    """OpenCensus points are counted unless they were dropped unread; each condition tells how many metrics it has dropped."""
    async with (
        running_app(configuration(tmp_path), at_ms=NOW_S * 1000) as run,
        run.sidecar(request(node=node())) as sidecar,
    ):
        for at_s in (NOW_S, NOW_S + 20):
            sent = request(ci("m", at=at_s), ci("dropped", at=at_s))
            await sidecar.report(sent, (at_s + 2) * 1000)
        page = run.page()
    name = "otelcol_receiver_accepted_metric_points_total"
    assert page[f'{name}{{receiver="opencensus",transport="grpc"}}'] == 2.0
    dropped = "tallyd_filter_dropped_metrics_total"
    assert page[f'{dropped}{{condition="name == \\"dropped\\"",filter="filter"}}'] == 2.0


async def test_conditions_that_are_gone_leave_the_page() -> None:
    """A reload takes the counters of conditions along that the file no longer has; the others go on."""

    def config(*conditions: str) -> str:
        filter_ = f"{{metrics: {{metric: {json.dumps(conditions)}}}}}"
        return f"processors: {{filter: {filter_}}}\nservice: {{pipelines: {{metrics: {{processors: [filter]}}}}}}"

    old, new, stays = 'name == "old"', 'name == "new"', 'name == "stays"'
    async with (
        running_app(config(old, stays), at_ms=NOW_S * 1000) as run,
        run.sidecar(request(node=node())) as sidecar,
    ):
        for at_s, conditions in ((NOW_S, (new, stays)), (NOW_S + 20, ())):
            names = ("old", "new", "stays")
            await sidecar.report(request(*(ci(one, at=at_s) for one in names)), (at_s + 2) * 1000)
            if conditions:
                assert await run.reload(config(*conditions)) == ("", [])
        page = run.page()
    dropped = {name: value for name, value in page.items() if "filter_dropped" in name}
    label = 'tallyd_filter_dropped_metrics_total{condition="name == \\"%s\\"",filter="filter"}'
    assert dropped == {label % "new": 1.0, label % "stays": 2.0}
