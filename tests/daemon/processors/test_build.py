"""What all processors have in common: what they count, and batch, which is none."""

from __future__ import annotations

import pytest

from daemon.config.load import load_config
from daemon.telemetry import SelfMetrics
from tests.support.consumers import NopConsumer
from tests.support.payloads import batch
from tests.support.processing import build, refusal

DELETE = "{action: delete_label_value, label: k, label_value: a}"


@pytest.mark.parametrize(
    ("kind", "configuration", "given", "handed_on"),
    [
        ("attributes", "actions: [{key: a, value: 1, action: insert}]", 3, 3),
        ("resource", "attributes: [{key: a, value: 1, action: insert}]", 3, 3),
        (
            "metricstransform",
            f"transforms: [{{include: m, action: update, operations: [{DELETE}]}}]",
            3,
            2,
        ),
        ("memory_limiter", "{check_interval: 1s, limit_mib: 1000000}", 3, 3),
    ],
)
def test_counts(kind: str, configuration: str, given: int, handed_on: int) -> None:
    """Data points are counted on their way in and out (otlp.md 7)."""
    metrics = SelfMetrics()
    build(kind, configuration, NopConsumer(), metrics).consume(batch("gauge m [1{k=a}, 2, 3]"))
    page = metrics.page().decode()
    labels = f'{{otel_signal="metrics",processor="{kind}/test"}}'
    assert f"otelcol_processor_incoming_items_total{labels} {given}.0" in page
    assert f"otelcol_processor_outgoing_items_total{labels} {handed_on}.0" in page
    if kind == "memory_limiter":
        assert (
            f'otelcol_processor_accepted_metric_points_total{{processor="{kind}/test"}} 3.0' in page
        )


@pytest.mark.parametrize(
    "configuration",
    [
        "{}",
        "timeout: 200",
        "{send_batch_size: 0, timeout: 0s}",
        "send_batch_size: 1.5",
        "timeout: 50ms",
    ],
    ids=["151", "153", "156", "162", "159"],
)
def test_batch_is_left_out(configuration: str) -> None:
    """A batch processor with good settings is no part of the chain; the warnings say that it has no effect."""
    sink = NopConsumer()
    assert build("batch", configuration, sink) is sink
    text = f"processors: {{batch: {configuration if configuration.startswith('{') else f'{{{configuration}}}'}}}"
    service = "service: {pipelines: {metrics: {processors: [batch]}}}"
    [warning] = load_config(f"{text}\n{service}", {}).warnings
    assert "processors.batch: has no effect" in warning


@pytest.mark.parametrize(
    ("configuration", "expected"),
    [
        pytest.param('timeout: "200"', "expected a duration such as 1m30s, got '200'", id="154"),
        pytest.param("metadata_keys: [X-A, x-a]", "expected each key once", id="157"),
        pytest.param(
            "send_batch_sizes: 1", "unknown key; did you mean 'send_batch_size'?", id="160"
        ),
        pytest.param("send_batch_size: -1", "expected at least 0, got -1", id="negative"),
        pytest.param("timeout: -1", "expected a duration", id="negative time"),
        pytest.param(
            "{send_batch_size: 10, send_batch_max_size: 5}",
            "send_batch_max_size: expected at least send_batch_size, or 0",
            id="the most below the least",
        ),
        pytest.param("metadata_keys: 5", "expected a list", id="keys"),
    ],
)
def test_batch_is_checked(configuration: str, expected: str) -> None:
    """What the collector refuses is refused."""
    assert expected in refusal("batch", configuration)
