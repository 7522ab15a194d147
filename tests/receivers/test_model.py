"""Metrics that are counted without being decoded."""

from __future__ import annotations

from receivers.model import Metric, MetricHeader, MetricType
from receivers.prometheusremotewrite.decode import Rows
from tests.support.payloads import payload

HEADER = MetricHeader(name="m", type=MetricType.GAUGE)


def test_remote_write() -> None:
    """Samples of remote write are counted where they are."""
    rows = Rows()
    for time_ms in (1, 2):
        rows.add(b"k", b"", time_ms, 1.0)
    metric = Metric(HEADER, rows)
    assert metric.point_count() == 2
    assert metric.encoded is rows


def test_decoded() -> None:
    """Decoded data points are counted as they are now."""
    [metric] = payload("gauge m [1, 2, 3]")[0].scope_metrics[0].metrics
    metric.data_points.pop()
    assert metric.point_count() == 2
