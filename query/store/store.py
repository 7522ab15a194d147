"""The store: senders, their series and samples, written message by message and read by selectors.

One coroutine writes and reads it; nothing here waits, logs or reads a clock. Warnings go to `notify` as an event and its
fields: `sender_clock_shifted` (sender, offset_ms), `labels_shared_by_live_senders` (labels, senders),
`series_refused` (name, limit), `sender_refused` (sender, limit); each once per sender, label set or, for refusals, once
until the next `advance`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from query.labels import METRIC_NAME, SENDER, Labels, Matcher
from query.queryable import NO_TIME, Selection
from query.store.catalogue import Catalogue
from query.store.index import Index
from query.store.intake import Intake
from query.store.reading import Matched, describe, read
from query.store.ring import Rings
from query.store.rows import LOOK_FIRST, RowTable, Series
from query.store.senders import DEFAULT_REPORT_INTERVAL_MS, Sender, SenderTable

__all__ = ["COUNTERS", "Series", "Store", "StoreSettings"]

COUNTERS = {
    "stored": "samples stored",
    "duplicate": "samples ignored: time and value of the newest",
    "late": "samples ignored: not newer than the newest",
    "future": "samples refused: more than 10 min ahead of the clock",
    "overwritten": "samples lost: younger than the retention, but the largest ring was full",
    "zeros": "zeros put where a counter is known to have been 0",
    "dips": "counter values held: they dropped by rounding only",
    "held_sums": "sums held: they dropped and their counts did not",
    "shifted_senders": "times that a sender's clock correction changed",
    "ended_senders": "times that a sender ended",
    "refused_senders": "senders refused by max_senders",
    "refused_series": "series refused by a limit",
    "evicted_series": "series of ended senders that made room at a limit",
    "forgotten_series": "series whose newest sample had become older than the retention",
    "refused_names": "metric names refused by max_known_names",
    "shared_labels": "series that got the label `sender`: two live senders had the same labels",
}
"""Every counter of a store and what it counts."""

MAX_REFUSED_NAMES = 1_000
MAX_NAMES_PER_SENDER = 10_000
EVICTED_AT_ONCE = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Limits; `retention_ms` 0 keeps by count only."""

    retention_ms: int = 300_000
    max_series: int = 200_000
    max_known_names: int = 10_000
    max_senders: int = 20_000


Notify = Callable[[str, dict[str, object]], None]


class Store:
    """Implements `query.queryable.Queryable`; receivers' side: `sender_*`, `metrics_reported`, `series`, `append`."""

    def __init__(self, settings: StoreSettings, notify: Notify) -> None:
        self._settings = settings
        self._notify = notify
        self.counters: Counter[str] = Counter(dict.fromkeys(COUNTERS, 0))
        self._rings = Rings()
        self._rows = RowTable(self._rings)
        self._index = Index()
        self._catalogue = Catalogue()
        self._senders = SenderTable(settings.max_senders)
        self._intake = Intake(self._rows, self._rings, self.counters, settings.retention_ms)
        self._known_names: dict[str, None] = {}
        self._refused_at_ms: dict[str, int] = {}
        self._nothing_to_evict = False
        self._matched: tuple[int, dict[int, Matched]] = (-1, {})

    def sender_opened(self, sender: str, at_ms: int, *, report_interval_ms: int) -> None:
        """Count a stream of `sender`; its default report interval is its protocol's."""
        known = self._senders.get(sender) or self._add_sender(sender, report_interval_ms)
        if known is None:
            return
        known.default_interval_ms = report_interval_ms
        known.streams += 1
        self._senders.update(known)

    def sender_reported(self, sender: str, at_ms: int) -> None:
        """Note a report of `sender`; its samples follow."""
        known = self._senders.get(sender) or self._add_sender(sender, DEFAULT_REPORT_INTERVAL_MS)
        if known is None:
            return
        known.report(at_ms)
        self._senders.live[known.number] = True
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
        """Note the metric names of this report, with or without points; the caller does not change `names` later."""
        known = self._senders.get(sender)
        if known is not None:
            known.staged_names.append(names)
        for name in names:
            if name in self._known_names:
                continue
            if len(self._known_names) >= self._settings.max_known_names:
                self.counters["refused_names"] += 1
                continue
            self._known_names[name] = None

    def series(
        self,
        sender: str,
        labels: Labels,
        *,
        start_ms: int,
        is_counter: bool,
        at_ms: int,
        count_of: Series | None = None,
    ) -> Series | None:
        """Find or create a series; None where a limit refuses it.

        Called once per new (labels, start time): the caller keeps what it got as long as it is alive. A start time of
        0 or less is unknown. `count_of` is, for the sum of a distribution, the series of its count.
        """
        start_ms = start_ms if start_ms > 0 else NO_TIME
        series = self._catalogue.get(sender, labels)
        if series is None:
            series = self._create(sender, labels, start_ms, is_counter, at_ms)
            if series is None:
                return None
        elif start_ms not in (NO_TIME, int(self._rows.declared_start_ms[series.row])):
            self._rows.declared_start_ms[series.row] = start_ms
            self._rows.restarted[series.row] = True
            self._rows.gate_ms[series.row] = LOOK_FIRST
        if count_of is not None:
            self._rows.count_row[series.row] = count_of.row
        return series

    def append(
        self,
        sender: str,
        at_ms: int,
        series: Sequence[Series],
        times_ms: Sequence[int],
        values: Sequence[float],
    ) -> int:
        """Store one message's samples; return how many were stored."""
        known = self._senders.get(sender)
        if known is None or not series:
            return 0
        rows = [one.row for one in series]
        times, numbers = np.array(times_ms, dtype=np.int64), np.array(values, dtype=np.float64)
        if known.observe_clock(times, at_ms):
            self._tell_shift(known)
        if known.clock_offset_ms:
            times += known.clock_offset_ms
        known.newest_sample_ms = max(known.newest_sample_ms, int(times.max()))
        self._senders.known_until_ms[known.number] = known.known_until_ms
        stored = self._intake.append(known, at_ms, rows, times, numbers)
        self.counters["stored"] += stored
        return stored

    def select(self, matchers: Sequence[Matcher], *, start_ms: int, end_ms: int) -> Selection:
        """Return the series that match, with their samples in (start_ms, end_ms]."""
        return read(
            self._match(matchers),
            self._rows,
            self._rings,
            self._senders,
            start_ms=start_ms,
            end_ms=end_ms,
            refused_at_ms=self._last_refusal(matchers),
        )

    def knows(self, name: str) -> bool:
        """Return whether a metric of this name was ever reported, with or without points."""
        return name in self._known_names

    def known_names(self) -> list[str]:
        """Return all metric names ever reported."""
        return list(self._known_names)

    def advance(self, now_ms: int) -> None:
        """End senders, forget what is older than the retention; called about once a second."""

    def _match(self, matchers: Sequence[Matcher]) -> Matched:
        changes, matched = self._matched
        rows = self._index.match(matchers)
        if changes != self._index.changes:
            matched = {}
            self._matched = (self._index.changes, matched)
        found = matched.get(id(rows))
        if found is None or found.rows is not rows:
            found = matched[id(rows)] = describe(rows, self._rows, self._senders)
        return found

    def _last_refusal(self, matchers: Sequence[Matcher]) -> int:
        if not self._refused_at_ms:
            return NO_TIME
        named = [matcher.accepts for matcher in matchers if matcher.name == METRIC_NAME]
        return max(
            (
                at_ms
                for name, at_ms in self._refused_at_ms.items()
                if all(accepts(name) for accepts in named)
            ),
            default=NO_TIME,
        )

    def _add_sender(self, name: str, report_interval_ms: int) -> Sender | None:
        sender = self._senders.add(name, report_interval_ms)
        if sender is None:
            self.counters["refused_senders"] += 1
            self._notify("sender_refused", {"sender": name, "limit": self._settings.max_senders})
        return sender

    def _create(
        self, sender: str, labels: Labels, start_ms: int, is_counter: bool, at_ms: int
    ) -> Series | None:
        known = self._senders.get(sender)
        if known is None:
            return None
        labels = self._catalogue.intern(labels)
        series = self._rows.open(known, labels, start_ms=start_ms, is_counter=is_counter)
        for other in self._catalogue.sharing(labels):
            other.sender.watched.add(labels)
        self._catalogue.add(series)
        self._index.add(series.row, labels)
        return series

    def _tell_shift(self, sender: Sender) -> None:
        self.counters["shifted_senders"] += 1
        if not sender.shift_told:
            sender.shift_told = True
            fields = {"sender": sender.name, "offset_ms": sender.clock_offset_ms}
            self._notify("sender_clock_shifted", dict(fields))

    def _tell_apart(self, sender: Sender) -> None:
        """Give series of live senders with equal labels the label `sender` (DESIGN 3.4)."""
        for labels in sender.watched:
            sharing = [
                one
                for one in self._catalogue.sharing(labels)
                if self._senders.live[one.sender.number]
            ]
            if len(sharing) < 2:
                continue
            for series in sharing:
                self._show_sender(series)
            fields = {"labels": labels, "senders": [one.sender.name for one in sharing]}
            self._notify("labels_shared_by_live_senders", dict(fields))
        sender.watched = set()

    def _show_sender(self, series: Series) -> None:
        if series.shown is not series.labels:
            return
        self.counters["shared_labels"] += 1
        others = [pair for pair in series.labels if pair[0] != SENDER]
        self._index.remove([(series.row, series.labels)])
        series.shown = tuple(sorted([*others, (SENDER, series.sender.name)]))
        self._index.add(series.row, series.shown)
