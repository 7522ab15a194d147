"""No two elements of an instant vector have the same labels (promql.md 2.1)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from query.errors import QueryError
from query.evaluate.label_work import LabelWork
from query.evaluate.stepped import StepVector
from query.labels import Labels
from query.queryable import Int64Array

SAME_LABELS = "vector cannot contain metrics with the same labelset"


class SameLabelsError(QueryError):
    """An operation left two elements with equal labels."""

    def __init__(self, labels: Labels) -> None:
        shown = ", ".join(f'{name}="{value}"' for name, value in labels)
        super().__init__(f"{SAME_LABELS}: {{{shown}}}")


def distinct(vector: StepVector, work: LabelWork, *, merge: bool) -> StepVector:
    """Return `vector` with one element for each label set.

    Args:
        vector: What an operation yields.
        work: Remembers what is found out about the label sets.
        merge: Whether series with equal labels that are never there at once become one, as after operations on
            instant vectors; else they are refused, as after functions over ranges.

    Raises:
        SameLabelsError: Two elements have equal labels.
    """
    if work.all_different(vector.labels):
        return vector
    firsts, group = work.remember(vector.labels, "equal labels", lambda: group_equal(vector.labels))
    there = vector.present
    if not merge:
        there = np.count_nonzero(there, axis=1)[:, np.newaxis] > 0
    held = np.zeros((len(firsts), there.shape[1]), dtype=np.int64)
    np.add.at(held, group, there)
    if held.size and held.max() > 1:
        raise SameLabelsError(vector.labels[int(firsts[int(held.max(axis=1).argmax())])])
    rows, steps = np.nonzero(vector.present)
    drops_name = vector.drops_name
    values = np.zeros((len(firsts), vector.values.shape[1]))
    present = np.zeros(values.shape, dtype=np.bool_)
    values[group[rows], steps] = vector.values[rows, steps]
    present[group[rows], steps] = True
    return StepVector(
        labels=[vector.labels[row] for row in firsts.tolist()],
        values=values,
        present=present,
        drops_name=drops_name if isinstance(drops_name, bool) else drops_name[firsts],
    )


def group_equal(labels: Sequence[Labels]) -> tuple[Int64Array, Int64Array]:
    """Return the first row of each group of equal label sets, and each row's group number."""
    numbers: dict[Labels, int] = {}
    group = np.array([numbers.setdefault(one, len(numbers)) for one in labels], dtype=np.int64)
    firsts = np.unique(group, return_index=True)[1]
    return firsts.astype(np.int64), group
