"""A collection as plain lists and arrays, slice by slice, and back; versioned, no file work (DESIGN 2)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from query.labels import METRIC_NAME, Labels
from query.queryable import NO_TIME, Float64Array, Int64Array, is_stale
from query.store.collection import Collection
from query.store.rows import LOOK_FIRST, NO_ROW, Series
from query.store.senders import Sender

VERSION = 2
SENDERS_AT_ONCE = 500
SERIES_AT_ONCE = 2_000
"""Of one slice: about 4 ms."""

Dump = dict[
    str, Any
]  # the values are lists, numbers, strings and arrays, as `dump_collection` says


class DumpError(ValueError):
    """A dump that cannot be loaded."""


def dump_collection(collection: Collection) -> Iterator[Dump]:
    """Yield senders, then series with their samples, in slices that take a few ms each; every slice is a copy.

    What is written between two slices may be in it or not, series by series: a sender is known no further than it was
    at the first slice, so that no series seems to have stood still since.

    `senders`: one dict each; their sets of names are numbers of `name_sets`, counted through all slices. `series`:
    parallel lists and arrays, one element per series; `labels` as tuples of (name, value); `sender` is a position among
    all senders; `row` and `count_of` are names of series, -1 for none. `counts`: int64[n] samples of each series, whose
    `times_ms` and `values` lie one behind the other.
    """
    senders = collection.senders.all()
    known_until_ms = {one: one.known_until_ms for one in senders}
    place = {sender: i for i, sender in enumerate(senders)}
    sets: dict[frozenset[str], int] = {}
    for first in range(0, len(senders), SENDERS_AT_ONCE):
        before = len(sets)
        some = senders[first : first + SENDERS_AT_ONCE]
        dumped = [_dump_sender(one, known_until_ms[one], sets) for one in some]
        new = [list(names) for names in list(sets)[before:]]
        yield {"version": VERSION, "senders": dumped, "name_sets": new}
    for first in range(0, collection.rows.end, SERIES_AT_ONCE):
        yield {"version": VERSION, **_dump_series(collection, first, place)}


class Loading:
    """Loads the slices of a dump, in their order, into an empty collection."""

    def __init__(
        self, collection: Collection, *, at_ms: int, keep_after_ms: int, max_series: int
    ) -> None:
        """Senders count as having reported at `at_ms` (keda.md 6.3.5); older samples than `keep_after_ms` are left out."""
        self._collection = collection
        self._at_ms = at_ms
        self._keep_after_ms = keep_after_ms
        self._max_series = max_series
        self._senders: list[Sender | None] = []
        self._name_sets: list[frozenset[str]] = []
        self._loaded: dict[int, Series] = {}
        self._count_of: list[tuple[Series, int]] = []
        self._shown: list[Series] = []
        self.left_out = 0
        """Series that were too old or too many."""

    def take(self, dump: Mapping[str, Any]) -> None:
        """Load one slice.

        Raises:
            DumpError: of another version, or not what `dump_collection` yields; the collection is spoilt.
        """
        if dump.get("version") != VERSION:
            raise DumpError(f"expected version {VERSION}, got {dump.get('version')!r}")
        try:
            self._name_sets += [frozenset(map(str, names)) for names in dump.get("name_sets", ())]
            self._senders += [self._load_sender(one) for one in dump.get("senders", ())]
            if "series" in dump:
                self._load_series(dump)
        except (
            KeyError,
            IndexError,
            TypeError,
            ValueError,
            AttributeError,
            OverflowError,
        ) as error:
            raise DumpError(f"not a dump of series: {error!r}") from error

    def finish(self) -> None:
        """Restore what series know of each other."""
        for series, count_of in self._count_of:
            counts = self._loaded.get(count_of)
            if counts is not None and counts.sender is series.sender:
                self._collection.rows.count_row[series.row] = counts.row
        self._collection.show_senders(self._shown)
        for series in self._loaded.values():
            series.sender.watched = set()

    def _load_sender(self, dump: Mapping[str, Any]) -> Sender | None:
        """Return the sender, or None at the limit of senders."""
        senders = self._collection.senders
        sender = senders.add(str(dump["name"]), int(dump["default_interval_ms"]))
        if sender is None:
            return None
        sender.gaps_ms = [int(gap) for gap in dump["gaps_ms"]]
        sender.lags_ms = [(int(at), int(lag)) for at, lag in dump["lags_ms"]]
        sender.clock_offset_ms = int(dump["clock_offset_ms"])
        sender.newest_sample_ms = int(dump["newest_sample_ms"])
        sender.known_before_ms = int(dump["known_until_ms"])
        sender.names = self._name_sets[dump["names"]]
        sender.names_at_ms = int(dump["names_at_ms"])
        sender.older_names = {name: int(at) for name, at in dump["older_names"].items()}
        sender.lapsed_names = set(dump["lapsed_names"])
        sender.report_at_ms = self._at_ms
        sender.sampled = True
        senders.live[sender.number] = True
        senders.update(sender)
        return sender

    def _load_series(self, dump: Mapping[str, Any]) -> None:
        """Load the series of known senders whose newest sample is young enough."""
        columns = dump["series"]
        times_ms = np.asarray(dump["times_ms"], np.int64)
        values = np.asarray(dump["values"], np.float64)
        ends = np.cumsum(np.asarray(dump["counts"], dtype=np.int64)).tolist()
        if len(ends) != len(columns["row"]) or [0, *ends][-1] != len(times_ms):
            raise ValueError("columns of different lengths")
        for i, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
            first = start + int(np.searchsorted(times_ms[start:end], self._keep_after_ms, "right"))
            series = self._load_one(columns, i, times_ms[first:end], values[first:end])
            if series is None:
                self.left_out += 1
                continue
            self._loaded[int(columns["row"][i])] = series
            if columns["count_of"][i] != NO_ROW:
                self._count_of.append((series, int(columns["count_of"][i])))
            if columns["shows_sender"][i]:
                self._shown.append(series)

    def _load_one(
        self, columns: Mapping[str, Any], i: int, times_ms: Int64Array, values: Float64Array
    ) -> Series | None:
        """Return the series, or None where its sender is not there, it has no value that is young, or there is no room."""
        collection = self._collection
        sender = self._senders[columns["sender"][i]]
        labels: Labels = tuple([(str(name), str(value)) for name, value in columns["labels"][i]])
        if sender is None:
            return None
        if is_stale(values).all() or len(collection) >= self._max_series:
            sender.lapse(dict(labels).get(METRIC_NAME, ""))
            return None
        series = collection.create(
            sender,
            labels,
            start_ms=int(columns["declared_start_ms"][i]),
            is_counter=bool(columns["is_counter"][i]),
        )
        collection.rows.start_ms[series.row] = columns["start_ms"][i]
        _load_samples(collection, series.row, times_ms, values)
        return series


def _dump_sender(sender: Sender, known_until_ms: int, sets: dict[frozenset[str], int]) -> Dump:
    names, names_at_ms, older_names = sender.settled_names()
    return {
        "name": sender.name,
        "default_interval_ms": sender.default_interval_ms,
        "gaps_ms": list(sender.gaps_ms),
        "lags_ms": [list(pair) for pair in sender.lags_ms],
        "clock_offset_ms": sender.clock_offset_ms,
        "newest_sample_ms": sender.newest_sample_ms,
        "known_until_ms": known_until_ms,
        "names": sets.setdefault(names, len(sets)),
        "names_at_ms": names_at_ms,
        "older_names": older_names,
        "lapsed_names": sorted(sender.lapsed_names),
    }


def _dump_series(collection: Collection, first: int, place: Mapping[Sender, int]) -> Dump:
    """Return the series of the next rows from `first`; those of senders that came since are left out."""
    table = collection.rows
    end = min(first + SERIES_AT_ONCE, table.end)
    found = [table.at(row) for row in range(first, end)]
    series = [one for one in found if one is not None and one.sender in place]
    rows = np.array([one.row for one in series], dtype=np.int64)
    samples = collection.rings.read(rows, NO_TIME, LOOK_FIRST)
    there = np.arange(samples.times_ms.shape[1]) < samples.counts[:, None]
    return {
        "series": {
            "labels": [one.labels for one in series],
            "sender": [place[one.sender] for one in series],
            "shows_sender": [table.shown[one.row] is not one.labels for one in series],
            "is_counter": table.is_counter[rows].tolist(),
            "row": rows.tolist(),
            "start_ms": table.start_ms[rows].tolist(),
            "declared_start_ms": table.declared_start_ms[rows].tolist(),
            "count_of": table.count_row[rows].tolist(),
        },
        "counts": samples.counts,
        "times_ms": samples.times_ms[there],
        "values": samples.values[there],
    }


def _load_samples(
    collection: Collection, row: int, times_ms: Int64Array, values: Float64Array
) -> None:
    collection.rings.load(row, times_ms, values)
    numbers = values[~is_stale(values)]
    table = collection.rows
    table.last_value[row] = numbers[-1] if len(numbers) else -np.inf
    table.gate_ms[row] = LOOK_FIRST if is_stale(values)[-1] else times_ms[-1]
