"""Infix operators over scalars and instant vectors at each step (promql.md 2.9)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from query.evaluate.context import Context
from query.evaluate.matching import (
    Pairs,
    Signatures,
    find_pairs,
    find_pairs_present,
    find_signatures,
    make_pairs,
    sides,
)
from query.evaluate.matching_errors import check_one_side, check_results
from query.evaluate.set_operators import apply_set_operator
from query.evaluate.stepped import StepScalar, StepVector
from query.queryable import BoolArray, Float64Array
from query.syntax import Binary, BinaryOp, Matching

OPERATIONS: dict[BinaryOp, np.ufunc] = {
    BinaryOp.ADD: np.add,
    BinaryOp.SUBTRACT: np.subtract,
    BinaryOp.MULTIPLY: np.multiply,
    BinaryOp.DIVIDE: np.divide,
    BinaryOp.MODULO: np.fmod,
    BinaryOp.ATAN2: np.arctan2,
    BinaryOp.POWER: np.power,
    BinaryOp.EQUAL: np.equal,
    BinaryOp.NOT_EQUAL: np.not_equal,
    BinaryOp.LESS_OR_EQUAL: np.less_equal,
    BinaryOp.LESS: np.less,
    BinaryOp.GREATER_OR_EQUAL: np.greater_equal,
    BinaryOp.GREATER: np.greater,
}


def apply_binary(
    context: Context,
    node: Binary,
    left: StepVector | StepScalar,
    right: StepVector | StepScalar,
) -> StepVector | StepScalar:
    """Return `left node.op right` at each step.

    Raises:
        QueryError: The elements of two vectors cannot be paired, or are too many.
    """
    with np.errstate(all="ignore"):
        if isinstance(left, StepVector) and isinstance(right, StepVector):
            if node.op.is_set_operator:
                return apply_set_operator(context, node, left, right)
            return _of_vectors(context, node, left, right)
        result = OPERATIONS[node.op](left.values, right.values)
        if isinstance(left, StepVector):
            return _element_wise(context, node, left, result)
        if isinstance(right, StepVector):
            return _element_wise(context, node, right, result)
        return StepScalar(values=result.astype(np.float64))


def _element_wise(
    context: Context, node: Binary, vector: StepVector, result: Float64Array | BoolArray
) -> StepVector:
    """Return a vector combined with a scalar; a comparison keeps the vector's values."""
    if node.op.is_comparison and not node.return_bool:
        return replace(vector, present=vector.present & result.astype(np.bool_))
    return context.without_name(replace(vector, values=result.astype(np.float64)))


def _of_vectors(context: Context, node: Binary, left: StepVector, right: StepVector) -> StepVector:
    """Return two vectors combined, one-to-one or many-to-one."""
    matching = node.matching or Matching(labels=())
    both = (left, right)
    many, one = (both[side] for side in sides(matching))
    signatures = find_signatures(context.labels, many.labels, one.labels, matching)
    check_one_side(many.present, one.present, one.labels, matching, signatures)
    pairs = _pairs(context, node, matching, signatures, (many, one))
    present = many.present[pairs.many] & one.present[pairs.one]
    # Before a filter leaves pairs out, for one-to-one and many-to-one matches alike (promql.md 4.3).
    check_results(matching, signatures, pairs, present)
    rows = [(pairs.many, pairs.one)[side] for side in sides(matching)]
    left_values, right_values = (side.values[of] for side, of in zip(both, rows, strict=True))
    values = OPERATIONS[node.op](left_values, right_values)
    if node.op.is_comparison and not node.return_bool:
        present &= values
        values = left_values
    return StepVector(
        labels=pairs.labels,
        values=values.astype(np.float64, copy=False),
        present=present,
        drops_name=node.return_bool and context.delayed_names,
    )


def _pairs(
    context: Context,
    node: Binary,
    matching: Matching,
    signatures: Signatures,
    operands: tuple[StepVector, StepVector],
) -> Pairs:
    """Return the pairs of the many and the one side."""
    many, one = operands
    drops_name = not node.op.is_comparison or (node.return_bool and not context.delayed_names)
    if signatures.one_is_unique:
        return find_pairs(
            context.labels, many.labels, one.labels, matching, signatures, drops_name=drops_name
        )
    rows = find_pairs_present(many.present, one.present, signatures)
    context.budget.take_samples(len(rows[0]) * many.present.shape[1])
    return make_pairs(many.labels, one.labels, matching, signatures, rows, drops_name=drops_name)
