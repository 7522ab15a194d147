"""Cuts a message with very many series into batches, between which the event loop has a turn."""

from __future__ import annotations

from collections.abc import Iterator

from receivers.consumer import Batch
from receivers.model import Metric, ResourceMetrics, ScopeMetrics
from receivers.opencensus.decode import WireMetric
from receivers.opencensus.page import PageMetric

SERIES_AT_ONCE = 500
"""A report of daprd has some 300 series; new ones take 20 us each where they are stored."""


def parts_of(batch: Batch) -> Iterator[Batch]:
    """Yield `batch`, or if it has very many series its metrics in batches of not so many, in the same order."""
    metrics = [
        metric
        for group in batch.resource_metrics
        for scoped in group.scope_metrics
        for metric in scoped.metrics
    ]
    if sum([_series(metric) for metric in metrics]) <= SERIES_AT_ONCE:
        yield batch
        return
    groups: list[ResourceMetrics] = []
    room = SERIES_AT_ONCE
    for group in batch.resource_metrics:
        for scoped in group.scope_metrics:
            for metric in _cut(scoped.metrics):
                if _series(metric) > room and groups:
                    yield _with(batch, groups)
                    groups, room = [], SERIES_AT_ONCE
                groups.append(
                    ResourceMetrics(group.resource, [ScopeMetrics(scoped.scope, [metric])])
                )
                room -= _series(metric)
    yield _with(batch, groups)


def _with(batch: Batch, groups: list[ResourceMetrics]) -> Batch:
    """Return a batch with the head of `batch`."""
    return Batch(
        batch.sender,
        batch.received_at_ms,
        groups,
        batch.context,
        times_are_ours=batch.times_are_ours,
    )


def _cut(metrics: list[Metric]) -> Iterator[Metric]:
    for metric in metrics:
        if isinstance(metric, WireMetric | PageMetric) and metric.encoded is not None:
            yield from metric.cut(SERIES_AT_ONCE)
        else:
            yield metric


def _series(metric: Metric) -> int:
    if isinstance(metric, WireMetric):
        return metric.series_count
    return metric.point_count() if isinstance(metric, PageMetric) else 0
