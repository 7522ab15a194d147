"""The set operators and, or, unless: what is in both vectors, in either, in the left one only (promql.md 2.9)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from query.evaluate.context import Context
from query.evaluate.delayed_names import join_drops
from query.evaluate.distinct import distinct
from query.evaluate.grouping import IndexArray
from query.evaluate.matching import find_signatures
from query.evaluate.stepped import StepVector
from query.queryable import BoolArray
from query.syntax import Binary, BinaryOp, Matching


def apply_set_operator(
    context: Context, node: Binary, left: StepVector, right: StepVector
) -> StepVector:
    """Return the elements of `left`, and of `right` for `or`, that are to stay, unchanged."""
    matching = node.matching or Matching(labels=())
    signatures = find_signatures(context.labels, left.labels, right.labels, matching)
    if node.op is BinaryOp.OR:
        there = _groups_present(signatures.many, left.present, signatures.number)
        added = replace(right, present=right.present & ~there[signatures.one])
        return _joined(context, left, added)
    there = _groups_present(signatures.one, right.present, signatures.number)
    if node.op is BinaryOp.UNLESS:
        there = ~there
    return replace(left, present=left.present & there[signatures.many])


def _groups_present(group: IndexArray, present: BoolArray, number: int) -> BoolArray:
    """Return [number, s]: whether a match group has an element."""
    there = np.zeros((number, present.shape[1]), dtype=np.bool_)
    rows, steps = present.nonzero()
    there[group[rows], steps] = True
    return there


def _joined(context: Context, left: StepVector, right: StepVector) -> StepVector:
    """Return the elements of both; a series that is in one at some steps and in the other at others is one."""
    labels, _ = context.labels.remember(
        left.labels,
        ("joined", id(right.labels)),
        lambda: ((*left.labels, *right.labels), right.labels),
    )
    joined = StepVector(
        labels=labels,
        values=np.concatenate((left.values, right.values)),
        present=np.concatenate((left.present, right.present)),
        drops_name=join_drops(left, right),
    )
    return distinct(joined, context.labels, merge=True)
