"""Reads batches back as lines of text, by both readers of encoded points."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from receivers.consumer import Batch
from receivers.model import (
    DataPoint,
    HistogramDataPoint,
    Metric,
    NumberDataPoint,
    SummaryDataPoint,
)
from tests.support.opencensus_messages import NANO, S, T


def metrics_of(batches: Iterable[Batch]) -> list[Metric]:
    return [
        metric
        for batch in batches
        for group in batch.resource_metrics
        for scope_metrics in group.scope_metrics
        for metric in scope_metrics.metrics
    ]


def read_rows(batches: Iterable[Batch]) -> list[str]:
    """Return each row as `name{key="value"} value @seconds after T`; counts and sums as `count/sum`."""
    lines = []
    for metric in metrics_of(batches):
        assert metric.encoded is not None
        for row in metric.encoded.rows():
            attributes, start = metric.encoded.describe(row.key)
            value = row.value if row.sum is None else f"{row.value}/{row.sum}"
            lines.append(_line(metric.header.name, attributes, start, row.time_unix_nano, value))
    return lines


def read_data_points(batches: Iterable[Batch]) -> list[str]:
    """Return the same lines from the data points decoded whole."""
    return [
        _line(
            metric.header.name,
            point.attributes,
            point.start_time_unix_nano,
            point.time_unix_nano,
            _value(point),
        )
        for metric in metrics_of(batches)
        for point in metric.data_points
    ]


def _value(point: DataPoint) -> Any:
    if isinstance(point, NumberDataPoint):
        return point.value
    assert isinstance(point, HistogramDataPoint | SummaryDataPoint)
    return f"{point.count}/{point.sum}"


def _line(name: str, attributes: Mapping[str, Any], start: int, time: int, value: Any) -> str:
    labels = ",".join(f'{key}="{text}"' for key, text in sorted(attributes.items()))
    assert start in {0, S * NANO}
    return f"{name}{{{labels}}} {value} @{(time - T * NANO) / NANO:g}"
