"""Groups of an aggregation: which series belong together, worked out once for a list of label sets (promql.md 2.8)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from query.evaluate.label_work import METADATA_LABELS, LabelWork, NamelessLabels
from query.labels import METRIC_NAME, Labels
from query.queryable import BoolArray, Float64Array

IndexArray = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Groups:
    """The g groups of n series, in the order of their first series."""

    labels: Sequence[Labels]
    """g label sets."""
    of_row: IndexArray
    """intp[n]: the group of each series."""
    order: IndexArray | None
    """intp[n]: the series sorted by group; None if they are."""
    starts: IndexArray
    """intp[g]: where each group begins in `order`."""
    sizes: IndexArray
    """intp[g]: the number of series of each group, present or not."""

    def gather(self, values: Float64Array) -> Float64Array:
        """Return `values`, [n, s], in the order of the groups."""
        return values if self.order is None else values.take(self.order, axis=0)

    def reduce(self, operation: np.ufunc, gathered: Float64Array) -> Float64Array:
        """Return [g, s]: `operation` over each group of gathered values."""
        reduced: Float64Array = operation.reduceat(gathered, self.starts, axis=0)
        return reduced

    def gather_mask(self, present: BoolArray) -> BoolArray | None:
        """Return `present` in the order of the groups, None if all are."""
        if present.all():
            return None
        return present if self.order is None else present.take(self.order, axis=0)


def find_groups(
    work: LabelWork, labels: Sequence[Labels], grouping: Sequence[str], *, without: bool
) -> Groups:
    """Return the groups of `labels`, which share the labels in `grouping`, or all others if `without`."""
    if isinstance(labels, NamelessLabels) and not without and METADATA_LABELS.isdisjoint(grouping):
        labels = labels.base
    key = ("groups", tuple(sorted(grouping)), without)
    return work.remember(labels, key, lambda: _find_groups(labels, grouping, without=without))


def group_keys(labels: Sequence[Labels], grouping: Sequence[str], *, without: bool) -> list[Labels]:
    """Return for each label set the labels of its group; `without` drops the metric name too."""
    if without:
        dropped = {*grouping, METRIC_NAME}
        if len(dropped) == 1:
            return [_without_name(one) for one in labels]
        return [tuple([pair for pair in one if pair[0] not in dropped]) for one in labels]
    kept = frozenset(grouping)
    return [tuple([pair for pair in one if pair[0] in kept]) for one in labels]


def _without_name(labels: Labels) -> Labels:
    if labels and labels[0][0] == METRIC_NAME:
        return labels[1:]
    return tuple([pair for pair in labels if pair[0] != METRIC_NAME])


def _find_groups(labels: Sequence[Labels], grouping: Sequence[str], *, without: bool) -> Groups:
    if labels and not grouping and not without:
        return _groups({(): 0}, np.zeros(len(labels), dtype=np.intp))
    numbers: dict[Labels, int] = {}
    keys = _keys(labels, grouping, without=without)
    of_row = np.fromiter(
        (numbers.setdefault(key, len(numbers)) for key in keys), dtype=np.intp, count=len(labels)
    )
    return _groups(numbers, of_row)


def _groups(numbers: dict[Labels, int], of_row: IndexArray) -> Groups:
    order = of_row.argsort(kind="stable")
    is_sorted = bool((order[1:] > order[:-1]).all())
    return Groups(
        labels=tuple(numbers),
        of_row=of_row,
        order=None if is_sorted else order,
        starts=np.searchsorted(of_row[order], np.arange(len(numbers))),
        sizes=np.bincount(of_row, minlength=len(numbers)),
    )


def _keys(labels: Sequence[Labels], grouping: Sequence[str], *, without: bool) -> Sequence[Labels]:
    """Return each label set's group; the frequent case of one label is the fast one."""
    if without or len(grouping) != 1 or grouping[0] == METRIC_NAME:
        return group_keys(labels, grouping, without=without)
    name = grouping[0]
    known: dict[tuple[str, str], Labels] = {}
    keys: list[Labels] = []
    for one in labels:
        for pair in one:
            if pair[0] == name:
                keys.append(known.setdefault(pair, (pair,)))
                break
        else:
            keys.append(())
    return keys
