"""Converters of `strings`: every row was answered so by the collector v0.153.0 unless a test says otherwise."""

from __future__ import annotations

import pytest

from daemon.ottl.errors import OttlError
from daemon.ottl.values import RawList, TypedSlice, Value
from tests.daemon.ottl.functions.calling import Row, call, identify, same

ROWS: list[Row] = [
    ("Concat", (RawList(["m1", 1, None]), "-"), "m1-1-<nil>"),
    ("Substring", ("abc", 1, 2), "bc"),
    (
        "Concat",
        (RawList([None, 1, 1.0, True, b"\x01", RawList([1]), {"a": 1}]), ","),
        '<nil>,1,1,true,01,[1],{"a":1}',
    ),
    ("Concat", (RawList([]), ","), ""),
    ("Split", ("", "/"), TypedSlice(element="string", items=("",))),
    ("Split", ("aéb", ""), TypedSlice(element="string", items=("a", "é", "b"))),
    ("Split", ("", ""), TypedSlice(element="string", items=())),
    ("Substring", ("héllo", 0, 2), "h\udcc3"),
    ("Trim", ("  a ",), "a"),
    ("Trim", ("xxaxy", "xy"), "a"),
    ("Trim", ("a", ""), "a"),
    ("TrimPrefix", ("aab", "a"), "ab"),
    ("TrimSuffix", ("abb", "b"), "ab"),
    ("HasPrefix", ("abc", "a"), True),
    ("HasSuffix", ("abc", ""), True),
]


@pytest.mark.parametrize(("name", "arguments", "expected"), ROWS, ids=identify)
def test_answers(name: str, arguments: tuple[Value, ...], expected: Value) -> None:
    """Each function answers as the collector does, kind for kind."""
    assert same(call(name, *arguments), expected)


ERRORS: list[tuple[str, tuple[Value, ...]]] = [
    ("Substring", ("m1", 0, 3)),
    ("Substring", ("m1", -1, 1)),
    ("Substring", ("m1", 0, 0)),
    ("Substring", ("m1", 0, -1)),
    ("HasPrefix", (None, "a")),
    ("HasPrefix", (1, "a")),
    ("HasSuffix", (None, "a")),
    ("Split", (None, "a")),
]


@pytest.mark.parametrize(("name", "arguments"), ERRORS, ids=identify)
def test_refusals(name: str, arguments: tuple[Value, ...]) -> None:
    """What the collector refuses is refused, and nothing but OttlError escapes."""
    with pytest.raises(OttlError):
        call(name, *arguments)
