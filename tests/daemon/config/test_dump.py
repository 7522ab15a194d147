"""A configuration back to YAML."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from daemon.config.dump import format_config
from daemon.config.load import load_config

GOOD = ("anchors", "walk-through", "walk-through-helm")
OFF = """
receivers: {opencensus: , prometheusremotewrite: {max_recv_msg_size_mib: 3}}
exporters: {windows: {retention: 0, settle_for: 1m30s, histogram_buckets: false}}
extensions:
  http_api: {cors: {allowed_origins: ["*"]}}
  keda_scaler: {queries: {ü: {metricQuery: "sum(x)", targetValue: "1"}}}
service: {telemetry: {logs: {level: WARN, encoding: json}, metrics: {level: none}}}
"""
DIRECTORY = Path(__file__).parents[2] / "config"


@pytest.mark.parametrize("source", [None, OFF, *GOOD], ids=["built in", "off", *GOOD])
def test_reads_back(source: str | None) -> None:
    """What is written gives an equal configuration when it is read."""
    config = load_config(DIRECTORY / f"{source}.good.yaml" if source in GOOD else source, {}).config
    assert load_config(format_config(config), {}).config == config


def test_as_users_write() -> None:
    """Durations have units, and defaults are there."""
    document = yaml.safe_load(format_config(load_config(OFF, {}).config))
    assert document["exporters"]["windows"] == {
        "retention": "0s",
        "settle_for": "1m30s",
        "max_series": 200_000,
        "max_series_per_metric": 0,
        "max_senders": 20_000,
        "memory_soft_percentage": 75,
        "memory_hard_percentage": 90,
        "max_known_names": 10_000,
        "histogram_buckets": False,
        "resource_labels": ["host.name", "service.instance.id", "k8s.pod.name"],
        "add_metric_suffixes": False,
    }
