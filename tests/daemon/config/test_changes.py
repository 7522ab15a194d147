"""What of a new configuration takes effect at a restart only."""

from __future__ import annotations

import pytest

from daemon.config.changes import restart_needed
from daemon.config.load import parse_config

OLD = """
receivers: {opencensus: {endpoint: "[::]:55678"}}
processors: {filter: {metrics: {metric: ['name == "a"']}}}
extensions:
  http_api: {}
  keda_scaler: {queries: {q: {metricQuery: m, targetValue: 1}}}
service: {pipelines: {metrics: {processors: [filter]}}}
"""


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param("a", "b", [], id="a filter's condition"),
        pytest.param("targetValue: 1", "targetValue: 2", [], id="a named query"),
        pytest.param("processors: [filter]", "processors: []", [], id="a pipeline's processors"),
        pytest.param(
            "service: {", "service: {telemetry: {logs: {level: debug}}, ", [], id="the log's level"
        ),
        pytest.param(
            "[::]:55678", "[::]:55679", ["receivers.opencensus.endpoint"], id="a receiver's port"
        ),
        pytest.param(
            '55678"',
            '55678", scrape_senders: {}',
            ["receivers.opencensus.scrape_senders"],
            id="sidecars' pages",
        ),
        pytest.param(
            "queries:",
            "hold_for: 1s, queries:",
            ["extensions.keda_scaler.hold_for"],
            id="another setting of the scaler",
        ),
        pytest.param(
            "extensions:",
            "exporters: {windows: {retention: 6m}}\nextensions:",
            ["exporters.windows.retention"],
            id="the windows",
        ),
        pytest.param(
            "extensions:",
            "extensions:\n  health_check:",
            ["extensions.health_check"],
            id="an extension more",
        ),
        pytest.param(
            "receivers: {",
            "receivers: {prometheusremotewrite: {}, ",
            ["receivers.prometheusremotewrite"],
            id="a receiver more",
        ),
        pytest.param(
            "receivers: {",
            "receivers: {prometheus: {config: {scrape_configs: [{job_name: a}]}}, ",
            [],
            id="targets that are scraped",
        ),
        pytest.param(
            "service: {",
            "service: {telemetry: {metrics: {level: none}, logs: {encoding: json}}, ",
            ["service.telemetry.metrics", "service.telemetry.logs.encoding"],
            id="telemetry",
        ),
    ],
)
def test_restart_needed(old: str, new: str, expected: list[str]) -> None:
    """Each setting that cannot change while tallyd runs is named by its path."""
    before = parse_config(OLD, {}).config
    after = parse_config(OLD.replace(old, new, 1), {}).config
    assert restart_needed(before, after) == expected
