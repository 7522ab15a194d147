"""A configuration file checked whole."""

from __future__ import annotations

import pytest

from daemon.check import load_checked
from daemon.config.errors import InvalidConfigurationError

BAD = """\
processors:
  filter:
    metrics:
      metric: ['nome == 1', 'name == ']
  filter/unused:
    metrics:
      metric:
        - |
          name == "a" and
          Nix(name)
extensions:
  keda_scaler:
    queries:
      calls: {metricQuery: 'sum(x', targetValue: 1}
exporters:
  windows: {retentoin: 5m}
service: {pipelines: {metrics: {processors: [filter]}}}
"""


def test_every_mistake_at_once() -> None:
    """Conditions, named queries and settings are told together, each with its place."""
    with pytest.raises(InvalidConfigurationError) as caught:
        load_checked(BAD, {})
    assert [line.split(": ")[:2] for line in caught.value.lines] == [
        ["configuration:4:17", "processors.filter.metrics.metric[0]"],
        ["configuration:4:37", "processors.filter.metrics.metric[1]"],
        ["configuration:10:11", "processors.filter/unused.metrics.metric[0]"],
        ["configuration:14:34", "extensions.keda_scaler.queries.calls.metricQuery"],
        ["configuration:16:13", "exporters.windows.retentoin"],
    ]


def test_the_built_in_configuration_is_good() -> None:
    """What runs without a file has no mistake."""
    assert load_checked(None, {}).warnings == ()
