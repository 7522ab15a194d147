"""Converters of `containers`: every row was answered so by the collector v0.153.0 unless a test says otherwise."""

from __future__ import annotations

from datetime import UTC

import pytest

from daemon.ottl.errors import OttlError
from daemon.ottl.values import Duration, Opaque, RawList, Time, TypedSlice, Value
from tests.daemon.ottl.functions.calling import Row, call, identify, same

ROWS: list[Row] = [
    ("ContainsValue", (RawList([1, 2]), 2.0), True),
    ("Len", (Opaque("data points", []),), 0),
    ("Len", (TypedSlice("uint64", (1, 2, 3)),), 3),
    ("Index", ("héllo", "l"), 3),
    ("Index", (RawList([1, 2.0, "x"]), 2), 1),
    ("Index", (RawList([None]), None), 0),
    ("Index", (TypedSlice(element="string", items=("a", "b")), "b"), 1),
    ("ContainsValue", (RawList([RawList([1, 2])]), RawList([1, 2])), True),
    ("ContainsValue", (TypedSlice(element="string", items=("a", "b")), "b"), True),
    ("Coalesce", (RawList([None, 1]),), 1),
    ("Coalesce", (RawList([None]),), None),
    ("Keys", ({"b": 1, "a": 2},), ["b", "a"]),
    ("Values", ({"b": 1, "a": 2},), [1, 2]),
    ("Len", ("é",), 2),
    ("Len", (RawList([1, 2]),), 2),
    ("Len", ({"a": 1},), 1),
    ("Len", (b"\x01\x02",), 2),
    ("Sort", (RawList([3, 1, 2]),), RawList([1, 2, 3])),
    ("Sort", (RawList([3, 1.5, 2]), "desc"), RawList([3, 2, 1.5])),
    ("Sort", (RawList(["b", 1, True, None]),), RawList([None, 1, "b", True])),
    ("Sort", (RawList([RawList([1]), 2]),), [[1], 2]),
    ("Sort", (RawList([]),), []),
    (
        "Sort",
        (TypedSlice(element="string", items=("b", "a")),),
        TypedSlice(element="string", items=("a", "b")),
    ),
    ("Sort", (RawList([True, False]),), RawList([False, True])),
    ("Sort", (RawList([1, b"\x01"]),), [1, b"\x01"]),
    ("Sort", (RawList([1.5, 1.0]),), RawList([1.0, 1.5])),
    ("Sort", (RawList(["b", 1.0, 2.5e30]),), RawList([1.0, 2.5e30, "b"])),
    ("SliceToMap", (RawList([1, 2]),), {"0": 1, "1": 2}),
    (
        "SliceToMap",
        ([{"n": "a", "v": {"x": 1.0}}, {"n": "b", "v": {"x": 2.0}}], RawList(["n"])),
        {"a": {"n": "a", "v": {"x": 1.0}}, "b": {"n": "b", "v": {"x": 2.0}}},
    ),
    (
        "SliceToMap",
        (
            [{"n": "a", "v": {"x": 1.0}}, {"n": "b", "v": {"x": 2.0}}],
            RawList(["n"]),
            RawList(["v", "x"]),
        ),
        {"a": 1.0, "b": 2.0},
    ),
]

ERRORS: list[tuple[str, tuple[Value, ...]]] = [
    ("Len", (1,)),
    ("Len", (True,)),
    ("Len", (Opaque("SpanID", b"12345678"),)),
    ("ContainsValue", (None, 1)),
    ("Index", ("abc", 1)),
    ("Sort", (TypedSlice("uint64", (1,)),)),
    ("SliceToMap", ([{"a": "b"}], [])),
    ("Index", (RawList([RawList([1]), {"a": 1}]), RawList([1]))),
    ("Index", (RawList([{"a": 1}]), {"a": 1})),
    ("Index", (RawList([RawList([{"a": 1}])]), RawList([{"a": 1}]))),
    ("Index", (None, 1)),
    ("Index", (5, 1)),
    ("Coalesce", (RawList([]),)),
    ("Len", (None,)),
    ("Len", (5,)),
    ("Len", (Duration(1000000000),)),
    ("Len", (Time(0, UTC),)),
    ("Sort", ("x",)),
    ("Sort", (RawList([]), "foo")),
    ("Sort", (None,)),
    ("SliceToMap", ([{"n": 1.0}], RawList(["n"]))),
    ("SliceToMap", ([1.0], RawList(["n"]))),
    ("SliceToMap", ([{"n": "a"}], RawList(["n"]), RawList(["q"]))),
]


@pytest.mark.parametrize(("name", "arguments", "expected"), ROWS, ids=identify)
def test_answers(name: str, arguments: tuple[Value, ...], expected: Value) -> None:
    """Each function answers as the collector does, kind for kind."""
    assert same(call(name, *arguments), expected)


@pytest.mark.parametrize(("name", "arguments"), ERRORS, ids=identify)
def test_refusals(name: str, arguments: tuple[Value, ...]) -> None:
    """What the collector refuses at start-up or at evaluation is refused, and nothing but OttlError escapes."""
    with pytest.raises(OttlError):
        call(name, *arguments)
