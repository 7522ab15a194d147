"""The transform on daprd's report: what it costs to leave metrics alone."""

from __future__ import annotations

import time

import pytest

from receivers.consumer import Batch
from receivers.model import Metric, NumberDataPoint, Resource, ResourceMetrics, Scope, ScopeMetrics
from tests.bench.test_filter import HEADERS
from tests.daemon.processors.filter.payloads import SENDER
from tests.daemon.processors.transform.run import build
from tests.support.consumers import NopConsumer

REPORTS = 300
RESOURCE, SCOPE = Resource(attributes={"host": "a"}), Scope()


def _report() -> Batch:
    metrics = [
        Metric(header, data_points=[NumberDataPoint(value=1, attributes={"app_id": "a"})] * 4)
        for header in HEADERS
    ]
    return Batch(SENDER, 0, [ResourceMetrics(RESOURCE, [ScopeMetrics(SCOPE, metrics)])])


def _cost_us(statement: str, times: int = 10) -> float:
    component = build(f"metric_statements: {[statement] * times}", NopConsumer())
    batches = [_report() for _ in range(REPORTS)]
    started = time.process_time()
    for batch in batches:
        component.consume(batch)
    return (time.process_time() - started) / REPORTS * 1e6


@pytest.mark.bench
def test_metrics_that_no_statement_is_about() -> None:
    """Ten statements that name one metric cost less than a tenth of ten that change all points."""
    named = _cost_us('set(datapoint.attributes["a"], 1) where metric.name == "m1"')
    renamed = _cost_us('set(metric.name, "m1") where metric.name == "m1"')
    every = _cost_us('set(datapoint.attributes["a"], 1)')
    print(f"79 metrics: {named:.0f} us, {renamed:.0f} us (header), {every:.0f} us (all points)")  # noqa: T201
    assert max(named, renamed) * 10 < every
