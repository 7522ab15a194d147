"""Which elements of two instant vectors belong together (promql.md 2.9); the label work is done once for two lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from query.evaluate.grouping import IndexArray, group_keys
from query.evaluate.label_work import LabelWork, without_metadata
from query.labels import Labels
from query.queryable import BoolArray
from query.syntax import Matching, Side


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Signatures:
    """The match groups of two sides of a match; the numbers of both are the same."""

    many: IndexArray
    """intp[n]: the group of each series of the many side, the left one in a one-to-one match."""
    one: IndexArray
    """intp[m]: the group of each series of the one side."""
    number: int
    many_is_unique: bool
    """No two series of the many side are in one match group."""
    one_is_unique: bool
    """No two series of the one side are in one match group."""
    kept: Sequence[Labels]
    """What is remembered under its identity must be kept."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pairs:
    """The p pairs of series that match, one result each; a series without a partner is in none."""

    many: IndexArray
    """intp[p]: the series of the many side, ascending."""
    one: IndexArray
    """intp[p]: its partner."""
    labels: Sequence[Labels]
    """p label sets of the results."""
    element: IndexArray
    """intp[p]: equal where match group and labels are, in a many-to-one match."""
    elements_are_unique: bool
    kept: Sequence[Labels]
    """What is remembered under its identity must be kept."""


def find_signatures(
    work: LabelWork, many: Sequence[Labels], one: Sequence[Labels], matching: Matching
) -> Signatures:
    """Return the match groups: equal in the labels `on`, or in all but the name and those `ignoring`."""
    key = ("signatures", id(one), matching.on, matching.labels)
    return work.remember(many, key, lambda: _find_signatures(many, one, matching))


def find_pairs(
    work: LabelWork,
    many: Sequence[Labels],
    one: Sequence[Labels],
    matching: Matching,
    signatures: Signatures,
    *,
    drops_name: bool,
) -> Pairs:
    """Return who is whose partner where the one side is unique; `drops_name` says that the operator does."""

    def compute() -> Pairs:
        partner = np.full(signatures.number, -1)
        partner[signatures.one] = np.arange(len(one))
        partners = partner[signatures.many]
        rows = (partners >= 0).nonzero()[0]
        return make_pairs(
            many, one, matching, signatures, (rows, partners[rows]), drops_name=drops_name
        )

    return work.remember(many, ("pairs", id(one), matching, drops_name), compute)


def find_pairs_present(
    many: BoolArray, one: BoolArray, signatures: Signatures
) -> tuple[IndexArray, IndexArray]:
    """Return the pairs that are present at some step, if the one side is unique at each step."""
    partner = np.full((signatures.number, one.shape[1]), -1)
    rows, steps = one.nonzero()
    partner[signatures.one[rows], steps] = rows
    rows, steps = many.nonzero()
    partners = partner[signatures.many[rows], steps]
    rows, partners = rows[partners >= 0], partners[partners >= 0]
    pairs = np.unique(rows * max(len(one), 1) + partners)
    return np.divmod(pairs, max(len(one), 1))


def make_pairs(
    many: Sequence[Labels],
    one: Sequence[Labels],
    matching: Matching,
    signatures: Signatures,
    rows: tuple[IndexArray, IndexArray],
    *,
    drops_name: bool,
) -> Pairs:
    """Return pairs with the labels of their results."""
    labels = [
        _result_labels(many[i], one[j], matching, drops_name=drops_name)
        for i, j in zip(rows[0].tolist(), rows[1].tolist(), strict=True)
    ]
    element = rows[0]
    if matching.many is not None:
        groups = signatures.many[rows[0]].tolist()
        element = _numbered(list(zip(groups, labels, strict=True)), {})
    return Pairs(
        many=rows[0],
        one=rows[1],
        labels=labels,
        element=element,
        elements_are_unique=bool((element[1:] > element[:-1]).all()),
        kept=one,
    )


def match_labels(labels: Labels, matching: Matching) -> Labels:
    """Return the labels that a series is matched by."""
    return group_keys([labels], matching.labels, without=not matching.on)[0]


def sides(matching: Matching) -> tuple[int, int]:
    """Return which of (left, right) are the many and the one side."""
    return (1, 0) if matching.many is Side.RIGHT else (0, 1)


def _find_signatures(
    many: Sequence[Labels], one: Sequence[Labels], matching: Matching
) -> Signatures:
    numbers: dict[object, int] = {}
    of_many, of_one = (
        _numbered(group_keys(side, matching.labels, without=not matching.on), numbers)
        for side in (many, one)
    )
    return Signatures(
        many=of_many,
        one=of_one,
        number=len(numbers),
        many_is_unique=len(np.unique(of_many)) == len(of_many),
        one_is_unique=len(np.unique(of_one)) == len(of_one),
        kept=one,
    )


def _numbered(keys: Sequence[object], numbers: dict[object, int]) -> IndexArray:
    """Return equal numbers for equal keys, in the order of their first one."""
    return np.fromiter(
        (numbers.setdefault(key, len(numbers)) for key in keys), dtype=np.intp, count=len(keys)
    )


def _result_labels(many: Labels, one: Labels, matching: Matching, *, drops_name: bool) -> Labels:
    """Return the labels of a result: the many side's, reduced or completed as the matching says."""
    labels = without_metadata(many) if drops_name else many
    if matching.many is None:
        names = matching.labels
        if matching.on:
            return tuple([pair for pair in labels if pair[0] in names])
        return tuple([pair for pair in labels if pair[0] not in names]) if names else labels
    if not matching.include:
        return labels
    kept = [pair for pair in labels if pair[0] not in matching.include]
    return tuple(sorted([*kept, *(pair for pair in one if pair[0] in matching.include)]))
