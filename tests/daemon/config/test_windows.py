"""Settings of the windows."""

from __future__ import annotations

import pytest

from daemon.config.load import parse_config
from daemon.config.windows import HistogramBuckets, WindowsConfig
from tests.daemon.config.support import problems


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", WindowsConfig()),
        (
            "{retention: 1h, settle_for: 0, max_series: 1}",
            WindowsConfig(retention=3_600_000, settle_for=0, max_series=1),
        ),
        ("{retention: 0}", WindowsConfig(retention=0)),
        ("{histogram_buckets: auto}", WindowsConfig(histogram_buckets=HistogramBuckets.AUTO)),
        ("{histogram_buckets: true}", WindowsConfig(histogram_buckets=HistogramBuckets.ALWAYS)),
        ("{histogram_buckets: false}", WindowsConfig(histogram_buckets=HistogramBuckets.NEVER)),
        ("{resource_labels: []}", WindowsConfig(resource_labels=())),
        ("{resource_labels: ['*']}", WindowsConfig(resource_labels=("*",))),
        ("{resource_labels: [service.name]}", WindowsConfig(resource_labels=("service.name",))),
        ("{add_metric_suffixes: true}", WindowsConfig(add_metric_suffixes=True)),
    ],
)
def test_good(text: str, expected: WindowsConfig) -> None:
    """Durations are milliseconds inside; buckets take auto, true or false."""
    assert (
        parse_config(f"exporters: {{windows: {text}}}", {}).config.exporters["windows"] == expected
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("max_series: 0", "max_series: expected at least 1, got 0"),
        (
            "histogram_buckets: 'true'",
            "histogram_buckets: expected auto, true or false, got 'true'",
        ),
        (
            "resource_labels: service.name",
            "resource_labels: expected a list of attribute names, or ['*'] for all, got 'service.name'",
        ),
        (
            "resource_labels: [5]",
            "resource_labels: expected a list of attribute names, or ['*'] for all, got a list",
        ),
        ("retention: -1s", "retention: expected a duration such as 1m30s, got '-1s'"),
    ],
)
def test_bad(text: str, expected: str) -> None:
    """Limits are at least 1, and nothing is negative."""
    assert [
        line.partition(".windows.")[2] for line in problems(f"exporters: {{windows: {{{text}}}}}")
    ] == [expected]
