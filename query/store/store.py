"""The store: senders, their series and samples, written message by message and read by selectors.

One coroutine writes and reads it; nothing here waits, logs or reads a clock. Warnings go to `notify` as an event and its
fields, see `NOTICES`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from query.labels import METRIC_NAME, Labels, Matcher
from query.queryable import NO_TIME, Int64Array, Selection
from query.slices import Sliced, whole
from query.store.collection import Collection
from query.store.dump import DumpError, dump_collection, load_collection
from query.store.index import MAX_CACHED_QUESTIONS
from query.store.intake import Intake
from query.store.names import MAX_NAME_LENGTH, Names
from query.store.reading import Matched, describing, label_sets, reading
from query.store.rows import Series
from query.store.senders import (
    DEFAULT_REPORT_INTERVAL_MS,
    MISSED_INTERVALS,
    Sender,
    SenderTable,
)
from query.store.settings import COUNTERS, NOTICES, Notify, StoreSettings
from query.store.table import MAX_TIME_MS, times_array

__all__ = ["COUNTERS", "NOTICES", "Series", "Store", "StoreSettings"]

MAX_LABEL_CHARACTERS = 8_192
"""Names and values of one series; OpenCensus allows values of 255 characters."""
ONE_SOURCE = "series of one sender with equal labels"
EVICTED_AT_ONCE = 256
FORGOTTEN_AT_ONCE = 1_000
"""Series that one `advance` forgets: about 4 ms."""
REFUSALS_TOLD_EVERY_MS = 60_000


class Store:
    """Implements `query.queryable.Queryable`; receivers' side: `sender_*`, `metrics_reported`, `series`, `append`."""

    def __init__(self, settings: StoreSettings, notify: Notify) -> None:
        self._settings = settings
        self._notify = notify
        self.counters: Counter[str] = Counter(dict.fromkeys(COUNTERS, 0))
        self._senders = SenderTable(settings.max_senders)
        self._collection = Collection(self._senders, long_rings=settings.retention_ms == 0)
        self._intake = Intake(
            self._collection.rows, self._collection.rings, self.counters, settings.retention_ms
        )
        self._names = Names(settings.max_known_names)
        self._all_live = False
        """Whether the last search for series of ended senders found none, and no sender has ended since."""
        self._told_ms: dict[str, int] = {}
        self._described: tuple[int, dict[int, tuple[Int64Array, Matched]]] = (-1, {})

    def sender_opened(self, sender: str, at_ms: int, *, report_interval_ms: int) -> None:
        """Count a stream of `sender`; its default report interval is its protocol's."""
        known = self._senders.get(sender) or self._add_sender(sender, at_ms, report_interval_ms)
        if known is None:
            return
        known.default_interval_ms = report_interval_ms
        known.streams += 1
        self._senders.update(known)

    def sender_reported(self, sender: str, at_ms: int) -> None:
        """Note a report of `sender`; its samples follow."""
        known = self._senders.get(sender) or self._add_sender(
            sender, at_ms, DEFAULT_REPORT_INTERVAL_MS
        )
        if known is None:
            return
        known.report(at_ms)
        if not self._live(known):
            self._senders.live[known.number] = True
            self._notify("sender_began", {"sender": sender})
        self._senders.update(known)
        if known.watched:
            self._tell_apart(known)

    def sender_closed(self, sender: str, at_ms: int) -> None:
        """Note the end of a stream of `sender`."""
        known = self._senders.get(sender)
        if known is None or known.streams == 0:
            return
        known.streams -= 1
        known.closed_at_ms = at_ms
        self._senders.update(known)

    def metrics_reported(self, sender: str, names: Iterable[str], at_ms: int) -> None:
        """Note the metric names of this report, with or without points."""
        reported = frozenset(names)
        refused = self._names.add(reported)
        reported = self._names.intern(reported.difference(refused) if refused else reported)
        known = self._senders.get(sender)
        if known is not None:
            staged = known.staged_names
            known.staged_names = self._names.intern(staged | reported) if staged else reported
        if refused:
            self.counters["refused_names"] += len(refused)
            limit = self._settings.max_known_names
            name = refused[0][:MAX_NAME_LENGTH]
            self._warn("metric_name_refused", at_ms, {"metric": name, "limit": limit})

    def series(
        self,
        sender: str,
        labels: Labels,
        *,
        start_ms: int,
        is_counter: bool,
        at_ms: int,
        count_of: Series | None = None,
        source: int = 0,
    ) -> Series | None:
        """Find or create a series; None where a limit refuses it.

        Called once per new (labels, start time): the caller keeps what it got as long as it is alive. A start time of
        0 or less is unknown. `count_of` is, for the sum of a distribution, the series of its count. `source` stands for
        what the sender itself calls the series: of two that become one by their labels, two counters mixed up, the
        second is refused.
        """
        start_ms = start_ms if 0 < start_ms < MAX_TIME_MS else NO_TIME
        series = self._collection.get(sender, labels)
        if series is None:
            known = self._senders.get(sender)
            if (
                known is None
            ):  # max_senders refused it, and what it knows is missing in every answer
                until_ms = at_ms + int(MISSED_INTERVALS * DEFAULT_REPORT_INTERVAL_MS)
                self._names.refuse(_metric_name(labels), until_ms)
                return None
            if not self._admit(known, labels, at_ms):
                return None
            series = self._collection.create(
                known, labels, start_ms=start_ms, is_counter=is_counter
            )
        elif source and series.source and series.source != source:
            self._refuse(series.sender, _metric_name(labels), at_ms, 1, ONE_SOURCE)
            return None
        elif start_ms != NO_TIME:
            self._collection.restart(series, start_ms)
        if count_of is not None:
            self._collection.rows.count_row[series.row] = count_of.row
        series.source = source or series.source
        return series

    def append(
        self,
        sender: str,
        at_ms: int,
        series: Sequence[Series],
        times_ms: Sequence[int],
        values: Sequence[float],
        *,
        correct_clock: bool = True,
    ) -> int:
        """Store one message's samples; return how many were stored.

        Without `correct_clock` times are taken as they are (promql.md 6.3).
        """
        known = self._senders.get(sender)
        if known is None or not series:
            return 0
        rows = [one.row for one in series]
        times, numbers = times_array(times_ms), np.array(values, dtype=np.float64)
        if not correct_clock:
            known.trust_clock(times)
        elif known.observe_clock(times, at_ms):
            self._tell_shift(known)
        if known.clock_offset_ms:
            times += known.clock_offset_ms
        self._senders.known_until_ms[known.number] = known.known_until_ms
        # What a filter leaves is mostly one series: arrays of one element cost more than what is in them.
        if len(rows) == 1 and self._intake.append_one(at_ms, rows[0], int(times[0]), values[0]):
            stored = 1
        else:
            stored = self._intake.append(known, at_ms, rows, times, numbers)
        self.counters["stored"] += stored
        return stored

    def select(
        self,
        matchers: Sequence[Matcher],
        *,
        start_ms: int,
        end_ms: int,
        newest_only: bool = False,
    ) -> Selection:
        """Return the series that match, with their samples in (start_ms, end_ms], or only the newest of them."""
        return whole(
            self.selecting(matchers, start_ms=start_ms, end_ms=end_ms, newest_only=newest_only)
        )

    def selecting(
        self,
        matchers: Sequence[Matcher],
        *,
        start_ms: int,
        end_ms: int,
        newest_only: bool = False,
    ) -> Sliced[Selection]:
        """Return what `select` does, bit by bit."""
        since = self._collection.rings.openings
        matched = yield from self._matching(matchers, since)
        return (
            yield from reading(
                matched,
                self._collection.rows,
                self._collection.rings,
                self._senders,
                start_ms=start_ms,
                end_ms=end_ms,
                newest_only=newest_only,
                refused_at_ms=self._names.refused_at_ms(matchers),
                since=since,
            )
        )

    def knows(self, name: str) -> bool:
        """Return whether a metric of this name was ever reported, with or without points."""
        return name in self._names.known

    def label_sets(
        self, matchers: Sequence[Matcher], *, start_ms: int, end_ms: int
    ) -> Sliced[list[Labels]]:
        """Return the labels of the series that match and whose samples reach into [start_ms, end_ms], bit by bit."""
        since = self._collection.rings.openings
        matched = yield from self._matching(matchers, since)
        return label_sets(matched, self._collection.rings, start_ms=start_ms, end_ms=end_ms)

    def label_names(self) -> list[str]:
        """Return every label name in use."""
        return self._collection.index.names()

    def label_values(self, name: str) -> list[str]:
        """Return every value of a label in use."""
        return self._collection.index.values(name)

    @property
    def series_count(self) -> int:
        """How many series are remembered."""
        return len(self._collection)

    def known_names(self) -> list[str]:
        """Return all metric names ever reported, oldest first."""
        return list(self._names.known)

    def sizes(self) -> dict[str, tuple[int, int]]:
        """Return how many series, senders and known names there are, each with its limit."""
        settings = self._settings
        return {
            "series": (len(self._collection), settings.max_series),
            "senders": (len(self._senders), settings.max_senders),
            "known_names": (len(self._names.known), settings.max_known_names),
        }

    def advance(self, now_ms: int) -> None:
        """End senders and forget what is older than the retention; called about once a second."""
        ended = self._senders.end_due(now_ms)
        if ended:
            self.counters["ended_senders"] += len(ended)
            self._all_live = False
            rows, ends_ms = self._collection.ending(ended)
            self._intake.end(rows, ends_ms, now_ms)
            for sender in ended:
                self._notify("sender_ended", {"sender": sender.name})
        if self._settings.retention_ms:
            oldest_ms = now_ms - self._settings.retention_ms
            old = self._collection.old(oldest_ms, FORGOTTEN_AT_ONCE)
            if old:
                self.counters["forgotten_series"] += len(old)
                self._collection.remove(old)
        for sender in self._senders.all():
            if sender.streams == 0 and sender.series_count == 0 and not self._live(sender):
                self._senders.remove(sender)

    def excuse(self, now_ms: int) -> None:
        """Let no sender end for a silence before `now_ms`: nothing was heard, because the process did not run."""
        self._senders.excuse(now_ms)

    def dump(self) -> dict[str, object]:
        """Return everything that `load` needs, as plain lists and arrays; copies."""
        return {"known_names": self.known_names(), **dump_collection(self._collection)}

    def load(self, dump: Mapping[str, object], at_ms: int) -> None:
        """Take over a dump into an empty store, less what is older than the retention.

        Raises:
            DumpError: not a dump of this version; the store is to be thrown away.
        """
        retention_ms = self._settings.retention_ms
        keep_after_ms = at_ms - retention_ms if retention_ms else NO_TIME
        left_out = load_collection(
            self._collection, dump, at_ms, keep_after_ms, self._settings.max_series
        )
        self.counters["forgotten_series"] += left_out
        names = dump.get("known_names")
        if not isinstance(names, list):
            raise DumpError("known_names is not a list")
        self._names.add(frozenset(map(str, names)))

    def _live(self, sender: Sender) -> bool:
        return bool(self._senders.live[sender.number])

    def _matching(self, matchers: Sequence[Matcher], since: int) -> Sliced[Matched]:
        """Return the matched rows with what is known of them, which is kept as long as no series comes or goes.

        `since` is the number of openings when the question began: a row that is another's by now is left out.
        """
        index, collection = self._collection.index, self._collection
        at_first = index.changes
        rows = yield from index.matching(matchers)
        found = self._described[1].get(id(rows))
        if found is not None and found[0] is rows and self._described[0] == index.changes:
            return found[1]
        matched = yield from describing(
            rows, collection.rows, collection.rings, self._senders, since
        )
        if at_first == index.changes:
            changes, described = self._described
            if changes != index.changes or len(described) >= MAX_CACHED_QUESTIONS:
                described = {}
                self._described = (index.changes, described)
            described[id(rows)] = (rows, matched)
        return matched

    def _add_sender(self, name: str, at_ms: int, report_interval_ms: int) -> Sender | None:
        sender = self._senders.add(name, report_interval_ms)
        if sender is None:
            self.counters["refused_senders"] += 1
            limit = self._settings.max_senders
            self._warn("sender_refused", at_ms, {"sender": name, "limit": limit})
        return sender

    def _admit(self, sender: Sender, labels: Labels, at_ms: int) -> bool:
        """Return whether there is room for another series; those of ended senders make it (DESIGN 5)."""
        name = _metric_name(labels)
        limit, setting = MAX_LABEL_CHARACTERS, "characters of all labels together"
        if sum([len(key) + len(value) for key, value in labels]) <= limit:
            limit, setting = self._settings.max_series_per_metric, "max_series_per_metric"
            if not limit or self._collection.of_metric(name) < limit:
                limit, setting = self._settings.max_series, "max_series"
                if len(self._collection) < limit or self._make_room():
                    return True
        self._refuse(sender, name, at_ms, limit, setting)
        return False

    def _refuse(self, sender: Sender, name: str, at_ms: int, limit: int, setting: str) -> None:
        self.counters["refused_series"] += 1
        # What it reports is missing for as long as it is live, whether or not it reports within a window.
        self._names.refuse(name, max(at_ms, sender.deadline_ms))
        sender.lapse(name[:MAX_NAME_LENGTH])
        name = name[:MAX_NAME_LENGTH]
        self._warn("series_refused", at_ms, {"metric": name, "limit": limit, "setting": setting})

    def _make_room(self) -> bool:
        if self._all_live:
            return False
        ended = self._collection.ended(EVICTED_AT_ONCE)
        self.counters["evicted_series"] += len(ended)
        self._collection.remove(ended)
        self._all_live = not ended
        return bool(ended)

    def _tell_shift(self, sender: Sender) -> None:
        self.counters["shifted_senders"] += 1
        if not sender.shift_told:
            sender.shift_told = True
            self._notify(
                "sender_clock_shifted",
                {"sender": sender.name, "offset_ms": sender.clock_offset_ms},
            )

    def _tell_apart(self, sender: Sender) -> None:
        told = self._collection.tell_apart(sender)
        if told:
            self.counters["shared_labels"] += len(told)
            labels, senders = next(iter(told.items()))
            self._notify(
                "labels_shared_by_live_senders",
                {"label_sets": len(told), "labels": dict(labels), "senders": senders},
            )

    def _warn(self, event: str, at_ms: int, fields: dict[str, object]) -> None:
        """Tell of a refusal, if the last one of its kind was told a while ago."""
        if at_ms - self._told_ms.get(event, NO_TIME) >= REFUSALS_TOLD_EVERY_MS:
            self._told_ms[event] = at_ms
            self._notify(event, fields)


def _metric_name(labels: Labels) -> str:
    return next((value for key, value in labels if key == METRIC_NAME), "")
