"""A page's metrics with the labels of their target, as batches hold them; pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from receivers.errors import ReceiverError
from receivers.model import (
    AnyValue,
    DataPoint,
    HistogramDataPoint,
    Metric,
    MetricHeader,
    NumberDataPoint,
    Resource,
    SummaryDataPoint,
)
from receivers.prometheus.target import INSTANCE, JOB, Limits, Target, resource_of

EXPORTED: Final = "exported_"
"""What stands before a label of the page that the target has too."""

Labels = dict[str, AnyValue]
Scraped = list[tuple[Resource, list[Metric]]]
"""The metrics of each resource that a page speaks for: one, unless labels of the page are honoured."""
_Told = tuple[object, ...]


class LimitError(ReceiverError):
    """A page that has more than the target's settings allow."""


def sample_count(point: DataPoint) -> int:
    """Return how many samples of a page a data point was made of."""
    if isinstance(point, HistogramDataPoint):
        return len(point.bucket_counts) + 1 + (point.sum is not None)
    return len(point.quantile_values) + 2 if isinstance(point, SummaryDataPoint) else 1


class Labeller:
    """Puts a target's labels on its pages; hands out the same headers and resources for what stays the same."""

    def __init__(self, target: Target) -> None:
        self._target = target
        self._headers: dict[_Told, MetricHeader] = {}
        self.resource = resource_of(target.job, target.instance, target.scheme)
        self._resources: dict[tuple[str, str], Resource] = {}

    def label(self, metrics: Sequence[Metric], at_unix_nano: int) -> Scraped:
        """Return a page's metrics by resource; their points are changed in place.

        Raises:
            LimitError: a sample has more labels, or longer ones, than the target's settings allow.
        """
        headers: dict[_Told, MetricHeader] = {}
        resources: dict[tuple[str, str], Resource] = {}
        scraped: dict[Resource, list[Metric]] = {}
        for metric in metrics:
            told = _told(metric.header)
            header = headers.setdefault(told, self._headers.get(told, metric.header))
            parts: dict[Resource, list[DataPoint]] = {}
            for point in metric.data_points:
                resource = self._resource(point, resources)
                parts.setdefault(resource, []).append(point)
                if not self._target.honor_timestamps:
                    point.time_unix_nano = at_unix_nano
            for resource, points in parts.items():
                scraped.setdefault(resource, []).append(Metric(header, data_points=points))
        self._headers, self._resources = headers, resources
        return list(scraped.items())

    def own_labels(self) -> Labels:
        """Return the labels that the operator adds, as attributes."""
        return dict(self._target.labels)

    def _resource(self, point: DataPoint, resources: dict[tuple[str, str], Resource]) -> Resource:
        """Give a point its labels, and return for whom it speaks."""
        target = self._target
        exposed = {name: value for name, value in point.attributes.items() if value != ""}
        if not target.honor_labels:
            point.attributes = _beside(exposed, {JOB: "", INSTANCE: "", **target.labels})
            del point.attributes[JOB], point.attributes[INSTANCE]
            _check(point.attributes, target.limits)
            return self.resource
        job = str(exposed.pop(JOB, target.job))
        instance = str(exposed.pop(INSTANCE, target.instance))
        point.attributes = {**target.labels, **exposed}
        _check(point.attributes, target.limits)
        if (job, instance) == (target.job, target.instance):
            return self.resource
        found = resources.get((job, instance)) or self._resources.get((job, instance))
        resource = found or resource_of(job, instance, target.scheme)
        resources[job, instance] = resource
        return resource


def _told(header: MetricHeader) -> _Told:
    return header.name, header.type, header.description, header.unit


def _beside(exposed: Labels, own: dict[str, str]) -> Labels:
    """Return both; what the page calls as the target does is called `exported_`, as often as it takes."""
    labels: Labels = {**exposed, **own}
    for name in sorted(exposed.keys() & own.keys(), key=len):
        renamed = EXPORTED + name
        while renamed in labels:
            renamed = EXPORTED + renamed
        labels[renamed] = exposed[name]
    return labels


def _check(labels: Labels, limits: Limits) -> None:
    """Hold a sample to the limits; job and instance, which are the resource's, count too."""
    if limits.labels and len(labels) + 3 > limits.labels:
        raise LimitError(
            f"a sample has {len(labels) + 3} labels, its name among them: label_limit is {limits.labels}"
        )
    for what, limit, texts in (
        ("name", limits.label_name_characters, labels.keys()),
        ("value", limits.label_value_characters, map(str, labels.values())),
    ):
        longest = max(map(len, texts), default=0) if limit else 0
        if longest > limit:
            raise LimitError(
                f"the {what} of a label has {longest} characters: label_{what}_length_limit is {limit}"
            )


def points_of(scraped: Scraped) -> Iterator[DataPoint]:
    """Yield every data point."""
    for _, metrics in scraped:
        for metric in metrics:
            yield from metric.data_points


def numbers(
    headers_and_values: Sequence[tuple[MetricHeader, float]], labels: Labels, at_unix_nano: int
) -> list[Metric]:
    """Return one metric with one value for each header."""
    return [
        Metric(
            header,
            data_points=[
                NumberDataPoint(attributes=dict(labels), time_unix_nano=at_unix_nano, value=value)
            ],
        )
        for header, value in headers_and_values
    ]
