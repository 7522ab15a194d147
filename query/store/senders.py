"""Senders: when they report, whether they are live, how far they are known, and how wrong their clocks are.

What a question needs of many senders at once lies in arrays, one element per sender number; the rest in one object per
sender. Numbers of removed senders are used again.
"""

from __future__ import annotations

import numpy as np

from query.labels import Labels
from query.queryable import NO_TIME, Int64Array
from query.store.table import resized

DEFAULT_REPORT_INTERVAL_MS = 60_000
"""Of a sender that reports without having opened a stream (keda.md 6.3.5, OTLP)."""
GRACE_MS = 5_000
"""A closed stream may come back within one report interval and this (keda.md 6.3.5)."""
MISSED_INTERVALS = 2.2
REMEMBERED_REPORTS = 5
ONE_REPORT_MS = 1_000
"""Messages within a second are one report: a round may be split, and what waited arrives at once (opencensus.md 4.7)."""
MAX_AHEAD_MS = 5_000
MAX_BEHIND_MS = 30_000
"""A clock this far off is believed (keda.md 6.3.5)."""

MAX_NAMES_PER_SENDER = 10_000
"""Names remembered beyond those of the last two reports; with more the sender's new rows count as unknown before."""
NO_NAMES: frozenset[str] = frozenset()

MAX_BACKLOG_MS = 180_000
"""Reports that a sender could not send arrive together: times up to this old say nothing about its clock at first."""


class Sender:
    """One sender; times are arrival times unless they say otherwise."""

    __slots__ = (
        "clock_offset_ms",
        "closed_at_ms",
        "default_interval_ms",
        "excused_at_ms",
        "gap_from_ms",
        "gaps_ms",
        "is_read",
        "known_before_ms",
        "lags_ms",
        "lapsed_names",
        "name",
        "names",
        "names_at_ms",
        "newest_sample_ms",
        "number",
        "older_names",
        "reading_gap_ms",
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
        self.excused_at_ms = NO_TIME
        """Until then nobody could have heard it: silence counts from there."""
        self.gap_from_ms = NO_TIME
        """Where the current gap began: the first message of the last report."""
        self.gaps_ms: list[int] = []
        self.is_read = False
        """Its values are read between its reports too: a counter that falls is then an older value, which came later."""
        self.reading_gap_ms = 0
        """Between the last two reports, if the last was such a reading."""
        self.lags_ms: list[tuple[int, int]] = []
        """(first arrival, arrival less newest sample time) of the last reports with samples, uncorrected."""
        self.sampled = False
        """Whether the last report held samples so far."""
        self.clock_offset_ms = 0
        """What is added to the sender's times."""
        self.shift_told = False
        self.newest_sample_ms = NO_TIME
        """Corrected."""
        self.known_before_ms = NO_TIME
        """Until when it was known before the last report, corrected."""
        self.staged_names: frozenset[str] = NO_NAMES
        """The metric names of the last report."""
        self.names: frozenset[str] = NO_NAMES
        """The names of the report before it, which arrived at `names_at_ms`; one object for many senders."""
        self.names_at_ms = NO_TIME
        self.older_names: dict[str, int] = {}
        """When names that later reports left out were last reported."""
        self.lapsed_names: set[str] = set()
        """Names that had a series which is not stored any more: a new one of them need not begin at 0."""
        self.series_count = 0
        self.watched: set[Labels] = set()
        """Label sets that a newer sender has too (DESIGN 3.4)."""

    @property
    def interval_ms(self) -> int:
        """Median of the last five gaps between reports; before two gaps the protocol's default (keda.md 6.3.5)."""
        gaps_ms = sorted(self.gaps_ms)
        if len(gaps_ms) < 2:
            return self.default_interval_ms
        middle = len(gaps_ms) // 2
        return gaps_ms[middle] if len(gaps_ms) % 2 else (gaps_ms[middle - 1] + gaps_ms[middle]) // 2

    @property
    def sample_interval_ms(self) -> int:
        """How long its samples are apart: as its reports, or less where they are read in between."""
        return min(self.interval_ms, self.reading_gap_ms or self.interval_ms)

    @property
    def deadline_ms(self) -> int:
        """When the sender counts as ended if nothing more is heard (keda.md 6.3.5)."""
        heard_at_ms = max(self.report_at_ms, self.excused_at_ms)
        silent = heard_at_ms + int(MISSED_INTERVALS * self.interval_ms)
        if self.streams == 0 and self.closed_at_ms >= self.report_at_ms:
            closed_at_ms = max(self.closed_at_ms, self.excused_at_ms)
            return min(silent, closed_at_ms + self.interval_ms + GRACE_MS)
        return silent

    @property
    def known_until_ms(self) -> int:
        """Newest sample time of the last report, or its arrival if it held none; never goes back (keda.md 6.3.5)."""
        known = self.newest_sample_ms if self.sampled else self.report_at_ms
        return min(max(self.known_before_ms, known), self.report_at_ms + MAX_AHEAD_MS)

    def report(self, at_ms: int, *, is_regular: bool = True) -> None:
        """Begin a report; one between the regular ones says nothing about the gaps between those."""
        if self.report_at_ms != NO_TIME:
            self.known_before_ms = self.known_until_ms
        if is_regular:
            self.hear(at_ms)
            self.reading_gap_ms = 0
        else:
            self.is_read = True
            self.reading_gap_ms = max(at_ms - self.report_at_ms, 1)
        self.settle_names()
        self.report_at_ms = at_ms
        self.sampled = False

    def hear(self, at_ms: int) -> None:
        """Note when a regular report arrived."""
        if self.gap_from_ms == NO_TIME or at_ms < self.gap_from_ms:
            self.gap_from_ms = at_ms
        elif at_ms - self.gap_from_ms >= ONE_REPORT_MS:
            self.gaps_ms = [*self.gaps_ms[1 - REMEMBERED_REPORTS :], at_ms - self.gap_from_ms]
            self.gap_from_ms = at_ms

    def settle_names(self) -> None:
        """Count the last report's names among those of earlier reports."""
        if not self.staged_names:
            return
        self.older_names.update(self._left_out())
        if len(self.older_names) > MAX_NAMES_PER_SENDER:
            self.older_names.clear()
        self.names, self.names_at_ms = self.staged_names, self.report_at_ms
        self.staged_names = NO_NAMES

    def settled_names(self) -> tuple[frozenset[str], int, dict[str, int]]:
        """Return what `settle_names` would make of names, their time, and older names; nothing changes."""
        if not self.staged_names:
            return self.names, self.names_at_ms, dict(self.older_names)
        return self.staged_names, self.report_at_ms, {**self.older_names, **self._left_out()}

    def _left_out(self) -> dict[str, int]:
        """Return the names of the report before the last that the last leaves out, with their time."""
        if self.names is self.staged_names:
            return {}
        return dict.fromkeys(self.names - self.staged_names, self.names_at_ms)

    def zero_at_ms(self, name: str) -> int:
        """Return when a metric of this name was last reported before this report, or NO_TIME (keda.md 6.3.3 a)."""
        if name in self.lapsed_names or len(self.lapsed_names) >= MAX_NAMES_PER_SENDER:
            return NO_TIME
        return self.names_at_ms if name in self.names else self.older_names.get(name, NO_TIME)

    def lapse(self, name: str) -> None:
        """Note that a series of this metric is not stored, or not any more: a new one need not begin at 0."""
        if len(self.lapsed_names) < MAX_NAMES_PER_SENDER:
            self.lapsed_names.add(name)

    def observe_clock(self, times_ms: Int64Array, at_ms: int) -> bool:
        """Take the times of a message into account; return whether the clock correction changed.

        The correction is the smallest lag of the last five reports once that is outside [-5 s, 30 s], and it stays as
        long as it brings the lag back in there (keda.md 6.3.5).
        """
        newest_ms = self._newest(times_ms, at_ms)
        lag_ms, begun_ms = at_ms - newest_ms, at_ms
        if self.lags_ms and 0 <= at_ms - self.lags_ms[-1][0] < ONE_REPORT_MS:
            begun_ms, earlier_ms = self.lags_ms.pop()
            lag_ms = min(lag_ms, earlier_ms)
        self.lags_ms = [*self.lags_ms[1 - REMEMBERED_REPORTS :], (begun_ms, lag_ms)]
        offset_ms = self._offset_ms(int(np.minimum.reduce(times_ms)))
        changed = offset_ms != self.clock_offset_ms
        self.clock_offset_ms = offset_ms
        self.newest_sample_ms = max(self.newest_sample_ms, newest_ms + offset_ms)
        self.sampled = True
        return changed

    def trust_clock(self, times_ms: Int64Array) -> None:
        """Take the times of a message as they are: what remote write replays may be of any age.

        Without those of stale markers: that a series has ended does not say that nothing happened until then.
        """
        if len(times_ms):
            self.newest_sample_ms = max(self.newest_sample_ms, int(times_ms.max()))
            self.sampled = True

    def _offset_ms(self, oldest_ms: int) -> int:
        """Return the correction for a message whose oldest time is `oldest_ms`."""
        smallest_ms = min([lag for _, lag in self.lags_ms])
        if -MAX_AHEAD_MS <= smallest_ms - self.clock_offset_ms <= MAX_BEHIND_MS:
            return self.clock_offset_ms
        offset_ms = 0 if -MAX_AHEAD_MS <= smallest_ms <= MAX_BEHIND_MS else smallest_ms
        if offset_ms > self.clock_offset_ms:
            return self.clock_offset_ms if self._may_be_backlog(smallest_ms) else offset_ms
        if self.newest_sample_ms == NO_TIME:
            return offset_ms
        # The first corrected times must still come after the newest that is stored.
        after_newest_ms = self.newest_sample_ms + 1 - oldest_ms
        return min(self.clock_offset_ms, max(offset_ms, after_newest_ms))

    def _may_be_backlog(self, lag_ms: int) -> bool:
        """Return whether old times may be those of reports that waited and now arrive all at once."""
        waited_ms = self.report_at_ms - self.lags_ms[0][0]
        return lag_ms < MAX_BACKLOG_MS and waited_ms < self.interval_ms // 2

    def _newest(self, times_ms: Int64Array, at_ms: int) -> int:
        """Return the newest time; a minority of times that are ahead of the clock does not count."""
        # The arrays' own methods take twice as long.
        newest = int(np.maximum.reduce(times_ms))
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
        """Between samples, which is between reports where nothing is read in between."""
        self.deadline_ms = np.zeros(0, dtype=np.int64)

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
            self.deadline_ms = resized(self.deadline_ms, number + 1)
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
        self.interval_ms[number] = sender.sample_interval_ms
        self.deadline_ms[number] = sender.deadline_ms

    def excuse(self, now_ms: int) -> None:
        """Let the silence of live senders count from `now_ms`."""
        for number in np.flatnonzero(self.live[: len(self._by_number)]).tolist():
            sender = self.at(number)
            sender.excused_at_ms = now_ms
            self.update(sender)

    def end_due(self, now_ms: int) -> list[Sender]:
        """End the live senders whose deadline has passed and return them."""
        count = len(self._by_number)
        over = np.flatnonzero(self.live[:count] & (self.deadline_ms[:count] <= now_ms))
        self.live[over] = False
        return [self.at(number) for number in over.tolist()]
