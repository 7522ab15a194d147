"""Trees: what parses, what does not, and how it is said."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.ottl import syntax
from daemon.ottl.errors import OttlBuildError
from daemon.ottl.parser import MAX_DEPTH, parse_condition
from daemon.ottl.syntax import Argument, Call, Comparison, Literal, Path, Segment


def path(name: str, offset: int) -> Path:
    return Path((Segment(name, ()),), offset)


def parses(text: str) -> bool:
    try:
        parse_condition(text)
    except OttlBuildError:
        return False
    return True


def test_precedence() -> None:
    """`not` covers a whole comparison and binds tighter than `and`, which binds tighter than `or`."""
    first = Comparison(path("a", 4), "==", Literal(1, 9), 4)
    second = Comparison(path("b", 15), "<", Literal(2, 19), 15)
    assert parse_condition("not a == 1 and b < 2 or true") == syntax.Or(
        (syntax.And((syntax.Not(first), second)), Literal(True, 24))
    )


def test_a_call() -> None:
    """A call has named and positional arguments and keys; its name may hold blanks."""
    assert parse_condition('Is Match (name, pat = "m")[0] == nil') == Comparison(
        Call(
            "IsMatch",
            (Argument(None, path("name", 10), 10), Argument("pat", Literal("m", 22), 16)),
            (Literal(0, 27),),
            0,
        ),
        "==",
        Literal(None, 33),
        0,
    )


@pytest.mark.parametrize(
    "text",
    [
        "true",
        "Len(name)",
        "(name) == 1",
        "(Len(name)) == 2",
        '(IsMatch(name,"m")) == true',
        "2 - -3 == 1",
        "2--3 == 1",
        "type+-1 == 1",
        "-(-2) == 2",
        "+1 == 1",
        "not (not true)",
        "nil == nil",
        "a[type - 2] == 1",
        "a[(1-1)] == 1",
        "a[-1] == 1",
        "a[Len(name) - 1] == 1",
        'a[Concat(["x"],"")] == 1',
        "a[other.path] == 1",
        'attributes ["n"] == 1',
        'resource . attributes["n"] == 1',
        "[] == []",
        "[1 2] == [,1]",
        "[[1], {}, name, Len(name)] == nil",
        '{"a":1 "b":2,} == {}',
        "METRIC_DATA_TYPE_SUM == 2",
        "F(Sum) == 1",
        "0x00ff == a",
        "((a == 1) and (not (b == 3)))",
        "name\n!=\n\t1\n",
        "1 == 1and 2 == 2",
    ],
)
def test_what_parses(text: str) -> None:
    """The grammar takes it."""
    assert parses(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        " \n",
        "is_monotonic",
        '"a"',
        "1",
        "nil",
        "SUM",
        "not not true",
        "1 < 2 < 3",
        "(a == 1) == true",
        '("m1") == name',
        "(nil) == nil",
        "(true) == true",
        "type == (METRIC_DATA_TYPE_SUM)",
        "METRIC_DATA_TYPE_SUM + 0 == 2",
        '"a" + "b" == "ab"',
        "nil + 1 == 1",
        "true + 1 == 1",
        "--1 == 1",
        "1 == 1 AND true",
        "a[1-1] == 1",
        'a["a" + "b"] == 1',
        "a[nil] == 1",
        "a[true] == 1",
        "a[] == 1",
        "[1,2][0] == 1",
        '{"a":1}["a"] == 1',
        "[1,] == nil",
        "{,} == nil",
        '{"a":1,,} == nil',
        "{a:1} == nil",
        "F(a,) == 1",
        "F(,a) == 1",
        'isMatch(name, "m")',
        'set(name, "x") == nil',
        "[set(name)] == nil",
        "name = 1",
        "name == ",
        "== name",
        "a. == 1",
        ".a == 1",
        "a == 1)",
        "(a == 1",
        "Sum == 1",
        "name.1 == 1",
        "true false",
    ],
)
def test_what_does_not_parse(text: str) -> None:
    """The grammar refuses it."""
    assert not parses(text)


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("", 0, 'empty condition: expected a comparison such as name == "x"'),
        (
            'name = "x"',
            5,
            "expected a comparison (== != < <= > >=), got '=': write == to compare",
        ),
        (
            "name == 1 AND true",
            10,
            "expected 'and' or 'or' or the end, got 'AND': write and in lower case",
        ),
        (
            "not not true",
            4,
            "expected a value or true or false or '(', got 'not': write not (not ...)",
        ),
        ("1 < 2 < 3", 6, "expected 'and' or 'or' or the end, got '<': comparisons do not chain"),
        ('attributes["x" == 1', 15, "expected ']', got '=='"),
        ("name ==", 7, "expected a value, got the end"),
        (
            "isMatch(name)",
            0,
            "isMatch(...) is no converter: only functions that begin with a capital letter may stand in a condition or an argument",
        ),
    ],
)
def test_messages(text: str, offset: int, message: str) -> None:
    """An error names the mistake furthest to the right and what was expected there."""
    with pytest.raises(OttlBuildError) as raised:
        parse_condition(text)
    assert (raised.value.offset, raised.value.message) == (offset, message)


@pytest.mark.parametrize(
    "text", ["(" * 10_000, "Len(" * 10_000, "[" * 10_000, "a[" * 10_000, '{"a":' * 10_000]
)
def test_depth_is_bounded(text: str) -> None:
    """Brackets nested without end are refused before they are parsed."""
    with pytest.raises(OttlBuildError, match="nested too deeply"):
        parse_condition(text)


@pytest.mark.parametrize("bracket", ["()", "Len()", "[]"])
def test_the_deepest_allowed(bracket: str) -> None:
    """The deepest nesting that is allowed parses, in no time."""
    opening, closing = bracket[:-1], bracket[-1]
    inner = "true" if bracket == "()" else "1"
    text = opening * MAX_DEPTH + inner + closing * MAX_DEPTH
    started = time.process_time()
    assert parses(text if bracket == "()" else f"{text} == 1")
    assert time.process_time() - started < 1


def test_long_sums_are_flat() -> None:
    """Ten thousand operands are no deep tree."""
    assert parses("1" + " + 1" * 10_000 + " == 1")


PIECES = st.sampled_from(
    [
        "name",
        "attributes",
        ".",
        '["k"]',
        "[0]",
        "==",
        "!=",
        "<",
        "+",
        "-",
        "*",
        "/",
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ",",
        ":",
        '"x"',
        "1",
        "2.5",
        "0xab",
        "nil",
        "true",
        "not",
        "and",
        "or",
        "Len(",
        "IsMatch(",
        "METRIC_DATA_TYPE_SUM",
        "=",
        "resource.",
        "set(",
    ]
)


@given(st.lists(PIECES, max_size=25).map(" ".join))
@settings(max_examples=200)
def test_any_tokens(text: str) -> None:
    """Any tokens give a tree or the documented error."""
    parses(text)
