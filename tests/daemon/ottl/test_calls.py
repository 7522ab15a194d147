"""Calls: how arguments are matched, checked at start-up and converted (ottl.md 4.1)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count

import pytest

from daemon.ottl.compile import compile_condition
from daemon.ottl.errors import OttlBuildError, OttlEvaluationError
from daemon.ottl.functions.signature import Converter, Function, Param, ParamKind
from daemon.ottl.values import TypedSlice, Value
from tests.daemon.ottl.fixtures import context_of

TICKS = count()


def _show(*values: Value) -> str:
    return "|".join(map(repr, values))


def _bind_pattern(literals: Mapping[str, Value]) -> Function:
    if literals.get("pattern") == "bad":
        raise OttlBuildError("Bound: bad pattern")
    known = ",".join(f"{name}={value!r}" for name, value in sorted(literals.items()))
    return lambda *values: f"{known}: {_show(*values)}"


def converter(name: str, *params: Param) -> Converter:
    return Converter(name=name, params=params, bind=lambda _literals: _show)


CONVERTERS = {
    each.name: each
    for each in (
        converter("Two", Param("first_one", ParamKind.ANY), Param("second", ParamKind.ANY)),
        converter(
            "Maybe", Param("target", ParamKind.ANY), Param("extra", ParamKind.INT, optional=True)
        ),
        converter("Text", Param("target", ParamKind.STRING)),
        converter("Like", Param("target", ParamKind.STRING_LIKE)),
        converter("Number", Param("target", ParamKind.INT)),
        converter("Truth", Param("target", ParamKind.BOOL_LIKE)),
        converter(
            "Exact",
            Param("text", ParamKind.LITERAL_STRING, optional=True),
            Param("whole", ParamKind.LITERAL_INT, optional=True),
            Param("real", ParamKind.LITERAL_FLOAT, optional=True),
            Param("flag", ParamKind.LITERAL_BOOL, optional=True),
        ),
        converter("Many", Param("values", ParamKind.STRING_LIKE, many=True)),
        Converter(
            name="Bound",
            params=(Param("target", ParamKind.STRING), Param("pattern", ParamKind.STRING)),
            bind=_bind_pattern,
        ),
        Converter(
            name="Nothing",
            params=(),
            bind=lambda _literals: lambda: next(TICKS),
            takes_anything=True,
            volatile=True,
        ),
        Converter(
            name="Here",
            params=(Param("key", ParamKind.LITERAL_STRING),),
            bind=lambda _literals: lambda context, key: f"{context.metric.header.name} {key!s}",
            needs_context=True,
            contexts=frozenset({"metric"}),
        ),
        Converter(
            name="Slice",
            params=(),
            bind=lambda _literals: lambda: TypedSlice("string", ("a", "b")),
        ),
        Converter(
            name="Map", params=(), bind=lambda _literals: lambda: {"a": {"b": [1, 2]}, "n": 1}
        ),
    )
}


def holds(text: str) -> bool:
    condition = compile_condition(text, "metric", converters=CONVERTERS)
    return condition.evaluate(context_of("sum"))


@pytest.mark.parametrize(
    "text",
    [
        'Two(1, "a") == "1|\'a\'"',
        'Two(1, second=2) == "1|2"',
        'Two(second=2, first_one=1) == "1|2"',
        'Two(second=2, firstOne=1) == "1|2"',
        "Two(name, type) == \"'m1'|2\"",
        'Maybe(1) == "1|None"',
        'Maybe(1, 2) == "1|2"',
        'Maybe(1, extra=type) == "1|2"',
        'Like(nil) == "None"',
        "Like(1.0) == \"'1'\"",
        'Truth("t") == "True"',
        'Number(-1) == "-1"',
        'Number(METRIC_DATA_TYPE_SUM) == "2"',
        'Exact("a", 1, 2.0, true) == "\'a\'|1|2.0|True"',
        'Exact(whole=1) == "None|1|None|None"',
        'Many([]) == "[]"',
        "Many([1, \"a\", nil]) == \"['1', 'a', None]\"",
        "Many([name, 1.0, Like(2)]) == \"['m1', '1', \\\"'2'\\\"]\"",
        "Bound(\"a\", \"b\") == \"pattern='b',target='a': 'a'|'b'\"",
        "Bound(name, \"b\") == \"pattern='b': 'm1'|'b'\"",
        'Here("k") == "m1 k"',
        "Nothing(1, foo=2, [name]) != nil",
        'Slice()[1] == "b"',
        'Map()["a"]["b"][0] == 1',
    ],
)
def test_what_a_call_gives(text: str) -> None:
    """Arguments arrive in the parameters' order, converted, None for those left out."""
    assert holds(text)


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ("Nope(1) == 1", 0, "unknown function Nope"),
        ("Tow(1, 2) == 1", 0, "unknown function Tow: did you mean Two?"),
        ("IsRootSpan()", 0, "IsRootSpan is not supported by tallyd"),
        ("Two(1) == 1", 0, "Two lacks second: it takes (first_one, second)"),
        ("Two() == 1", 0, "Two lacks first_one, second: it takes (first_one, second)"),
        ("Maybe() == 1", 0, "Maybe lacks target: it takes (target, extra?)"),
        ("Two(1, 2, 3) == 1", 10, "too many arguments: Two takes (first_one, second)"),
        ("Two(first_one=1, 2) == 1", 17, "positional argument after a named one"),
        ("Two(1, other=2) == 1", 7, "Two has no parameter other: it has first_one, second"),
        ("Slice(other=2) == 1", 6, "Slice has no parameter other: it has none"),
        ("Two(1, first_one=2) == 1", 7, "first_one is given twice"),
        ("Two(1, Text) == 1", 7, "second takes no function: expected Text(...)"),
        ("Text(1) == 1", 5, "target: expected string, got int"),
        ("Text(nil) == 1", 5, "target: expected string, got nil"),
        ('Truth("yes")', 6, "target: expected true or false, got 'yes'"),
        ("Exact(name) == 1", 6, "text must be a string in quotes"),
        ("Exact(whole=-1) == 1", 12, "whole must be an int without a sign"),
        ("Exact(whole=true) == 1", 12, "whole must be an int without a sign"),
        ("Exact(real=10) == 1", 11, "real must be a float such as 10.0"),
        ("Exact(flag=1) == 1", 11, "flag must be true or false"),
        ("Many(name) == 1", 5, "values must be a list in brackets"),
        ("Many(Slice()) == 1", 5, "values must be a list in brackets"),
        ('name == Bound(name, "bad")', 8, "Bound: bad pattern"),
        ("Two(1, Nope(1)) == 1", 7, "unknown function Nope"),
        ("Two(1, foo) == 1", 7, "unknown path foo in the metric context: expected one of"),
    ],
)
def test_what_is_refused_at_start(text: str, offset: int, message: str) -> None:
    """The error names the argument and what it must be."""
    with pytest.raises(OttlBuildError) as raised:
        holds(text)
    assert raised.value.offset == offset
    assert raised.value.message.startswith(message)


@pytest.mark.parametrize(
    "text",
    [
        "Text(type) == 1",
        "Text(aggregation_temporality) == 1",
        "Bound(name, type) == 1",
        'Map()["z"] == nil',
        "Map()[0] == nil",
        'Map()["n"]["x"] == nil',
        'Map()["a"]["b"][2] == nil',
        'Map()["a"]["b"][-1] == nil',
        "Map()[name] == nil",
        "Slice()[2] == nil",
        'Slice()["a"] == nil',
        "Text(name)",
        "Like(nil)",
    ],
)
def test_evaluation_errors(text: str) -> None:
    """A wrong kind at run time, a key that leads nowhere on a result, a bare result that is no bool."""
    with pytest.raises(OttlEvaluationError):
        holds(text)


def test_a_function_of_another_context() -> None:
    """A function that works in one context only is refused elsewhere."""
    with pytest.raises(OttlBuildError, match="Here works in the metric context only"):
        compile_condition('Here("k") == 1', "datapoint", converters=CONVERTERS)
