"""A page in parts, each of which is handed on at once; pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from receivers.model import Metric, Resource
from receivers.prometheus.labelling import Scraped

POINTS_AT_ONCE: Final = 200
"""Data points that are handed on without a pause: 5 ms' work where all their series are new, else 1 ms."""


def parts_of(scraped: Scraped) -> Iterator[Scraped]:
    """Yield what is handed on at once: whole metrics, and slices of those with many points."""
    part: list[tuple[Resource, list[Metric]]] = []
    room = POINTS_AT_ONCE
    for resource, metrics in scraped:
        for metric in _sliced(metrics):
            size = len(metric.data_points)
            if size > room and part:
                yield part
                part, room = [], POINTS_AT_ONCE
            if not part or part[-1][0] is not resource:
                part.append((resource, []))
            part[-1][1].append(metric)
            room -= size
    if part:
        yield part


def _sliced(metrics: list[Metric]) -> Iterator[Metric]:
    for metric in metrics:
        points = metric.data_points
        if len(points) <= POINTS_AT_ONCE:
            yield metric
            continue
        for at in range(0, len(points), POINTS_AT_ONCE):
            yield Metric(metric.header, data_points=points[at : at + POINTS_AT_ONCE])
