"""Metrics written in the notation of `payloads`: attributes by key, doubles with their point, all that is absent left out."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Sequence
from decimal import Decimal

from receivers.consumer import Batch
from receivers.model import (
    AnyValue,
    Attributes,
    DataPoint,
    ExponentialBuckets,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    MetricHeader,
    MetricType,
    NumberDataPoint,
    ResourceMetrics,
    Scope,
    ScopeMetrics,
    SummaryDataPoint,
)
from tests.support.payloads import DOUBLE, EPOCH_S, KINDS, PLAIN_KINDS, TEMPORALITIES, WORDS

_PLAIN = re.compile(r"[A-Za-z_$./][\w$./:#-]*\Z", re.ASCII)
_PLAIN_NAME = re.compile(r"[^\s@{}\[\]\"]+\Z")


def written(metrics: Batch | Sequence[ResourceMetrics], *, sort_points: bool = False) -> str:
    """Return the text of a batch or of what it holds; sorted points show what came out where order says nothing."""
    resources = metrics.resource_metrics if isinstance(metrics, Batch) else metrics
    return " ;; ".join(_resource(resource, sort_points) for resource in resources)


def write_metric(metric: Metric, *, sort_points: bool = False) -> str:
    """Return the text of one metric."""
    points = [write_point(point) for point in metric.data_points]
    text = ", ".join(sorted(points) if sort_points else points)
    header = metric.header
    unit = f" {json.dumps(header.unit, ensure_ascii=False)}" if header.unit else ""
    return f"{_kind(header)} {_name(header.name)}{unit} [{text}]"


def write_point(point: DataPoint) -> str:
    """Return the text of one data point."""
    attributes = write_attributes(point.attributes) if point.attributes else ""
    time = point.time_unix_nano
    at = "" if time == EPOCH_S * 1_000_000_000 else f"@{_seconds(time)}"
    start = f"^{_seconds(point.start_time_unix_nano)}" if point.start_time_unix_nano else ""
    flags = f"!{point.flags}" if point.flags else ""
    return f"{_value(point)}{attributes}{at}{start}{flags}"


def write_attributes(attributes: Attributes) -> str:
    """Return attributes in braces, ordered by key."""
    pairs = (f"{_key(key)}={_any_value(attributes[key])}" for key in sorted(attributes))
    return f"{{{','.join(pairs)}}}"


def _resource(resource: ResourceMetrics, sort_points: bool) -> str:
    parts = [f"R{write_attributes(resource.resource.attributes)}"]
    for number, scope_metrics in enumerate(resource.scope_metrics):
        scope = _scope(scope_metrics.scope)
        if number or scope != 'S ""' or not scope_metrics.metrics:
            parts.append(scope)
        parts.extend(_metrics(scope_metrics, sort_points))
    return " ".join(parts)


def _metrics(scope_metrics: ScopeMetrics, sort_points: bool) -> Iterable[str]:
    return (write_metric(metric, sort_points=sort_points) for metric in scope_metrics.metrics)


def _scope(scope: Scope) -> str:
    version = f"@{_name(scope.version)}" if scope.version else ""
    attributes = write_attributes(scope.attributes) if scope.attributes else ""
    return f"S {_name(scope.name)}{version}{attributes}"


def _kind(header: MetricHeader) -> str:
    for name, plain in PLAIN_KINDS.items():
        if header.type is plain:
            return name
    kind = (header.type, header.is_monotonic if header.type is MetricType.SUM else False)
    letter = next(key for key, value in TEMPORALITIES.items() if value is header.temporality)
    return letter + next(name for name, value in KINDS.items() if value == kind)


def _value(point: DataPoint) -> str:
    match point:
        case NumberDataPoint():
            return "null" if point.value is None else _number(point.value)
        case HistogramDataPoint():
            return _form("h", _histogram(point), 4)
        case ExponentialHistogramDataPoint():
            return _form("e", _exponential(point), 5)
        case SummaryDataPoint():
            pairs = (f"{_number(at)}={_number(value)}" for at, value in point.quantile_values)
            return _form("q", [str(point.count), _number(point.sum), ",".join(pairs)], 3)


def _form(letter: str, parts: list[str], least: int) -> str:
    while len(parts) > least and not parts[-1]:
        parts.pop()
    return f"{letter}({';'.join(parts)})"


def _histogram(point: HistogramDataPoint) -> list[str]:
    bounds = ",".join(map(_number, point.explicit_bounds))
    counts = ",".join(map(str, point.bucket_counts))
    extremes = (_optional(point.min), _optional(point.max))
    return [str(point.count), _optional(point.sum), bounds, counts, *extremes]


def _exponential(point: ExponentialHistogramDataPoint) -> list[str]:
    head = [str(point.scale), str(point.zero_count), _number(point.zero_threshold)]
    sides = [_buckets(point.positive), _buckets(point.negative)]
    return [*head, *sides, *map(_optional, (point.sum, point.min, point.max))]


def _buckets(buckets: ExponentialBuckets) -> str:
    if not buckets.offset and not buckets.bucket_counts:
        return ""
    return f"{buckets.offset}:{','.join(map(str, buckets.bucket_counts))}"


def _optional(value: float | None) -> str:
    return "" if value is None else _number(value)


def _number(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    if math.isnan(value):
        return "NaN"
    return repr(value) if math.isfinite(value) else f"{'+' if value > 0 else '-'}Inf"


def _seconds(time_unix_nano: int) -> str:
    if not time_unix_nano:
        return "none"
    seconds = (Decimal(time_unix_nano) / 1_000_000_000 - EPOCH_S).normalize()
    return f"{seconds:f}"


def _any_value(value: AnyValue) -> str:
    match value:
        case bool() | None:
            return next(word for word, meant in WORDS.items() if meant is value)
        case str():
            return value if _stays_bare(value) else json.dumps(value, ensure_ascii=False)
        case bytes():
            return f"0x{value.hex()}"
        case list():
            return f"[{','.join(map(_any_value, value))}]"
        case dict():
            return write_attributes(value)
        case _:
            return _number(value)


def _stays_bare(text: str) -> bool:
    return bool(_PLAIN.match(text)) and text not in WORDS and not DOUBLE.match(text)


def _key(key: str) -> str:
    return key if _PLAIN.match(key) else json.dumps(key, ensure_ascii=False)


def _name(name: str) -> str:
    return name if _PLAIN_NAME.match(name) else json.dumps(name, ensure_ascii=False)
