from __future__ import annotations

import math

import numpy as np
import pytest

from query.evaluate.aggregations import aggregate, sigma_of_aggregate
from query.labels import Labels

NAN, INF = math.nan, math.inf


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param([1, 2, 6], {"sum": 9, "avg": 3, "min": 1, "max": 6, "count": 3}, id="plain"),
        pytest.param([6, NAN], {"sum": NAN, "avg": NAN, "min": 6, "max": 6, "count": 2}, id="nan"),
        pytest.param([NAN], {"sum": NAN, "min": NAN, "max": NAN, "count": 1}, id="only-nan"),
        pytest.param([INF, -INF], {"sum": NAN, "avg": NAN, "min": -INF, "max": INF}, id="both-inf"),
        pytest.param([INF, 1], {"sum": INF, "avg": INF, "min": 1, "max": INF}, id="inf"),
        pytest.param([1e100, 1, -1e100], {"sum": 1, "avg": 1 / 3}, id="cancellation"),
        pytest.param([1.5e308, 1.5e308], {"sum": INF, "avg": 1.5e308}, id="overflow"),
        pytest.param([1.5e308] * 8 + [-1.5e308] * 8, {"sum": 0}, id="partial-sums-overflow"),
        pytest.param([0.1] * 10, {"sum": 1.0, "avg": 0.1}, id="exact"),
    ],
)
def test_one_group(values: list[float], expected: dict[str, float]) -> None:
    """Without grouping there is one group without labels; NaN and Inf behave as in promql.md 2.8."""
    labels: list[Labels] = [(("i", str(i)),) for i in range(len(values))]
    folded = {op: aggregate(op, labels, np.array(values, dtype=float)) for op in expected}
    assert folded == {op: {(): pytest.approx(v, nan_ok=True)} for op, v in expected.items()}


LABELS: list[Labels] = [
    (("__name__", "v"), ("g", "x"), ("i", "1")),
    (("__name__", "v"), ("g", "x"), ("i", "2")),
    (("__name__", "v"), ("i", "1")),
]


@pytest.mark.parametrize(
    ("grouping", "without", "expected"),
    [
        (["g"], False, {(("g", "x"),): 3, (): 4}),
        (["i"], False, {(("i", "1"),): 5, (("i", "2"),): 2}),
        (["__name__"], False, {(("__name__", "v"),): 7}),
        (["nope"], False, {(): 7}),
        ([], False, {(): 7}),
        (["i"], True, {(("g", "x"),): 3, (): 4}),
        ([], True, {(("g", "x"), ("i", "1")): 1, (("g", "x"), ("i", "2")): 2, (("i", "1"),): 4}),
    ],
)
def test_groups(grouping: list[str], without: bool, expected: dict[Labels, float]) -> None:
    """`by` keeps the listed labels, `without` drops them and the name; an absent label is empty."""
    values = np.array([1.0, 2.0, 4.0])
    assert aggregate("sum", LABELS, values, grouping=grouping, without=without) == expected


@pytest.mark.parametrize("operation", ["sum", "avg", "min", "max", "count"])
def test_nothing_in_nothing_out(operation: str) -> None:
    """No input gives no output, for count too."""
    assert aggregate(operation, [], np.zeros(0)) == {}


@pytest.mark.parametrize(
    ("operation", "expected"), [("sum", 5), ("avg", 2.5), ("min", 3), ("max", 4), ("count", 0)]
)
def test_sigma(operation: str, expected: float) -> None:
    """Variances of independent values add up; min and max are as uncertain as the value they choose."""
    assert sigma_of_aggregate(operation, np.array([1.0, 2.0]), np.array([9.0, 16.0])) == expected
