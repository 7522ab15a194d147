"""Comparison: the whole matrix of kinds, and the traps (ottl.md 2.2)."""

from __future__ import annotations

import math
from datetime import UTC, timedelta, timezone
from itertools import product

import pytest

from daemon.ottl.compare import comparison
from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.values import Duration, Opaque, RawList, RawMap, Time, TypedSlice, Value

SYMBOLS = ("==", "!=", "<", "<=", ">", ">=")
MISMATCHED = "FTFFFF"
SHARED = object()

ONE_OF_EACH: dict[str, Value] = {
    "nil": None,
    "int": 1,
    "float": 1.0,
    "string": "1",
    "bool": True,
    "bytes": b"1",
    "list": [1],
    "map": {"a": 1},
    "duration": Duration(1),
    "time": Time(1, UTC),
    "slice": TypedSlice("int64", (1,)),
    "opaque": Opaque("data_points", SHARED),
}


def row(left: Value, right: Value) -> str:
    return "".join("FT"[comparison(symbol)(left, right)] for symbol in SYMBOLS)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        pytest.param(one, other, id=f"{one}-{other}")
        for one, other in product(ONE_OF_EACH, repeat=2)
        if one != other and {one, other} != {"int", "float"}
    ],
)
def test_different_kinds(left: str, right: str) -> None:
    """Values of different kinds are unequal and have no order, nil included."""
    assert row(ONE_OF_EACH[left], ONE_OF_EACH[right]) == MISMATCHED


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        pytest.param(None, None, "TFFTFT", id="nil"),
        pytest.param(False, True, "FTTTFF", id="false is less than true"),
        pytest.param(True, True, "TFFTFT", id="bool"),
        pytest.param(2**53, 2**53 + 1, "FTTTFF", id="ints are exact"),
        pytest.param(2**53 + 1, float(2**53), "TFFTFT", id="an int meets a float as a float"),
        pytest.param(float(2**53), 2**53 + 1, "TFFTFT", id="in either order"),
        pytest.param(math.nan, math.nan, "FTFFFF", id="NaN"),
        pytest.param("a", "b", "FTTTFF", id="string"),
        pytest.param("z", "é", "FTTTFF", id="strings by code point"),
        pytest.param(b"", b"\x00", "FTTTFF", id="bytes"),
        pytest.param(
            Time(5, UTC), Time(5, timezone(timedelta(hours=1))), "TFFTFT", id="times ignore zones"
        ),
        pytest.param(Duration(1), Duration(2), "FTTTFF", id="duration"),
        pytest.param([1, 2], [1, 2], "TFFFFF", id="lists have no order"),
        pytest.param([1, 2], [2, 1], "FTFFFF", id="order matters in a list"),
        pytest.param([1], [1.0], "FTFFFF", id="member types must agree"),
        pytest.param([True], [1], "FTFFFF", id="true is not 1"),
        pytest.param([1], RawList([1]), "TFFFFF", id="a literal list"),
        pytest.param([[1]], RawList([RawList([1])]), "TFFFFF", id="nested literal lists"),
        pytest.param([{"a": 1}], RawList([{"a": 1}]), "FTFFFF", id="literal list of maps"),
        pytest.param(
            RawList([{"a": 1}]), RawList([{"a": 1}]), "TFFFFF", id="two literal lists of maps"
        ),
        pytest.param({"a": 1, "b": 2}, {"b": 2, "a": 1}, "TFFFFF", id="map order is ignored"),
        pytest.param({"a": 1}, RawMap({"a": 1}), "TFFFFF", id="a raw map"),
        pytest.param({"a": 1}, {"a": 1.0}, "FTFFFF", id="map values must agree in type"),
        pytest.param({"a": [1]}, {"a": [1]}, "TFFFFF", id="deep"),
        pytest.param([], None, "FTFFFF", id="an empty list is not nil"),
        pytest.param(TypedSlice("string", ("a",)), ["a"], "FTFFFF", id="a typed slice is no list"),
        pytest.param(
            TypedSlice("string", ("a",)),
            TypedSlice("int64", (1,)),
            "FTFFFF",
            id="typed slices of two kinds",
        ),
        pytest.param(
            Opaque("x", SHARED), Opaque("x", SHARED), "TFFFFF", id="the same opaque object"
        ),
        pytest.param(Opaque("x", [1]), Opaque("x", [1]), "FTFFFF", id="another opaque object"),
    ],
)
def test_rows(left: Value, right: Value, expected: str) -> None:
    """== != < <= > >= of two values."""
    assert row(left, right) == expected


def test_two_typed_slices_of_a_kind() -> None:
    """The collector crashes on them; here it is an evaluation error."""
    slices = TypedSlice("string", ("a",)), TypedSlice("string", ("a",))
    with pytest.raises(OttlEvaluationError):
        comparison("==")(*slices)
