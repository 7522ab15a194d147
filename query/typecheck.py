"""Static types of expressions and the errors that follow from them (promql.md 2.2, "Static typing errors")."""

from __future__ import annotations

from typing import NoReturn

from query.errors import QuerySyntaxError
from query.signatures import AGGREGATIONS, FUNCTIONS
from query.syntax import (
    Aggregation,
    Binary,
    Call,
    Expr,
    MatrixSelector,
    NumberLiteral,
    StringLiteral,
    Subquery,
    Unary,
    VectorSelector,
)
from query.values import ValueType


def type_of(expr: Expr) -> ValueType:
    """Return what an expression yields."""
    match expr:
        case NumberLiteral():
            return ValueType.SCALAR
        case StringLiteral():
            return ValueType.STRING
        case MatrixSelector() | Subquery():
            return ValueType.RANGE_VECTOR
        case VectorSelector() | Aggregation():
            return ValueType.INSTANT_VECTOR
        case Call():
            return FUNCTIONS[expr.name].returns
        case Unary():
            return type_of(expr.expr)
        case Binary():
            if {type_of(expr.left), type_of(expr.right)} == {ValueType.SCALAR}:
                return ValueType.SCALAR
            return ValueType.INSTANT_VECTOR


def check(text: str, expr: Expr) -> None:
    """Check one node whose operands are checked already.

    Raises:
        QuerySyntaxError: The types of its operands, or their number, are wrong.
    """
    match expr:
        case Call():
            _check_call(text, expr)
        case Aggregation():
            _check_aggregation(text, expr)
        case Binary():
            _check_binary(text, expr)
        case Unary():
            if type_of(expr.expr) not in {ValueType.SCALAR, ValueType.INSTANT_VECTOR}:
                _fail(text, expr.expr, f"a sign cannot stand before {_a(type_of(expr.expr))}")
        case Subquery():
            _expect(text, expr.expr, ValueType.INSTANT_VECTOR, "a subquery")


def count_arguments(count: int) -> str:
    """Return "1 argument", "2 arguments"."""
    return f"{count} argument" if count == 1 else f"{count} arguments"


def _check_call(text: str, call: Call) -> None:
    signature = FUNCTIONS[call.name]
    types, fewest, count = signature.types, signature.required, len(call.args)
    if signature.repeats:
        if count < fewest:
            _fail(text, call, f"{call.name}() takes at least {fewest} arguments, got {count}")
    elif not fewest <= count <= len(types):
        at_least = f"{fewest} to " if fewest < len(types) else ""
        wanted = at_least + count_arguments(len(types))
        _fail(text, call, f"{call.name}() takes {wanted}, got {count}")
    for index, argument in enumerate(call.args):
        _expect(text, argument, types[min(index, len(types) - 1)], f"{call.name}()")


def _check_aggregation(text: str, aggregation: Aggregation) -> None:
    param_type = AGGREGATIONS[aggregation.op]
    if param_type is not None and aggregation.param is not None:
        _expect(text, aggregation.param, param_type, f"the parameter of {aggregation.op}")
    _expect(text, aggregation.expr, ValueType.INSTANT_VECTOR, f"{aggregation.op}")


def _check_binary(text: str, binary: Binary) -> None:
    op, matching = binary.op, binary.matching
    types = (type_of(binary.left), type_of(binary.right))
    for operand, kind in zip((binary.left, binary.right), types, strict=True):
        if kind not in {ValueType.SCALAR, ValueType.INSTANT_VECTOR}:
            _fail(text, operand, f"'{op}' takes scalars and instant vectors, got {_a(kind)}")
    if binary.return_bool and not op.is_comparison:
        _fail(text, binary, f"'bool' goes with comparisons only, not with '{op}'")
    if op.is_set_operator and ValueType.SCALAR in types:
        _fail(text, binary, f"'{op}' takes instant vectors only, got a scalar")
    if op.is_comparison and not binary.return_bool and set(types) == {ValueType.SCALAR}:
        _fail(text, binary, f"a comparison of two scalars needs 'bool': write {op} bool")
    if matching is None:
        return
    if ValueType.SCALAR in types and not (matching.labels or matching.many):
        return  # `on ()` says nothing about a scalar, and Prometheus takes it
    if ValueType.SCALAR in types:
        _fail(text, binary, "'on' and 'ignoring' go between two instant vectors only, got a scalar")
    if op.is_set_operator and matching.many:
        _fail(text, binary, f"'{matching.many}' does not go with the set operator '{op}'")
    if matching.on and (both := set(matching.labels) & set(matching.include)):
        _fail(
            text, binary, f"label '{min(both)}' must not be in 'on' and '{matching.many}' at once"
        )


def _expect(text: str, operand: Expr, wanted: ValueType, where: str) -> None:
    if (got := type_of(operand)) is not wanted:
        _fail(
            text,
            operand,
            f"{where} takes a value of type {wanted} here, got {_a(got)}{_hint(wanted, got)}",
        )


def _a(kind: ValueType) -> str:
    return f"{'an' if kind is ValueType.INSTANT_VECTOR else 'a'} {kind}"


def _hint(wanted: ValueType, got: ValueType) -> str:
    if wanted is ValueType.RANGE_VECTOR and got is ValueType.INSTANT_VECTOR:
        return ": give it a range such as [5m]"
    return ""


def _fail(text: str, expr: Expr, message: str) -> NoReturn:
    raise QuerySyntaxError(text, expr.span, message)
