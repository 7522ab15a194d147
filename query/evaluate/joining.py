"""Time series as PromQL sees them: senders with equal labels are one series in time order (DESIGN 3.4)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from query.queryable import BoolArray, Float64Array, Int64Array, Selection

STALE_MARKER_BITS = 0x7FF0000000000002
"""The NaN that ends a series (promql.md 2.4); arithmetic would turn it into an ordinary NaN."""


def is_stale(values: Float64Array) -> BoolArray:
    """Return where `values` holds a stale marker, by its bits."""
    stale: BoolArray = values.view(np.uint64) == STALE_MARKER_BITS
    return stale


def join_senders(selection: Selection) -> Selection:
    """Return the selection with one row for each label set: a restart under equal labels is a reset.

    A joined row belongs to the sender that began last. A stale marker that the earlier sender left after the later one
    had begun ends nothing. Without equal labels the selection itself is returned.
    """
    if len(set(selection.labels)) == len(selection.labels):
        return selection
    groups: dict[object, list[int]] = {}
    for row, labels in enumerate(selection.labels):
        groups.setdefault(labels, []).append(row)
    first_ms = np.where(selection.counts > 0, selection.times_ms[:, 0], np.iinfo(np.int64).min)
    in_order = [sorted(rows, key=lambda row: int(first_ms[row])) for rows in groups.values()]
    last = np.array([rows[-1] for rows in in_order], dtype=np.intp)
    times, values, counts = _padded(_joined(selection, rows) for rows in in_order)
    return replace(
        selection,
        labels=[selection.labels[row] for row in last],
        times_ms=times,
        values=values,
        counts=counts,
        start_ms=selection.start_ms[[rows[0] for rows in in_order]],
        sender_index=selection.sender_index[last],
    )


def _joined(selection: Selection, rows: Sequence[int]) -> tuple[Int64Array, Float64Array]:
    """Return the samples of rows that follow each other, in time order."""
    samples = [
        (selection.times_ms[row, :count], selection.values[row, :count])
        for row, count in ((row, int(selection.counts[row])) for row in rows)
    ]
    kept = [np.ones(len(times), dtype=np.bool_) for times, _ in samples]
    for (k, (times, values)), (_, (next_times, _)) in pairwise(enumerate(samples)):
        if len(next_times):
            kept[k] = ~(is_stale(values) & (times >= next_times[0]))
    times = np.concatenate([times[keep] for (times, _), keep in zip(samples, kept, strict=True)])
    values = np.concatenate([values[keep] for (_, values), keep in zip(samples, kept, strict=True)])
    order = times.argsort(kind="stable")
    return times[order], values[order]


def _padded(
    rows: Iterable[tuple[Int64Array, Float64Array]],
) -> tuple[Int64Array, Float64Array, Int64Array]:
    """Return rows of different lengths as two arrays and the lengths."""
    samples = list(rows)
    counts = np.array([len(times) for times, _ in samples], dtype=np.int64)
    shape = (len(samples), max(int(counts.max()), 1))
    all_times, all_values = np.zeros(shape, dtype=np.int64), np.zeros(shape)
    for i, (times, values) in enumerate(samples):
        all_times[i, : len(times)] = times
        all_values[i, : len(values)] = values
    return all_times, all_values, counts
