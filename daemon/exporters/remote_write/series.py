"""Data points to the series of remote write, as the collector's exporter does it (otlp.md 5.3)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from daemon.exporters.exponential import counts_of
from daemon.exporters.labels import format_number, label_text, prometheus_label
from daemon.exporters.remote_write.wire import NativeHistogram, Span, WireExemplar
from query.labels import METRIC_NAME, Labels
from receivers.model import (
    FLAG_NO_RECORDED_VALUE,
    NO_RECORDED_VALUE,
    DataPoint,
    Exemplar,
    ExponentialBuckets,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    NumberDataPoint,
    SummaryDataPoint,
)

MAX_SCHEMA: Final = 8
MIN_SCHEMA: Final = -4
NO_ZERO_THRESHOLD: Final = 1e-128
"""What native histograms have where OTLP's say 0."""
MAX_EXEMPLAR_CHARACTERS: Final = 128
"""Of all labels of an exemplar, by OpenMetrics."""
_LARGEST_GAP: Final = 2
"""Empty buckets that are written out rather than begin a new span."""
_STALE_COUNT: Final = 0x7FF0000000000002
_NANOS_PER_MS: Final = 1_000_000


@dataclass(slots=True)
class Series:
    """One series of a request."""

    samples: list[tuple[int, float]] = field(default_factory=list)
    """(Unix ms, value) in the order of the data points."""
    histograms: list[NativeHistogram] = field(default_factory=list)
    exemplars: list[WireExemplar] = field(default_factory=list)
    points: int = 0
    """Data points that are counted with this series; a histogram's with its `_count`."""


class SeriesTable:
    """The series of one request by their labels."""

    def __init__(self) -> None:
        self.series: dict[Labels, Series] = {}

    def add(self, name: str, point: DataPoint, labels: dict[str, str]) -> None:
        """Add the samples of one cumulative data point of the metric `name`."""
        if isinstance(point, NumberDataPoint):
            self._add_number(name, point, labels)
        elif isinstance(point, HistogramDataPoint):
            self._add_histogram(name, point, labels)
        elif isinstance(point, ExponentialHistogramDataPoint):
            self._add_exponential(name, point, labels)
        else:
            self._add_summary(name, point, labels)

    def add_sample(self, name: str, labels: dict[str, str], time_ms: int, value: float) -> Series:
        """Add one sample, and return its series."""
        series = self._of(name, labels)
        series.samples.append((time_ms, value))
        return series

    def _of(self, name: str, labels: dict[str, str]) -> Series:
        key = tuple(sorted({**labels, METRIC_NAME: name}.items()))
        series = self.series.get(key)
        if series is None:
            series = self.series[key] = Series()
        return series

    def _add_number(self, name: str, point: NumberDataPoint, labels: dict[str, str]) -> None:
        value = NO_RECORDED_VALUE if _is_stale(point) else float(point.value or 0)
        series = self.add_sample(name, labels, _time_ms(point), value)
        series.points += 1
        series.exemplars += map(_exemplar, point.exemplars)

    def _add_histogram(self, name: str, point: HistogramDataPoint, labels: dict[str, str]) -> None:
        time_ms, stale = _time_ms(point), _is_stale(point)
        if point.sum is not None:
            value = NO_RECORDED_VALUE if stale else point.sum
            self.add_sample(f"{name}_sum", labels, time_ms, value)
        count = NO_RECORDED_VALUE if stale else float(point.count)
        self.add_sample(f"{name}_count", labels, time_ms, count).points += 1
        buckets: list[tuple[float, Series]] = []
        for bound, cumulative in _cumulative(point):
            value = NO_RECORDED_VALUE if stale else float(cumulative)
            with_le = {**labels, "le": format_number(bound)}
            buckets.append((bound, self.add_sample(f"{name}_bucket", with_le, time_ms, value)))
        for exemplar in point.exemplars:
            for bound, series in buckets:
                if float(exemplar.value or 0) <= bound:
                    series.exemplars.append(_exemplar(exemplar))
                    break

    def _add_exponential(
        self, name: str, point: ExponentialHistogramDataPoint, labels: dict[str, str]
    ) -> None:
        series = self._of(name, labels)
        if point.scale < MIN_SCHEMA:
            return
        series.points += 1
        series.histograms.append(_native(point))
        series.exemplars += map(_exemplar, point.exemplars)

    def _add_summary(self, name: str, point: SummaryDataPoint, labels: dict[str, str]) -> None:
        time_ms, stale = _time_ms(point), _is_stale(point)
        for suffix, total in (("_sum", point.sum), ("_count", float(point.count))):
            value = NO_RECORDED_VALUE if stale else total
            series = self.add_sample(f"{name}{suffix}", labels, time_ms, value)
        series.points += 1
        for quantile, at_quantile in point.quantile_values:
            with_quantile = {**labels, "quantile": format_number(quantile)}
            value = NO_RECORDED_VALUE if stale else at_quantile
            self.add_sample(name, with_quantile, time_ms, value)


def _time_ms(point: DataPoint) -> int:
    return point.time_unix_nano // _NANOS_PER_MS


def _is_stale(point: DataPoint) -> bool:
    return bool(point.flags & FLAG_NO_RECORDED_VALUE)


def _cumulative(point: HistogramDataPoint) -> Iterator[tuple[float, int]]:
    """Yield each bound with the count up to it; the last is +Inf with the count of all."""
    total = 0
    for bound, count in zip(point.explicit_bounds, point.bucket_counts, strict=False):
        total += count
        if bound != float("inf"):
            yield bound, total
    yield float("inf"), point.count


def _exemplar(exemplar: Exemplar) -> WireExemplar:
    labels: dict[str, str] = {}
    if exemplar.trace_id:
        labels["trace_id"] = exemplar.trace_id.hex()
    if exemplar.span_id:
        labels["span_id"] = exemplar.span_id.hex()
    more = {prometheus_label(k): label_text(v) for k, v in exemplar.filtered_attributes.items()}
    size = sum(len(name) + len(text) for name, text in [*labels.items(), *more.items()])
    if size <= MAX_EXEMPLAR_CHARACTERS:
        labels = {**more, **labels}
    return WireExemplar(
        tuple(sorted(labels.items())),
        float(exemplar.value or 0),
        exemplar.time_unix_nano // _NANOS_PER_MS,
    )


def _native(point: ExponentialHistogramDataPoint) -> NativeHistogram:
    shift = max(point.scale - MAX_SCHEMA, 0)
    stale = _is_stale(point)
    negative_spans, negative_deltas = _spans(point.negative, shift)
    positive_spans, positive_deltas = _spans(point.positive, shift)
    return NativeHistogram(
        time_ms=_time_ms(point),
        observations=_STALE_COUNT if stale else point.count,
        sum=NO_RECORDED_VALUE if stale else point.sum or 0.0,
        schema=point.scale - shift,
        zero_threshold=point.zero_threshold or NO_ZERO_THRESHOLD,
        zero_count=point.zero_count,
        negative_spans=negative_spans,
        negative_deltas=negative_deltas,
        positive_spans=positive_spans,
        positive_deltas=positive_deltas,
    )


def _spans(buckets: ExponentialBuckets, shift: int) -> tuple[list[Span], list[int]]:
    """Return Prometheus' form of a side: its bucket k ends where OTLP's bucket k - 1 does."""
    spans: list[Span] = []
    deltas: list[int] = []
    end, before = 0, 0
    for index, count in sorted(counts_of(buckets, shift).items()):
        gap = index + 1 - end
        if spans and gap <= _LARGEST_GAP:
            zeros = [-before, *[0] * (gap - 1)] if gap else []
            deltas += zeros
            before = 0 if gap else before
            spans[-1] = Span(spans[-1].offset, spans[-1].length + gap + 1)
        else:
            spans.append(Span(gap, 1))
        deltas.append(count - before)
        before, end = count, index + 2
    return spans, deltas
