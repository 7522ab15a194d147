"""Selections: copies of the samples of matching rows, with their senders."""

from __future__ import annotations

from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from query.labels import Labels, name_in
from query.queryable import BoolArray, Int64Array, Selection, Senders
from query.store.ring import Rings
from query.store.rows import RowTable
from query.store.senders import SenderTable


@dataclass(slots=True, kw_only=True, eq=False)
class Matched:
    """What does not change between two questions while no series comes or goes.

    Some rows may have no samples in the range of a question. They stay the same ones from question to question, and so
    do the labels of the others, which those who ask keep work on label sets by.
    """

    rows: Int64Array
    labels: tuple[Labels, ...]
    sender_numbers: Int64Array
    """int64[k], ascending."""
    sender_names: tuple[str, ...]
    sender_index: Int64Array
    """int64[n]: into the two above."""
    has_counters: bool
    has_exponential: bool
    kept: tuple[BoolArray, tuple[Labels, ...]] | None = None
    """The rows that were left of the last question that did not get all, and their labels."""

    def labels_of(self, keep: BoolArray) -> tuple[Labels, ...]:
        """Return the labels of the rows in `keep`: the same object if it is asked again."""
        if self.kept is None or not np.array_equal(self.kept[0], keep):
            rows = np.flatnonzero(keep).tolist()
            self.kept = keep, tuple([self.labels[row] for row in rows])
        return self.kept[1]


def describe(
    rows: Int64Array, table: RowTable, senders: SenderTable, exponential_names: AbstractSet[str]
) -> Matched:
    """Return labels and senders of `rows`."""
    of_row = table.sender_number[rows]
    numbers = np.flatnonzero(np.bincount(of_row))
    place = np.zeros(int(numbers.max(initial=0)) + 1, dtype=np.int64)
    place[numbers] = np.arange(len(numbers))
    return Matched(
        rows=rows,
        labels=tuple(table.shown[rows].tolist()),
        sender_numbers=numbers,
        sender_names=tuple([senders.at(number).name for number in numbers.tolist()]),
        sender_index=place[of_row],
        has_counters=bool(table.is_counter[rows].any()),
        has_exponential=bool(exponential_names)
        and any(name_in(labels) in exponential_names for labels in table.shown[rows]),
    )


def read(
    matched: Matched,
    table: RowTable,
    rings: Rings,
    senders: SenderTable,
    *,
    start_ms: int,
    end_ms: int,
    newest_only: bool,
    refused_at_ms: int,
) -> Selection:
    """Return the samples of `matched` in (start_ms, end_ms]; rows without any only where the sender is live."""
    one_is_enough = newest_only and not table.shared.take(matched.rows).any()
    find = rings.read_newest if one_is_enough else rings.read
    samples = find(matched.rows, start_ms, end_ms)
    live = senders.live.take(matched.sender_numbers)
    known_until_ms = senders.known_until_ms.take(matched.sender_numbers)
    interval_ms = senders.interval_ms.take(matched.sender_numbers)
    selection = Selection(
        labels=matched.labels,
        times_ms=samples.times_ms,
        values=samples.values,
        counts=samples.counts,
        start_ms=table.start_ms.take(matched.rows),
        sender_index=matched.sender_index.copy(),
        senders=Senders(
            names=list(matched.sender_names),
            live=live,
            known_until_ms=known_until_ms,
            report_interval_ms=interval_ms,
        ),
        refused_at_ms=refused_at_ms,
        has_counters=matched.has_counters,
        has_exponential=matched.has_exponential,
    )
    keep = live.take(matched.sender_index)
    keep |= samples.counts > 0
    return selection if keep.all() else _only(selection, keep, matched.labels_of(keep))


def label_sets(matched: Matched, rings: Rings, *, start_ms: int, end_ms: int) -> list[Labels]:
    """Return the labels of those of `matched` whose samples reach into [start_ms, end_ms]."""
    rows = matched.rows
    within = rings.held(rows) > 0
    within &= rings.newest(rows)[0] >= start_ms
    within &= rings.oldest_ms(rows) <= end_ms
    if within.all():
        return list(matched.labels)
    return [matched.labels[i] for i in np.flatnonzero(within).tolist()]


def _only(selection: Selection, keep: BoolArray, labels: Sequence[Labels]) -> Selection:
    """Return the rows of `selection` that `keep` names, and their senders."""
    rows = np.flatnonzero(keep)
    index = selection.sender_index[rows]
    used = np.zeros(len(selection.senders.names), dtype=np.bool_)
    used[index] = True
    renumbered = np.cumsum(used) - 1
    names = selection.senders.names
    return Selection(
        labels=labels,
        times_ms=selection.times_ms.T.take(rows, axis=1).T,
        values=selection.values.T.take(rows, axis=1).T,
        counts=selection.counts[rows],
        start_ms=selection.start_ms[rows],
        sender_index=renumbered[index],
        senders=Senders(
            names=[names[i] for i in np.flatnonzero(used).tolist()],
            live=selection.senders.live[used],
            known_until_ms=selection.senders.known_until_ms[used],
            report_interval_ms=selection.senders.report_interval_ms[used],
        ),
        refused_at_ms=selection.refused_at_ms,
        has_counters=selection.has_counters,
        has_exponential=selection.has_exponential,
    )
