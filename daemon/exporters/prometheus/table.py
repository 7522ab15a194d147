"""The last value of every series by family, as the page shows it; pure but for what it remembers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from daemon.config.prometheus_exporter import PrometheusExporterConfig
from daemon.exporters.labels import Frame, build_frame, prometheus_label, target_labels
from daemon.exporters.names import prometheus_name
from daemon.exporters.totals import add_points
from query.labels import Labels
from receivers.consumer import Count
from receivers.model import (
    FLAG_NO_RECORDED_VALUE,
    DataPoint,
    Metric,
    MetricHeader,
    MetricType,
    NumberDataPoint,
    Resource,
    Scope,
    Temporality,
)

TARGET: Final = MetricHeader(
    name="target_info", description="Target metadata", type=MetricType.GAUGE
)
EXPIRE_EVERY_MS: Final = 1_000
"""How often a full table looks for series to forget."""

_KINDS = {
    MetricType.GAUGE: "gauge",
    MetricType.HISTOGRAM: "histogram",
    MetricType.EXPONENTIAL_HISTOGRAM: "histogram",
    MetricType.SUMMARY: "summary",
}
_HAVE_TEMPORALITY = frozenset(
    {MetricType.SUM, MetricType.HISTOGRAM, MetricType.EXPONENTIAL_HISTOGRAM}
)


class Shown(NamedTuple):
    """One series: its labels, sorted, its last data point and when that came."""

    labels: Labels
    point: DataPoint
    updated_ms: int


@dataclass(slots=True)
class Family:
    """Series of one name; `kind` is as the page says it."""

    name: str
    kind: str
    help: str
    series: dict[Labels, Shown] = field(default_factory=dict)


class FamilySnapshot(NamedTuple):
    """A family at one moment; nobody changes it any more."""

    name: str
    kind: str
    help: str
    series: list[Shown]


class PageTable:
    """What the page shows; at most `max_series` series."""

    def __init__(self, config: PrometheusExporterConfig, count: Count) -> None:
        """`count` hears of data points that the page cannot show, by reason."""
        self._config = config
        self._count = count
        self._families: dict[str, Family] = {}
        self._conflicts: dict[str, str] = {}
        self._expired_ms = 0
        self._extra = {prometheus_label(k): v for k, v in config.const_labels.items()}
        self.size = 0
        """Series there are."""

    def frame(self, resource: Resource, scope: Scope) -> Frame:
        """Return what the series of a scope have in common."""
        told: Mapping[str, str] = {}
        if not self._config.without_scope_info:
            told = {
                "otel_scope_name": scope.name,
                "otel_scope_version": scope.version,
                "otel_scope_schema_url": scope.schema_url,
            }
        return build_frame(
            resource, told, self._config.resource_to_telemetry_conversion, self._extra
        )

    def add_metric(
        self, metric: Metric, points: list[DataPoint], frame: Frame, now_ms: int
    ) -> None:
        """Show `points` of `metric`, as far as they are newer than what is shown."""
        header = metric.header
        name = prometheus_name(
            header, add_suffixes=self._config.with_suffixes, namespace=self._config.namespace
        )
        if not name or header.type is MetricType.NONE or not points:
            return
        if reason := _refusal(header):
            self._count(reason, len(points))
            return
        family = self._family(name, _kind(header), header.description)
        if family is None:
            self._count("type_conflict", len(points))
            return
        is_delta = header.type in _HAVE_TEMPORALITY and header.temporality is Temporality.DELTA
        for point in points:
            self._add_point(family, frame.labels(point.attributes), point, is_delta, now_ms)
        if not family.series:
            del self._families[name]

    def add_target(self, resource: Resource, now_ms: int) -> None:
        """Show the resource itself."""
        labels = target_labels(resource)
        family = self._family(TARGET.name, "gauge", TARGET.description) if labels else None
        if family is not None:
            point = NumberDataPoint(value=1, time_unix_nano=now_ms * 1_000_000)
            self._add_point(family, {**self._extra, **labels}, point, False, now_ms)

    def snapshot(self, now_ms: int) -> list[FamilySnapshot]:
        """Return every family, sorted by name, without the series that have expired."""
        self._expire(now_ms)
        return [
            FamilySnapshot(name, family.kind, family.help, list(family.series.values()))
            for name, family in sorted(self._families.items())
        ]

    def conflicts(self) -> Mapping[str, str]:
        """Return families that came in two types, and the type that is left out."""
        return self._conflicts

    def _family(self, name: str, kind: str, text: str) -> Family | None:
        family = self._families.get(name)
        if family is None:
            family = self._families[name] = Family(name, kind, text)
            self._conflicts.pop(name, None)
        if family.kind == kind:
            return family
        if len(self._conflicts) < self._config.max_series:
            self._conflicts[name] = kind
        return None

    def _add_point(
        self,
        family: Family,
        labels: Mapping[str, str],
        point: DataPoint,
        is_delta: bool,
        now_ms: int,
    ) -> None:
        key = tuple(sorted(labels.items()))
        shown = family.series.get(key)
        if point.flags & FLAG_NO_RECORDED_VALUE:
            if shown is not None:
                del family.series[key]
                self.size -= 1
            return
        if isinstance(point, NumberDataPoint) and point.value is None:
            self._count("no_value", 1)
            return
        if shown is not None:
            if point.time_unix_nano < shown.point.time_unix_nano:
                return
            point = _together(shown.point, point) if is_delta else point
        elif not self._has_room(now_ms):
            self._count("max_series", 1)
            return
        else:
            self.size += 1
        family.series[key] = Shown(key, point, now_ms)

    def _has_room(self, now_ms: int) -> bool:
        if self.size >= self._config.max_series and now_ms - self._expired_ms >= EXPIRE_EVERY_MS:
            self._expire(now_ms, keep_families=True)
        return self.size < self._config.max_series

    def _expire(self, now_ms: int, *, keep_families: bool = False) -> None:
        self._expired_ms = now_ms
        lifetime_ms = self._config.metric_expiration
        if not lifetime_ms:
            return
        for name, family in list(self._families.items()):
            old = [k for k, one in family.series.items() if one.updated_ms + lifetime_ms < now_ms]
            for key in old:
                del family.series[key]
            self.size -= len(old)
            if not family.series and not keep_families:
                del self._families[name]
                self._conflicts.pop(name, None)


def _refusal(header: MetricHeader) -> str:
    """Return why the page cannot show such a metric; empty if it can."""
    if header.type not in _HAVE_TEMPORALITY or header.temporality is Temporality.CUMULATIVE:
        return ""
    if header.temporality is Temporality.UNSPECIFIED:
        return "temporality_unspecified"
    is_up_down = header.type is MetricType.SUM and not header.is_monotonic
    return "delta_up_down_sum" if is_up_down else ""


def _kind(header: MetricHeader) -> str:
    return _KINDS.get(header.type, "counter" if header.is_monotonic else "gauge")


def _together(shown: DataPoint, point: DataPoint) -> DataPoint:
    """Return a delta added to what is shown, if it begins where that ended; otherwise the value begins again."""
    follows = type(shown) is type(point) and shown.time_unix_nano == point.start_time_unix_nano
    return add_points(shown, point) if follows else point
