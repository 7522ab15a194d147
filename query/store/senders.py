"""Senders: when they report, whether they are live, how far they are known, and how wrong their clocks are.

What a question needs of many senders at once lies in arrays, one element per sender number; the rest in one object per
sender. Numbers of removed senders are used again.
"""

from __future__ import annotations

from collections.abc import Iterable
from statistics import median

import numpy as np

from query.labels import Labels
from query.queryable import NO_TIME, Int64Array
from query.store.ring import resized

DEFAULT_REPORT_INTERVAL_MS = 60_000
"""Of a sender that reports without having opened a stream (keda.md 6.3.5, OTLP)."""
GRACE_MS = 5_000
"""A closed stream may come back within one report interval and this (keda.md 6.3.5)."""
MISSED_INTERVALS = 2.2
REMEMBERED_REPORTS = 5
MAX_AHEAD_MS = 5_000
MAX_BEHIND_MS = 30_000
"""A clock this far off is believed (keda.md 6.3.5)."""

MAX_BACKLOG_MS = 180_000
"""Reports that a sender could not send arrive together: times up to this old say nothing about its clock at first."""


class Sender:
    """One sender; times are arrival times unless they say otherwise."""

    __slots__ = (
        "clock_offset_ms",
        "closed_at_ms",
        "default_interval_ms",
        "gaps_ms",
        "known_before_ms",
        "lags_ms",
        "lapsed_names",
        "name",
        "names_at_ms",
        "newest_sample_ms",
        "number",
        "report_at_ms",
        "sampled",
        "series_count",
        "shift_told",
        "staged_names",
        "streams",
        "watched",
    )

    def __init__(self, name: str, number: int, default_interval_ms: int) -> None:
        self.name = name
        self.number = number
        self.default_interval_ms = default_interval_ms
        self.streams = 0
        self.closed_at_ms = NO_TIME
        self.report_at_ms = NO_TIME
        self.gaps_ms: list[int] = []
        self.lags_ms: list[tuple[int, int]] = []
        """(arrival, arrival less newest sample time) of the last reports that held samples, uncorrected."""
        self.sampled = False
        """Whether the last report held samples so far."""
        self.clock_offset_ms = 0
        """What is added to the sender's times."""
        self.shift_told = False
        self.newest_sample_ms = NO_TIME
        """Corrected."""
        self.known_before_ms = NO_TIME
        """Until when it was known before the last report, corrected."""
        self.names_at_ms: dict[str, int] = {}
        """When each metric name was last reported, the last report left out."""
        self.staged_names: list[Iterable[str]] = []
        """The names of the last report."""
        self.lapsed_names: set[str] = set()
        """Names that had a series which is not stored any more: a new one of them need not begin at 0."""
        self.series_count = 0
        self.watched: set[Labels] = set()
        """Label sets that a newer sender has too (DESIGN 3.4)."""

    @property
    def interval_ms(self) -> int:
        """Median of the last five gaps between reports; before two gaps the protocol's default (keda.md 6.3.5)."""
        return int(median(self.gaps_ms)) if len(self.gaps_ms) >= 2 else self.default_interval_ms

    @property
    def deadline_ms(self) -> int:
        """When the sender counts as ended if nothing more is heard (keda.md 6.3.5)."""
        silent = self.report_at_ms + int(MISSED_INTERVALS * self.interval_ms)
        if self.streams == 0 and self.closed_at_ms >= self.report_at_ms:
            return min(silent, self.closed_at_ms + self.interval_ms + GRACE_MS)
        return silent

    @property
    def known_until_ms(self) -> int:
        """Newest sample time of the last report, or its arrival if it held none; never goes back (keda.md 6.3.5)."""
        known = self.newest_sample_ms if self.sampled else self.report_at_ms
        return max(self.known_before_ms, min(known, self.report_at_ms + MAX_AHEAD_MS))

    def report(self, at_ms: int) -> None:
        """Begin a report."""
        if self.report_at_ms != NO_TIME:
            self.known_before_ms = self.known_until_ms
            if at_ms > self.report_at_ms:
                self.gaps_ms = [*self.gaps_ms[1 - REMEMBERED_REPORTS :], at_ms - self.report_at_ms]
        for names in self.staged_names:
            self.names_at_ms.update(dict.fromkeys(names, self.report_at_ms))
        self.staged_names = []
        self.report_at_ms = at_ms
        self.sampled = False

    def zero_at_ms(self, name: str) -> int:
        """Return when a metric of this name was last reported before this report, or NO_TIME (keda.md 6.3.3 a)."""
        return NO_TIME if name in self.lapsed_names else self.names_at_ms.get(name, NO_TIME)

    def observe_clock(self, times_ms: Int64Array, at_ms: int) -> bool:
        """Take the times of a message into account; return whether the clock correction changed.

        The correction is the smallest lag of the last five reports once that is outside [-5 s, 30 s], and it stays as
        long as it brings the lag back in there (keda.md 6.3.5).
        """
        lag_ms = at_ms - self._newest(times_ms, at_ms)
        if self.sampled:
            lag_ms = min(lag_ms, self.lags_ms.pop()[1])
        self.lags_ms = [*self.lags_ms[1 - REMEMBERED_REPORTS :], (at_ms, lag_ms)]
        self.sampled = True
        smallest_ms = min([lag for _, lag in self.lags_ms])
        if -MAX_AHEAD_MS <= smallest_ms - self.clock_offset_ms <= MAX_BEHIND_MS:
            return False
        offset_ms = 0 if -MAX_AHEAD_MS <= smallest_ms <= MAX_BEHIND_MS else smallest_ms
        if self._may_be_backlog(smallest_ms) and offset_ms > self.clock_offset_ms:
            return False
        if self.newest_sample_ms != NO_TIME and offset_ms < self.clock_offset_ms:
            # The first corrected times must still come after the newest that is stored.
            after_newest_ms = self.newest_sample_ms + 1 - int(times_ms.min())
            offset_ms = min(self.clock_offset_ms, max(offset_ms, after_newest_ms))
        changed = offset_ms != self.clock_offset_ms
        self.clock_offset_ms = offset_ms
        return changed

    def _may_be_backlog(self, lag_ms: int) -> bool:
        """Return whether old times may be those of reports that waited and now arrive all at once."""
        waited_ms = self.lags_ms[-1][0] - self.lags_ms[0][0]
        return lag_ms < MAX_BACKLOG_MS and waited_ms < self.interval_ms // 2

    def _newest(self, times_ms: Int64Array, at_ms: int) -> int:
        """Return the newest time; a minority of times that are ahead of the clock does not count."""
        newest = int(times_ms.max())
        limit = at_ms + MAX_AHEAD_MS - self.clock_offset_ms
        if newest > limit:
            sane = times_ms[times_ms <= limit]
            if 2 * len(sane) >= len(times_ms):
                return int(sane.max())
        return newest


class SenderTable:
    """All senders, bounded in number; the arrays have one element per sender number."""

    def __init__(self, max_senders: int) -> None:
        self._max = max_senders
        self._by_name: dict[str, Sender] = {}
        self._by_number: list[Sender | None] = []
        self._free: list[int] = []
        self.live = np.zeros(0, dtype=np.bool_)
        self.known_until_ms = np.zeros(0, dtype=np.int64)
        self.interval_ms = np.zeros(0, dtype=np.int64)
        self._deadline_ms = np.zeros(0, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._by_name)

    def all(self) -> list[Sender]:
        """Return all senders."""
        return list(self._by_name.values())

    def get(self, name: str) -> Sender | None:
        """Return the sender of this name, or None."""
        return self._by_name.get(name)

    def at(self, number: int) -> Sender:
        """Return the sender of this number."""
        sender = self._by_number[number]
        assert sender is not None  # noqa: S101 numbers are held by series, and those keep their sender
        return sender

    def add(self, name: str, default_interval_ms: int) -> Sender | None:
        """Return a new sender, not yet live, or None at the limit."""
        if len(self._by_name) >= self._max:
            return None
        if self._free:
            number = self._free.pop()
        else:
            number = len(self._by_number)
            self._by_number.append(None)
            self.live = resized(self.live, number + 1)
            self.known_until_ms = resized(self.known_until_ms, number + 1)
            self.interval_ms = resized(self.interval_ms, number + 1)
            self._deadline_ms = resized(self._deadline_ms, number + 1)
        sender = self._by_name[name] = self._by_number[number] = Sender(
            name, number, default_interval_ms
        )
        self.live[number] = False
        self.update(sender)
        return sender

    def remove(self, sender: Sender) -> None:
        """Forget a sender that has no series."""
        del self._by_name[sender.name]
        self._by_number[sender.number] = None
        self.live[sender.number] = False
        self._free.append(sender.number)

    def update(self, sender: Sender) -> None:
        """Write what questions need of `sender` into the arrays."""
        number = sender.number
        self.known_until_ms[number] = sender.known_until_ms
        self.interval_ms[number] = sender.interval_ms
        self._deadline_ms[number] = sender.deadline_ms

    def due(self, now_ms: int) -> list[Sender]:
        """Return the live senders whose deadline has passed."""
        count = len(self._by_number)
        over = self.live[:count] & (self._deadline_ms[:count] <= now_ms)
        return [self.at(number) for number in np.flatnonzero(over).tolist()]
