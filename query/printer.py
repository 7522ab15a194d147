"""An expression tree as canonical PromQL: one spelling for each tree, which parses back to it."""

from __future__ import annotations

import math
import re

from query.duration_tree import DurationTree, format_duration_tree
from query.durations import format_duration
from query.labels import METRIC_NAME, Matcher
from query.syntax import (
    POWER_PRECEDENCE,
    RESERVED,
    UNARY_PRECEDENCE,
    Aggregation,
    AtEdge,
    Binary,
    BinaryOp,
    Call,
    Expr,
    Grouping,
    Matching,
    MatrixSelector,
    NumberLiteral,
    StringLiteral,
    Subquery,
    Unary,
    VectorSelector,
)

_PLAIN_NAME = re.compile(r"[A-Za-z_:][A-Za-z0-9_:]*")
_PLAIN_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_NOT_BARE = RESERVED | {"inf", "nan"}
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"}


def print_expr(expr: Expr) -> str:
    """Return the canonical text of an expression."""
    match expr:
        case NumberLiteral():
            return format_number(expr.value)
        case StringLiteral():
            return quote(expr.value)
        case VectorSelector():
            return _selector(expr) + _modifiers(expr)
        case MatrixSelector(selector=selector):
            window = _duration(expr.range_ms, expr.range_tree)
            return f"{_selector(selector)}[{window}]{_modifiers(selector)}"
        case Subquery():
            return _subquery(expr)
        case Call():
            return f"{expr.name}({', '.join(map(print_expr, expr.args))})"
        case Aggregation():
            return _aggregation(expr)
        case Unary():
            below = isinstance(expr.expr, Binary) and expr.expr.op.precedence < POWER_PRECEDENCE
            return expr.op + _in_parentheses(expr.expr, needed=below)
        case Binary():
            return _binary(expr)


def format_number(value: float) -> str:
    """Return the shortest text of a number from 0 up that reads back as the same float."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Inf"
    return repr(value).removesuffix(".0")


def quote(text: str) -> str:
    """Return a text in double quotes, with escapes for what does not print."""
    return '"' + "".join(_ESCAPES.get(char) or _printable(char) for char in text) + '"'


def _printable(char: str) -> str:
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"


def _selector(selector: VectorSelector) -> str:
    name, matchers = selector.name, selector.matchers
    if name is None or any(matcher.name == METRIC_NAME for matcher in matchers[1:]):
        return "{" + ",".join(map(_matcher, matchers)) + "}"
    inner = [_matcher(matcher) for matcher in matchers[1:]]
    if not _PLAIN_NAME.fullmatch(name) or name.lower() in _NOT_BARE:
        return "{" + ",".join([quote(name), *inner]) + "}"
    return name + ("{" + ",".join(inner) + "}" if inner else "")


def _matcher(matcher: Matcher) -> str:
    return f"{_label(matcher.name)}{matcher.op}{quote(matcher.value)}"


def _label(name: str) -> str:
    return name if _PLAIN_LABEL.fullmatch(name) else quote(name)


def _labels(names: tuple[str, ...]) -> str:
    return "(" + ", ".join(_group_label(name) for name in names) + ")"


def _group_label(name: str) -> str:
    """Return a label of a list in parentheses, where `inf` and `nan` are numbers."""
    return quote(name) if name.lower() in {"inf", "nan"} else _label(name)


def _modifiers(expr: VectorSelector | Subquery) -> str:
    text = ""
    if isinstance(expr, VectorSelector) and expr.reach is not None:
        text += f" {expr.reach}"
    if expr.at is not None:
        text += f" @ {expr.at.value if isinstance(expr.at, AtEdge) else _seconds(expr.at)}"
    if expr.offset_tree is not None:
        text += f" offset ({format_duration_tree(expr.offset_tree)})"
    elif expr.offset_ms:
        text += f" offset {format_duration(expr.offset_ms)}"
    return text


def _duration(milliseconds: int, tree: DurationTree | None) -> str:
    return format_duration(milliseconds) if tree is None else format_duration_tree(tree)


def _seconds(time_ms: int) -> str:
    whole, rest = divmod(abs(time_ms), 1000)
    fraction = f".{rest:03d}".rstrip("0").rstrip(".")
    return f"{'-' if time_ms < 0 else ''}{whole}{fraction}"


def _subquery(subquery: Subquery) -> str:
    inner = _in_parentheses(subquery.expr, needed=isinstance(subquery.expr, Binary | Unary))
    step = _duration(subquery.step_ms or 0, subquery.step_tree) if _has_step(subquery) else ""
    window = f"[{_duration(subquery.range_ms, subquery.range_tree)}:{step}]"
    return inner + window + _modifiers(subquery)


def _has_step(subquery: Subquery) -> bool:
    return subquery.step_ms is not None or subquery.step_tree is not None


def _aggregation(aggregation: Aggregation) -> str:
    arguments = print_expr(aggregation.expr)
    if aggregation.param is not None:
        arguments = f"{print_expr(aggregation.param)}, {arguments}"
    if aggregation.grouping is None:
        return f"{aggregation.op}({arguments})"
    return f"{aggregation.op} {_grouping(aggregation.grouping)} ({arguments})"


def _grouping(grouping: Grouping) -> str:
    return ("without " if grouping.without else "by ") + _labels(grouping.labels)


def _binary(binary: Binary) -> str:
    op = binary.op
    modifiers = (" bool" if binary.return_bool else "") + _matching(binary.matching)
    left = _in_parentheses(binary.left, needed=_left_needs(op, binary.left))
    right = _in_parentheses(binary.right, needed=_right_needs(op, binary.right))
    return f"{left} {op}{modifiers} {right}"


def _left_needs(op: BinaryOp, operand: Expr) -> bool:
    if isinstance(operand, Unary):
        return op.precedence > UNARY_PRECEDENCE
    if not isinstance(operand, Binary):
        return False
    if op is BinaryOp.POWER:
        return True
    return operand.op.precedence < op.precedence


def _right_needs(op: BinaryOp, operand: Expr) -> bool:
    if not isinstance(operand, Binary):
        return False
    if op is BinaryOp.POWER:
        return operand.op.precedence < op.precedence
    return operand.op.precedence <= op.precedence


def _matching(matching: Matching | None) -> str:
    if matching is None:
        return ""
    text = f" {'on' if matching.on else 'ignoring'} {_labels(matching.labels)}"
    if matching.many is not None:
        text += f" {matching.many}"
        text += f" {_labels(matching.include)}" if matching.include else " ()"
    return text


def _in_parentheses(expr: Expr, *, needed: bool) -> str:
    return f"({print_expr(expr)})" if needed else print_expr(expr)
