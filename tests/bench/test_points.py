"""What a data point of a known series costs between receiver and ring."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable

import pytest

from receivers.model import Metric, MetricType, Temporality
from tests.bench.table import show
from tests.support.exporting import START_MS, DeltasOnTheWire, Exporting, OnTheWire, header

SERIES = 100
REPORTS = 200
ROUNDS = 5

pytestmark = pytest.mark.bench


def _cumulative(report: int) -> Metric:
    rows = [(str(i), 60.0 * report, float(report), None) for i in range(SERIES)]
    return Metric(header(MetricType.SUM, is_monotonic=True), _Ready(OnTheWire(rows)))


def _delta(report: int) -> Metric:
    rows = [(str(i), 60.0 * report, 1.0, None) for i in range(SERIES)]
    wire = DeltasOnTheWire(rows, [60.0 * report - 60.0] * SERIES)
    kind = header(MetricType.SUM, Temporality.DELTA, is_monotonic=True)
    return Metric(kind, _ReadyDeltas(wire))


class _Ready:
    """Encoded points whose rows are made already: the receiver's work is not measured here."""

    def __init__(self, wire: OnTheWire) -> None:
        self.decode, self.describe = wire.decode, wire.describe
        rows = list(wire.rows())
        self.rows = lambda: rows


class _ReadyDeltas(_Ready):
    def __init__(self, wire: DeltasOnTheWire) -> None:
        super().__init__(wire)
        starts = wire.starts_unix_nano()
        self.starts_unix_nano = lambda: starts


def _cost_us(make: Callable[[int], Metric]) -> float:
    """CPU time of a data point."""
    first = make(0)
    metrics = []
    for report in range(1, REPORTS + 1):
        metric = make(report)
        # Receivers hand out one header for equal bytes.
        metric.header = first.header
        metrics.append(metric)
    best = float("inf")
    for _ in range(ROUNDS):
        exporting = Exporting()
        exporting.consume(first, at_ms=START_MS)
        gc.collect()
        began = time.process_time()
        for report, metric in enumerate(metrics, start=1):
            exporting.consume(metric, at_ms=START_MS + 60_000 * report)
        best = min(best, time.process_time() - began)
        assert exporting.store.series_count == SERIES
    return best / (REPORTS * SERIES) * 1e6


def test_cost_of_a_data_point() -> None:
    """A delta costs little more than a cumulative value."""
    cumulative, delta = _cost_us(_cumulative), _cost_us(_delta)
    show("CPU per cumulative data point, 100 known series, windows and store", cumulative, "us", at_most=1.2)  # fmt: skip
    show("CPU per delta data point, the same", delta, "us", at_most=1.2)
    assert delta < 2 * cumulative
