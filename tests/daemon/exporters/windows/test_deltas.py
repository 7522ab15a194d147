"""Deltas become running totals (otlp.md 3.2)."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest

from daemon.config.windows import HistogramBuckets
from receivers.consumer import Sender
from receivers.model import (
    NO_RECORDED_VALUE,
    DataPoint,
    Metric,
    MetricType,
    Resource,
    Temporality,
)
from tests.support.exporting import (
    ENDED,
    START_MS,
    DeltasOnTheWire,
    Exporting,
    Sample,
    explicit,
    exponential,
    header,
    number,
)

COUNTER = header(MetricType.SUM, Temporality.DELTA, is_monotonic=True)
UP_DOWN = header(MetricType.SUM, Temporality.DELTA)
HISTOGRAM = header(MetricType.HISTOGRAM, Temporality.DELTA)

Delta = tuple[float | None, float] | tuple[float | None, float, float]
"""(value, time) or (value, time, start)"""


CASES = [
    pytest.param([(5, 10, 0), (3, 20, 10), (2, 30, 20)], [(0, 0), (10, 5), (20, 8), (30, 10)], {}, id="plain"),
    pytest.param([(5, 10, 0), (3, 40, 30)], [(0, 0), (10, 5), (30, 5), (40, 8)], {}, id="gap"),
    pytest.param([(5, 10, 0), (3, 20, 5)], [(0, 0), (10, 5), (20, 8)], {"overlaps": 1}, id="overlap"),
    pytest.param([(5, 20, 10), (3, 10, 0), (1, 30, 20)], [(10, 0), (20, 5), (30, 6)], {"late": 1}, id="out of order"),
    pytest.param([(5, 10, 0), (3, 5, 2)], [(0, 0), (10, 5)], {"late": 1}, id="late"),
    pytest.param([(5, 10, 0), (5, 10, 0)], [(0, 0), (10, 5)], {"duplicate": 1}, id="duplicate"),
    pytest.param([(5, 10, 0), (3, 10, 5)], [(0, 0), (10, 5)], {"duplicate": 1}, id="same time, later start"),
    pytest.param([(5, 10, 0), (1, 25, 24)], [(0, 0), (10, 5), (24, 5), (25, 6)], {}, id="restart, start after gap"),
    pytest.param([(5, 10), (3, 20)], [(10, 5), (20, 8)], {}, id="no start times"),
    pytest.param([(5, 10), (3, 20, 10)], [(10, 5), (20, 8)], {}, id="start appears later"),
    pytest.param([(5, 10, 0), (3, 20)], [(0, 0), (10, 5), (20, 8)], {}, id="start disappears"),
    pytest.param([(5, 10, 11), (3, 20, 10)], [(10, 5), (20, 8)], {}, id="start after the time"),
    pytest.param([(5, 10, 1), (3, 20, 0)], [(1, 0), (10, 5)], {"late": 1}, id="start before the total"),
    pytest.param([(5, 10, 0), (2.5, 20, 10), (1, 30, 20)], [(0, 0), (10, 5), (20, 7.5), (30, 8.5)], {}, id="int then double"),
    pytest.param([(5, 10, 0), (-3, 20, 10)], [(0, 0), (10, 5), (20, 2)], {"negative_deltas": 1}, id="negative"),
    pytest.param([(5, 10, 0), (math.nan, 20, 10), (1, 30, 20)], [(0, 0), (10, 5), (20, 5), (30, 6)], {"bad_deltas": 1}, id="NaN"),
    pytest.param([(5, 10, 0), (math.inf, 20, 10), (1, 30, 20)], [(0, 0), (10, 5), (20, 5), (30, 6)], {"bad_deltas": 1}, id="infinity"),
    pytest.param([(math.nan, 10, 0), (1, 30, 20)], [(20, 0), (30, 1)], {"bad_deltas": 1}, id="NaN at first"),
    pytest.param([(2**63 - 1, 10, 0), (1, 20, 10)], [(0, 0), (10, 2.0**63), (20, 2.0**63)], {}, id="no int64 overflow"),
    pytest.param([(5, 10, 0), (None, 20, 10), (2, 30, 20)], [(0, 0), (10, 5), (20, ENDED), (30, 7)], {}, id="no recorded value"),
]  # fmt: skip


@pytest.mark.parametrize(("deltas", "stored", "counted"), CASES)
@pytest.mark.parametrize("way", ["decoded", "encoded"])
def test_sums(
    way: str, deltas: Sequence[Delta], stored: list[Sample], counted: dict[str, int]
) -> None:
    """A total begins at 0 where its first delta begins, goes on over gaps, and forgives all but NaN and what is late."""
    exporting = Exporting()
    for value, time_s, *starts in deltas:
        start_s = starts[0] if starts else None
        if way == "decoded":
            exporting.send(time_s, COUNTER, number(value, time_s, start_s, path="a"))
        else:
            on_wire = NO_RECORDED_VALUE if value is None else value
            wire = DeltasOnTheWire([("a", time_s, on_wire, None)], [start_s])
            exporting.consume(Metric(COUNTER, wire), at_ms=START_MS + round(time_s * 1000))
    assert (exporting.stored(), exporting.counted()) == ({"m{path=a}": stored}, counted)


def test_one_message_in_wrong_order() -> None:
    """A message is a bag of points: they are added in order of their times."""
    exporting = Exporting()
    exporting.send(20, COUNTER, number(3, 20, 10), number(5, 10, 0))
    assert exporting.stored() == {"m": [(0, 0), (10, 5), (20, 8)]}


def test_up_and_down() -> None:
    """A sum that may fall is not a counter: negative deltas are as good as others, and no zero is made up."""
    exporting = Exporting()
    for value, time_s in ((5, 10), (-7, 20), (1, 30)):
        exporting.send(time_s, UP_DOWN, number(value, time_s, time_s - 10))
    assert exporting.stored() == {"m": [(0, 0), (10, 5), (20, -2), (30, -1)]}
    assert exporting.counted() == {}


def test_series_are_apart() -> None:
    """Each set of attributes and each sender has a total of its own."""
    exporting = Exporting()
    other = {"sender": Sender("otlp", "b"), "resource": Resource(attributes={"host.name": "b", "service.instance.id": "b"})}  # fmt: skip
    exporting.send(10, COUNTER, number(5, 10, 0, a="1"), number(7, 10, 0, a="2"))
    exporting.send(11, COUNTER, number(1, 11, 0, a="1"), **other)
    exporting.send(20, COUNTER, number(1, 20, 10, a="2"))
    assert exporting.stored() == {
        "m{a=1}": [(0, 0), (10, 5)],
        "m{a=2}": [(0, 0), (10, 7), (20, 8)],
        "m{a=1,service_instance_id=b}": [(0, 0), (11, 1)],
    }


def test_delta_and_cumulative_of_one_name() -> None:
    """One sender cannot have both under one name: the second is refused, the total goes on."""
    exporting = Exporting()
    exporting.send(10, COUNTER, number(5, 10, 0))
    cumulative = header(MetricType.SUM, is_monotonic=True)
    exporting.send(20, cumulative, number(8, 20, 0))
    exporting.send(30, COUNTER, number(1, 30, 10))
    assert exporting.stored() == {"m": [(0, 0), (10, 5), (30, 6)]}
    assert exporting.counted() == {"refused_series": 1}


def test_a_forgotten_series_starts_again() -> None:
    """Totals live as long as the series: the next delta counts in full from its own start."""
    exporting = Exporting(retention_ms=60_000)
    exporting.send(10, COUNTER, number(5, 10, 0))
    exporting.store.advance(START_MS + 100_000)
    exporting.send(120, COUNTER, number(3, 120, 110))
    assert exporting.stored() == {"m": [(110, 0), (120, 3)]}


def test_totals_are_in_a_dump() -> None:
    """A process that loads the dump of another goes on from its totals."""
    exporting, next_one = Exporting(), Exporting()
    exporting.send(10, COUNTER, number(5, 10, 0))
    for _ in next_one.store.load(exporting.store.dump(), START_MS + 15_000):
        pass
    next_one.send(20, COUNTER, number(3, 20, 10))
    assert next_one.stored() == {"m": [(0, 0), (10, 5), (20, 8)]}


def test_max_series_bounds_totals() -> None:
    """Those that found room go on; new ones stay refused."""
    exporting = Exporting(max_series=2)
    points = [number(i, 10, 0, a=str(i)) for i in (1, 2, 3)]
    exporting.send(10, COUNTER, *points)
    exporting.send(20, COUNTER, number(1, 20, 10, a="3"), number(1, 20, 10, a="1"))
    assert exporting.stored() == {
        "m{a=1}": [(0, 0), (10, 1), (20, 2)],
        "m{a=2}": [(0, 0), (10, 2)],
    }


def test_histograms() -> None:
    """Count, sum and buckets are totals."""
    exporting = Exporting(HistogramBuckets.ALWAYS)
    exporting.send(10, HISTOGRAM, explicit(3, 6, ([1, 2], [1, 1, 1]), 10, 0))
    exporting.send(20, HISTOGRAM, explicit(1, 9, ([1, 2], [0, 0, 1]), 20, 10))
    assert exporting.stored() == {
        "m_count": [(0, 0), (10, 3), (20, 4)],
        "m_sum": [(0, 0), (10, 6), (20, 15)],
        "m_bucket{le=1}": [(0, 0), (10, 1), (20, 1)],
        "m_bucket{le=2}": [(0, 0), (10, 2), (20, 2)],
        "m_bucket{le=+Inf}": [(0, 0), (10, 3), (20, 4)],
    }


def test_other_bounds() -> None:
    """Buckets with other bounds than before start again, all together; count and sum say the same by any bounds."""
    exporting = Exporting(HistogramBuckets.ALWAYS)
    for time_s, bounds, counts in (
        (10, [1, 2], [1, 1, 1]),
        (20, [1, 5], [0, 0, 1]),
        (30, [1, 5], [1, 0, 0]),
    ):
        exporting.send(time_s, HISTOGRAM, explicit(sum(counts), 1, (bounds, counts), time_s, time_s - 10))  # fmt: skip
    assert exporting.stored() == {
        "m_count": [(0, 0), (10, 3), (20, 4), (30, 5)],
        "m_sum": [(0, 0), (10, 1), (20, 2), (30, 3)],
        "m_bucket{le=1}": [(10, 0), (20, 0), (30, 1)],
        "m_bucket{le=5}": [(10, 0), (20, 0), (30, 1)],
        "m_bucket{le=+Inf}": [(10, 0), (20, 1), (30, 2)],
    }


@pytest.mark.parametrize("way", ["decoded", "encoded"])
def test_a_sum_that_is_missing_once(way: str) -> None:
    """A sum that went on without what was left out would be too small: it ends for good."""
    exporting = Exporting()
    for count, total, time_s in ((3, 6.0, 10), (1, None, 20), (1, 1.0, 30)):
        at_ms = START_MS + time_s * 1000
        if way == "decoded":
            point: DataPoint = explicit(count, total, ([], []), time_s, time_s - 10)
            exporting.consume(Metric(HISTOGRAM, data_points=[point]), at_ms=at_ms)
        else:
            wire = DeltasOnTheWire([("a", time_s, count, total)], [time_s - 10])
            exporting.consume(Metric(HISTOGRAM, wire), at_ms=at_ms)
    stored = {name.partition("{")[0]: samples for name, samples in exporting.stored().items()}
    assert stored == {
        "m_count": [(0, 0), (10, 3), (20, 4), (30, 5)],
        "m_sum": [(0, 0), (10, 6), (20, ENDED)],
    }


def test_exponential_histograms() -> None:
    """Count and sum are totals as of other histograms."""
    exporting = Exporting()
    kind = header(MetricType.EXPONENTIAL_HISTOGRAM, Temporality.DELTA)
    exporting.send(10, kind, exponential("1;0;0;0:1,2,3,4;;5", 10, 0))
    exporting.send(20, kind, exponential("0;0;0;0:1;;1", 20, 10))
    assert exporting.stored() == {
        "m_count": [(0, 0), (10, 10), (20, 11)],
        "m_sum": [(0, 0), (10, 5), (20, 6)],
    }


def test_idle_rows_are_left_out() -> None:
    """A sender that leaves a row out has counted nothing: the rate is that of the interval in which it did."""
    exporting = Exporting()
    exporting.send(60, COUNTER, number(6, 60, 0))
    exporting.send(120, COUNTER)
    exporting.send(180, COUNTER)
    exporting.send(240, COUNTER, number(12, 240, 180))
    assert exporting.ask("m - m offset 60s", 240) == [12]
    assert exporting.ask("m offset 60s", 240) == [6]
