from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from query.errors import QueryError, TooManySamplesError
from query.evaluate.stepped import StepVector
from query.labels import Labels
from tests.query.evaluate.steps import Values, ask, close, expect

DATA = """
    v{g="x",i="1"} 1
    v{g="x",i="2"} 2
    v{g="x",i="3"} 6
    v{g="y",i="1"} 6
    v{g="y",i="2"} NaN
"""


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("avg by (g) (v)", '{g="x"} 3\n{g="y"} NaN'),
        ("min by (g) (v)", '{g="x"} 1\n{g="y"} 6'),
        ("max by (g) (v)", '{g="x"} 6\n{g="y"} 6'),
        ("group by (g) (v)", '{g="x"} 1\n{g="y"} 1'),
        ("count(v)", "{} 5"),
        ("count by (g) (v)", '{g="x"} 3\n{g="y"} 2'),
        ("count by (g, nope) (v)", '{g="x"} 3\n{g="y"} 2'),
        ("count by (__name__) (v)", "v 5"),
        ("sum by (g) (abs(v))", '{g="x"} 9\n{g="y"} NaN'),
        ("count by (__name__, g) (abs(v))", '{g="x"} 3\n{g="y"} 2'),
        ("topk(1, abs(v))", '{g="x",i="3"} 6'),
        ("sum without (i) (v)", '{g="x"} 9\n{g="y"} NaN'),
        ("sum without (g) (v)", '{i="1"} 7\n{i="2"} NaN\n{i="3"} 6'),
        ('SUM(v{g="x"}) BY (g,)', '{g="x"} 9'),
        ('stdvar(v{g="x"})', "{} 4.666666666666667"),
        ('stddev(v{g="x"})', "{} 2.160246899469287"),
        ("stddev by (g) (v)", '{g="x"} 2.160246899469287\n{g="y"} NaN'),
        ('quantile(0.75, v{g="x"})', "{} 4"),
        ('quantile(0, v{g="y"})', "{} NaN"),
        ('quantile(1, v{g="y"})', "{} 6"),
        ("quantile by (g) (0.5, v)", '{g="x"} 2\n{g="y"} NaN'),
        ("quantile by (g) (NaN, v)", '{g="x"} NaN\n{g="y"} NaN'),
        ("quantile by (g) (-1, v)", '{g="x"} -Inf\n{g="y"} -Inf'),
        ("quantile by (g) (1.1, v)", '{g="x"} Inf\n{g="y"} Inf'),
        ("topk by (g) (1, v)", 'v{g="x",i="3"} 6\nv{g="y",i="1"} 6'),
        ("bottomk by (g) (1, v)", 'v{g="x",i="1"} 1\nv{g="y",i="1"} 6'),
        ("topk by (g) (2, v{g='y'})", 'v{g="y",i="1"} 6\nv{g="y",i="2"} NaN'),
        ("topk(1.9, v)", 'v{g="x",i="3"} 6'),
        ("bottomk(0, v)", ""),
        ("topk(-Inf, v)", ""),
        ("topk(0.9, v)", ""),
        (
            'count_values by (g) ("val", v{g="x"})',
            '{g="x",val="1"} 1\n{g="x",val="2"} 1\n{g="x",val="6"} 1',
        ),
        ('count_values("g", v)', '{g="1"} 1\n{g="2"} 1\n{g="6"} 2\n{g="NaN"} 1'),
        ('count_values without (i) ("g", v)', '{g="1"} 1\n{g="2"} 1\n{g="6"} 2\n{g="NaN"} 1'),
        ('count_values without (i) ("i", v)', '{g="x"} 3\n{g="y"} 2'),
        ('count_values by (g) ("g", v)', '{g="1"} 1\n{g="2"} 1\n{g="6"} 2\n{g="NaN"} 1'),
        ("sum(nope)", ""),
        ("count(nope)", ""),
        ("sum by (g) (nope)", ""),
        ("quantile(0.5, nope)", ""),
        ("topk(2, nope)", ""),
        ('count_values("x", nope)', ""),
        ("stddev(nope)", ""),
    ],
)
def test_vectors(query: str, expected: str) -> None:
    """promql.md 2.8 and section 10 D at one step."""
    assert ask(DATA, query).rows == expect(expected)


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param("NaN", {"stdvar": math.nan, "sum": math.nan, "max": math.nan}, id="nan"),
        pytest.param("Inf", {"stdvar": math.nan, "stddev": math.nan, "avg": math.inf}, id="inf"),
        pytest.param("1 Inf", {"stdvar": math.nan, "sum": math.inf, "min": 1}, id="one-inf"),
        pytest.param("Inf -Inf", {"sum": math.nan, "avg": math.nan, "min": -math.inf}, id="infs"),
        pytest.param("1e100 1 -1e100", {"sum": 1, "avg": 1 / 3}, id="cancellation"),
        pytest.param("1 1e100 1 -1e100", {"sum": 2, "avg": 0.5}, id="more-cancellation"),
        pytest.param("5 1e100 -1e100 5 5", {"sum": 15, "avg": 3}, id="odd-number"),
        pytest.param("1.5e308 1.5e308", {"sum": math.inf, "avg": 1.5e308}, id="overflow"),
        pytest.param("-1.5e308 -1.5e308", {"sum": -math.inf, "avg": -1.5e308}, id="underflow"),
        pytest.param("1.7e308 1e308 -1.7e308 -1e308", {"sum": 0, "avg": 0}, id="on-the-way"),
        pytest.param("0.1 0.1 0.1", {"stdvar": 0, "sum": 0.30000000000000004}, id="equal"),
        pytest.param("1e15 1e15 1000000000000001", {"stdvar": 2 / 9}, id="small-variance"),
        pytest.param("-0", {"sum": 0, "max": 0}, id="minus-zero"),
    ],
)
def test_extreme_numbers(values: str, expected: dict[str, float]) -> None:
    """Sums lose nothing that compensation would keep; means and variances survive what a plain sum does not."""
    data = "\n".join(f'v{{i="{i}"}} {value}' for i, value in enumerate(values.split()))
    got = {op: ask(data, f"{op}(v)").rows[()] for op in expected}
    assert got == {op: [pytest.approx(v, rel=1e-9, nan_ok=True)] for op, v in expected.items()}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("sum(v)", "{} 1 5 9 _"),
        ("sum by (g) (v)", '{g="x"} 1 5 3 _\n{g="y"} _ _ 6 _'),
        ("min by (g) (v)", '{g="x"} 1 2 3 _\n{g="y"} _ _ 6 _'),
        ("count by (g) (v)", '{g="x"} 1 2 1 _\n{g="y"} _ _ 1 _'),
        ("stdvar by (g) (v)", '{g="x"} 0 0.25 0 _\n{g="y"} _ _ 0 _'),
        ("topk(k, v)".replace("k,", "scalar(k),"), 'v{g="x",i="2"} _ 3 _ _\nv{g="y"} _ _ 6 _'),
        ('quantile(0.5, v{g="x"})', "{} 1 2.5 3 _"),
        (
            'count_values("n", v)',
            '{n="1"} 1 _ _ _\n{n="2"} _ 1 _ _\n{n="3"} _ 1 1 _\n{n="6"} _ _ 1 _',
        ),
    ],
)
def test_steps(query: str, expected: str) -> None:
    """Each step is an instant of its own: absent elements take no part, parameters vary."""
    data = """
        v{g="x",i="1"} 1 2 _ _
        v{g="x",i="2"} _ 3 3 _
        v{g="y"} _ _ 6 _
        k 0 1 1 1
    """
    assert ask(data, query).rows == expect(expected)


def test_minus_zero() -> None:
    """A compensated sum of -0 alone is 0, as is its mean; the smallest of one value is that value."""
    values = [str(ask("v -0", f"{op}(v)").rows[()][0]) for op in ("sum", "avg", "min", "max")]
    assert values == ["0.0", "0.0", "-0.0", "-0.0"]


def test_counted_values_are_limited() -> None:
    """Each value is a series over all steps: how many those are is counted before they are made."""
    data = 'v{i="1"} 1 2 3\nv{i="2"} 4 5 6'
    assert len(ask(data, 'count_values("n", v)', max_samples=18).rows) == 6
    with pytest.raises(TooManySamplesError):
        ask(data, 'count_values("n", v)', max_samples=17)


def test_rank_order() -> None:
    """At one step topk comes descending and bottomk ascending within each group, equal ones as they came."""
    data = 'v{i="a"} 2\nv{i="b"} 3\nv{i="c"} NaN\nv{i="d"} 2\nv{i="e"} 9\nv{i="f"} -Inf'

    def order(query: str) -> str:
        return "".join(dict(labels)["i"] for labels in ask(data, query).order)

    queries = ["topk(4, v)", "bottomk(3, v)", "topk(9, v)", "bottomk(9, v)", "topk by (i) (1, v)"]
    assert [order(query) for query in queries] == ["ebad", "fad", "ebadfc", "fadbec", "abcdef"]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("topk(NaN, v)", "Parameter value is NaN"),
        ("bottomk(NaN, nope)", "Parameter value is NaN"),
        ("topk(Inf, v)", "Scalar value +Inf overflows int64"),
        ("topk(2 ^ 63, v)", "Scalar value 9.223372036854776e+18 overflows int64"),
        ('count_values("", v)', 'invalid label name ""'),
    ],
)
def test_bad_parameters(query: str, message: str) -> None:
    """A parameter that makes no sense fails the query."""
    with pytest.raises(QueryError) as caught:
        ask(DATA, query)
    assert str(caught.value) == message


def test_bad_parameter_at_one_step() -> None:
    """A parameter is judged by all steps: one that is too small matters where another keeps elements."""
    with pytest.raises(QueryError, match="Scalar value -1e\\+20 underflows int64"):
        ask("v 1 1\nk -1e20 1", "topk(scalar(k), v)")
    assert ask("v 1 1\nk -1e20 0", "topk(scalar(k), v)").rows == {}


@pytest.mark.parametrize(
    ("query", "warning"),
    [
        ("quantile(1.5, v)", "1.5 (1:10)"),
        ("quantile(-0.1, nope)", "-0.1 (1:10)"),
        ("sum(quantile by (g) (NaN, v))", "NaN (1:22)"),
        ("quantile(2, v)", "2 (1:10)"),
        ("quantile(1234567, v)", "1.234567e+06 (1:10)"),
        ("quantile(-0.00001, v)", "-1e-05 (1:10)"),
    ],
)
def test_quantile_warnings(query: str, warning: str) -> None:
    """A quantile outside of [0, 1] is answered with an infinite value and a warning at its place."""
    expected = f"PromQL warning: quantile value should be between 0 and 1, got {warning}"
    assert ask(DATA, query).warnings == (expected,)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1e21", "1000000000000000000000"),
        ("1e-7", "0.0000001"),
        ("-0", "-0"),
        ("2.5", "2.5"),
        ("NaN", "NaN"),
        ("Inf", "+Inf"),
        ("-Inf", "-Inf"),
        ("1e15", "1000000000000000"),
    ],
)
def test_counted_values(value: str, text: str) -> None:
    """count_values writes the shortest decimal without exponent."""
    assert ask(f"v {value}", 'count_values("n", v)').rows == {(("n", text),): [1.0]}


NUMBERS = st.sampled_from([0.0, 1.0, -1.0, 2.5, 1e16, -1e16, 0.1, math.inf, -math.inf, math.nan])


@st.composite
def vectors(draw: st.DrawFn) -> StepVector:
    """A few series in a few groups at a few steps, absent here and there."""
    n, s = draw(st.integers(0, 8)), draw(st.integers(1, 4))
    cells = draw(
        st.lists(
            st.one_of(st.none(), NUMBERS, st.floats(-100, 100)), min_size=n * s, max_size=n * s
        )
    )
    labels: list[Labels] = []
    for i in range(n):
        pairs = [("__name__", "v"), ("g", draw(st.sampled_from(["", "x", "y"]))), ("i", str(i))]
        labels.append(tuple(pair for pair in pairs if pair[1]))
    grid = np.array([math.nan if cell is None else cell for cell in cells]).reshape(n, s)
    present = np.array([cell is not None for cell in cells], dtype=bool).reshape(n, s)
    return StepVector(labels=labels, values=grid, present=present)


def plain_quantile(quantile: float, values: list[float]) -> float:
    ordered = sorted(values, key=lambda v: (not math.isnan(v), v))
    place = quantile * (len(ordered) - 1)
    below = math.floor(place)
    upper = min(below + 1, len(ordered) - 1)
    return ordered[below] * (1 - (place - below)) + ordered[upper] * (place - below)


def plain_mean(values: list[float]) -> float:
    return plain_sum(values) / len(values)


def plain_sum(values: list[float]) -> float:
    if {math.inf, -math.inf} <= set(values):
        return math.nan
    return math.fsum(values)


def plain_stdvar(values: list[float]) -> float:
    if any(map(math.isinf, values)):
        return math.nan
    mean = plain_mean(values)
    return plain_sum([(v - mean) ** 2 for v in values]) / len(values)


def numbers(values: list[float]) -> list[float]:
    return [v for v in values if not math.isnan(v)] or [math.nan]


PLAIN: dict[str, Any] = {
    "sum(": plain_sum,
    "avg(": plain_mean,
    "min(": lambda values: min(numbers(values)),
    "max(": lambda values: max(numbers(values)),
    "count(": len,
    "group(": lambda values: 1,
    "stdvar(": plain_stdvar,
    "stddev(": lambda values: math.sqrt(plain_stdvar(values)),
    "quantile(0.3, ": lambda values: plain_quantile(0.3, values),
}
BY = {"": [], "by (g) ": ["g"], "without (i) ": ["g"], "by (i, g) ": ["i", "g"]}


def plain_aggregate(vector: StepVector, op: str, names: list[str]) -> dict[Labels, Values]:
    rows: dict[Labels, Values] = {}
    keys = [tuple(pair for pair in one if pair[0] in names) for one in vector.labels]
    for key in keys:
        cells: Values = []
        for step in range(vector.values.shape[1]):
            members = [
                float(vector.values[i, step])
                for i, of_row in enumerate(keys)
                if of_row == key and vector.present[i, step]
            ]
            cells.append(float(PLAIN[op](members)) if members else None)
        if any(cell is not None for cell in cells):
            rows[key] = cells
    return rows


@given(vectors(), st.sampled_from(sorted(PLAIN)), st.sampled_from(sorted(BY)))
@settings(max_examples=200, deadline=None)
def test_as_the_plain_model(vector: StepVector, op: str, clause: str) -> None:
    """Every aggregation is what a loop over elements, groups and steps says."""
    query = f"{op}v)" if not clause else op.replace("(", f" {clause}(") + "v)"
    got = ask(vector, query).rows
    expected = plain_aggregate(vector, op, BY[clause])
    loose = {
        key: [None if v is None else pytest.approx(v, rel=1e-9, abs=1e-9, nan_ok=True) for v in row]
        for key, row in expected.items()
    }
    if op.startswith("std") and any(abs(v) > 1e15 for v in vector.values.ravel()):
        assert got.keys() == loose.keys()
    else:
        assert got == loose


@given(vectors(), st.integers(0, 4), st.booleans(), st.sampled_from(["", "by (g) "]))
@settings(max_examples=150, deadline=None)
def test_ranks_as_the_plain_model(vector: StepVector, k: int, largest: bool, by: str) -> None:
    """topk and bottomk keep the k most extreme elements of each group, NaN last, the first of equals."""
    got = ask(vector, f"{'topk' if largest else 'bottomk'} {by}({k}, v)").rows
    expected: dict[Labels, Values] = {}
    groups = [dict(labels).get("g", "") if by else "" for labels in vector.labels]
    for step in range(vector.values.shape[1]):
        for group in set(groups):
            rows = [i for i, g in enumerate(groups) if g == group and vector.present[i, step]]
            column = vector.values[:, step].tolist()
            sign = -1 if largest else 1
            rows.sort(key=lambda i: (math.isnan(column[i]), sign * column[i]))
            for i in rows[:k]:
                row = expected.setdefault(vector.labels[i], [None] * vector.values.shape[1])
                row[step] = column[i]
    assert got == close(expected)
