"""Selections: copies of the samples of matching rows, with their senders."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from query.labels import Labels, name_in
from query.queryable import BoolArray, Int64Array, Selection, Senders
from query.slices import Sliced
from query.store.ring import Rings
from query.store.rows import RowTable
from query.store.senders import SenderTable

_LABELS_AT_ONCE = 8_192
"""Label sets that are collected at once: half a millisecond."""


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
    kept: tuple[BoolArray, Matched] | None = None
    """The rows that were left for the last question that did not get all."""

    def only(self, keep: BoolArray) -> Matched:
        """Return what is left with the rows in `keep`: the same object if it is asked again."""
        if self.kept is None or not np.array_equal(self.kept[0], keep):
            rows = np.flatnonzero(keep)
            numbers, index = _numbered(self.sender_index[rows])
            self.kept = (
                keep,
                Matched(
                    rows=self.rows[rows],
                    labels=tuple([self.labels[row] for row in rows.tolist()]),
                    sender_numbers=self.sender_numbers[numbers],
                    sender_names=tuple([self.sender_names[i] for i in numbers.tolist()]),
                    sender_index=index,
                    has_counters=self.has_counters,
                    has_exponential=self.has_exponential,
                ),
            )
        return self.kept[1]


def describing(
    rows: Int64Array,
    table: RowTable,
    rings: Rings,
    senders: SenderTable,
    since: int,
    *,
    exponential_names: AbstractSet[str],
) -> Sliced[Matched]:
    """Return labels and senders of those of `rows` that are the same still since `since` (`Rings.same`)."""
    labels: list[Labels] = []
    for first in range(0, len(rows), _LABELS_AT_ONCE):
        if first:
            yield 0
        labels += table.shown[rows[first : first + _LABELS_AT_ONCE]].tolist()
    same = rings.same(rows, since)
    if not same.all():
        there = np.flatnonzero(same)
        rows, labels = rows[there], [labels[row] for row in there.tolist()]
    numbers, index = _numbered(table.sender_number[rows])
    return Matched(
        rows=rows,
        labels=tuple(labels),
        sender_numbers=numbers,
        sender_names=tuple([senders.at(number).name for number in numbers.tolist()]),
        sender_index=index,
        has_counters=bool(table.is_counter[rows].any()),
        has_exponential=bool(exponential_names)
        and any(name_in(one) in exponential_names for one in labels),
    )


def _numbered(of_row: Int64Array) -> tuple[Int64Array, Int64Array]:
    """Return the numbers that occur, ascending, and where among them each of `of_row` is."""
    numbers = np.flatnonzero(np.bincount(of_row))
    place = np.zeros(int(numbers.max(initial=0)) + 1, dtype=np.int64)
    place[numbers] = np.arange(len(numbers))
    return numbers, place[of_row]


def reading(
    matched: Matched,
    table: RowTable,
    rings: Rings,
    senders: SenderTable,
    *,
    start_ms: int,
    end_ms: int,
    newest_only: bool,
    refused_at_ms: int,
    since: int,
) -> Sliced[Selection]:
    """Return the samples of `matched` in (start_ms, end_ms]; rows without any only where the sender is live."""
    live = senders.live.take(matched.sender_numbers)
    if not live.all():
        # Most series of ended senders have nothing to tell: they are left out before the others are read.
        wanted = live.take(matched.sender_index) | rings.reaches(matched.rows, start_ms)
        if not wanted.all():
            matched = matched.only(wanted)
            live = senders.live.take(matched.sender_numbers)
    asked = Senders(
        names=list(matched.sender_names),
        live=live,
        known_until_ms=senders.known_until_ms.take(matched.sender_numbers),
        report_interval_ms=senders.interval_ms.take(matched.sender_numbers),
    )
    start = table.start_ms.take(matched.rows)
    one_is_enough = newest_only and not table.shared.take(matched.rows).any()
    read = rings.reading_newest if one_is_enough else rings.reading
    samples = yield from read(matched.rows, start_ms, end_ms, since)
    selection = Selection(
        labels=matched.labels,
        times_ms=samples.times_ms,
        values=samples.values,
        counts=samples.counts,
        start_ms=start,
        sender_index=matched.sender_index.copy(),
        senders=asked,
        refused_at_ms=refused_at_ms,
        has_counters=matched.has_counters,
        has_exponential=matched.has_exponential,
    )
    keep = live.take(matched.sender_index)
    keep |= samples.counts > 0
    if keep.all():
        return selection
    return (yield from _only(selection, keep, matched.only(keep)))


def label_sets(matched: Matched, rings: Rings, *, start_ms: int, end_ms: int) -> list[Labels]:
    """Return the labels of those of `matched` whose samples reach into [start_ms, end_ms]."""
    rows = matched.rows
    within = rings.held(rows) > 0
    within &= rings.newest(rows)[0] >= start_ms
    within &= rings.oldest_ms(rows) <= end_ms
    if within.all():
        return list(matched.labels)
    return [matched.labels[i] for i in np.flatnonzero(within).tolist()]


def _only(selection: Selection, keep: BoolArray, matched: Matched) -> Sliced[Selection]:
    """Return the rows of `selection` that `keep` names, which are those of `matched`."""
    rows = np.flatnonzero(keep)
    times_ms, values = selection.times_ms.T, selection.values.T
    shape = (len(times_ms), len(rows))
    kept_times, kept_values = np.empty(shape, dtype=np.int64), np.empty(shape, dtype=np.float64)
    for line in range(len(times_ms)):
        kept_times[line], kept_values[line] = times_ms[line].take(rows), values[line].take(rows)
        yield 0
    used = np.zeros(len(selection.senders.names), dtype=np.bool_)
    used[selection.sender_index[rows]] = True
    return Selection(
        labels=matched.labels,
        times_ms=kept_times.T,
        values=kept_values.T,
        counts=selection.counts[rows],
        start_ms=selection.start_ms[rows],
        sender_index=matched.sender_index.copy(),
        senders=Senders(
            names=list(matched.sender_names),
            live=selection.senders.live[used],
            known_until_ms=selection.senders.known_until_ms[used],
            report_interval_ms=selection.senders.report_interval_ms[used],
        ),
        refused_at_ms=selection.refused_at_ms,
        has_counters=selection.has_counters,
        has_exponential=selection.has_exponential,
    )
