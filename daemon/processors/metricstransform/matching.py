"""Which metrics and which of their data points a transform is about."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from receivers.model import Attributes, DataPoint, Metric

TextMatch = Callable[[str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricFilter:
    """Metrics by name, and their data points by labels."""

    names: TextMatch
    labels: tuple[tuple[str, TextMatch], ...]
    """All must match; a label that is absent or no text is matched as the empty text."""
    groups: Callable[[str], Mapping[str, str]]
    """What the groups of the pattern found in a name, by their names; nothing for a strict match."""

    def matches(self, metric: Metric) -> bool:
        """Return whether the name matches and so does any data point, or there is none."""
        if not self.names(metric.header.name):
            return False
        return self._any_point(metric) if self.labels else True

    def matches_whole(self, metric: Metric) -> bool:
        """Return whether all data points of a metric that matches do."""
        if not self.labels:
            return True
        return all(self.matches_point(point.attributes) for point in metric.data_points)

    def matches_point(self, attributes: Attributes) -> bool:
        """Return whether a data point with these attributes matches."""
        for key, match in self.labels:
            value = attributes.get(key)
            if not match(value if isinstance(value, str) else ""):
                return False
        return True

    def matching_points(self, metric: Metric) -> list[DataPoint]:
        """Return the data points that match."""
        return [point for point in metric.data_points if self.matches_point(point.attributes)]

    def _any_point(self, metric: Metric) -> bool:
        points = metric.data_points
        return not points or any(self.matches_point(point.attributes) for point in points)
