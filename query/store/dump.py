"""A collection as plain lists and arrays, and back; versioned, no file work (DESIGN 2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from query.labels import Labels
from query.queryable import NO_TIME, Float64Array, Int64Array, is_stale
from query.store.collection import Collection
from query.store.rows import LOOK_FIRST, NO_ROW, Series
from query.store.senders import Sender

VERSION = 1

Dump = dict[
    str, Any
]  # the values are lists, numbers, strings and arrays, as `dump_collection` says


class DumpError(ValueError):
    """A dump that cannot be loaded."""


def dump_collection(collection: Collection) -> Dump:
    """Return senders, series and samples.

    `senders`: one dict each. `series`: parallel lists, one element per series; `labels` as lists of (name, value);
    `sender` and `count_of` are positions in `senders` and `series`, -1 for none. `counts`: int64[n] samples of each series,
    whose `times_ms` and `values` lie one behind the other.
    """
    senders = collection.senders.all()
    series = collection.rows.all()
    rows = np.array([one.row for one in series], dtype=np.int64)
    samples = collection.rings.read(rows, NO_TIME, LOOK_FIRST)
    there = np.arange(samples.times_ms.shape[1]) < samples.counts[:, None]
    place = {sender.number: i for i, sender in enumerate(senders)}
    position = {NO_ROW: -1, **{row: i for i, row in enumerate(rows.tolist())}}
    table = collection.rows
    return {
        "version": VERSION,
        "senders": [_dump_sender(sender) for sender in senders],
        "series": {
            "labels": [[list(pair) for pair in one.labels] for one in series],
            "sender": [place[one.sender.number] for one in series],
            "shows_sender": [one.shown is not one.labels for one in series],
            "is_counter": table.is_counter[rows].tolist(),
            "start_ms": table.start_ms[rows].tolist(),
            "declared_start_ms": table.declared_start_ms[rows].tolist(),
            "count_of": [position.get(row, -1) for row in table.count_row[rows].tolist()],
        },
        "counts": samples.counts,
        "times_ms": samples.times_ms[there],
        "values": samples.values[there],
    }


def load_collection(
    collection: Collection, dump: Mapping[str, Any], at_ms: int, keep_after_ms: int, max_series: int
) -> int:
    """Load `dump` into an empty collection; return how many series were left out as too old or too many.

    Senders count as having reported at `at_ms` (keda.md 6.3.5).

    Raises:
        DumpError: of another version, or not what `dump_collection` returns.
    """
    if dump.get("version") != VERSION:
        raise DumpError(f"expected version {VERSION}, got {dump.get('version')!r}")
    try:
        senders = [_load_sender(collection, one, at_ms) for one in dump["senders"]]
        return _load_series(collection, dump, senders, keep_after_ms, max_series)
    except (KeyError, IndexError, TypeError, ValueError) as error:
        raise DumpError(f"not a dump of series: {error!r}") from error


def _dump_sender(sender: Sender) -> Dump:
    sender.settle_names()
    return {
        "name": sender.name,
        "default_interval_ms": sender.default_interval_ms,
        "gaps_ms": list(sender.gaps_ms),
        "lags_ms": [list(pair) for pair in sender.lags_ms],
        "clock_offset_ms": sender.clock_offset_ms,
        "newest_sample_ms": sender.newest_sample_ms,
        "known_until_ms": sender.known_until_ms,
        "names": sorted(sender.names),
        "names_at_ms": sender.names_at_ms,
        "older_names": dict(sender.older_names),
        "lapsed_names": sorted(sender.lapsed_names),
    }


def _load_sender(collection: Collection, dump: Mapping[str, Any], at_ms: int) -> Sender | None:
    """Return the sender, or None at the limit of senders."""
    sender = collection.senders.add(str(dump["name"]), int(dump["default_interval_ms"]))
    if sender is None:
        return None
    sender.gaps_ms = [int(gap) for gap in dump["gaps_ms"]]
    sender.lags_ms = [(int(at), int(lag)) for at, lag in dump["lags_ms"]]
    sender.clock_offset_ms = int(dump["clock_offset_ms"])
    sender.newest_sample_ms = int(dump["newest_sample_ms"])
    sender.known_before_ms = int(dump["known_until_ms"])
    sender.names = frozenset(dump["names"])
    sender.names_at_ms = int(dump["names_at_ms"])
    sender.older_names = {name: int(at) for name, at in dump["older_names"].items()}
    sender.lapsed_names = set(dump["lapsed_names"])
    sender.report_at_ms = at_ms
    sender.sampled = True
    collection.senders.live[sender.number] = True
    collection.senders.update(sender)
    return sender


def _load_series(
    collection: Collection,
    dump: Mapping[str, Any],
    senders: list[Sender | None],
    keep_after_ms: int,
    max_series: int,
) -> int:
    """Load the series of known senders whose newest sample is later than `keep_after_ms`."""
    columns, table = dump["series"], collection.rows
    times_ms, values = (
        np.asarray(dump["times_ms"], np.int64),
        np.asarray(dump["values"], np.float64),
    )
    ends = np.cumsum(np.asarray(dump["counts"], dtype=np.int64)).tolist()
    loaded: list[Series | None] = []
    for i, (start, end) in enumerate(zip([0, *ends], ends, strict=False)):
        sender = senders[columns["sender"][i]]
        labels: Labels = tuple([(str(name), str(value)) for name, value in columns["labels"][i]])
        first = start + int(np.searchsorted(times_ms[start:end], keep_after_ms, side="right"))
        series = None
        has_value = not is_stale(values[first:end]).all()
        if sender is not None and has_value and len(collection) < max_series:
            series = collection.create(
                sender,
                labels,
                start_ms=int(columns["declared_start_ms"][i]),
                is_counter=bool(columns["is_counter"][i]),
            )
            table.start_ms[series.row] = columns["start_ms"][i]
            _load_samples(collection, series.row, times_ms[first:end], values[first:end])
        elif sender is not None:
            sender.lapse(dict(labels).get("__name__", ""))
        loaded.append(series)
    _connect(collection, columns, loaded)
    return loaded.count(None)


def _load_samples(
    collection: Collection, row: int, times_ms: Int64Array, values: Float64Array
) -> None:
    collection.rings.load(row, times_ms, values)
    numbers = values[~is_stale(values)]
    table = collection.rows
    table.last_value[row] = numbers[-1] if len(numbers) else -np.inf
    table.gate_ms[row] = LOOK_FIRST if is_stale(values)[-1] else times_ms[-1]


def _connect(
    collection: Collection, columns: Mapping[str, Any], loaded: list[Series | None]
) -> None:
    """Restore what series know of each other."""
    for series, count_of in zip(loaded, columns["count_of"], strict=True):
        counts = loaded[count_of] if count_of >= 0 else None
        if series is not None and counts is not None:
            collection.rows.count_row[series.row] = counts.row
    shown = zip(loaded, columns["shows_sender"], strict=True)
    collection.show_senders([series for series, shows in shown if series is not None and shows])
    for series in loaded:
        if series is not None:
            series.sender.watched = set()
