"""Metric families as Prometheus describes them."""

from __future__ import annotations

from daemon.web.metadata import Family, describe_families
from receivers.model import MetricHeader, MetricType
from receivers.prometheusremotewrite.decode import FamilyMetadata


def test_families() -> None:
    """Each type has Prometheus' name; what a remote writer tells wins."""
    headers = {
        "a": MetricHeader(name="a", type=MetricType.SUM, is_monotonic=True, unit="1"),
        "b": MetricHeader(name="b", type=MetricType.SUM),
        "c": MetricHeader(name="c", type=MetricType.GAUGE, description="C"),
        "d": MetricHeader(name="d", type=MetricType.HISTOGRAM),
        "e": MetricHeader(name="e", type=MetricType.SUMMARY),
    }
    written = {"e": FamilyMetadata(type="counter", help="E", unit="s")}
    assert describe_families(headers, written) == {
        "a": Family(type="counter", help="", unit="1"),
        "b": Family(type="gauge", help="", unit=""),
        "c": Family(type="gauge", help="C", unit=""),
        "d": Family(type="histogram", help="", unit=""),
        "e": Family(type="counter", help="E", unit="s"),
    }
