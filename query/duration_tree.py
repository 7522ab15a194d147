"""Arithmetic where a duration stands, `[step() * 2]`; what does not depend on the query's times is reckoned at once.

Since Prometheus 3.14 (promql.md 4.1, T3).
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum

from query.durations import MAX_DURATION_MS
from query.errors import DurationError


class QueryTime(Enum):
    """What only the query's own times say; both are 0 in an instant query."""

    STEP = "step()"
    RANGE = "range()"


@dataclass(frozen=True, slots=True)
class DurationOperation:
    """An operator or function of two durations, or a sign with nothing on its left; numbers are seconds."""

    op: str
    left: DurationTree | None
    right: DurationTree


DurationTree = float | QueryTime | DurationOperation

DURATION_FUNCTIONS: Mapping[str, Callable[[float, float], float]] = {"min_of": min, "max_of": max}
"""Functions of two durations."""

_OPERATORS: Mapping[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": math.fmod,
    "^": math.pow,
    **DURATION_FUNCTIONS,
}
_ZERO_DIVISOR = {"/": "division by zero", "%": "modulo by zero"}


def depends_on_query(tree: DurationTree) -> bool:
    """Return whether `step()` or `range()` occurs."""
    match tree:
        case DurationOperation():
            left = tree.left is not None and depends_on_query(tree.left)
            return left or depends_on_query(tree.right)
        case _:
            return isinstance(tree, QueryTime)


def duration_ms(
    tree: DurationTree, *, step_ms: int = 0, range_ms: int = 0, positive: bool = False
) -> int:
    """Return the milliseconds of a duration, cut off below.

    Args:
        tree: What is written.
        step_ms: What `step()` is.
        range_ms: What `range()` is.
        positive: Whether zero and less are refused.

    Raises:
        DurationError: It divides by zero, is out of range, or is not greater than 0 and has to be.
    """
    try:
        seconds = _seconds(tree, step_ms / 1000, range_ms / 1000)
    except (OverflowError, ValueError) as error:
        raise DurationError("the duration is out of range") from error
    if not abs(seconds) * 1000 <= MAX_DURATION_MS:
        raise DurationError("the duration is out of range")
    milliseconds = int(seconds * 1000)
    if positive and milliseconds <= 0:
        raise DurationError("the duration must be greater than 0")
    return milliseconds


def format_duration_tree(tree: DurationTree) -> str:
    """Return the text of a duration that depends on the query; operands that are operations stand in parentheses."""
    if isinstance(tree, QueryTime):
        return tree.value
    if isinstance(tree, float):
        return repr(tree).removesuffix(".0")
    if tree.left is None:
        return tree.op + _operand(tree.right)
    if tree.op in DURATION_FUNCTIONS:
        return f"{tree.op}({format_duration_tree(tree.left)}, {format_duration_tree(tree.right)})"
    return f"{_operand(tree.left)} {tree.op} {_operand(tree.right)}"


def _operand(tree: DurationTree) -> str:
    text = format_duration_tree(tree)
    is_plain = not isinstance(tree, DurationOperation) or tree.op in DURATION_FUNCTIONS
    return text if is_plain else f"({text})"


def _seconds(tree: DurationTree, step_s: float, range_s: float) -> float:
    if isinstance(tree, QueryTime):
        return step_s if tree is QueryTime.STEP else range_s
    if isinstance(tree, float):
        return tree
    right = _seconds(tree.right, step_s, range_s)
    if tree.left is None:
        return -right if tree.op == "-" else right
    if right == 0 and tree.op in _ZERO_DIVISOR:
        raise DurationError(_ZERO_DIVISOR[tree.op])
    return _OPERATORS[tree.op](_seconds(tree.left, step_s, range_s), right)
