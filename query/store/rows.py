"""Series and their rows: what is kept per series besides samples and labels, one array element per row."""

from __future__ import annotations

import numpy as np

from query.labels import Labels, name_in
from query.queryable import NO_TIME, BoolArray, Int64Array
from query.store.ring import Rings
from query.store.senders import Sender
from query.store.table import resized

LOOK_FIRST = int(np.iinfo(np.int64).max)
"""In `gate_ms`: this row's next sample must be looked at by itself first; it is the first, or follows an end or a reset.

The value is later than any time, so that the one comparison which finds late samples finds these too.
"""
NO_ROW = -1


class Series:
    """One time series of one sender; whoever appends keeps it until it is no longer alive."""

    __slots__ = ("alive", "labels", "row", "sender")

    def __init__(self, sender: Sender, labels: Labels, row: int) -> None:
        self.sender = sender
        self.labels = labels
        self.row = row
        self.alive = True
        """False once it was forgotten: its row may be another's by then."""

    @property
    def name(self) -> str:
        """The metric name."""
        return name_in(self.labels)


class RowTable:
    """Hands out rows and keeps their state."""

    def __init__(self, rings: Rings) -> None:
        self._rings = rings
        self._series: list[Series | None] = []
        self._free: list[int] = []
        self.gate_ms = np.zeros(0, dtype=np.int64)
        """Time of the newest sample, or LOOK_FIRST."""
        self.last_value = np.zeros(0, dtype=np.float64)
        """Newest value that is no marker; -inf before it."""
        self.start_ms = np.zeros(0, dtype=np.int64)
        """Start time of the first sample of the series' life, corrected, or NO_TIME."""
        self.declared_start_ms = np.zeros(0, dtype=np.int64)
        """The latest start time that the sender declared, as it declared it, or NO_TIME."""
        self.is_counter = np.zeros(0, dtype=np.bool_)
        self.restarted = np.zeros(0, dtype=np.bool_)
        """The sender has declared a new start since the newest sample."""
        self.count_row = np.zeros(0, dtype=np.int64)
        """For the sum of a distribution the row of its count, else NO_ROW."""
        self.sender_number = np.zeros(0, dtype=np.int64)
        """NO_ROW where the row is free."""
        self.shown = np.empty(0, dtype=np.object_)
        """What questions see as the labels of a series, None where the row is free.

        With the label `sender` where another live sender has the same labels.
        """
        self.source = np.zeros(0, dtype=np.int64)
        """What the sender calls the series (`Store.series`), 0 where that is not known."""
        self.removals = 0
        """How many series were closed so far."""
        self.shared = np.zeros(0, dtype=np.bool_)
        """Whether another sender's series has the same labels."""

    def __len__(self) -> int:
        return len(self._series) - len(self._free)

    @property
    def end(self) -> int:
        """One more than the highest row that was ever used."""
        return len(self._series)

    def at(self, row: int) -> Series | None:
        """Return the series of `row`, or None if the row is free."""
        return self._series[row]

    def all(self) -> list[Series]:
        """Return all series, by row."""
        return [series for series in self._series if series is not None]

    def open(self, sender: Sender, labels: Labels, *, start_ms: int, is_counter: bool) -> Series:
        """Return a new series with an empty ring."""
        if self._free:
            row = self._free.pop()
        else:
            row = len(self._series)
            self._series.append(None)
            self._reserve(row + 1)
        self._rings.open(row)
        series = self._series[row] = Series(sender, labels, row)
        self.shown[row] = labels
        self.gate_ms[row] = LOOK_FIRST
        self.last_value[row] = -np.inf
        self.start_ms[row] = NO_TIME
        self.declared_start_ms[row] = start_ms
        self.is_counter[row] = is_counter
        self.restarted[row] = False
        self.count_row[row] = NO_ROW
        self.sender_number[row] = sender.number
        self.shared[row] = False
        sender.series_count += 1
        return series

    def close(self, series: list[Series]) -> None:
        """Free the rows of `series`."""
        self._rings.close(np.array([one.row for one in series], dtype=np.int64))
        self.removals += len(series)
        for one in series:
            self._series[one.row] = self.shown[one.row] = None
            self.sender_number[one.row] = NO_ROW
            self._free.append(one.row)
            one.sender.series_count -= 1
            one.alive = False
            one.row = NO_ROW

    def of_senders(self, chosen: BoolArray) -> Int64Array:
        """Return the rows whose sender's number is set in `chosen`, which covers all numbers."""
        # Free rows have number -1, which is the last element.
        return np.flatnonzero(np.append(chosen, False)[self.sender_number[: self.end]])

    def unwanted(self, first: int, count: int, older_than_ms: int) -> list[Series]:
        """Return the series of `count` rows from `first` that hold nothing, or nothing since `older_than_ms`."""
        rows = np.arange(first, min(first + count, self.end))
        rows = rows[self.sender_number[rows] != NO_ROW]
        # A row without samples reads whatever lies in its ring; it is unwanted in any case.
        newest_ms, _ = self._rings.newest(rows)
        old = (newest_ms < older_than_ms) | (self._rings.held(rows) == 0)
        return [series for row in rows[old].tolist() if (series := self._series[row])]

    def _reserve(self, rows: int) -> None:
        self._rings.reserve(rows)
        self.gate_ms = resized(self.gate_ms, rows)
        self.last_value = resized(self.last_value, rows)
        self.start_ms = resized(self.start_ms, rows)
        self.declared_start_ms = resized(self.declared_start_ms, rows)
        self.is_counter = resized(self.is_counter, rows)
        self.restarted = resized(self.restarted, rows)
        self.count_row = resized(self.count_row, rows)
        self.sender_number = resized(self.sender_number, rows)
        self.shared = resized(self.shared, rows)
        self.shown = resized(self.shown, rows)
        self.source = resized(self.source, rows)
