"""What may be said of a metricQuery without parsing it: all that is evaluated, and not much more."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

import pytest
import re2
from hypothesis import given
from hypothesis import strategies as st

from query.dialect import AGGREGATIONS, Dialect, parse_metric_query, simple_form
from query.errors import QueryError
from query.shape import COUNTABLE, METRIC_QUERY

TESTS = Path(__file__).parent.parent


@cache
def texts() -> frozenset[str]:
    """Every string of every test, every line of every script."""
    found: set[str] = set()
    for path in TESTS.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    for suffix in ("*.txt", "*.test"):
        for path in TESTS.rglob(suffix):
            found.update(path.read_text().splitlines())
    return frozenset(one for one in found if one.strip() and len(one) <= 4096)


def is_evaluated(text: str, dialect: Dialect) -> bool:
    try:
        query = parse_metric_query(text, dialect=dialect)
        simple_form(query.expr, query.text)
    except QueryError:
        return False
    return True


def takes(text: str) -> bool:
    """Whether the expressions let `text` pass, as the admission policy reads them."""
    balanced = text.count("(") == text.count(")")
    return bool(re2.search(METRIC_QUERY, text)) and (balanced or not re2.search(COUNTABLE, text))


def has_surrogates(text: str) -> bool:
    return any("\ud800" <= one <= "\udfff" for one in text)


@pytest.mark.parametrize("dialect", Dialect)
def test_takes_what_is_evaluated(dialect: Dialect) -> None:
    """Whatever string of a test is a query that is evaluated, passes."""
    good = [one for one in texts() if not has_surrogates(one) and is_evaluated(one, dialect)]
    assert [one for one in good if not takes(one)] == []
    assert len(good) > 500


blanks = st.sampled_from(["", " ", "\n\t", "# so (it} is\n", " #\n "])
words = st.sampled_from(["a", "a_b:c", "a/b-c", "a.b", "by", "offset", "sum", '"a b)"', "'x{'"])
values = st.one_of(
    st.sampled_from(['"v"', "'('", '"\\")"', "`#`", "bare/value", "a(b", "", "x=y", "it's"]),
    st.text("ab({#'=~ ", max_size=5),
)


@st.composite
def queries(draw: st.DrawFn) -> str:
    """Texts that are nearly always simple queries, oddly spelt."""

    def spaced(*parts: str) -> str:
        return "".join(draw(blanks) + part for part in parts) + draw(blanks)

    def braces() -> str:
        operators = st.sampled_from(["=", "!=", "=~", "!~"])
        pairs = [
            spaced(draw(words), draw(operators), draw(values))
            for _ in range(draw(st.integers(0, 2)))
        ]
        return spaced("{", ",".join(pairs), draw(st.sampled_from(["", ","])) if pairs else "", "}")

    def grouping() -> str:
        labels = ",".join(spaced(draw(words)) for _ in range(draw(st.integers(0, 2))))
        return spaced(draw(st.sampled_from(["by", "Without"])), "(", labels, ")")

    offset = draw(st.sampled_from(["", "", " offset 0s", " offset -(5m - 5m)"]))
    name = draw(st.sampled_from(["requests", "a/b/c", "a.b", "_x", ":y", "by", ""]))
    text = spaced(name, braces() if not name or draw(st.booleans()) else "") + offset
    for _ in range(draw(st.integers(0, 2))):
        text = spaced("(", text, ")")
    if draw(st.booleans()):
        op = draw(st.sampled_from([*AGGREGATIONS, "SUM"]))
        front, behind = draw(st.sampled_from([("", ""), ("g", ""), ("", "g")]))
        text = spaced(
            op,
            grouping() if front else "",
            f"({text})",
            grouping() if behind else "",
        )
    return draw(st.sampled_from([text, spaced("(", text, ")")]))


@given(queries(), st.sampled_from(Dialect))
def test_takes_odd_spellings(text: str, dialect: Dialect) -> None:
    """Blanks, comments, brackets, quotes and groupings anywhere: what is evaluated passes."""
    if is_evaluated(text, dialect):
        assert takes(text)


@given(st.text(max_size=30))
def test_is_safe(text: str) -> None:
    """Any text is taken or not, and nothing that is evaluated is refused."""
    if not has_surrogates(text) and is_evaluated(text, Dialect.AUTO):
        assert takes(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "sum(",
        "sum(requests",
        "sum(requests))",
        'sum(requests{app_id="nodeapp")',
        'sum(requests{app_id="nodeapp"',
        'sum(requests{app_id=="nodeapp"})',
        'requests{app_id "nodeapp"}',
        "sum(rate(requests[1m]))",
        "rate(requests)",
        "sum(requests[1m])",
        "sum(requests offset 5m)",
        "a + b",
        "quantile(0.9, requests)",
        "sum(requests) by app_id",
        "median(requests)",
        "requests total",
        "5",
    ],
)
def test_refuses_mistakes(text: str) -> None:
    """What is commonly miswritten does not pass."""
    assert not takes(text)
