"""Equality of any two values (ottl.md 2.2)."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone

import pytest

from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.functions.equality import equal
from daemon.ottl.values import Duration, Opaque, RawList, RawMap, Time, TypedSlice, Value

NAN = float("nan")
POINTS = Opaque("data points", [])

PAIRS: list[tuple[Value, Value, bool]] = [
    (None, None, True),
    (None, 0, False),
    (True, True, True),
    (True, 1, False),
    (1, True, False),
    (7, 7.0, True),
    (9007199254740993, 9007199254740992.0, True),
    (9007199254740993, 9007199254740992, False),
    (NAN, NAN, False),
    ("1", 1, False),
    ("1", b"1", False),
    (b"\x01", b"\x01", True),
    (Time(5, UTC), Time(5, timezone(timedelta(hours=1))), True),
    (Duration(1), Duration(1), True),
    (Duration(1), 1, False),
    ([1, 2, 3], RawList([1, 2, 3]), True),
    ([1, 2, 3], RawList([1, 2, 3.0]), False),
    ([1, 2], [2, 1], False),
    ([1], [True], False),
    ([], RawList(), True),
    ([], {}, False),
    ([[1], [2]], RawList([RawList([1]), RawList([2])]), True),
    ([{"a": 1}], RawList([{"a": 1}]), False),
    ([{"a": 1}], [{"a": 1}], True),
    (RawList([{"a": 1}]), RawList([{"a": 1}]), True),
    (RawList([[1]]), RawList([RawList([1])]), False),
    ([[1]], [{"a": 1}], False),
    ({"i": 3, "deep": "x"}, {"deep": "x", "i": 3}, True),
    ({"a": 1}, RawMap({"a": 1}), True),
    ({"a": 1}, {"a": 1.0}, False),
    ({"a": 1}, {"b": 1}, False),
    ({"a": {"b": 1}}, {"a": 1}, False),
    (TypedSlice("string", ("a",)), RawList(["a"]), False),
    (TypedSlice("string", ("a",)), TypedSlice("int64", (1,)), False),
    (POINTS, POINTS, True),
    (POINTS, Opaque("data points", []), False),
    (Opaque("SpanID", b"12345678"), Opaque("SpanID", b"12345678"), True),
]


@pytest.mark.parametrize(("left", "right", "expected"), PAIRS)
def test_equal(left: Value, right: Value, expected: bool) -> None:
    """Ints and floats meet as floats, lists and maps deeply and by kind, other kinds never; order does not matter."""
    assert (equal(left, right), equal(right, left)) == (expected, expected)


def test_typed_slices_of_one_kind_are_an_error() -> None:
    """The collector crashes on two slices of one kind; here it is an evaluation error."""
    with pytest.raises(OttlEvaluationError):
        equal(TypedSlice("string", ("a",)), TypedSlice("string", ("a",)))
