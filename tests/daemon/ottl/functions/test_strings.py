"""Converters of `strings`: every row was answered so by the collector v0.153.0 unless a test says otherwise."""

from __future__ import annotations

import pytest

from daemon.ottl.values import RawList, TypedSlice, Value
from tests.daemon.ottl.functions.calling import Row, call, identify, same

ROWS: list[Row] = [
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
