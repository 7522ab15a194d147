"""Which series a target's last page had: those that are gone from the next one end there; pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from receivers.model import (
    FLAG_NO_RECORDED_VALUE,
    AnyValue,
    DataPoint,
    HistogramDataPoint,
    Metric,
    MetricHeader,
    NumberDataPoint,
    Resource,
    SummaryDataPoint,
)
from receivers.prometheus.labelling import Scraped, sample_count

_Labels = tuple[tuple[str, AnyValue], ...]
_Key = tuple[Resource, str, type[DataPoint]]
_BUILD: Final[dict[type[DataPoint], Callable[..., DataPoint]]] = {
    kind: kind for kind in (NumberDataPoint, HistogramDataPoint, SummaryDataPoint)
}


class _Family(NamedTuple):
    header: MetricHeader
    series: dict[_Labels, int]
    """The samples that each was made of."""


class Seen:
    """The series of a target's last page; one object for each series, and a limit is the page's."""

    def __init__(self, *, track_timestamps: bool) -> None:
        self._track_timestamps = track_timestamps
        self._families: dict[_Key, _Family] = {}
        self._is_over = False

    def take(self, scraped: Scraped, at_unix_nano: int) -> int:
        """Note a page, and add to it what says that series of the page before are gone; return how many samples are new.

        Samples with a time of their own do not end, unless told so: their target knows of their age.
        """
        families = self._read(scraped, at_unix_nano)
        added = 0
        for key, family in families.items():
            before = self._families.get(key)
            known = before.series if before else {}
            added += sum(size for labels, size in family.series.items() if labels not in known)
        if not self._is_over:
            _add(scraped, _ends(self._families, families, at_unix_nano))
        self._families, self._is_over = families, False
        return added

    def end(self, at_unix_nano: int) -> Scraped:
        """Return what says that all series of the last page have ended, once; nothing if they had."""
        if self._is_over:
            return []
        self._is_over = True
        scraped: Scraped = []
        _add(scraped, _ends(self._families, {}, at_unix_nano))
        return scraped

    def _read(self, scraped: Scraped, at_unix_nano: int) -> dict[_Key, _Family]:
        families: dict[_Key, _Family] = {}
        for resource, metrics in scraped:
            for metric in metrics:
                for point in metric.data_points:
                    if point.time_unix_nano != at_unix_nano and not self._track_timestamps:
                        continue
                    key = resource, metric.header.name, type(point)
                    family = families.get(key)
                    if family is None:
                        family = families[key] = _Family(metric.header, {})
                    family.series[tuple(sorted(point.attributes.items()))] = sample_count(point)
        return families


def _ends(
    before: dict[_Key, _Family], now: dict[_Key, _Family], at_unix_nano: int
) -> dict[Resource, list[Metric]]:
    """Return a point without value for each series that is gone."""
    ends: dict[Resource, list[Metric]] = {}
    for key, family in before.items():
        resource, _, kind = key
        left = now[key].series if key in now else {}
        points = [
            _BUILD[kind](
                attributes=dict(labels), time_unix_nano=at_unix_nano, flags=FLAG_NO_RECORDED_VALUE
            )
            for labels in family.series
            if labels not in left
        ]
        if points:
            ends.setdefault(resource, []).append(Metric(family.header, data_points=points))
    return ends


def _add(scraped: Scraped, ends: dict[Resource, list[Metric]]) -> None:
    """Put the ends behind the metrics of the same resource."""
    for resource, metrics in scraped:
        metrics.extend(ends.pop(resource, []))
    scraped += ends.items()
