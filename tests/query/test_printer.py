from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings

from query.parser import parse
from query.printer import format_number, print_expr
from query.syntax import Expr
from tests.support.strategies import expressions

IDENTITIES = [
    line
    for line in (Path(__file__).parents[1] / "scripts" / "expressions.txt")
    .read_text("utf-8")
    .splitlines()
    if line and not line.startswith("#")
]


@pytest.mark.parametrize("text", IDENTITIES)
def test_canonical_text_is_its_own_print(text: str) -> None:
    """What is written canonically is printed as it stands."""
    assert print_expr(parse(text)) == text


@given(expressions())
@settings(max_examples=200)
def test_every_tree_reads_back(expr: Expr) -> None:
    """Any well-typed tree parses back from its text, and prints the same again."""
    text = print_expr(expr)
    assert parse(text) == expr
    assert print_expr(parse(text)) == text


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("SUM(x) By (a)", "sum by (a) (x)"),
        ("sum(x)by(a,b,)", "sum by (a, b) (x)"),
        ('{a="b",__name__="x"}', 'x{a="b"}'),
        ('{"x"}', "x"),
        ("x{}", "x"),
        ("x{a='b',}", 'x{a="b"}'),
        ("x offset 5m @ 10", "x @ 10 offset 5m"),
        ("x[5m] @ end() offset -1m", "x[5m] @ end() offset -1m"),
        ("x[300]", "x[5m]"),
        ("x[1h:90] offset 0.5", "x[1h:1m30s] offset 500ms"),
        ("((a))+(b*c)", "a + b * c"),
        ("(a+b)*c", "(a + b) * c"),
        ("a^b^c", "a ^ b ^ c"),
        ("a^(b^c)", "a ^ b ^ c"),
        ("(a^b)^c", "(a ^ b) ^ c"),
        ("a-(b-c)", "a - (b - c)"),
        ("-(1^2)", "-1 ^ 2"),
        ("(-1)^2", "(-1) ^ 2"),
        ("1m30s", "90"),
        ("0x1F", "31"),
        ("1_000", "1000"),
        ("iNf", "Inf"),
        ("nan", "NaN"),
        ("1e30", "1e+30"),
        ("a ATAN2 b AND c", "a atan2 b and c"),
        ("a*on(x)group_left b", "a * on (x) group_left () b"),
        (r"'\x41\u00e9\n\''", '"Aé\\n\'"'),
        ("`a\\b`", r'"a\\b"'),
        ('"\\u0007\\U0001F600\\u200b"', '"\\u0007😀\\u200b"'),
        ('"\\U000e0001"', '"\\U000e0001"'),
        ("x # comment", "x"),
    ],
)
def test_one_spelling(text: str, canonical: str) -> None:
    """Each way to write the same comes out in one spelling."""
    assert print_expr(parse(text)) == canonical


def test_nan() -> None:
    """NaN, which equals nothing, prints as a number that reads back."""
    assert format_number(float("nan")) == "NaN"
