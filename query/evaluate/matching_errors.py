"""Refuses pairs of elements that are not unique at some step (promql.md 2.9)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from query.errors import QueryError
from query.evaluate.grouping import IndexArray
from query.evaluate.matching import Pairs, Signatures, match_labels
from query.labels import Labels
from query.printer import quote
from query.queryable import BoolArray
from query.syntax import Matching, Side


class MatchingError(QueryError):
    """The elements of two vectors cannot be paired as the operator asks."""


def check_one_side(
    many: BoolArray,
    one: BoolArray,
    labels: Sequence[Labels],
    matching: Matching,
    signatures: Signatures,
) -> None:
    """Check that at each step the one side has one element for a match group, if there is anything to match.

    Raises:
        MatchingError: There are more.
    """
    if signatures.one_is_unique:
        return
    held = _held(signatures.one, one, signatures.number)
    groups, steps = ((held > 1) & many.any(axis=0)).nonzero()
    if not len(groups):
        return
    found = (signatures.one == groups[0]) & one[:, steps[0]]
    first, second = (labels[row] for row in found.nonzero()[0][:2].tolist())
    side = "left" if matching.many is Side.RIGHT else "right"
    raise MatchingError(
        f"found duplicate series for the match group {format_labels(match_labels(first, matching))} "
        f"on the {side} hand-side of the operation: "
        f"[{format_labels(second)}, {format_labels(first)}]"
        ";many-to-many matching not allowed: matching labels must be unique on one side"
    )


def check_results(
    matching: Matching, signatures: Signatures, pairs: Pairs, present: BoolArray
) -> None:
    """Check that at each step no two of the pairs that are `present`, [p, s], would be one element.

    Raises:
        MatchingError: Two pairs share a match group and, in a many-to-one match, the labels of their result.
    """
    if matching.many is not None:
        if not pairs.elements_are_unique and _twice(pairs.element, present):
            raise MatchingError(
                "multiple matches for labels: grouping labels must ensure unique matches"
            )
    elif not signatures.many_is_unique and _twice(signatures.many[pairs.many], present):
        raise MatchingError(
            "multiple matches for labels: many-to-one matching must be explicit "
            "(group_left/group_right)"
        )


def format_labels(labels: Labels) -> str:
    """Return a label set as Prometheus writes it: `{__name__="v", g="x"}`."""
    return "{" + ", ".join(f"{name}={quote(value)}" for name, value in labels) + "}"


def _twice(group: IndexArray, present: BoolArray) -> bool:
    return bool((_held(group, present, int(group.max(initial=0)) + 1) > 1).any())


def _held(group: IndexArray, present: BoolArray, number: int) -> IndexArray:
    """Return [number, s]: how many elements of each group are present."""
    rows, steps = present.nonzero()
    width = present.shape[1]
    held: IndexArray = np.bincount(group[rows] * width + steps, minlength=number * width)
    return held.reshape(number, width)
