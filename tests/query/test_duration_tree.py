from __future__ import annotations

import pytest

from query.duration_tree import (
    DurationOperation,
    DurationTree,
    QueryTime,
    depends_on_query,
    duration_ms,
    format_duration_tree,
)
from query.errors import DurationError

STEP, RANGE = QueryTime.STEP, QueryTime.RANGE


def op(op: str, left: DurationTree | None, right: DurationTree) -> DurationOperation:
    return DurationOperation(op, left, right)


@pytest.mark.parametrize(
    ("tree", "text", "milliseconds"),
    [
        (STEP, "step()", 15_000),
        (RANGE, "range()", 3_600_000),
        (op("*", STEP, 2.0), "step() * 2", 30_000),
        (op("-", op("+", STEP, 1.0), 0.5), "(step() + 1) - 0.5", 15_500),
        (op("/", RANGE, op("^", 2.0, 3.0)), "range() / (2 ^ 3)", 450_000),
        (op("%", RANGE, 7.0), "range() % 7", 2_000),
        (op("-", None, STEP), "-step()", -15_000),
        (op("+", None, op("+", STEP, 1.0)), "+(step() + 1)", 16_000),
        (op("max_of", STEP, 20.0), "max_of(step(), 20)", 20_000),
        (op("min_of", op("*", STEP, 2.0), 20.0), "min_of(step() * 2, 20)", 20_000),
        (op("*", 2.0, op("min_of", STEP, 1.0)), "2 * min_of(step(), 1)", 2_000),
    ],
)
def test_durations_of_a_query(tree: DurationTree, text: str, milliseconds: int) -> None:
    """`step()` and `range()` are the query's; the text shows every grouping."""
    found = duration_ms(tree, step_ms=15_000, range_ms=3_600_000)
    assert (depends_on_query(tree), format_duration_tree(tree), found) == (True, text, milliseconds)


def test_constants_depend_on_nothing() -> None:
    """Arithmetic over numbers alone is known at once, cut off below the millisecond."""
    tree = op("/", 10.0, 3.0)
    assert (depends_on_query(tree), duration_ms(tree)) == (False, 3333)


@pytest.mark.parametrize(
    ("tree", "message"),
    [
        (op("/", 1.0, STEP), "division by zero"),
        (op("%", 1.0, 0.0), "modulo by zero"),
        (op("^", 10.0, 400.0), "the duration is out of range"),
        (op("^", -1.0, 0.5), "the duration is out of range"),
        (op("*", 1e300, 1e300), "the duration is out of range"),
        (1e12, "the duration is out of range"),
        (STEP, "the duration must be greater than 0"),
        (op("-", None, 5.0), "the duration must be greater than 0"),
    ],
)
def test_errors(tree: DurationTree, message: str) -> None:
    """What is no duration is refused; in an instant query `step()` is 0."""
    with pytest.raises(DurationError, match=f"^{message}$"):
        duration_ms(tree, positive=True)
