"""Time series as PromQL sees them: senders with equal labels are one series in time order (DESIGN 3.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from query.evaluate.shares import different
from query.labels import Labels
from query.queryable import Float64Array, Int64Array, Selection, is_stale


def join_senders(selection: Selection) -> Selection:
    """Return the selection with one row for each label set: a restart under equal labels is a reset.

    A joined row belongs to the sender that began last. A stale marker that the earlier sender left after the later one
    had begun ends nothing. Without equal labels the selection itself is returned.
    """
    if len(different(selection.labels)) == len(selection.labels):
        return selection
    group = number_labels(selection.labels)
    firsts = np.unique(group, return_index=True)[1]
    in_order = np.lexsort((_first_ms(selection), group))
    last = in_order[np.searchsorted(group[in_order], np.arange(len(firsts)), side="right") - 1]
    times, values, counts = join_rows(selection, group)
    return replace(
        selection,
        labels=[selection.labels[row] for row in firsts.tolist()],
        times_ms=times.T,
        values=values.T,
        counts=counts,
        start_ms=selection.start_ms[
            in_order[np.searchsorted(group[in_order], np.arange(len(firsts)))]
        ],
        sender_index=selection.sender_index[last],
    )


def number_labels(labels: Sequence[Labels]) -> Int64Array:
    """Return the number of each label set among the different ones, in the order of their first row."""
    numbers: dict[Labels, int] = {}
    return np.array([numbers.setdefault(one, len(numbers)) for one in labels], dtype=np.int64)


def join_rows(
    selection: Selection, group: Int64Array
) -> tuple[Int64Array, Float64Array, Int64Array]:
    """Return times and values, one column for each group of rows, in time order, and how many there are.

    Of samples at the same time the one of the sender that began last is kept.
    """
    number = int(group.max()) + 1
    rank = np.empty(len(group), dtype=np.int64)
    order = np.lexsort((_first_ms(selection), group))
    order = order[selection.counts[order] > 0]
    rank[order] = np.arange(len(order))
    next_ms = np.full(len(group), np.iinfo(np.int64).max)
    follows = group[order[1:]] == group[order[:-1]]
    next_ms[order[:-1][follows]] = selection.times_ms[order[1:][follows], 0]
    rows, columns = np.nonzero(np.arange(selection.times_ms.shape[1]) < selection.counts[:, None])
    times, values = selection.times_ms[rows, columns], selection.values[rows, columns]
    kept = ~(is_stale(values) & (times >= next_ms[rows]))
    rows, times, values = rows[kept], times[kept], values[kept]
    by_time = np.lexsort((rank[rows], times, group[rows]))
    of, times, values = group[rows[by_time]], times[by_time], values[by_time]
    repeated = np.append((of[1:] == of[:-1]) & (times[1:] == times[:-1]), False)
    of, times, values = of[~repeated], times[~repeated], values[~repeated]
    counts = np.bincount(of, minlength=number).astype(np.int64)
    place = np.arange(len(of)) - (np.cumsum(counts) - counts)[of]
    shape = (max(int(counts.max(initial=0)), 1), number)
    all_times, all_values = np.zeros(shape, dtype=np.int64), np.zeros(shape)
    all_times[place, of], all_values[place, of] = times, values
    return all_times, all_values, counts


def _first_ms(selection: Selection) -> Int64Array:
    """Return the time of each row's first sample."""
    if not selection.times_ms.shape[1]:
        return np.zeros(len(selection.counts), dtype=np.int64)
    return np.where(selection.counts > 0, selection.times_ms[:, 0], np.iinfo(np.int64).min)
