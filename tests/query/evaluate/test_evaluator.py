from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from query.engine import QueryOptions
from query.errors import QueryError
from query.evaluate.annotations import Annotations
from query.evaluate.context import Budget, Context
from query.evaluate.evaluator import Evaluator
from query.evaluate.label_work import LabelWork
from query.evaluate.plan import Times
from query.parser import parse
from query.printer import print_expr
from query.syntax import Aggregation, Binary, BinaryOp, Call, Expr, Unary, UnaryOp
from tests.support.asking import ask, ask_range, named, points, values
from tests.support.selections import FixedQueryable, Row, Sender

X = named("x")
SECONDS = [Row(samples=[(t, t) for t in range(0, 610, 10)], labels=X)]
LIVE = [
    Row(samples=[(10, 1), (20, 2), (30, None)], labels=X),
    Row(samples=[(20, 5)], labels=named("y")),
]


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        pytest.param("x", 9, {}, id="before"),
        pytest.param("x", 10, {"__name__=x": [1]}, id="exactly"),
        pytest.param("x", 29, {"__name__=x": [2]}, id="newest"),
        pytest.param("x", 30, {}, id="stale"),
        pytest.param("y", 319, {"__name__=y": [5]}, id="lookback"),
        pytest.param("y", 320, {}, id="left-edge-is-open"),
        pytest.param("x offset 10s", 35, {"__name__=x": [2]}, id="offset"),
        pytest.param("x offset -10s", 10, {"__name__=x": [2]}, id="negative-offset"),
        pytest.param("x @ 15", 900, {"__name__=x": [1]}, id="at"),
        pytest.param("x @ 25 offset 10s", 900, {"__name__=x": [1]}, id="at-and-offset"),
        pytest.param("count_over_time(x[20s])", 30, {"": [1]}, id="stale-is-no-sample"),
        pytest.param("count_over_time(x[20s])", 29, {"": [2]}, id="range"),
        pytest.param("count_over_time(x[10s])", 20, {"": [1]}, id="range-left-open"),
        pytest.param("last_over_time(x[30s])", 39, {"__name__=x": [2]}, id="keeps-its-name"),
        pytest.param("timestamp(x)", 29, {"": [20]}, id="timestamp-of-the-sample"),
        pytest.param("timestamp(x offset 10s)", 35, {"": [20]}, id="timestamp-with-offset"),
        pytest.param("timestamp(-x)", 29, {"": [29]}, id="timestamp-of-the-step"),
        pytest.param("-x", 29, {"": [-2]}, id="minus-drops-the-name"),
        pytest.param("+x", 29, {"__name__=x": [2]}, id="plus-does-nothing"),
        pytest.param("-2", 29, {"": [-2]}, id="scalar"),
        pytest.param("x + on() y", 29, {"": [7]}, id="binary"),
        pytest.param("sum({__name__=~'x|y'})", 29, {"": [7]}, id="aggregation"),
        pytest.param("absent_over_time(x{a='b'}[20s])", 29, {"a=b": [1]}, id="absent"),
        pytest.param("absent_over_time(x[20s])", 29, {}, id="not-absent"),
        pytest.param("quantile_over_time(scalar(y) / 10, x[20s])", 29, {"": [1.5]}, id="parameter"),
        pytest.param("x smoothed", 15, {"__name__=x": [1.5]}, id="smoothed"),
        pytest.param("sum_over_time(nope[5m])", 29, {}, id="nothing"),
        pytest.param("nope", 29, {}, id="no-such-metric"),
    ],
)
def test_selectors_and_calls(text: str, at: float, expected: dict[str, list[float]]) -> None:
    """What an expression finds at an instant (promql.md 2.4, 2.6, 2.7)."""
    assert values(ask(LIVE, text, at)) == expected


@pytest.mark.parametrize(
    ("text", "at", "expected"),
    [
        # multiples of 30 s in (55, 145]
        ("sum_over_time(x[90s:30s])", 145, 60 + 90 + 120),
        ("count_over_time(x[90s:30s])", 150, 3),
        ("sum_over_time(x[90s:30s] offset 10s)", 145, 60 + 90 + 120),
        ("sum_over_time(x[90s:30s] @ 145)", 600, 60 + 90 + 120),
        ("sum_over_time(x[2m:])", 145, 60 + 120),
        ("max_over_time(rate(x[30s])[60s:10s])", 145, 1.0),
        ("sum_over_time((x > 100)[60s:10s])", 145, 110 + 120 + 130 + 140),
        ("sum_over_time((x @ 100)[60s:10s])", 145, 600),
        ("absent_over_time(x[1s:1h])", 145, 1),
        ("absent_over_time(nope[1m:10s])", 145, 1),
    ],
)
def test_subqueries(text: str, at: float, expected: float) -> None:
    """The expression is evaluated at multiples of the step, which the left edge excludes (promql.md 2.11)."""
    assert values(ask(SECONDS, text, at)) == {"": [pytest.approx(expected)]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", {100: 100, 115: 110, 130: 130}),
        ("x @ start()", {100: 100, 115: 100, 130: 100}),
        ("x @ end() offset 20s", {100: 110, 115: 110, 130: 110}),
        ("sum_over_time(x[20s])", {100: 190, 115: 210, 130: 250}),
        ("sum_over_time(x[20s] @ end())", {100: 250, 115: 250, 130: 250}),
        ("sum_over_time(x[20s:10s] @ end())", {100: 250, 115: 250, 130: 250}),
        ("predict_linear(x[20s] @ 100, 10)", {100: 110, 115: 125, 130: 140}),
        ("quantile_over_time((time() - 100) / 30, x[20s] @ 100)", {100: 90, 115: 95, 130: 100}),
        ("count_over_time(x[step()])", {100: 2, 115: 1, 130: 2}),
        ("x > 105", {115: 110, 130: 130}),
        ("x unless x == 110", {100: 100, 130: 130}),
        ("x smoothed", {100: 100, 115: 115, 130: 130}),
        ("x smoothed @ 105", {100: 105, 115: 105, 130: 105}),
        ("absent_over_time(x[5s])", {115: 1}),
        ("absent_over_time(x[5s] @ 109)", {100: 1, 115: 1, 130: 1}),
        ("time()", {100: 100, 115: 115, 130: 130}),
    ],
)
def test_ranges(text: str, expected: dict[float, float]) -> None:
    """Each step is evaluated by itself; `@` is the same at each (promql.md 2.1)."""
    (found,) = points(ask_range(SECONDS, text, 100, 130, 15)).values()
    assert found == expected


def test_joined_senders() -> None:
    """Senders with equal labels are one series in time order: a restart is a reset (DESIGN 3.4)."""
    rows = [
        Row(samples=[(10, 5), (20, 6), (35, None)], labels=X, sender="old"),
        Row(samples=[(30, 1), (40, 2)], labels=X, sender="new"),
        Row(samples=[(10, 1), (40, 4)], labels=named("x", a="1"), sender="new"),
    ]
    senders = [Sender(name="old", live=False)]
    for text, at, expected in (
        ("changes(x[1m])", 40, {"": [3.0], "a=1": [1.0]}),
        ("resets(x[1m])", 40, {"": [1.0], "a=1": [0.0]}),
        ("x", 36, {"__name__=x": [1.0], "__name__=x,a=1": [1.0]}),
        ("x", 29, {"__name__=x": [6.0], "__name__=x,a=1": [1.0]}),
    ):
        assert values(ask(rows, text, at, senders=senders)) == expected


def test_equal_labels_are_refused() -> None:
    """Dropping names must not leave two elements alike, unless names go last (promql.md 2.13)."""
    rows = [Row(samples=[(10, 1), (20, 2)], labels=named(name)) for name in "xy"]
    text = "sum(rate({__name__=~'x|y'}[30s]))"
    with pytest.raises(QueryError, match="vector cannot contain metrics with the same labelset"):
        ask(rows, text, 25)
    found = ask(rows, text, 25, options=QueryOptions(delayed_names=True))
    assert values(found) == {"": [pytest.approx(2 * 2 / 30)]}


def test_names_dropped_at_the_end() -> None:
    """With delayed removal an aggregation still sees the names."""
    rows = [Row(samples=[(10, 1), (20, 2)], labels=named(name)) for name in "xy"]
    options = QueryOptions(delayed_names=True)
    found = ask(
        rows, "sum by (__name__) (last_over_time({__name__=~'x|y'}[30s]))", 25, options=options
    )
    assert values(found) == {"__name__=x": [2.0], "__name__=y": [2.0]}
    assert values(ask(rows, "abs(x)", 25, options=options)) == {"": [2.0]}
    assert values(ask(rows, "max_over_time(abs(x)[30s:10s])", 25, options=options)) == {"": [2.0]}


@pytest.mark.parametrize(
    "expr",
    [
        Aggregation(op="sum", expr=parse("x[5m]")),
        Binary(op=BinaryOp.ADD, left=parse("'a'"), right=parse("1")),
        Unary(op=UnaryOp.MINUS, expr=parse("'a'")),
        Aggregation(op="sum", expr=parse("1")),
        Aggregation(op="topk", expr=parse("vector(1)"), param=parse("vector(1)")),
        Call(name="quantile_over_time", args=(parse("'a'"), parse("vector(1)[1m:]"))),
    ],
    ids=print_expr,
)
def test_what_the_type_checker_keeps_out(expr: Expr) -> None:
    """A tree that no text parses to is a mistake in this program, not in a query."""
    times = Times(start_ms=0, end_ms=0, lookback_ms=1, default_step_ms=60_000)
    context = Context(
        times_ms=np.zeros(1, np.int64),
        annotations=Annotations(""),
        labels=LabelWork(),
        budget=Budget(max_samples=100),
    )
    nothing = FixedQueryable(rows=[]).select([], start_ms=0, end_ms=0)
    with pytest.raises((TypeError, KeyError)):
        Evaluator(defaultdict(lambda: nothing), times).evaluate(expr, context)
