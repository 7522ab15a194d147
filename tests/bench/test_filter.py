"""The filter on daprd's report: what a remembered verdict saves."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from receivers.consumer import Batch
from receivers.model import (
    Metric,
    MetricHeader,
    MetricType,
    Resource,
    ResourceMetrics,
    Scope,
    ScopeMetrics,
)
from tests.daemon.processors.filter.run import build
from tests.daemon.processors.test_filter import FILTER, RECEIVED
from tests.support.consumers import NopConsumer
from tests.support.payloads import SENDER

REPORTS = 1_000
HEADERS = [MetricHeader(name=f"m{number}", type=MetricType.SUM) for number in range(78)]
HEADERS.append(MetricHeader(name=RECEIVED, type=MetricType.SUM))


def _report(resource: Resource, scope: Scope) -> Batch:
    metrics = [Metric(header) for header in HEADERS]
    return Batch(SENDER, 0, [ResourceMetrics(resource, [ScopeMetrics(scope, metrics)])])


def _cost_us(resource: Callable[[], Resource]) -> float:
    component, scope = build(FILTER, NopConsumer()), Scope()
    batches = [_report(resource(), scope) for _ in range(REPORTS)]
    started = time.perf_counter()
    for batch in batches:
        component.consume(batch)
    return (time.perf_counter() - started) / REPORTS * 1e6


@pytest.mark.bench
def test_remembered_verdicts() -> None:
    """A sender's second report costs less than a third of its first."""
    same = Resource()
    known, new = _cost_us(lambda: same), _cost_us(Resource)
    print(f"79 metrics: {known:.1f} us when known, {new:.1f} us when new")  # noqa: T201
    assert known * 3 < new
