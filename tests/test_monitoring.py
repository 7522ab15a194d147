"""The dashboard and the alert rules ask for what tallyd exposes, in PromQL that parses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from daemon.exporters.counts import ExporterCounts
from daemon.scaler.decision import Refusal
from query.labels import METRIC_NAME
from query.parser import parse
from query.syntax import Expr, MatrixSelector, VectorSelector, with_children
from tests.support.running_app import running_app

DOCKER = Path(__file__).parent.parent / "docker"
FOLDER = DOCKER / "monitoring"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
ALERTS: dict[str, Any] = yaml.safe_load((FOLDER / "alerts.yaml").read_text())
FOREIGN = {
    "kube_horizontalpodautoscaler_status_current_replicas",
    "kube_horizontalpodautoscaler_status_desired_replicas",
}
"""Of kube-state-metrics: what became of the value."""
CONFIGURATION = """
processors:
  memory_limiter: {check_interval: 1s, limit_percentage: 80}
  filter: {metrics: {datapoint: ['attributes["a"] == "b"']}}
exporters:
  windows:
  otlp/backend: {endpoint: "localhost:1", tls: {insecure: true}}
  prometheusremotewrite/backend: {endpoint: "http://localhost:1/api/v1/write"}
receivers:
  prometheusremotewrite:
extensions:
  snapshot: {path: "%s"}
service:
  pipelines:
    metrics:
      processors: [memory_limiter, filter]
"""


def rules() -> list[dict[str, Any]]:
    return [rule for group in ALERTS["groups"] for rule in group["rules"]]


def expressions() -> list[tuple[str, str]]:
    """Return every expression, with what it belongs to."""
    shown = [
        (panel["title"], target["expr"])
        for panel in DASHBOARD["panels"]
        for target in panel.get("targets", [])
    ]
    return shown + [(rule["alert"], rule["expr"]) for rule in rules()]


def selectors(expr: Expr) -> list[VectorSelector]:
    found: list[VectorSelector] = []

    def visit(one: Expr) -> Expr:
        if isinstance(one, VectorSelector):
            found.append(one)
        elif isinstance(one, MatrixSelector):
            found.append(one.selector)
        return with_children(one, visit)

    visit(expr)
    return found


@pytest.mark.parametrize(
    "text", [pytest.param(text, id=f"{owner}-{n}") for n, (owner, text) in enumerate(expressions())]
)
def test_parses(text: str) -> None:
    """Each expression is PromQL, as tallyd itself reads it."""
    assert list(selectors(parse(text)))


@pytest.mark.integration
async def test_every_metric_is_exposed(tmp_path: Path) -> None:
    """Each metric name is on the page of a tallyd that has all parts, but two of kube-state-metrics."""
    configuration = CONFIGURATION % (tmp_path / "snapshot")
    async with running_app(configuration, at_ms=1_800_000_000_000) as run:
        # Its family appears with the first request that is given up.
        ExporterCounts(run.app.metrics, "otlp/backend").failed("timeout", 1, permanent=False)
        page = run.app.metrics.page().decode()
    exposed = set(re.findall(r"^# TYPE (\S+) ", page, re.MULTILINE))
    asked = {
        matcher.value
        for _, text in expressions()
        for selector in selectors(parse(text))
        for matcher in selector.matchers
        if matcher.name == METRIC_NAME
    }
    assert asked - exposed == FOREIGN


def test_events_are_counted() -> None:
    """Each event that is asked for is one that the scaler counts."""
    known = {
        *(one.value for one in Refusal),
        *("is_active", "get_metric_spec", "get_metrics", "stream_is_active", "stream_metric_spec"),
        *("failed_calls", "refused_streams"),
    }
    asked = {
        event
        for _, text in expressions()
        for selector in selectors(parse(text))
        for matcher in selector.matchers
        if matcher.name == "event"
        for event in matcher.value.split("|")
    }
    assert asked == known


def test_alerts_are_told_apart() -> None:
    """Each alert has a name of its own, a severity, a summary, and says what to do."""
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    for rule in rules():
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert rule["annotations"].keys() == {"summary", "description"}


def test_the_operator_s_rules_are_the_plain_ones() -> None:
    """The kustomize component's PrometheusRule holds the groups of the file for Prometheus."""
    path = DOCKER / "kubernetes" / "components" / "prometheusrule" / "prometheusrule.yaml"
    rule = yaml.safe_load(path.read_text())
    assert (rule["kind"], rule["spec"]) == ("PrometheusRule", ALERTS)


def test_panels_are_laid_out() -> None:
    """No two panels overlap, none is wider than the page, each says what it shows."""
    taken: set[tuple[int, int]] = set()
    for panel in DASHBOARD["panels"]:
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert at["x"] + at["w"] <= 24
        assert not taken & cells
        taken |= cells
        assert panel["type"] == "row" or panel["description"]
    ids = [panel["id"] for panel in DASHBOARD["panels"]]
    assert len(set(ids)) == len(ids)


def test_variables_exist() -> None:
    """Each variable that an expression names is one of the dashboard's."""
    known = {one["name"] for one in DASHBOARD["templating"]["list"]}
    used = set(re.findall(r"\$\{?(\w+)", json.dumps(DASHBOARD["panels"])))
    assert used <= known
