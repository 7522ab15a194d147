"""Compiled statements: what each editor does, what may be remembered, and fuzz."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from daemon.ottl.attributes import MAX_LIST_ITEMS
from daemon.ottl.compile import compile_condition
from daemon.ottl.errors import OttlBuildError, OttlEvaluationError
from daemon.ottl.evaluation import EditContext
from daemon.ottl.statement import compile_statement
from receivers.model import Metric, Resource, ResourceMetrics, ScopeMetrics
from tests.daemon.ottl.fixtures import context_of

LEVELS = {"M": "metric", "R": "resource", "D": "datapoint", "S": "scope"}


def edit_context(fixture: str) -> EditContext:
    """Return the evaluation context of a fixture; its metric may be changed without a trace in the fixture."""
    given = context_of(fixture)
    assert given.scope_metrics is not None
    assert given.metric is not None
    metric = Metric(given.metric.header, data_points=copy.deepcopy(given.metric.data_points))
    points = metric.data_points
    return EditContext(
        ResourceMetrics(given.resource_metrics.resource, []),
        ScopeMetrics(given.scope_metrics.scope, [metric]),
        metric,
        points[0] if points else None,
        now_unix_nano=given.now_unix_nano,
    )


def vectors() -> list[object]:
    lines = Path(__file__).with_name("statements.txt").read_text("utf-8").splitlines()
    rows = [line.split(" | ") for line in lines if line and not line.startswith("#")]
    return [pytest.param(*map(str.strip, row), id=" | ".join(map(str.strip, row))) for row in rows]


def run(text: str, level: str, context: EditContext) -> str:
    """Return PARSE, EVAL or nothing."""
    try:
        statement = compile_statement(text, level)
    except OttlBuildError:
        return "PARSE"
    if level == "metric":
        context.data_point = None
    try:
        statement.run(context)
    except OttlEvaluationError:
        return "EVAL"
    return ""


@pytest.mark.parametrize(("where", "text", "expected"), vectors())
def test_vectors(where: str, text: str, expected: str) -> None:
    """Every statement does what it should, or fails when it should."""
    level, fixture = LEVELS[where.split(maxsplit=1)[0]], where.split()[1]
    context = edit_context(fixture)
    outcome = run("" if text == "EMPTY" else text, level, context)
    if expected in {"PARSE", "EVAL"}:
        assert outcome == expected
        return
    assert outcome == ""
    assert compile_condition(expected, level).evaluate(context)


@pytest.mark.parametrize(
    ("text", "offset", "message"),
    [
        ('sett(name, "x")', 0, "unknown editor sett: did you mean set?"),
        ('Set(name, "x")', 0, "Set changes nothing: a statement begins with an editor"),
        ("set(name, Lenn(name))", 10, "unknown function Lenn: did you mean Len?"),
        ('set(nam, "x")', 4, "unknown path nam in the metric context: did you mean name?"),
        ('set(name, "x") where nam == "a"', 21, "unknown path nam in the metric context"),
        ('set("a", "x")', 4, "target must be a path"),
        ('set(name, "x") when true', 15, "expected 'where' or the end, got 'when'"),
        ('set(otelcol.client.addr, "x")', 4, "otelcol.client.addr cannot be changed"),
        ('delete_key(metadata, "a")["b"]', 25, "delete_key(...) has no result to take a key of"),
        ("scale_metric(10)", 13, "factor must be a float such as 10.0"),
        (
            'convert_gauge_to_sum("x", true)',
            0,
            "aggregation_temporality: expected cumulative or delta",
        ),
        (
            'replace_pattern(name, "m", "x", Sha256)',
            32,
            "unknown function Sha256: did you mean SHA256?",
        ),
        ("set(name)", 0, "set lacks value: it takes (target, value)"),
        ("", 0, "empty statement"),
    ],
)
def test_mistakes(text: str, offset: int, message: str) -> None:
    """A mistake is told with its place and, for names, the nearest one."""
    with pytest.raises(OttlBuildError) as error:
        compile_statement(text, "metric")
    assert error.value.message.startswith(message)
    assert error.value.offset == offset


@pytest.mark.parametrize(
    ("level", "text", "header_only", "gate"),
    [
        ("metric", 'set(name, "x") where type == 2', True, True),
        ("metric", 'set(name, "x") where type == 3', True, False),
        ("metric", "convert_sum_to_gauge()", True, True),
        ("metric", 'set(cache["a"], "x")', False, True),
        ("metric", 'set(name, cache["a"])', False, True),
        ("metric", "set(name, UUID())", False, True),
        ("metric", "scale_metric(2.0)", False, True),
        ("metric", 'set(name, "x") where type == 3 and Len(data_points) == 1', False, False),
        ("metric", 'set(name, "x") where Len(data_points) == 1 and type == 3', False, True),
        ("metric", 'set(name, "x") where type == 3 or Len(data_points) == 1', False, True),
        ("datapoint", 'set(attributes["a"], 1) where metric.name == "a"', False, False),
        ("datapoint", 'set(attributes["a"], 1) where false', False, False),
    ],
)
def test_gates(level: str, text: str, header_only: bool, gate: bool) -> None:
    """What is known without data points is known before they are touched."""
    statement = compile_statement(text, level)
    assert statement.header_only is header_only
    assert statement.gate(context_of("sum")) is gate


def test_shared_objects_stay_as_they_are() -> None:
    """Resource, scope and header are replaced, the same way each time; what they were is not changed."""
    statement = compile_statement('set(resource.attributes["kv"]["in"]["i"], 4)', "metric")
    first, second = edit_context("sum"), edit_context("sum")
    second.replacements = first.replacements
    before = first.resource_metrics.resource
    statement.run(first)
    statement.run(second)
    assert first.resource_metrics.resource is second.resource_metrics.resource is not before
    assert before.attributes["kv"] == {"in": {"deep": "x", "i": 3}}
    statement.run(second)
    assert first.resource_metrics.resource is second.resource_metrics.resource


PIECES = st.sampled_from(
    [
        "set(", "delete_key(", "keep_keys(", "append(", "replace_pattern(", "flatten(", "limit(",
        "truncate_all(", "merge_maps(", "replace_match(", "delete_index(", "scale_metric(",
        "copy_metric(", "aggregate_on_attributes(", "extract_sum_metric(", "name", "attributes",
        "metric.", "resource.", '["k"]', "[0]", "[1]", "value_int", "cache", ")", ",", '"x"', '"("', '"$1"',
        "1", "2.5", "0x00", "[", "]", '{"a":1}', "nil", "true", " where ", "==", "and", "Len(", "SHA256",
    ]
)  # fmt: skip
CALLS = st.builds(
    lambda editor, arguments: f"{editor}{', '.join(arguments)})",
    st.sampled_from(
        ["set(", "append(", "delete_key(", "replace_pattern(", "replace_match(", "delete_index(",
         "merge_maps(", "flatten(", "keep_keys(", "truncate_all(", "scale_metric(", "limit("]
    ),
    st.lists(
        st.sampled_from(
            ["attributes", 'attributes["list"]', 'attributes["nested"]["a"]', "value_int", "sum", "name",
             "attributes[value_int]", "metric.name", '"(a|e)"', '"$0"', '"{*}"', "0", "3", "1.5", "nil", '["method"]', '"upsert"',
             '{"a": attributes}', "time", "exemplars", "bucket_counts", "positive", "Split(metric.name, \"\")"]
        ),
        max_size=4,
    ),
)  # fmt: skip


@given(
    st.one_of(st.text(), st.lists(PIECES, max_size=12).map("".join), CALLS),
    st.sampled_from(sorted(LEVELS.values())),
    st.sampled_from(["sum", "hist", "ehist", "summ", "empty"]),
)
@example('set(name, replace_pattern(name, "a", "b"))', "metric", "sum")
@settings(max_examples=300)
def test_any_text(text: str, level: str, fixture: str) -> None:
    """Any text is done, or is one of the two documented errors."""
    if level == "datapoint" and fixture == "empty":
        fixture = "sum"  # such a metric has no points to be at
    assert run(text, level, edit_context(fixture)) in {"", "PARSE", "EVAL"}


@pytest.mark.parametrize(
    ("statements", "expected"),
    [
        (
            [
                'set(attributes["o"], {"a.b": 1, "a": {"b": 2}, "a.b.0": 3})',
                'flatten(attributes["o"], resolve_conflicts=true)',
            ],
            'attributes["o"] == {"a.b": 1, "a.b.0": 2, "a.b.0.0": 3}',
        ),
        (
            ['set(attributes["o"], {"a.b": 1, "a": {"b": 2}})', 'flatten(attributes["o"])'],
            'attributes["o"] == {"a.b": 2}',
        ),
        (
            ['set(attributes["o"], Split("a/b", "/"))', 'append(attributes["o"], "c")'],
            'attributes["o"] == ["a", "b", "c"]',
        ),
        (['set(attributes["n"], 1)', 'set(attributes["n"], 1.0)'], 'IsDouble(attributes["n"])'),
    ],
)
def test_one_after_the_other(statements: list[str], expected: str) -> None:
    """Each statement sees what the one before it did."""
    context = edit_context("sum")
    assert [run(text, "resource", context) for text in statements] == [""] * len(statements)
    assert compile_condition(expected, "resource").evaluate(context)


def test_values_do_not_grow_without_end() -> None:
    """Statements that put a value into itself, again and again, end with an error."""
    context = edit_context("sum")
    texts = ['set(attributes["o"]["o"], attributes["o"])', 'append(attributes["l"], 1)']
    context.resource_metrics.resource = Resource(attributes={"o": {}})
    nested = [run(texts[0], "resource", context) for _ in range(70)]
    assert (nested[0], nested[-1]) == ("", "EVAL")
    context.resource_metrics.resource = Resource(attributes={"l": [0] * MAX_LIST_ITEMS})
    assert run(texts[1], "resource", context) == "EVAL"
