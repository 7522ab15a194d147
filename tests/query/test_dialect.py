from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.dialect import (
    Dialect,
    SimpleQuery,
    apply_over_time,
    parse_metric_query,
    simple_form,
)
from query.errors import QuerySyntaxError, UnsupportedQueryError
from query.labels import MatchOp
from query.regex import build_matcher
from query.syntax import VectorSelector
from query.values import OverTime

NODE = 'req_total{app_id="nodeapp"'


@pytest.mark.parametrize(
    ("text", "operation", "canonical"),
    [
        (
            "req_total{app_id=nodeapp,src_app_id=pythonapp}",
            "rate",
            f'sum(rate({NODE},src_app_id="pythonapp"}}[1m]))',
        ),
        (
            "avg(req_total{app_id=nodeapp, src_app_id=pythonapp})",
            "rate",
            f'avg(rate({NODE},src_app_id="pythonapp"}}[1m]))',
        ),
        (
            'sum(req_total{app_id="nodeapp",src_app_id="pythonapp"})',
            "rate",
            f'sum(rate({NODE},src_app_id="pythonapp"}}[1m]))',
        ),
        ("req_total{app_id=nodeapp}", "last_one", f"sum({NODE}}})"),
        ("max(req_total)", "max", "max(max_over_time(req_total[1m]))"),
        ("min(req_total)", "min", "min(min_over_time(req_total[1m]))"),
        ("count(req_total)", "rate", "count(rate(req_total[1m]))"),
        ("req_total", "count", "sum(count_over_time(req_total[1m]))"),
        (
            "req_total{app_id=nodeapp,pod=a,src_app_id=goapp}",
            "avg",
            f'sum(avg_over_time({NODE},pod="a",src_app_id="goapp"}}[1m]))',
        ),
        ("nope", "last_one", "sum(nope)"),
        ("req_total{zone=eu}", "last_one", 'sum(req_total{zone="eu"})'),
        ("req_total{app_id!=nodeapp}", "last_one", 'sum(req_total{app_id!="nodeapp"})'),
        ("req_total{app_id=~node.*}", "last_one", 'sum(req_total{app_id=~"node.*"})'),
        (
            'sum(rate(req_total[1m])) / sum(rate(req_total{app_id="nodeapp"}[1m]))',
            "last_one",
            f"sum(rate(req_total[1m])) / sum(rate({NODE}}}[1m]))",
        ),
        ("sum(reset_total)", "rate", "sum(rate(reset_total[1m]))"),
        ("x offset 5m", "increase", "sum(increase(x[1m] offset 5m))"),
        (
            "x + rate(y[5m]) + max_over_time(z[1h:])",
            "sum",
            "sum_over_time(x[1m]) + rate(y[5m]) + max_over_time(z[1h:])",
        ),
    ],
)
def test_union_vectors(text: str, operation: str, canonical: str) -> None:
    """Both languages come out as the same PromQL, the operation around each bare selector (promql.md 3.4)."""
    query = apply_over_time(parse_metric_query(text), OverTime(operation), 60_000)
    assert query.canonical == canonical


@pytest.mark.parametrize(
    ("text", "reading", "canonical"),
    [
        ("sum(req_total)", "promql", "sum(req_total)"),
        ("SUM BY (a) (x)", "promql", "sum by (a) (x)"),
        ("a / b", "promql", "a / b"),
        ('{"host.name", "a-b"="c"}', "promql", 'sum(host_name{a_b="c"})'),
        ('sum by ("a-b") (x)', "promql", "sum by (a_b) (x)"),
        ('a * on ("a.b") group_left ("c.d") b', "promql", "a * on (a_b) group_left (c_d) b"),
        ('{__name__!="a.b",x="y"}', "promql", 'sum({__name__!="a_b",x="y"})'),
        ('rate({"a.b"}[1m])', "promql", "rate(a_b[1m])"),
        (
            "runtime/service_invocation/req_recv_total",
            "otel",
            "sum(runtime_service_invocation_req_recv_total)",
        ),
        ("a/b{path=/v1.0/state/x, code=200}", "otel", 'sum(a_b{path="/v1.0/state/x",code="200"})'),
        ('  avg ( a-b/c.d { k = "}" , } ) ', "otel", 'avg(a_b_c_d{k="}"})'),
        ("sum(a/b)", "otel", "sum(a_b)"),
        ("SUM(a/b)", "promql", "sum(a / b)"),
        ("sum by (x) (a/b)", "promql", "sum by (x) (a / b)"),
        ("(a/b)", "promql", "a / b"),
        ("sum((a-b))", "promql", "sum(a - b)"),
        ("a-b-c offset 5m", "promql", "a - b - c offset 5m"),
        ("svc.name", "otel", "sum(svc_name)"),
        ("max by (host.name) (svc.name.x)", "otel", "max by (host_name) (svc_name_x)"),
        ("x{k8s.pod.name=a-1,b/c-d!=e}", "otel", 'sum(x{k8s_pod_name="a-1",b_c_d!="e"})'),
        ("x{a=,b= }", "otel", 'sum(x{a="",b=""})'),
        ("x{a=b c\n,d='e'}", "otel", 'sum(x{a="b c",d="e"})'),
        ("x{a!~b|c,d=~e.+}", "otel", 'sum(x{a!~"b|c",d=~"e.+"})'),
        ("x{a=O'Neil#1}", "otel", 'sum(x{a="O\'Neil#1"})'),
        ("a.b / c.d{e=f}", "otel", 'a_b / c_d{e="f"}'),
        ("{__name__=~a/.*}", "otel", 'sum({__name__=~"a/.*"})'),
    ],
)
def test_readings(text: str, reading: str, canonical: str) -> None:
    """A text of the add-on's shape is read as such, all else as PromQL, and names as they are stored (E1 to E3)."""
    query = parse_metric_query(text)
    assert (query.reading.value, query.canonical, query.text) == (reading, canonical, text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sum(req_total", "expected an operator, ',' or ')', got end of the query"),
        (
            "x{a=b",
            "expected ',' or '}', got end of the query (read as strict PromQL: 1:5: expected a label value in quotes, got 'b')",
        ),
        (
            "x{a==b}",
            "a label value like this needs quotes around it (read as strict PromQL: 1:5: expected a label value in quotes, got '=')",
        ),
        (
            'x{a=b"}',
            'a label value like this needs quotes around it (read as strict PromQL: 1:6: the string has no closing ")',
        ),
        (
            "x{a=~(}",
            "invalid regular expression: missing ): ( (read as strict PromQL: 1:6: unexpected character '(' inside braces)",
        ),
        ("", "the query is empty"),
        ("a b", "expected an operator or the end of the query, got 'b'"),
    ],
)
def test_neither_grammar(text: str, message: str) -> None:
    """What neither grammar takes is an error with both complaints, never a metric name; equal complaints count once."""
    with pytest.raises(QuerySyntaxError) as caught:
        parse_metric_query(text)
    assert caught.value.message == message


def test_promql_only() -> None:
    """With `dialect: promql` a slash divides, and the add-on's spellings are errors."""
    assert parse_metric_query("sum(a/b)", dialect=Dialect.PROMQL).canonical == "sum(a / b)"
    for text in ("x{a=b}", "svc.name", 'x{a.b="c"}'):
        with pytest.raises(QuerySyntaxError):
            parse_metric_query(text, dialect=Dialect.PROMQL)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("x{zone=eu}", 'sum(x{zone=~"eu|"})'),
        ("x{zone=e.u}", r'sum(x{zone=~"e\\.u|"})'),
        ("x{zone=~e.*|f}", 'sum(x{zone=~"|e.*|f"})'),
        ('rate(x{zone="eu"}[1m])', 'rate(x{zone=~"eu|"}[1m])'),
        ("x{zone!=eu,a!=,b!~.*,c=}", 'sum(x{zone!="eu",a!="",b!~".*",c=""})'),
        ("x", "sum(x)"),
    ],
)
def test_lenient_matching(text: str, canonical: str) -> None:
    """With `dialect: otel` a series that lacks a label matches `=` and `=~`, written as PromQL has it (keda.md 2.3)."""
    query = parse_metric_query(text, dialect=Dialect.OTEL)
    assert (query.reading.value, query.canonical) == ("otel", canonical)


@pytest.mark.parametrize("text", ["sum(rate(req_total[1m]))", "sum(max_over_time(x[5m:1m]))", "1"])
def test_nothing_to_wrap(text: str) -> None:
    """An operation that would change nothing is an error, not a no-op (promql.md 3.3); last_one changes nothing anyhow."""
    query = parse_metric_query(text)
    assert apply_over_time(query, OverTime.LAST_ONE, 60_000) == query
    with pytest.raises(QuerySyntaxError, match="operationOverTime: rate has nothing to apply to"):
        apply_over_time(query, OverTime.RATE, 60_000)


def test_simple_form() -> None:
    """An aggregation over one selector is taken apart for the engine."""
    query = parse_metric_query("avg without (pod, host.name) (a.b{c=d})")
    name = build_matcher("__name__", MatchOp.EQUAL, "a_b")
    label = build_matcher("c", MatchOp.EQUAL, "d")
    assert simple_form(query.expr, query.text) == SimpleQuery(
        aggregation="avg",
        grouping=("pod", "host_name"),
        without=True,
        selector=VectorSelector(matchers=(name, label)),
    )


def test_simple_form_of_a_bare_selector() -> None:
    """A bare selector is the add-on's implicit sum."""
    query = parse_metric_query("x")
    form = simple_form(query.expr, query.text)
    assert (form.aggregation, form.grouping, form.without) == ("sum", (), False)
    assert simple_form(form.selector, "x") == form


@pytest.mark.parametrize(
    ("text", "part", "message"),
    [
        (
            "sum(rate(x[1m]))",
            "rate(x[1m])",
            "rate() inside metricQuery: write the bare metric and set operationOverTime: rate",
        ),
        (
            "max_over_time(x[1m])",
            "max_over_time(x[1m])",
            "max_over_time() inside metricQuery: write the bare metric and set operationOverTime: max",
        ),
        (
            "sum(abs(x))",
            "abs(x)",
            "abs(): write one of sum, avg, min, max, count over one metric",
        ),
        (
            "sum(a) / sum(b)",
            "sum(a) / sum(b)",
            "the operator '/': write one of sum, avg, min, max, count over one metric in each trigger, KEDA's scalingModifiers.formula combines triggers",
        ),
        (
            "sum by (a) (http/server/count)",
            "http/server/count",
            "this is read as a calculation: write the name of one metric with underscores, http_server_count",
        ),
        (
            "sum(max by (a) (x))",
            "max by (a) (x)",
            "an aggregation of an aggregation",
        ),
        (
            "topk(3, x)",
            "topk(3, x)",
            "topk: use one of sum, avg, min, max, count",
        ),
        ("sum(x offset 5m)", "x offset 5m", "offset and @"),
        ("x @ 5", "x @ 5", "offset and @"),
        (
            "x[5m]",
            "x[5m]",
            "a range in metricQuery: set operationOverTime and window",
        ),
        (
            "1",
            "1",
            "this is no instant vector: write one of sum, avg, min, max, count over one metric",
        ),
        (
            "-x",
            "-x",
            "a sign: write one of sum, avg, min, max, count over one metric",
        ),
    ],
)
def test_not_evaluated(text: str, part: str, message: str) -> None:
    """Valid PromQL that is not supported says what to write instead, and points at the part."""
    query = parse_metric_query(text)
    with pytest.raises(UnsupportedQueryError) as caught:
        simple_form(query.expr, query.text)
    error = caught.value
    assert (text[error.span.start : error.span.end], error.message) == (part, message)


PIECES = st.sampled_from(
    [
        "sum(",
        "avg(",
        "rate(",
        "a/b",
        "a.b",
        "x{",
        "}",
        ")",
        "[1m]",
        "[5m:]",
        "a=b",
        'a="b"',
        "=~",
        ".*",
        "!=",
        ",",
        "by",
        "(a)",
        "or",
        "/",
        "-",
        "offset",
        "5m",
        "@",
        "1",
        "1.5",
        '"',
        "`",
    ]
)


@given(
    st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=12).map("".join)),
    st.sampled_from(Dialect),
)
def test_any_text(text: str, dialect: Dialect) -> None:
    """Any text is a query or a QuerySyntaxError, and a query's canonical text means the same."""
    with suppress(QuerySyntaxError):
        query = parse_metric_query(text, dialect=dialect)
        again = parse_metric_query(query.canonical, dialect=Dialect.PROMQL)
        assert again.canonical == query.canonical
