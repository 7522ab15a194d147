from __future__ import annotations

import pytest

from query.errors import QuerySyntaxError
from query.parser import parse
from query.resolve import depends_on_range, resolve_durations


@pytest.mark.parametrize(
    ("text", "resolved"),
    [
        ("x[step()]", "x[15s]"),
        ("sum(rate(x[step() * 4] offset range()))", "sum(rate(x[1m] offset 1h))"),
        ("x offset -step()", "x offset -15s"),
        ("abs(x offset step()) + y", "abs(x offset 15s) + y"),
        ("rate(x[step()])[range():step()] offset step()", "rate(x[15s])[1h:15s] offset 15s"),
        ("x[5m:] offset (step() - step())", "x[5m:]"),
    ],
)
def test_resolution(text: str, resolved: str) -> None:
    """Every duration becomes what the query's times make of it."""
    expr = parse(text)
    found = resolve_durations(text, expr, step_ms=15_000, range_ms=3_600_000)
    assert (depends_on_range(expr), found) == (True, parse(resolved))


@pytest.mark.parametrize("text", ["x[5m]", "x[5m:1m] offset 2m", "sum(x) + 1", "x offset (2 * 3)"])
def test_nothing_to_resolve(text: str) -> None:
    """Constants are known already."""
    assert not depends_on_range(parse(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x[step()]", "the duration must be greater than 0"),
        ("x[5m:range()]", "the duration must be greater than 0"),
        ("x offset (1 / step())", "division by zero"),
    ],
)
def test_errors(text: str, message: str) -> None:
    """In an instant query both are 0; the fault is shown at its selector."""
    with pytest.raises(QuerySyntaxError) as caught:
        resolve_durations(text, parse(text), step_ms=0, range_ms=0)
    assert (caught.value.message, caught.value.span.start) == (message, 0)
