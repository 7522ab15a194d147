"""The dashboard and the alert rules ask for what tallyd exposes, in PromQL that parses."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from daemon.scaler.decision import Refusal
from query.labels import METRIC_NAME
from query.parser import parse
from query.syntax import Expr, MatrixSelector, VectorSelector, with_children
from tests.support.metrics_guide import documented, series_names

DOCKER = Path(__file__).parent.parent / "docker"
FOLDER = DOCKER / "monitoring"
DASHBOARD: dict[str, Any] = json.loads((FOLDER / "dashboard.json").read_text())
ALERTS: dict[str, Any] = yaml.safe_load((FOLDER / "alerts.yaml").read_text())
FOREIGN = {
    "kube_horizontalpodautoscaler_status_current_replicas",
    "kube_horizontalpodautoscaler_status_desired_replicas",
}
"""Of kube-state-metrics: what became of the value."""
SCRAPED = {"namespace", "job", "instance", "pod"}
"""Labels that Prometheus gives what it scrapes."""
NAME = re.compile(r"\b(?:tallyd|otelcol)_[a-z_]+\b(?!\*)")


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


def test_every_metric_is_documented() -> None:
    """Each metric name stands in the guide's tables, but two of kube-state-metrics; so does each label asked for."""
    known, foreign = series_names(), set[str]()
    for owner, text in expressions():
        for selector in selectors(parse(text)):
            labels = {one.name: one.value for one in selector.matchers}
            name = labels.pop(METRIC_NAME)
            if name in known or name.startswith("process_"):
                assert labels.keys() <= known[name] | SCRAPED, owner
            else:
                foreign.add(name)
    assert foreign == FOREIGN


@pytest.mark.parametrize(
    "path",
    [
        "README.md",
        "CHANGELOG.md",
        "config.example.yaml",
        *(f"docker/guides/{path.name}" for path in (DOCKER / "guides").glob("*.md")),
    ],
)
def test_metrics_in_text_are_documented(path: str) -> None:
    """What is written of a metric anywhere names one that exists, or is how names begin."""
    known = {*series_names(), *documented()}
    named = set(NAME.findall((DOCKER.parent / path).read_text()))
    assert not {
        name
        for name in named
        if name not in known and not any(one.startswith(name) for one in known)
    }


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
