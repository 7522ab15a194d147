"""Converters of `parsing`: every row was answered so by the collector v0.153.0 unless a test says otherwise."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.ottl.errors import OttlError, OttlEvaluationError
from daemon.ottl.values import RawList, Value
from tests.daemon.ottl.functions.calling import Row, call, call_computed, identify, same

ROWS: list[Row] = [
    ("ParseJSON", ('{"b":1,"a":[1,null]}',), {"b": 1.0, "a": [1.0, None]}),
    ("ParseJSON", ("[1]",), [1.0]),
    ("ParseJSON", ('{"a":1,"a":2}',), {"a": 2.0}),
    ("ParseJSON", (" {} ",), {}),
    ("ParseJSON", ('{"a":"\\ud800"}',), {"a": "�"}),
    ("ParseInt", ("0x1F", 0), 31),
    ("ParseInt", ("1F", 16), 31),
    ("ParseInt", ("017", 0), 15),
    ("ParseInt", ("0b11", 0), 3),
    ("ParseInt", ("0o17", 0), 15),
    ("ParseInt", ("-12", 10), -12),
    ("ParseInt", ("+12", 10), 12),
    ("ParseInt", ("1_000", 0), 1000),
    ("ParseInt", ("0x_1", 0), 1),
    ("ParseInt", ("0_7", 0), 7),
    ("ParseInt", ("0", 0), 0),
    ("ParseInt", ("-0", 0), 0),
    ("ParseInt", ("z", 36), 35),
    ("ParseInt", ("-9223372036854775808", 10), -9223372036854775808),
    ("ParseInt", ("0b11", 16), 2833),
    ("ParseKeyValue", ("a=1 b=2",), {"a": "1", "b": "2"}),
    ("ParseKeyValue", ("a=\"x y\" b='z'",), {"a": "x y", "b": "z"}),
    ("ParseKeyValue", ("a=1  b=2 ",), {"a": "1", "b": "2"}),
    ("ParseKeyValue", ("a:1,b:2", ":", ","), {"a": "1", "b": "2"}),
    ("ParseKeyValue", ("a=b=c",), {"a": "b=c"}),
    ("ParseKeyValue", ('a=\\"x b=1',), {"a": '\\"x', "b": "1"}),
    ("ParseKeyValue", ("=1",), {"": "1"}),
    ("ParseKeyValue", ("k1=v1!!!k2=v2", "=", "!!!"), {"k1": "v1", "k2": "v2"}),
    (
        "ToKeyValueString",
        ({"a": "1", "b": "x y", "c": 1.5, "d": RawList([1, 2])},),
        'a=1 b="x y" c=1.5 d=[1,2]',
    ),
    (
        "ToKeyValueString",
        ({"b": "1", "a": 'q"q', "c": None, "d": True}, ":", ",", True),
        'a:q\\"q,b:1,c:,d:true',
    ),
    ("ToKeyValueString", ({"f": 1e-07, "g": {"x": "<a>"}},), 'f=1e-7 g={\\"x\\":\\"<a>\\"}'),
    ("ParseInt", ("0B11", 0), 3),
    ("ParseInt", ("0x1_F", 0), 31),
    ("ParseInt", ("-0x1F", 0), -31),
]

ERRORS: list[tuple[str, tuple[Value, ...]]] = [
    ("ParseJSON", ("1",)),
    ("ParseJSON", ('{"a":NaN}',)),
    ("ParseJSON", ("{} x",)),
    ("ParseJSON", ('{"a":1e400}',)),
    ("ParseInt", ("1_000", 10)),
    ("ParseInt", ("08", 0)),
    ("ParseInt", ("0x", 0)),
    ("ParseInt", ("", 10)),
    ("ParseInt", (" 1", 10)),
    ("ParseInt", ("0x1F", 16)),
    ("ParseInt", ("1", 1)),
    ("ParseInt", ("1", 37)),
    ("ParseInt", ("1", -1)),
    ("ParseInt", ("9223372036854775808", 10)),
    ("ParseInt", ("0b2", 0)),
    ("ParseInt", ("1__0", 0)),
    ("ParseInt", ("_1", 0)),
    ("ParseKeyValue", ("a:1,b", ":", ",")),
    ("ParseKeyValue", ('a="x', "=", " ")),
    ("ParseKeyValue", ("", "=", " ")),
    ("ParseKeyValue", ("a=b", "=", "=")),
    ("ParseKeyValue", ("a=b", "", "=")),
    ("ParseKeyValue", ("a=b", "=", "")),
    ("ToKeyValueString", ({"b": "1"}, "=", "=")),
    ("ParseInt", ("0_", 0)),
    ("ParseInt", ("0_x1", 0)),
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


@pytest.mark.parametrize("text", ["[" * 300 + "]" * 300, "[" * 100_000, '{"a":' * 5000])
def test_deep_json_is_refused(text: str) -> None:
    """Text that nests without end is refused instead of exhausting the stack."""
    with pytest.raises(OttlError):
        call("ParseJSON", text)


@given(st.text(max_size=30) | st.text('[]{}:,"0123eE.-ntrufalse\\ ', max_size=30))
def test_any_text_parses_or_is_refused(text: str) -> None:
    """Whatever the text, every parser answers or raises an evaluation error."""
    for name, more in (
        ("ParseJSON", ()),
        ("ParseInt", (0,)),
        ("ParseKeyValue", ()),
        ("URL", ()),
        ("Duration", ()),
    ):
        with suppress(OttlEvaluationError):
            call_computed(name, text, *more)
    for mode in ("strict", "lazyQuotes"):
        with suppress(OttlEvaluationError):
            call_computed("ParseCSV", text, "a,b", ",", ",", mode)
