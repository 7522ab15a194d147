"""Math on values at run time (spec/ottl.md 2.3)."""

from __future__ import annotations

from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.functions.conversions import kind_name, wrap_int64
from daemon.ottl.values import Duration, Time, Value


def calculate(symbol: str, left: Value, right: Value) -> Value:
    """Return `left symbol right`; int64 wraps, a mix of int and float is a float.

    Raises:
        OttlEvaluationError: a division by zero, or kinds that have no such operation.
    """
    match left, right:
        case (bool(), _) | (_, bool()):
            raise _no_operation(symbol, left, right)
        case int(), int():
            return wrap_int64(_integers(symbol, left, right))
        case (int() | float(), int() | float()):
            return _floats(symbol, float(left), float(right))
        case (Time() | Duration(), Time() | Duration()):
            return _times(symbol, left, right)
        case _:
            raise _no_operation(symbol, left, right)


def negate(value: Value) -> Value:
    """Return minus `value`.

    Raises:
        OttlEvaluationError: the value is no number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise OttlEvaluationError(f"cannot negate a {kind_name(value)}")
    return wrap_int64(-value) if isinstance(value, int) else -value


def _integers(symbol: str, left: int, right: int) -> int:
    match symbol:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
    if right == 0:
        raise OttlEvaluationError("division by zero")
    quotient = abs(left) // abs(right)
    return quotient if (left < 0) == (right < 0) else -quotient


def _floats(symbol: str, left: float, right: float) -> float:
    match symbol:
        case "+":
            return left + right
        case "-":
            return left - right
        case "*":
            return left * right
    if right == 0:
        raise OttlEvaluationError("division by zero")
    return left / right


def _times(symbol: str, left: Time | Duration, right: Time | Duration) -> Value:
    match left, symbol, right:
        case Time(), "-", Time():
            return Duration(wrap_int64(left.unix_nano - right.unix_nano))
        case Time(), "+" | "-", Duration():
            sign = 1 if symbol == "+" else -1
            return Time(left.unix_nano + sign * right.nanoseconds, left.zone)
        case Duration(), "+", Time():
            return Time(right.unix_nano + left.nanoseconds, right.zone)
        case Duration(), "+" | "-", Duration():
            return Duration(wrap_int64(_integers(symbol, left.nanoseconds, right.nanoseconds)))
        case _:
            raise _no_operation(symbol, left, right)


def _no_operation(symbol: str, left: Value, right: Value) -> OttlEvaluationError:
    return OttlEvaluationError(f"cannot calculate {kind_name(left)} {symbol} {kind_name(right)}")
