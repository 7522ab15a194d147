"""Comparison of any two values: never an error but for two typed slices (spec/ottl.md 2.2)."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from daemon.ottl.functions.equality import equal
from daemon.ottl.values import Duration, Time, Value

# Any: the two values of a pair are of one kind, which the type checker cannot see.
_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_PLAIN = frozenset({bool, int, float, str, bytes})
_Pair = tuple[Any, Any]


def comparison(symbol: str) -> Callable[[Value, Value], bool]:
    """Return the comparison that `symbol` (one of == != < <= > >=) stands for."""
    operate = _OPERATORS[symbol]

    def compare(left: Value, right: Value) -> bool:
        if left.__class__ is right.__class__ and left.__class__ in _PLAIN:
            return operate(left, right)
        if left is None or right is None:
            return symbol in ("==", "<=", ">=") if left is right else symbol == "!="
        pair = _ordered_pair(left, right)
        if pair is not None:
            return operate(*pair)
        same = equal(left, right)
        return (symbol == "==" and same) or (symbol == "!=" and not same)

    return compare


def _ordered_pair(left: Value, right: Value) -> _Pair | None:
    """Return what Python orders as OTTL does, or None for kinds without an order and kinds that differ."""
    match left, right:
        case (bool(), _) | (_, bool()):
            return None
        case (int() | float(), int() | float()):
            return float(left), float(right)
        case Time(), Time():
            return left.unix_nano, right.unix_nano
        case Duration(), Duration():
            return left.nanoseconds, right.nanoseconds
        case _:
            return None
