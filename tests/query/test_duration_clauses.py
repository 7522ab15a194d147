from __future__ import annotations

import pytest

from query.parser import parse
from query.printer import print_expr
from query.syntax import MatrixSelector, Subquery, VectorSelector


@pytest.mark.parametrize(
    ("inside", "seconds"),
    [
        ("26m+4m", 1800),
        ("60*30", 1800),
        ("2m*(10+5)", 1800),
        ("24m+((1.5*2m)+2m)", 1740),
        ("-5m+35m", 1800),
        ("1h/2", 1800),
        ("1h30m % 1h", 1800),
        ("30m1s-30m1s % 1m", 1800),
        ("(9m30s+30s)*3", 1800),
        ("10s-2s-1s", 7),
        ("2^3^2", 512),
        ("10-2^2", 6),
        ("--5", 5),
        ("-(-2)^2+8s", 4),
        ("+5m", 300),
        ("min_of(5m, 2m)", 120),
        ("MAX_OF(5m, 2m) + 1", 301),
    ],
)
def test_arithmetic_in_brackets(inside: str, seconds: int) -> None:
    """Operators bind as they do between numbers; what is constant is reckoned at once (promql.md 4.1)."""
    ranged, subquery = parse(f"x[{inside}]"), parse(f"x[1h:{inside}]")
    assert isinstance(ranged, MatrixSelector)
    assert isinstance(subquery, Subquery)
    assert (ranged.range_ms, subquery.step_ms) == (seconds * 1000, seconds * 1000)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("x offset 100 + 2", "x offset 1m40s + 2"),
        ("x offset (100 + 2)", "x offset 1m42s"),
        ("x offset -2 ^ 2", "x offset -2s ^ 2"),
        ("x offset (-2 ^ 2)", "x offset -4s"),
        ("x offset -(2 * 2)", "x offset -4s"),
        ("x offset +min_of(10s, 20s)", "x offset 10s"),
        ("x offset -min_of(10s, 20s)", "x offset -10s"),
        ("x offset STEP()", "x offset (step())"),
        ("x offset -step()*2", "x offset (-step()) * 2"),
        ("x offset (-step()*2)", "x offset ((-step()) * 2)"),
        ("x[step()]", "x[step()]"),
        ("x[step()+1ms]", "x[step() + 0.001]"),
        ("x[1+(STep()-5)*2]", "x[1 + ((step() - 5) * 2)]"),
        ("x[max_of(step() ^ 2, 2)]", "x[max_of(step() ^ 2, 2)]"),
        ("x[range():step()]", "x[range():step()]"),
        ("x[5m:] offset range()", "x[5m:] offset (range())"),
        ("x[5m] offset 5m smoothed @ 3", "x[5m] smoothed @ 3 offset 5m"),
        ("rate(x[5m] ANCHORED)", "rate(x[5m] anchored)"),
        ("x smoothed offset 5m", "x smoothed offset 5m"),
        ("anchored + smoothed", "anchored + smoothed"),
    ],
)
def test_canonical_text(text: str, canonical: str) -> None:
    """Behind `offset` one operand stands without parentheses; the canonical text parses back to the same tree."""
    expr = parse(text)
    assert (print_expr(expr), parse(canonical)) == (canonical, expr)


def test_a_plain_selector() -> None:
    """An offset that depends on the query is an offset, too."""
    expr = parse("x offset step()")
    assert isinstance(expr, VectorSelector)
    assert not expr.is_plain
