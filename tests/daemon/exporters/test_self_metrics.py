"""Self-metrics as OTLP."""

from __future__ import annotations

from daemon.exporters.self_metrics import as_metrics
from daemon.exposition import Family
from daemon.measuring import Histograms


def test_every_kind() -> None:
    """Counters are cumulative sums since the start, gauges are gauges, distributions histograms; what is empty is left out."""
    took = Histograms((1.0, 2.5))
    for value in (0.5, 2.0, 9.0):
        took("a", value)
    families = [
        Family("c", "C", "counter", [({"k": "a"}, 3), ({"k": "b"}, 4.5)]),
        Family("g", "G", "gauge", [({}, 2)]),
        Family("h", "H", "histogram", [({}, took.values["a"])]),
        Family("none", "None", "gauge", []),
    ]
    metrics = list(as_metrics(families, 1_000, 61_000))
    assert [(one.header.name, one.header.is_monotonic) for one in metrics] == [
        ("c", True), ("g", False), ("h", False),
    ]  # fmt: skip
    times = {
        (point.start_time_unix_nano // 10**9, point.time_unix_nano // 10**9)
        for one in metrics
        for point in one.data_points
    }
    assert times == {(1, 61)}
