"""Compiled conditions: the collector's own answers, folding, what may be remembered, and fuzz."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from daemon.ottl.compile import compile_condition
from daemon.ottl.errors import OttlBuildError, OttlEvaluationError
from daemon.ottl.functions.signature import Converter
from daemon.ottl.values import RawList, RawMap
from tests.daemon.ottl.fixtures import context_of

DAPR1 = """name != "runtime/service_invocation/req_recv_total"
and instrumentation_scope.attributes["app_id"] != "nodeapp"
and instrumentation_scope.attributes["src_app_id"] != "pythonapp"
"""
ERRS = 'resource.attributes["n"]["x"] == 1'
LEVELS = {"M": "metric", "R": "resource", "D": "datapoint"}
WRITTEN = {"DAPR1": DAPR1, "EMPTY": ""}


def vectors() -> list[object]:
    lines = Path(__file__).with_name("conditions.txt").read_text("utf-8").splitlines()
    rows = [line.split(maxsplit=4) for line in lines if line and not line.startswith("#")]
    return [pytest.param(*row[1:], id=f"{row[0]}: {row[4]}") for row in rows]


def answer(text: str, level: str, fixture: str = "sum") -> str:
    try:
        condition = compile_condition(text, level)
    except OttlBuildError:
        return "PARSE"
    try:
        return "T" if condition.evaluate(context_of(fixture)) else "F"
    except OttlEvaluationError:
        return "EVAL"


@pytest.mark.parametrize(("level", "fixture", "expected", "text"), vectors())
def test_vectors(level: str, fixture: str, expected: str, text: str) -> None:
    """Every condition gives what the collector gives."""
    assert answer(WRITTEN.get(text, text), LEVELS[level], fixture) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"{ERRS} and false", "F"),
        (f"false and {ERRS}", "F"),
        (f"{ERRS} or true", "T"),
        (f"{ERRS} or 1 == 1.0", "T"),
        (f"{ERRS} and not (1 < 2 and nil == nil)", "F"),
        (f"{ERRS} and [1, {{}}] == [2, {{}}]", "F"),
        (f"{ERRS} and -1 == 1", "F"),
        (f"{ERRS} and METRIC_DATA_TYPE_SUM == 3", "F"),
        (f"true and {ERRS}", "EVAL"),
        (f"false or {ERRS}", "EVAL"),
        (f"{ERRS} and 1 + 1 == 3", "EVAL"),
        (f'{ERRS} and Len("a") == 3', "EVAL"),
        (f"{ERRS} or [name] == [name]", "EVAL"),
        (f"name == name or {ERRS}", "T"),
        (f"name != name and {ERRS}", "F"),
        ("true and true", "T"),
        ("false or false", "F"),
        ("not false", "T"),
        ("true or foo == 1", "PARSE"),
    ],
)
def test_folding(text: str, expected: str) -> None:
    """What is known at start-up is folded: it hides errors of the other operands, but not their mistakes."""
    assert answer(text, "metric") == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('name == "m1" and name == "m1"', "T"),
        ('type != "2"', "T"),
        ('"m1" == name', "T"),
        ("type == 1 + 1 * 1", "T"),
        ("(2 + 1) * -2 == -6", "T"),
        ("+type == 2 and -type == -2", "T"),
        ("+name == name", "T"),
        ("-name == 1", "EVAL"),
        ("type / 0 == 1", "EVAL"),
        ("name + 1 == 1", "EVAL"),
        ('{"a": [1], "a": [{"b": 2}]} == {"a": [{"b": 2}]}', "T"),
        ('{"a": name}["a"] == "m1"', "PARSE"),
        ('{"a": [name]} == {"a": ["m1"]}', "T"),
        ("name == true or true == true", "T"),
        ("Len(name)", "EVAL"),
    ],
)
def test_values(text: str, expected: str) -> None:
    """Operands of every form."""
    assert answer(text, "metric") == expected


@pytest.mark.parametrize(
    ("level", "text", "expected"),
    [
        ("metric", DAPR1, True),
        ("metric", 'IsMatch(name, "a") and metadata["a"] == nil and type == 2', True),
        ("metric", 'resource.attributes["a"] == 1 or otelcol.client.addr == nil', True),
        ("metric", "data_points == nil", False),
        ("metric", 'HasAttrKeyOnDatapoint("k")', False),
        ("metric", 'cache["a"] == 1', False),
        ("metric", 'metadata[String(Len(data_points))] == "a"', False),
        ("datapoint", "metric.type == 2", True),
        ("datapoint", "flags == 1 and metric.type == 2", False),
        ("datapoint", 'attributes["k"] == 1', False),
        ("resource", "attributes == nil", True),
        ("scope", "name == resource.schema_url", True),
    ],
)
def test_header_only(level: str, text: str, expected: bool) -> None:
    """An answer can be remembered unless a part reads data points, the scratch space or the clock."""
    assert compile_condition(text, level).header_only is expected


def test_volatile_functions_are_not_remembered() -> None:
    """What a volatile function says changes from call to call."""
    now = Converter(
        name="Now", params=(), bind=lambda _literals: lambda: 1, takes_anything=True, volatile=True
    )
    assert not compile_condition("Now() == 1", "metric", converters={"Now": now}).header_only


def test_raw_maps_in_map_literals() -> None:
    """A map literal holds telemetry values, whatever it was made of."""
    raw = Converter(
        name="Raw", params=(), bind=lambda _literals: lambda: RawMap(a=RawList([RawMap(b=1)]))
    )
    condition = compile_condition(
        '{"m": Raw()} == {"m": {"a": [{"b": 1}]}}', "metric", converters={"Raw": raw}
    )
    assert condition.evaluate(context_of("sum"))


def test_text() -> None:
    """A condition keeps its text, without the blanks around it."""
    assert compile_condition("\n true\n", "metric").text == "true"


def test_a_function_name_is_no_operand() -> None:
    """A function can only be passed by name as an argument."""
    with pytest.raises(OttlBuildError):
        compile_condition("[Len] == nil", "metric")


PIECES = st.sampled_from(
    [
        "name",
        "type",
        "description",
        "data_points",
        "attributes",
        "metric.",
        "resource.",
        "scope.",
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
        '"["',
        "1",
        "2.5",
        "0",
        "0xab",
        "nil",
        "true",
        "not",
        "and",
        "or",
        "Len(",
        "IsMatch(",
        "Concat(",
        "Int(",
        "Split(",
        "Substring(",
        "METRIC_DATA_TYPE_SUM",
    ]
)
TEXTS = st.one_of(st.text(), st.lists(PIECES, max_size=15).map(" ".join))


@given(TEXTS, st.sampled_from(sorted(LEVELS.values())), st.sampled_from(["sum", "hist", "empty"]))
@example('Substring(name, 9223372036854775807, 9223372036854775807) == "a"', "metric", "sum")
@settings(max_examples=200)
def test_any_text(text: str, level: str, fixture: str) -> None:
    """Any text gives an answer or one of the two documented errors."""
    assert answer(text, level, fixture) in {"T", "F", "PARSE", "EVAL"}
