"""The store: senders, their series and samples, written message by message and read by selectors.

One coroutine writes and reads it; nothing here waits, logs or reads a clock. Warnings go to `notify` as an event and its
fields, see `NOTICES`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

import numpy as np

from query.labels import Labels, Matcher, name_in
from query.queryable import NO_TIME, Float64Array, Int64Array, Selection, is_stale
from query.slices import Sliced, whole
from query.store.admission import ONE_SOURCE, Admission, Refusals
from query.store.cardinality import Cardinality, counting
from query.store.collection import Collection
from query.store.dump import VERSION, Dump, DumpError, Loading, dump_collection
from query.store.intake import Intake
from query.store.names import MAX_NAME_LENGTH, Names
from query.store.questions import Questions
from query.store.rows import Series
from query.store.senders import (
    DEFAULT_REPORT_INTERVAL_MS,
    MISSED_INTERVALS,
    Sender,
    SenderTable,
)
from query.store.settings import (
    COUNTERS,
    FORGOTTEN_AT_ONCE,
    NOTICES,
    Notify,
    StoreSettings,
)
from query.store.telling import tell_apart, tell_shift
from query.store.times import MAX_TIME_MS, int64_times, known_starts
from query.store.totals import Part

__all__ = ["COUNTERS", "NOTICES", "Series", "Store", "StoreSettings"]


class Store:
    """Implements `query.queryable.Queryable`; receivers' side: `sender_*`, `metrics_reported`, `series`, `append`."""

    def __init__(self, settings: StoreSettings, notify: Notify) -> None:
        self._settings = settings
        self._notify = notify
        self.counters: Counter[str] = Counter(dict.fromkeys(COUNTERS, 0))
        self._empty()
        self._refusals = Refusals(notify)
        self._admission = Admission(settings, self.counters, self._refusals)

    def sender_opened(self, sender: str, at_ms: int, *, report_interval_ms: int) -> None:
        """Count a stream of `sender`; its default report interval is its protocol's."""
        known = self._senders.get(sender) or self._add_sender(sender, at_ms, report_interval_ms)
        if known is None:
            return
        known.default_interval_ms = report_interval_ms
        known.streams += 1
        self._senders.update(known)

    def sender_reported(self, sender: str, at_ms: int, *, is_regular: bool = True) -> None:
        """Note a report of `sender`; its samples follow. One between the regular ones leaves the report interval alone."""
        known = self._senders.get(sender) or self._add_sender(
            sender, at_ms, DEFAULT_REPORT_INTERVAL_MS
        )
        if known is None:
            return
        known.report(at_ms, is_regular=is_regular)
        if not self._live(known):
            self._senders.live[known.number] = True
            self._notify("sender_began", {"sender": sender})
        self._senders.update(known)
        if known.watched:
            tell_apart(self._collection, known, self.counters, self._notify)

    def sender_heard(self, sender: str, at_ms: int) -> None:
        """Note a report of `sender` whose samples do not follow: later ones are there already."""
        known = self._senders.get(sender)
        if known is not None:
            known.hear(at_ms)
            self._senders.update(known)

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
            self._refusals.tell("metric_name_refused", at_ms, {"metric": name, "limit": limit})

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
            if known is None:
                # max_senders refused it, and what it knows is missing in every answer.
                until_ms = at_ms + int(MISSED_INTERVALS * DEFAULT_REPORT_INTERVAL_MS)
                self._names.refuse(name_in(labels), until_ms)
                return None
            if not self._admission.admits(self._collection, self._names, known, labels, at_ms):
                return None
            series = self._collection.create(
                known, labels, start_ms=start_ms, is_counter=is_counter, source=source
            )
        elif not self._collection.claim(series, source):
            self._admission.refuse(self._names, series.sender, name_in(labels), ONE_SOURCE, at_ms)
            return None
        elif start_ms != NO_TIME:
            self._collection.restart(series, start_ms)
        if count_of is not None:
            self._collection.rows.count_row[series.row] = count_of.row
        return series

    def append(
        self,
        sender: str,
        at_ms: int,
        series: Sequence[Series],
        times_ms: Sequence[int],
        values: Sequence[float],
        *,
        starts_ms: Sequence[int] | None = None,
        correct_clock: bool = True,
    ) -> int:
        """Store one message's samples; return how many were stored.

        With `starts_ms` the values are deltas, each counted from its start, 0 where unknown, to its time: what is stored
        is their running total (otlp.md 3.2). Without `correct_clock` times are taken as they are (promql.md 6.3).
        """
        known = self._senders.get(sender)
        if known is None or not series:
            return 0
        rows = [one.row for one in series]
        times, numbers = int64_times(times_ms), np.array(values, dtype=np.float64)
        self._correct(known, times, numbers, at_ms if correct_clock else None)
        starts = None if starts_ms is None else known_starts(starts_ms, known.clock_offset_ms)
        # What a filter leaves is mostly one series: arrays of one element cost more than what is in them.
        is_one = len(rows) == 1 and starts is None
        stored = 1
        if not (is_one and self._intake.append_one(at_ms, rows[0], int(times[0]), values[0])):
            part = Part(np.array(rows, dtype=np.int64), times, numbers, starts)
            stored = self._intake.append(known, at_ms, part)
        return self._count(stored, at_ms)

    def append_rows(
        self, sender: str, at_ms: int, part: Part, *, are_distinct: bool, correct_clock: bool = True
    ) -> int:
        """Do what `append` does, for series whose rows are theirs still, and whether these differ is known.

        They are as long as the series are alive, which none ceases to be while `removals` stays.
        """
        known = self._senders.get(sender)
        if known is None or not len(part.rows):
            return 0
        self._correct(known, part.times_ms, part.values, at_ms if correct_clock else None)
        stored = self._intake.append(known, at_ms, part, are_distinct=are_distinct)
        return self._count(stored, at_ms)

    @property
    def removals(self) -> int:
        """How many series were forgotten so far, for whatever reason."""
        return self._collection.rows.removals

    def restart(self, series: Series, start_ms: int) -> None:
        """Note the start time of the next sample of a series, as `series` does."""
        if series.alive and 0 < start_ms < MAX_TIME_MS:
            self._collection.restart(series, start_ms)

    def forget(self, series: Sequence[Series]) -> None:
        """Forget series with all their samples, those that are alive."""
        self._collection.remove([one for one in series if one.alive])

    def continue_from(self, series: Series, other: Series, *, as_zero: bool = False) -> None:
        """Give `series`, if it has none, the samples of `other`, which it was the same as; or zeros at their times."""
        if series.alive and other.alive:
            self._collection.copy(other, series, as_zero=as_zero)

    def note_exponential(self, name: str) -> None:
        """Note that series of this name, yet to come, are the buckets of exponential histograms."""
        self._names.note_exponential(name)

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
        return self._questions.selecting(
            matchers, start_ms=start_ms, end_ms=end_ms, newest_only=newest_only
        )

    def knows(self, name: str) -> bool:
        """Return whether a metric of this name was ever reported, with or without points."""
        return name in self._names.known

    def label_sets(
        self, matchers: Sequence[Matcher], *, start_ms: int, end_ms: int
    ) -> Sliced[list[Labels]]:
        """Return the labels of the series that match and whose samples reach into [start_ms, end_ms], bit by bit."""
        return self._questions.label_sets(matchers, start_ms=start_ms, end_ms=end_ms)

    def label_names(self) -> list[str]:
        """Return every label name in use."""
        return self._collection.index.names()

    def label_values(self, name: str) -> list[str]:
        """Return every value of a label in use."""
        return self._collection.index.values(name)

    def counting(self, most: int) -> Sliced[Cardinality]:
        """Return the metric names and labels that most series carry, bit by bit."""
        return counting(self._collection.index, most)

    def clock_offsets_ms(self) -> dict[str, int]:
        """Return what is added to the times of live senders whose clocks are off."""
        return {
            one.name: one.clock_offset_ms
            for one in self._senders.all()
            if one.clock_offset_ms and self._live(one)
        }

    def twice_connected(self) -> list[str]:
        """Return the senders with more than one open stream: one process, or several that cannot be told apart."""
        return [one.name for one in self._senders.all() if one.streams > 1]

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
            self._admission.note_ended()
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

    def allow(self, new_bytes: int, more_bytes: int) -> None:
        """Let new series take so much memory, and so much the samples of those that are there.

        With 0 new series get the places of others only, and new senders none; series keep as many samples as they have
        room for, and questions about those that lose some hear that they are incomplete.
        """
        self._admission.allowance.left_bytes = new_bytes
        self._collection.rings.allowance.left_bytes = more_bytes

    def when_spent(self, ask: Callable[[], None]) -> None:
        """Call `ask`, which may allow more, when either is used up."""
        for allowance in (self._admission.allowance, self._collection.rings.allowance):
            allowance.on_spent = ask

    def evict(self, most: int) -> int:
        """Forget up to so many series of ended senders, those that ended first; return how many."""
        return self._admission.evict(self._collection, most)

    def largest_sender(self) -> str:
        """Return the name of the sender with most series, "" without any."""
        senders = self._senders.all()
        return max(senders, key=lambda sender: sender.series_count).name if senders else ""

    def blamed(self) -> dict[str, int]:
        """Return how many series of each sender were refused, of those with most."""
        return dict(self._admission.blamed)

    def excuse(self, now_ms: int) -> None:
        """Let no sender end for a silence before `now_ms`: nothing was heard, because the process did not run."""
        self._senders.excuse(now_ms)

    def dump(self) -> Iterator[Dump]:
        """Yield everything that `load` needs in slices of a few ms, plain lists and arrays; writing may go on between them."""
        yield {"version": VERSION, **self._names.dump()}
        yield from dump_collection(self._collection)

    def load(self, dump: Iterable[Dump], at_ms: int) -> Iterator[None]:
        """Take over the slices of a dump into an empty store, less what is older than the retention; a step for each.

        Nothing may be written or asked before the last step.

        Raises:
            DumpError: not a dump of this version; the store is empty again.
        """
        retention_ms = self._settings.retention_ms
        loading = Loading(
            self._collection,
            at_ms=at_ms,
            keep_after_ms=at_ms - retention_ms if retention_ms else NO_TIME,
            max_series=self._settings.max_series,
        )
        try:
            for one in dump:
                if "known_names" in one:
                    self._names.load(one)
                loading.take(one)
                yield
        except DumpError:
            self._empty()
            raise
        loading.finish()
        self.counters["forgotten_series"] += loading.left_out

    def _count(self, stored: int, at_ms: int) -> int:
        """Count and return what a message stored; note that answers lack samples of series that may not grow."""
        self.counters["stored"] += stored
        rings, rows = self._collection.rings, self._collection.rows
        if rings.cut:
            for name in {series.name for row in rings.cut if (series := rows.at(row))}:
                self._names.refuse(name, at_ms)
            rings.cut.clear()
        return stored

    def _empty(self) -> None:
        self._senders = SenderTable(self._settings.max_senders)
        long_rings = self._settings.retention_ms == 0
        self._collection = Collection(self._senders, long_rings=long_rings)
        rows, rings = self._collection.rows, self._collection.rings
        self._intake = Intake(rows, rings, self.counters, self._settings.retention_ms)
        self._names = Names(self._settings.max_known_names)
        self._questions = Questions(self._collection, self._names)

    def _live(self, sender: Sender) -> bool:
        return bool(self._senders.live[sender.number])

    def _add_sender(self, name: str, at_ms: int, report_interval_ms: int) -> Sender | None:
        sender = None
        if not self._admission.allowance.is_spent:
            sender = self._senders.add(name, report_interval_ms)
        if sender is None:
            self._admission.refuse_sender(name, at_ms)
        return sender

    def _correct(
        self, sender: Sender, times_ms: Int64Array, values: Float64Array, at_ms: int | None
    ) -> None:
        """Bring the times of a message that came at `at_ms` onto this clock, in place; None for those that are on it."""
        if at_ms is None:
            sender.trust_clock(times_ms[~is_stale(values)])
        elif sender.observe_clock(times_ms, at_ms):
            tell_shift(sender, self.counters, self._notify)
        if at_ms is not None and sender.clock_offset_ms:
            times_ms += sender.clock_offset_ms
        self._senders.known_until_ms[sender.number] = sender.known_until_ms
