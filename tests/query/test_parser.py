from __future__ import annotations

import time
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.cursor import MAX_NESTING, MAX_OPERATORS
from query.errors import QuerySyntaxError
from query.labels import Matcher, MatchOp
from query.lexer import NameForm
from query.parser import parse
from query.printer import print_expr
from query.regex import build_matcher
from query.signatures import NOT_SUPPORTED
from query.syntax import (
    Aggregation,
    AtEdge,
    Binary,
    BinaryOp,
    Call,
    Expr,
    Grouping,
    Matching,
    MatrixSelector,
    NumberLiteral,
    Side,
    StringLiteral,
    Subquery,
    Unary,
    UnaryOp,
    VectorSelector,
)


def name(text: str) -> Matcher:
    return build_matcher("__name__", MatchOp.EQUAL, text)


def vector(text: str, *, offset_ms: int = 0, at: int | AtEdge | None = None) -> VectorSelector:
    return VectorSelector(matchers=(name(text),), offset_ms=offset_ms, at=at)


X, Y = vector("x"), vector("y")


@pytest.mark.parametrize(
    ("text", "expr"),
    [
        ("1m30s", NumberLiteral(value=90)),
        ("'a'", StringLiteral(value="a")),
        ("((x))", X),
        (
            "x{a='b',c!~\"d\",}",
            VectorSelector(
                matchers=(
                    name("x"),
                    build_matcher("a", MatchOp.EQUAL, "b"),
                    build_matcher("c", MatchOp.NOT_REGEX, "d"),
                )
            ),
        ),
        (
            '{a="b","a name"}',
            VectorSelector(matchers=(name("a name"), build_matcher("a", MatchOp.EQUAL, "b"))),
        ),
        ("x offset 5", vector("x", offset_ms=5000)),
        ("x offset -1m @ -1.5", vector("x", offset_ms=-60_000, at=-1500)),
        ("x @ +5", vector("x", at=5000)),
        ("x @ END()", vector("x", at=AtEdge.END)),
        (
            "x[1m] offset 5m",
            MatrixSelector(selector=vector("x", offset_ms=300_000), range_ms=60_000),
        ),
        ("x[1m:]", Subquery(expr=X, range_ms=60_000)),
        (
            "x offset 1m[5m:10] @ start() offset 5m",
            Subquery(
                expr=vector("x", offset_ms=60_000),
                range_ms=300_000,
                step_ms=10_000,
                at=AtEdge.START,
                offset_ms=300_000,
            ),
        ),
        (
            "-1^2",
            Unary(
                op=UnaryOp.MINUS,
                expr=Binary(
                    op=BinaryOp.POWER, left=NumberLiteral(value=1), right=NumberLiteral(value=2)
                ),
            ),
        ),
        (
            "2*-x",
            Binary(
                op=BinaryOp.MULTIPLY,
                left=NumberLiteral(value=2),
                right=Unary(op=UnaryOp.MINUS, expr=X),
            ),
        ),
        ("rate(x[1m])", Call(name="rate", args=(MatrixSelector(selector=X, range_ms=60_000),))),
        ("time()", Call(name="time", args=())),
        ("SUM by (a) (x)", Aggregation(op="sum", expr=X, grouping=Grouping(labels=("a",)))),
        (
            "sum(x) WITHOUT (a,'b c',)",
            Aggregation(op="sum", expr=X, grouping=Grouping(labels=("a", "b c"), without=True)),
        ),
        ("topk(3, x)", Aggregation(op="topk", expr=X, param=NumberLiteral(value=3))),
        (
            "sum{a='b'}",
            VectorSelector(matchers=(name("sum"), build_matcher("a", MatchOp.EQUAL, "b"))),
        ),
        ("sum + by", Binary(op=BinaryOp.ADD, left=vector("sum"), right=vector("by"))),
        ("rate", vector("rate")),
        (
            "x{by='',on!=''}",
            VectorSelector(
                matchers=(
                    name("x"),
                    build_matcher("by", MatchOp.EQUAL, ""),
                    build_matcher("on", MatchOp.NOT_EQUAL, ""),
                )
            ),
        ),
        (
            "x > bool on (a) group_left (b) y",
            Binary(
                op=BinaryOp.GREATER,
                left=X,
                right=Y,
                return_bool=True,
                matching=Matching(labels=("a",), on=True, many=Side.LEFT, include=("b",)),
            ),
        ),
        (
            "x and ignoring () y",
            Binary(op=BinaryOp.AND, left=X, right=Y, matching=Matching(labels=())),
        ),
    ],
)
def test_trees(text: str, expr: Expr) -> None:
    """Each form of the grammar becomes its node (promql.md 2.2)."""
    assert parse(text) == expr


@pytest.mark.parametrize(
    ("text", "explicit"),
    [
        ("a or b and c", "a or (b and c)"),
        ("a and b unless c", "(a and b) unless c"),
        ("a and b == c", "a and (b == c)"),
        ("a == b + c", "a == (b + c)"),
        ("a < b > c", "(a < b) > c"),
        ("a + b * c - d", "(a + (b * c)) - d"),
        ("a / b * c % d atan2 e", "(((a / b) * c) % d) atan2 e"),
        ("a * b ^ c", "a * (b ^ c)"),
        ("a ^ b ^ c", "a ^ (b ^ c)"),
        ("a ^ -b * c", "(a ^ (-b)) * c"),
        ("-a * b", "(-a) * b"),
        ("-a ^ b", "-(a ^ b)"),
        ("- + a", "-(+a)"),
    ],
)
def test_precedence(text: str, explicit: str) -> None:
    """Operators bind as in Prometheus; ^ is right associative, a sign binds like * (promql.md 2.2)."""
    assert parse(text) == parse(explicit)


@pytest.mark.parametrize(
    ("text", "part", "message"),
    [
        ("", "", "the query is empty"),
        ("# only", "", "the query is empty"),
        ("x y", "y", "expected an operator or the end of the query, got 'y'"),
        (
            "x +",
            "",
            "expected a metric name, function, aggregation, number or '(', got end of the query",
        ),
        ("(x", "", "expected an operator or ')', got end of the query"),
        ("x)", ")", "expected an operator or the end of the query, got ')'"),
        (
            "rate(x[1m],)",
            ")",
            "expected a metric name, function, aggregation, number or '(', got ')'",
        ),
        ("sum(x", "", "expected an operator, ',' or ')', got end of the query"),
        ("sum by a (x)", "a", "expected '(' and label names, got 'a'"),
        ("sum by (1) (x)", "1", "expected a label name or ')', got '1'"),
        ("sum by (a:b) (x)", "a:b", "expected a label name, got 'a:b'"),
        ("sum by ('') (x)", "''", "expected a label name, got ''''"),
        ("sum by (a b) (x)", "b", "expected ',' or ')', got 'b'"),
        ("sum by (a) (x) by (b)", "by", "'by' or 'without' must not be given twice"),
        ("x{", "", "expected a label name or '}', got end of the query"),
        ("x{a}", "}", "expected one of = != =~ !~, got '}'"),
        ("x{a=b}", "b", "expected a label value in quotes, got 'b'"),
        ("x{a='b' c='d'}", "c", "expected ',' or '}', got 'c'"),
        ("x{,}", ",", "expected a label name or '}', got ','"),
        ("x{''='y'}", "''", "expected a label name, got ''''"),
        ("x{a=~'('}", "'('", "invalid regular expression: missing ): ("),
        ("{}", "{}", "a selector needs a metric name or a matcher that refuses the empty value"),
        (
            "{a=~'.*'}",
            "{a=~'.*'}",
            "a selector needs a metric name or a matcher that refuses the empty value",
        ),
        (
            "{__name__=''}",
            "{__name__=''}",
            "a selector needs a metric name or a matcher that refuses the empty value",
        ),
        ("x{__name__='y'}", "__name__", "the metric name must not be given twice"),
        ("x{__name__=~'y'}", "__name__", "the metric name must not be given twice"),
        ("x{'y'}", "'y'", "the metric name must not be given twice"),
        ("x offset -9.3e9", "9.3e9", "the time is out of range"),
        ("x[5m", "", "expected ']' or ':', got end of the query"),
        ("x[5m:1m:1m]", ":", "expected ']', got ':'"),
        ("x[a]", "a", "expected a duration such as 5m, got 'a'"),
        ("x[-5m]", "-5m", "the duration must be greater than 0"),
        ("x[1m-1m]", "1m-1m", "the duration must be greater than 0"),
        ("x[1m/0]", "1m/0", "division by zero"),
        ("x[1m%0]", "1m%0", "modulo by zero"),
        ("x[9^999]", "9^999", "the duration is out of range"),
        ("x[2*]", "]", "expected a duration such as 5m, got ']'"),
        ("x[(1m]", "]", "expected an operator or ')', got ']'"),
        ("x[min_of(1m)]", ")", "expected an operator or ',', got ')'"),
        ("x[step]", "]", "expected '(', got ']'"),
        ("x offset (1m", "", "expected an operator or ')', got end of the query"),
        ("rate(x[0s])", "0s", "the duration must be greater than 0"),
        ("x[5m:0]", "0", "the duration must be greater than 0"),
        ("x[Inf]", "Inf", "the time is out of range"),
        ("x[NaN]", "NaN", "the time is out of range"),
        (
            "(x)[5m]",
            "[",
            "a range stands directly behind a selector only; elsewhere write a subquery, [5m:]",
        ),
        (
            "x[5m][5m]",
            "[",
            "a range stands directly behind a selector only; elsewhere write a subquery, [5m:]",
        ),
        ("x offset 1m [5m]", "[", "a range stands before 'offset' and '@'"),
        ("x offset 1m offset 2m", "offset", "'offset' must not be given twice"),
        ("x @ 1 @ 2", "@", "'@' must not be given twice"),
        ("x offset", "", "expected a duration such as 5m, got end of the query"),
        (
            "(x) offset 5m",
            "offset",
            "'offset' stands directly behind a selector, range or subquery",
        ),
        ("sum(x) @ 5", "@", "'@' stands directly behind a selector, range or subquery"),
        ("x @ y", "y", "expected a Unix time in seconds, start() or end(), got 'y'"),
        ("x @ start", "", "expected '(', got end of the query"),
        ("x @ Inf", "Inf", "the time is out of range"),
        ("foo(x)", "foo", "unknown function 'foo', did you mean floor?"),
        ("qqqq(x)", "qqqq", "unknown function 'qqqq'"),
        ("Rate(x[1m])", "Rate", "unknown function 'Rate', did you mean rate?"),
        ("On == 1", "On", "'On' is a keyword, a metric of that name is written {\"On\"}"),
        (
            "a + group_left b",
            "group_left",
            "'group_left' needs 'on (...)' or 'ignoring (...)' before it",
        ),
        ("x anchored", "anchored", "'anchored' stands behind a range such as [5m]"),
        ("x[5m:] smoothed", "smoothed", "'smoothed' does not go with subqueries"),
        ("x[5m] smoothed anchored", "anchored", "'anchored' must not be given twice"),
        ("x smoothed [5m]", "[", "a range stands before 'offset' and '@'"),
        (
            "x + fill(0) y",
            "fill",
            "fill() is not supported: experimental, or for native histograms",
        ),
        ("x >/ 2", ">", ">/ is not supported: it is for native histograms"),
        ("x </ 2", "<", "</ is not supported: it is for native histograms"),
    ],
)
def test_syntax_errors(text: str, part: str, message: str) -> None:
    """Each fault is named where it is (promql.md 2.2)."""
    with pytest.raises(QuerySyntaxError) as caught:
        parse(text)
    error = caught.value
    assert (text[error.span.start : error.span.end], error.message) == (part, message)


@pytest.mark.parametrize(
    ("text", "part", "message"),
    [
        (
            "rate(x)",
            "x",
            "rate() takes a value of type range vector here, got an instant vector: give it a range such as [5m]",
        ),
        ("rate(1)", "1", "rate() takes a value of type range vector here, got a scalar"),
        (
            "abs(x[5m])",
            "x[5m]",
            "abs() takes a value of type instant vector here, got a range vector",
        ),
        ("vector(x)", "x", "vector() takes a value of type scalar here, got an instant vector"),
        (
            "label_replace(x, 1, '', '', '')",
            "1",
            "label_replace() takes a value of type string here, got a scalar",
        ),
        ("rate()", "rate()", "rate() takes 1 argument, got 0"),
        ("clamp(x, 1)", "clamp(x, 1)", "clamp() takes 3 arguments, got 2"),
        ("round(x, 1, 2)", "round(x, 1, 2)", "round() takes 1 to 2 arguments, got 3"),
        (
            "label_join(x, '')",
            "label_join(x, '')",
            "label_join() takes at least 3 arguments, got 2",
        ),
        (
            "sum(x[5m])",
            "x[5m]",
            "sum takes a value of type instant vector here, got a range vector",
        ),
        ("sum(1)", "1", "sum takes a value of type instant vector here, got a scalar"),
        ("sum()", "sum()", "sum takes 1 argument, got 0"),
        ("sum(x, y)", "sum(x, y)", "sum takes 1 argument, got 2"),
        ("topk(x)", "topk(x)", "topk takes 2 arguments, got 1"),
        (
            "topk(x, y)",
            "x",
            "the parameter of topk takes a value of type scalar here, got an instant vector",
        ),
        (
            "count_values(1, y)",
            "1",
            "the parameter of count_values takes a value of type string here, got a scalar",
        ),
        ("1 and x", "1 and x", "'and' takes instant vectors only, got a scalar"),
        ("x or 1", "x or 1", "'or' takes instant vectors only, got a scalar"),
        ("1 == 2", "1 == 2", "a comparison of two scalars needs 'bool': write == bool"),
        ("x + bool y", "x + bool y", "'bool' goes with comparisons only, not with '+'"),
        ("x[5m] + 1", "x[5m]", "'+' takes scalars and instant vectors, got a range vector"),
        ("x + 'a'", "'a'", "'+' takes scalars and instant vectors, got a string"),
        ("-'a'", "'a'", "a sign cannot stand before a string"),
        ("-x[5m]", "x[5m]", "a sign cannot stand before a range vector"),
        (
            "x + on (a) 1",
            "x + on (a) 1",
            "'on' and 'ignoring' go between two instant vectors only, got a scalar",
        ),
        (
            "x * on (a) group_left (a) y",
            "x * on (a) group_left (a) y",
            "label 'a' must not be in 'on' and 'group_left' at once",
        ),
        (
            "x and on (a) group_left y",
            "x and on (a) group_left y",
            "'group_left' does not go with the set operator 'and'",
        ),
        ("1[5m:]", "1", "a subquery takes a value of type instant vector here, got a scalar"),
        (
            "x[5m][5m:]",
            "x[5m]",
            "a subquery takes a value of type instant vector here, got a range vector",
        ),
    ],
)
def test_type_errors(text: str, part: str, message: str) -> None:
    """Wrong types and counts are errors of the text, before anything is evaluated (promql.md 2.2)."""
    with pytest.raises(QuerySyntaxError) as caught:
        parse(text)
    error = caught.value
    assert (text[error.span.start : error.span.end], error.message) == (part, message)


@pytest.mark.parametrize("function", sorted(NOT_SUPPORTED))
def test_not_supported(function: str) -> None:
    """What is experimental or for native histograms is refused by its name (promql.md 4.1)."""
    with pytest.raises(QuerySyntaxError, match=r"is not supported: experimental"):
        parse(f"{function}(x)")


@pytest.mark.parametrize(
    "text",
    [
        "(" * 10_000,
        "(" * 10_000 + "x" + ")" * 10_000,
        "abs(" * 10_000,
        "-" * 10_000 + "x",
        "2^" * 10_000 + "2",
        "x+" * 10_000 + "x",
        "x[5m:]" * 5000,
        "{" * 10_000,
        "1" * 60_000,
        "0x" + "f" * 60_000 + "g",
        "1_1" * 20_000 + "x",
        "# " * 30_000,
        "x{a=~`" + "\\" * 60_000,
        "1" * 60_000 + "x",
        "x" * 60_000 + "(",
        '"' + "\\n" * 30_000,
    ],
    ids=lambda text: f"{text[:8]}{len(text)}",
)
def test_depth_and_size(text: str) -> None:
    """Depth and length end in a short error and at once, never in a RecursionError."""
    start = time.process_time()
    with pytest.raises(QuerySyntaxError) as caught:
        parse(text)
    assert time.process_time() - start < 0.5
    assert len(str(caught.value)) < 500


def test_deepest_query() -> None:
    """A query at both limits parses and prints."""
    text = "abs(" * (MAX_NESTING - 1) + "-" + "x + " * MAX_OPERATORS + "x" + ")" * (MAX_NESTING - 1)
    assert print_expr(parse(text)) == text


PIECES = st.sampled_from(
    [
        "sum(",
        "rate(",
        "topk(",
        "x",
        "{",
        "}",
        ")",
        "(",
        "[1m]",
        "[5m:",
        "]",
        'a="b"',
        "=~",
        "!=",
        ",",
        " by ",
        "(a)",
        " or ",
        "/",
        "-",
        "^",
        " offset ",
        "5m",
        "@",
        "1",
        "1.5",
        '"',
        "`",
        " bool ",
        " on ",
        " group_left ",
        "time()",
    ]
)


@given(
    st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=14).map("".join)),
    st.sampled_from(NameForm),
)
def test_any_text(text: str, form: NameForm) -> None:
    """Any text is a tree that prints and reads back, or a QuerySyntaxError."""
    with suppress(QuerySyntaxError):
        canonical = print_expr(parse(text, form))
        assert print_expr(parse(canonical)) == canonical
