"""Math: wrapping, truncation, times (ottl.md 2.3)."""

from __future__ import annotations

from datetime import UTC

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.ottl.arithmetic import calculate, negate
from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.values import Duration, Time, Value

INT64 = st.integers(-(2**63), 2**63 - 1)


@pytest.mark.parametrize(
    ("left", "symbol", "right", "expected"),
    [
        (7, "/", 2, 3),
        (-7, "/", 2, -3),
        (7, "/", -2, -3),
        (-7, "/", -2, 3),
        (2**63 - 1, "+", 1, -(2**63)),
        (-(2**63), "-", 1, 2**63 - 1),
        (2**62, "*", 2, -(2**63)),
        (-(2**63), "/", -1, -(2**63)),
        (2**63 - 1, "/", 3, (2**63 - 1) // 3),
        (7, "/", 2.0, 3.5),
        (1.5, "+", 1, 2.5),
        (1.5, "-", 0.5, 1.0),
        (1.5, "*", 2, 3.0),
        (1e308, "*", 10, float("inf")),
        (Time(5, UTC), "-", Time(2, UTC), Duration(3)),
        (Time(5, UTC), "-", Duration(2), Time(3, UTC)),
        (Time(5, UTC), "+", Duration(2), Time(7, UTC)),
        (Duration(2), "+", Time(5, UTC), Time(7, UTC)),
        (Duration(2), "+", Duration(5), Duration(7)),
        (Duration(2), "-", Duration(5), Duration(-3)),
    ],
)
def test_results(left: Value, symbol: str, right: Value, expected: Value) -> None:
    """A calculation gives this value, of this type."""
    result = calculate(symbol, left, right)
    assert (type(result), result) == (type(expected), expected)


@pytest.mark.parametrize(
    ("left", "symbol", "right"),
    [
        (1, "/", 0),
        (1.0, "/", 0),
        (1, "/", 0.0),
        (None, "+", 1),
        (1, "+", None),
        ("a", "+", "b"),
        (True, "+", 1),
        (1, "+", True),
        ([1], "+", [1]),
        (Duration(1), "*", 2),
        (Duration(1), "*", Duration(1)),
        (Duration(1), "-", Time(1, UTC)),
        (Time(1, UTC), "+", Time(1, UTC)),
        (Time(1, UTC), "+", 1),
    ],
)
def test_errors(left: Value, symbol: str, right: Value) -> None:
    """A division by zero, or kinds without this operation, is an evaluation error."""
    with pytest.raises(OttlEvaluationError):
        calculate(symbol, left, right)


def test_negation() -> None:
    """Minus works on numbers only; the smallest int stays itself."""
    assert (negate(1), negate(1.5), negate(-(2**63))) == (-1, -1.5, -(2**63))
    for value in ("a", None, True, Duration(1)):
        with pytest.raises(OttlEvaluationError):
            negate(value)


@given(INT64, st.sampled_from("+-*"), INT64)
def test_ints_stay_in_64_bits(left: int, symbol: str, right: int) -> None:
    """An int result fits 64 bits and is right modulo 2 ** 64."""
    result = calculate(symbol, left, right)
    assert isinstance(result, int)
    assert -(2**63) <= result < 2**63
    exact = {"+": left + right, "-": left - right, "*": left * right}[symbol]
    assert (result - exact) % 2**64 == 0
