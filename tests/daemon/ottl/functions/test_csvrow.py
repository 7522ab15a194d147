"""Converters of `csvrow`: every row was answered so by the collector v0.153.0 unless a test says otherwise."""

from __future__ import annotations

import pytest

from daemon.ottl.errors import OttlError
from daemon.ottl.values import Value
from tests.daemon.ottl.functions.calling import Row, call, identify, same

ROWS: list[Row] = [
    ("ParseCSV", ("1,2,3", "a,b,c"), {"a": "1", "b": "2", "c": "3"}),
    ("ParseCSV", ('"1,5",2', "a,b"), {"a": "1,5", "b": "2"}),
    ("ParseCSV", ('"1""5",2', "a,b"), {"a": '1"5', "b": "2"}),
    ("ParseCSV", ('1"5,2', "a,b", ",", ",", "lazyQuotes"), {"a": '1"5', "b": "2"}),
    ("ParseCSV", ('"1"5",2', "a,b", ",", ",", "lazyQuotes"), {"a": '1"5', "b": "2"}),
    ("ParseCSV", ('"1,5",2', "a,b,c", ",", ",", "ignoreQuotes"), {"a": '"1', "b": '5"', "c": "2"}),
    ("ParseCSV", ("1|2", "a b", "|", " "), {"a": "1", "b": "2"}),
    ("ParseCSV", ("1|2", "a|b", "|"), {"a": "1", "b": "2"}),
    ("ParseCSV", ("1,2\n3,4", "a,b,c"), {"a": "1", "b": "2\n3", "c": "4"}),
    ("ParseCSV", ('1,"2\n3",4', "a,b,c"), {"a": "1", "b": "2\n3", "c": "4"}),
    ("ParseCSV", ("\n\n1,2", "a,b"), {"a": "1", "b": "2"}),
    ("ParseCSV", (" 1 ,2", "a,b"), {"a": " 1 ", "b": "2"}),
    ("ParseCSV", ("1,2", "a,a"), {"a": "2"}),
    ("ParseCSV", ('"1', "a", ",", ",", "lazyQuotes"), {"a": "1"}),
    ("ParseCSV", ("1,", "a,b"), {"a": "1", "b": ""}),
    ("ParseCSV", ("a,b\r\n", "a,b"), {"a": "a", "b": "b"}),
    ("ParseCSV", ("a\rb,c", "a,b"), {"a": "a\rb", "b": "c"}),
    ("ParseCSV", ('"a\r\nb",c', "a,b"), {"a": "a\nb", "b": "c"}),
    ("ParseCSV", ("", "a", ",", ",", "ignoreQuotes"), {"a": ""}),
    ("ParseCSV", ('a,"b" ', "a,b", ",", ",", "lazyQuotes"), {"a": "a", "b": 'b" '}),
]

ERRORS: list[tuple[str, tuple[Value, ...]]] = [
    ("ParseCSV", ("1,2", "a,b,c")),
    ("ParseCSV", ('1"5,2', "a,b")),
    ("ParseCSV", ("1", "", ",")),
    ("ParseCSV", ("", "a")),
    ("ParseCSV", ("1,2", "a,b", ",,")),
    ("ParseCSV", ("1,2", "a,b", ",", "")),
    ("ParseCSV", ("1,2", "a,b", ",", ",", "foo")),
    ("ParseCSV", ('1, "2"', "a,b")),
    ("ParseCSV", ('"1', "a")),
    ("ParseCSV", ('"a"b,c', "a,b")),
    ("ParseCSV", ('"a"b,c', "a,b", ",", ",", "lazyQuotes")),
    ("ParseCSV", ('1"2', "a", '"')),
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
