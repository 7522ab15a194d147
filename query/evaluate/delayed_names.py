"""Names that go once the whole expression is evaluated, series by series (promql.md 2.13)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from query.evaluate.distinct import distinct
from query.evaluate.grouping import Groups
from query.evaluate.label_work import LabelWork, without_metadata
from query.evaluate.stepped import StepVector
from query.queryable import BoolArray


def drop_delayed_names(vector: StepVector, work: LabelWork) -> StepVector:
    """Return the result of a whole expression without the names that are to go.

    Raises:
        QueryError: Two elements have equal labels then.
    """
    drops = vector.drops_name
    if isinstance(drops, bool):
        if not drops:
            return vector
        labels = work.without_metadata(vector.labels)
    else:
        labels = [
            without_metadata(one) if drop else one
            for one, drop in zip(vector.labels, drops.tolist(), strict=True)
        ]
    return distinct(replace(vector, labels=labels, drops_name=False), work, merge=True)


def join_drops(left: StepVector, right: StepVector) -> bool | BoolArray:
    """Return which names go of both vectors' series, one after the other."""
    if isinstance(left.drops_name, bool) and left.drops_name is right.drops_name:
        return left.drops_name
    return np.concatenate([drops_of(side) for side in (left, right)])


def group_drops(vector: StepVector, groups: Groups) -> bool | BoolArray:
    """Return which groups' names go: those of which one series that is present loses its name."""
    if isinstance(vector.drops_name, bool):
        return vector.drops_name
    there = vector.drops_name & np.logical_or.reduce(vector.present, axis=1)
    drops = np.zeros(len(groups.labels), dtype=np.bool_)
    drops[groups.of_row[there]] = True
    return drops


def drops_of(vector: StepVector) -> BoolArray:
    """Return bool[n]: which names go."""
    return np.broadcast_to(np.asarray(vector.drops_name, dtype=np.bool_), len(vector.labels))
