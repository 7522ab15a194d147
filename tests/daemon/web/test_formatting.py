"""Numbers, times, label sets and results as Prometheus' JSON writes them."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.web.formatting import (
    Renderer,
    format_labels,
    format_scalar,
    format_time,
    format_value,
    format_values,
)
from query.evaluate.results import QueryResult, ResultType
from query.labels import Labels

VALUES = [
    (0.0, "0"),
    (-0.0, "-0"),
    (1.0, "1"),
    (0.1, "0.1"),
    (1e-6, "0.000001"),
    (9.99e-7, "9.99e-07"),
    (1.5e-5, "0.000015"),
    (1e20, "100000000000000000000"),
    (1.2345678901234567e20, "123456789012345670000"),
    (1e21, "1e+21"),
    (-1e21, "-1e+21"),
    (5e-324, "5e-324"),
    (1.7976931348623157e308, "1.7976931348623157e+308"),
    (math.nan, "NaN"),
    (math.inf, "+Inf"),
    (-math.inf, "-Inf"),
]


@pytest.mark.parametrize(("value", "expected"), VALUES)
def test_value(value: float, expected: str) -> None:
    """The shortest digits that mean the value; an exponent only outside [1e-6, 1e21)."""
    assert format_value(value) == expected


@given(st.floats())
def test_any_value(value: float) -> None:
    """Any value reads back as itself, in one of Go's two notations."""
    text = format_value(value)
    again = float(text)
    assert again == value or (math.isnan(value) and math.isnan(again))
    fixed, exponent = r"-?[0-9]+(\.[0-9]+)?", r"-?[0-9](\.[0-9]+)?e[+-][0-9]{2,3}"
    assert re.fullmatch(rf"{fixed}|{exponent}|NaN|[+-]Inf", text)


@given(st.lists(st.floats()))
def test_many_values(values: list[float]) -> None:
    """All at once are what each is alone."""
    assert format_values(np.array(values, dtype=np.float64)) == list(map(format_value, values))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1e21, "1000000000000000000000"),
        (1e-7, "0.0000001"),
        (2.0, "2"),
        (-0.0, "-0"),
        (math.nan, "NaN"),
        (-math.inf, "-Inf"),
    ],
)
def test_scalar(value: float, expected: str) -> None:
    """Scalars never have an exponent."""
    assert format_scalar(value) == expected


@pytest.mark.parametrize(
    ("time_ms", "expected"),
    [
        (0, "0"),
        (1_700_000_000_000, "1700000000"),
        (1_700_000_000_500, "1700000000.500"),
        (1, "0.001"),
        (-1, "-0.001"),
        (-1500, "-1.500"),
        (-2000, "-2"),
    ],
)
def test_time(time_ms: int, expected: str) -> None:
    """Whole seconds, or exactly three decimals."""
    assert format_time(time_ms) == expected


@given(st.dictionaries(st.text(), st.text()))
def test_labels(labels: dict[str, str]) -> None:
    """Any label set is JSON that reads back as itself."""
    assert json.loads(format_labels(tuple(sorted(labels.items())))) == labels


def vector(labels: Sequence[Labels], values: list[float], rows: list[int]) -> QueryResult:
    return QueryResult(
        type=ResultType.VECTOR,
        labels=labels,
        rows=np.array(rows, dtype=np.intp),
        ends=np.arange(1, len(rows) + 1),
        times_ms=np.full(len(rows), 1500, dtype=np.int64),
        values=np.array(values),
    )


def test_vector_again() -> None:
    """Label sets that are remembered are not mixed up: other rows, other sequences, a full memory."""
    renderer = Renderer(max_known_labels=3)
    first: tuple[Labels, ...] = ((("a", "1"),), (("a", "2"),))
    second: tuple[Labels, ...] = ((("b", "é"),), (("b", '"'),))

    def metrics(result: QueryResult) -> list[dict[str, str]]:
        document = json.loads(b"".join(renderer.result(result)))
        return [one["metric"] for one in document["result"]]

    asked = [(first, [1, 0]), (first, [1]), (second, [0, 1]), (first, [0])]
    assert [metrics(vector(labels, [1.0] * len(rows), rows)) for labels, rows in asked] == [
        [{"a": "2"}, {"a": "1"}],
        [{"a": "2"}],
        [{"b": "é"}, {"b": '"'}],
        [{"a": "1"}],
    ]


def test_matrix() -> None:
    """Points lie one element behind the other."""
    result = QueryResult(
        type=ResultType.MATRIX,
        labels=((("a", "1"),), (("a", "2"),)),
        rows=np.array([1, 0], dtype=np.intp),
        ends=np.array([2, 3], dtype=np.intp),
        times_ms=np.array([0, 500, 0]),
        values=np.array([1.0, 2.5, math.inf]),
    )
    assert json.loads(b"".join(Renderer().result(result))) == {
        "resultType": "matrix",
        "result": [
            {"metric": {"a": "2"}, "values": [[0, "1"], [0.5, "2.5"]]},
            {"metric": {"a": "1"}, "values": [[0, "+Inf"]]},
        ],
    }


@pytest.mark.parametrize("number", [0, 1, 2047, 2048, 2049, 5000])
def test_pieces(number: int) -> None:
    """However many pieces there are, together they are one array."""
    labels: Labels = (("a", "b"),)
    result = vector([labels] * number, [float(n) for n in range(number)], list(range(number)))
    document = json.loads(b"".join(Renderer().result(result)))
    assert [one["value"] for one in document["result"]] == [[1.5, str(n)] for n in range(number)]


@pytest.mark.parametrize("lengths", [[1], [8192], [9000, 1, 9000], [5000, 4000, 200, 1] * 3])
def test_matrix_in_pieces(lengths: list[int]) -> None:
    """However long the elements are, each keeps its own points."""
    number = sum(lengths)
    result = QueryResult(
        type=ResultType.MATRIX,
        labels=[(("n", str(n)),) for n in range(len(lengths))],
        rows=np.arange(len(lengths)),
        ends=np.cumsum(lengths),
        times_ms=np.arange(number) * 1000,
        values=np.arange(number, dtype=np.float64),
    )
    document = json.loads(b"".join(Renderer(max_known_labels=0).result(result)))
    ends = np.cumsum(lengths).tolist()
    assert [
        (one["metric"], one["values"][0], one["values"][-1], len(one["values"]))
        for one in document["result"]
    ] == [
        (
            {"n": str(n)},
            [end - length, str(end - length)],
            [end - 1, str(end - 1)],
            length,
        )
        for n, (end, length) in enumerate(zip(ends, lengths, strict=True))
    ]
