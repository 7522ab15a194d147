from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from query.evaluate.range_functions import Vector, last_one, over_time
from query.values import OverTime
from tests.support.selections import Row, build_selection, ms

NAN, INF = math.nan, math.inf
SERIES: dict[str, list[float | None]] = {
    "a": [99, 3, 2, 1, 6, 3, 2],
    "nan": [99, 1, NAN, 3, NAN, 5, NAN],
    "inf": [99, 1, INF, -INF, 2, 3, 4],
    "stale": [99, 1, 2, None, 4, 5, 6],
    "huge": [99, 1e100, 1, -1e100, 0, 0, 0],
    "overflow": [99, 1.5e308, 1.5e308, 1.5e308, 1.5e308, 1.5e308, 1.5e308],
}


def row(values: Sequence[float | None], step_s: float = 5, first_s: float = 0) -> Row:
    return Row(samples=[(first_s + step_s * i, value) for i, value in enumerate(values)])


def shown(vector: Vector) -> list[float | None]:
    pairs = zip(vector.values.tolist(), vector.present.tolist(), strict=True)
    return [value if present else None for value, present in pairs]


@pytest.mark.parametrize(
    ("operation", "name", "expected"),
    [
        ("min", "a", 1),
        ("min", "nan", 1),
        ("min", "inf", -INF),
        ("min", "stale", 1),
        ("max", "a", 6),
        ("max", "nan", 5),
        ("max", "inf", INF),
        ("sum", "a", 17),
        ("sum", "nan", NAN),
        ("sum", "inf", NAN),
        ("sum", "stale", 18),
        ("sum", "huge", 1),
        ("sum", "overflow", INF),
        ("avg", "a", 17 / 6),
        ("avg", "stale", 3.6),
        ("avg", "huge", 1 / 6),
        ("avg", "overflow", 1.5e308),
        ("count", "a", 6),
        ("count", "nan", 6),
        ("count", "stale", 5),
    ],
)
def test_over_time(operation: str, name: str, expected: float) -> None:
    """The samples in (1 s, 31 s], as promql.md 2.6 and 10 B give them, beside series of other shapes."""
    selection = build_selection([row([]), row(SERIES[name]), row([7], first_s=2)])
    vector = over_time(OverTime(operation), selection, at_ms=ms(31), window_ms=ms(30))
    assert shown(vector)[1] == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("at_s", "expected"), [(30, 1), (31, 2), (40, 2), (41, 1), (50, 1), (51, None), (9, None)]
)
def test_window_is_left_open(at_s: float, expected: float | None) -> None:
    """A sample exactly at the start of a window is outside, one exactly at its end inside."""
    selection = build_selection([row([1, 1], step_s=10, first_s=21)])
    vector = over_time(OverTime.COUNT, selection, at_ms=ms(at_s), window_ms=ms(20))
    assert shown(vector) == [expected]


@pytest.mark.parametrize(
    ("samples", "at_s", "expected"),
    [
        pytest.param([(0, 5), (60, None)], 59, 5, id="before-the-marker"),
        pytest.param([(0, 5), (60, None)], 60, None, id="stale-marker-ends-it"),
        pytest.param([(0, 5), (60, None), (70, 6)], 70, 6, id="back-again"),
        pytest.param([(0, 5)], 299.999, 5, id="within-lookback"),
        pytest.param([(0, 5)], 300, None, id="exactly-lookback-old"),
        pytest.param([(0, 5), (10, NAN)], 20, NAN, id="nan-is-a-value"),
        pytest.param([(30, 5)], 20, None, id="not-yet"),
        pytest.param([], 20, None, id="empty"),
    ],
)
def test_last_one(samples: list[tuple[float, float | None]], at_s: float, expected: float) -> None:
    """An instant selector sees the newest sample in (T - 5 min, T] unless it is a stale marker."""
    selection = build_selection([Row(samples=samples), row([1, 2, 3, 4])], spare=0)
    vector = last_one(selection, at_ms=ms(at_s), lookback_ms=ms(300))
    assert shown(vector)[0] == pytest.approx(expected, nan_ok=True)


def test_no_columns() -> None:
    """Series without samples have no value, whatever is asked."""
    selection = build_selection([row([]), row([])], spare=0)
    vectors = [last_one(selection, at_ms=9, lookback_ms=9)]
    vectors += [
        over_time(OverTime(op), selection, at_ms=9, window_ms=9)
        for op in ("count", "avg", "min", "max", "sum")
    ]
    assert [shown(vector) for vector in vectors] == [[None, None]] * 6


def test_partial_sums_overflow() -> None:
    """A sum whose exact way overflows is the plain one."""
    selection = build_selection([row([1.5e308] * 8 + [-1.5e308] * 8, step_s=1)], spare=0)
    vector = over_time(OverTime.SUM, selection, at_ms=ms(15), window_ms=ms(30))
    assert shown(vector) == [0]


@given(
    st.lists(
        st.lists(st.floats(-1e6, 1e6) | st.none() | st.just(NAN), max_size=12),
        min_size=1,
        max_size=5,
    ),
    st.integers(0, 70),
    st.integers(1, 70),
)
@settings(max_examples=150, deadline=None)
def test_equals_plain_lists(table: list[list[float | None]], at_s: int, window_s: int) -> None:
    """Each function is the one of plain lists, series by series."""
    selection = build_selection([row(values) for values in table])
    plain: dict[str, Callable[[list[float]], float]] = {
        "sum": math.fsum,
        "count": len,
        "min": _fmin,
        "max": _fmax,
        "avg": statistics.fmean,
    }
    for operation, fold in plain.items():
        vector = over_time(OverTime(operation), selection, at_ms=ms(at_s), window_ms=ms(window_s))
        expected = []
        for values in table:
            inside = [
                v for i, v in enumerate(values) if v is not None and at_s - window_s < 5 * i <= at_s
            ]
            expected.append(float(fold(inside)) if inside else None)
        assert shown(vector) == [
            e if e is None else pytest.approx(e, abs=1e-6, nan_ok=True) for e in expected
        ]


def _fmin(values: list[float]) -> float:
    return min((v for v in values if not math.isnan(v)), default=NAN)


def _fmax(values: list[float]) -> float:
    return max((v for v in values if not math.isnan(v)), default=NAN)
