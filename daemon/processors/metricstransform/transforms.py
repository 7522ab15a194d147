"""The four kinds of transform: update, insert, combine, group (otlp.md 4.3)."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import structlog

from daemon.processors.metricstransform.matching import MetricFilter
from daemon.processors.metricstransform.merging import merge_points
from daemon.processors.metricstransform.operations import Operation
from daemon.processors.metricstransform.processor import Scene
from receivers.model import (
    Metric,
    MetricHeader,
    MetricType,
    Resource,
    ResourceMetrics,
    ScopeMetrics,
)

log = structlog.get_logger(__name__)

MAX_HEADERS = 10_000
"""Headers remembered with what they became: as many as the windows remember metric names."""
MAX_RESOURCES = 20_000


class Change:
    """New name and operations of a transform, applied to metrics that the caller owns."""

    def __init__(
        self,
        matching: MetricFilter,
        rename: Callable[[str], str] | None,
        operations: Sequence[Operation],
    ) -> None:
        self.matching = matching
        self._rename = rename
        self._operations = tuple(operations)
        self._renamed = lru_cache(MAX_HEADERS)(self._make_header)

    def apply(self, metric: Metric, *, whole: bool) -> bool:
        """Change a metric, and return whether anything is left of it; `whole` says whether all of it matches."""
        if whole and self._rename is not None:
            metric.header = self._renamed(metric.header)
        if not self._operations:
            return True
        was_empty = not metric.data_points
        for operation in self._operations:
            if whole or not operation.whole:
                operation.apply(metric, self.matching)
        return was_empty or bool(metric.data_points)

    def _make_header(self, header: MetricHeader) -> MetricHeader:
        """Return the header under its new name; remembered, for the windows know a header by its identity."""
        name = self._rename(header.name) if self._rename else header.name
        return header if name == header.name else dataclasses.replace(header, name=name)


class Update:
    """Changes matching metrics in place."""

    def __init__(self, change: Change) -> None:
        self._change = change

    def apply(self, scene: Scene) -> None:
        """Change the metrics of the scope; one that loses all data points goes."""
        scene.metrics = [metric for metric in scene.metrics if self._keep(metric)]

    def _keep(self, metric: Metric) -> bool:
        matching = self._change.matching
        if not matching.matches(metric):
            return True
        return self._change.apply(metric, whole=matching.matches_whole(metric))


class Insert:
    """Adds a changed copy of each matching metric, of its matching data points only."""

    def __init__(self, change: Change) -> None:
        self._change = change

    def apply(self, scene: Scene) -> None:
        """Add copies behind the metrics of the scope."""
        copies = [
            _copy(metric, self._change.matching)
            for metric in scene.metrics
            if self._change.matching.matches(metric)
        ]
        scene.metrics = [
            *scene.metrics,
            *(metric for metric in copies if self._change.apply(metric, whole=True)),
        ]


class Combine:
    """Makes one metric of all that match, with what the pattern's groups found in their names as labels."""

    def __init__(
        self, change: Change, how: str, to_case: Callable[[str], str], new_name: str
    ) -> None:
        self._change = change
        self._how = how
        self._to_case = to_case
        self._warned = False
        self._combined = lru_cache(MAX_HEADERS)(
            lambda header: dataclasses.replace(header, name=new_name or header.name)
        )

    def apply(self, scene: Scene) -> None:
        """Put the one metric behind the others; metrics that do not fit together stay as they are."""
        matching = self._change.matching
        matched = [metric for metric in scene.metrics if matching.matches(metric)]
        if not matched:
            return
        problem = _difference(matched)
        if problem is not None:
            self._warn(problem, matched)
            return
        taken = set(map(id, matched))
        scene.metrics = [metric for metric in scene.metrics if id(metric) not in taken]
        combined = self._combine(matched)
        if self._change.apply(combined, whole=True):
            scene.metrics.append(combined)

    def _combine(self, matched: Sequence[Metric]) -> Metric:
        points = []
        for metric in matched:
            found = self._change.matching.groups(metric.header.name)
            labels = {key: self._to_case(value) for key, value in found.items()}
            for point in self._change.matching.matching_points(metric):
                point.attributes.update(labels)
                points.append(point)
        header = matched[0].header
        if header.type is not MetricType.SUMMARY:
            points = merge_points(header, points, self._how)
        return Metric(self._combined(header), data_points=points)

    def _warn(self, problem: str, matched: Sequence[Metric]) -> None:
        if not self._warned:
            self._warned = True
            names = [metric.header.name for metric in matched[:10]]
            log.warning("cannot combine metrics, they stay as they are", why=problem, metrics=names)


class Group:
    """Moves matching metrics to a resource with further attributes."""

    def __init__(self, matching: MetricFilter, labels: Mapping[str, str]) -> None:
        self._matching = matching
        self._labels = dict(labels)
        self._labelled = lru_cache(MAX_RESOURCES)(self._label)

    def apply(self, scene: Scene) -> None:
        """Move metrics of the scope; the new resource is there even if nothing matches."""
        moved, kept = [], []
        for metric in scene.metrics:
            if self._matching.matches(metric):
                if self._matching.labels:
                    metric.data_points = self._matching.matching_points(metric)
                moved.append(metric)
            else:
                kept.append(metric)
        scene.metrics = kept
        resource = self._labelled(scene.resource)
        scene.moved.append(ResourceMetrics(resource, [ScopeMetrics(scene.scope, moved)]))

    def _label(self, resource: Resource) -> Resource:
        return dataclasses.replace(resource, attributes={**resource.attributes, **self._labels})


def _copy(metric: Metric, matching: MetricFilter) -> Metric:
    if not matching.labels and (encoded := metric.encoded) is not None:
        return Metric(metric.header, encoded)
    return Metric(metric.header, data_points=copy.deepcopy(matching.matching_points(metric)))


def _difference(metrics: Sequence[Metric]) -> str | None:
    """Return why metrics cannot be one, or None."""
    if len(metrics) == 1:
        return None
    headers = [metric.header for metric in metrics]
    if any(header.type is MetricType.SUMMARY for header in headers):
        return "summaries cannot be added"
    for name in ("type", "unit", "temporality", "is_monotonic"):
        if len({getattr(header, name) for header in headers}) > 1:
            return f"they differ in {name}"
    keys = {
        frozenset(key for point in metric.data_points for key in point.attributes)
        for metric in metrics
    }
    return "they have different labels" if len(keys) > 1 else None
