"""All series together: rows, labels and senders kept in step as series come and go."""

from __future__ import annotations

import numpy as np

from query.labels import METRIC_NAME, SENDER, Labels
from query.queryable import NO_TIME, Int64Array, is_stale
from query.store.catalogue import Catalogue
from query.store.index import Index
from query.store.pairs import Pairs
from query.store.ring import Rings
from query.store.rows import LOOK_FIRST, RowTable, Series
from query.store.senders import Sender, SenderTable

SCANNED_AT_ONCE = 32_768
"""Rows that one call looks through for old series: under a millisecond."""


class Collection:
    """Creates, finds and removes series."""

    def __init__(self, senders: SenderTable, *, long_rings: bool = False) -> None:
        self.senders = senders
        self.rings = Rings(long_rings=long_rings)
        self.rows = RowTable(self.rings)
        self.index = Index()
        self._catalogue = Catalogue()
        self._pairs = Pairs(self.index, self.rows)
        self._scanned = 0

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def has_free_rows(self) -> bool:
        """Whether a new series would take the place of one that has gone."""
        return len(self.rows) < self.rows.end

    def get(self, sender: str, labels: Labels) -> Series | None:
        """Return the series, or None."""
        return self._catalogue.get(sender, labels)

    def of_metric(self, name: str) -> int:
        """Return how many series a metric has."""
        return self.index.count(METRIC_NAME, name)

    def create(
        self,
        sender: Sender,
        labels: Labels,
        *,
        start_ms: int,
        is_counter: bool,
        source: int = 0,
    ) -> Series:
        """Return a new series; older senders with the same labels watch for it from now on."""
        twins = self._catalogue.sharing(labels)
        labels = twins[0].labels if twins else self._pairs.shared(labels)
        series = self.rows.open(sender, labels, start_ms=start_ms, is_counter=is_counter)
        self.rows.source[series.row] = source
        others = self._catalogue.add(series)
        for one in others:
            one.sender.watched.add(labels)
            self.rows.shared[one.row] = True
        self.rows.shared[series.row] = bool(others)
        self.index.add(series.row, labels)
        return series

    def claim(self, series: Series, source: int) -> bool:
        """Note what the sender calls `series`, 0 where that is not known; return False if it is another's already."""
        known = int(self.rows.source[series.row])
        self.rows.source[series.row] = known or source
        return not source or known in (0, source)

    def restart(self, series: Series, start_ms: int) -> None:
        """Note that the sender has declared another start time for `series`."""
        if start_ms == self.rows.declared_start_ms[series.row]:
            return
        self.rows.declared_start_ms[series.row] = start_ms
        self.rows.restarted[series.row] = True
        self.rows.gate_ms[series.row] = LOOK_FIRST

    def remove(self, series: list[Series]) -> None:
        """Forget `series`: rings and rows are free, questions do not find them, their names have lapsed."""
        self.index.remove([(one.row, self._shown(one)) for one in series])
        for one in series:
            left = self._catalogue.remove(one)
            if left is not None:
                self.rows.shared[left.row] = False
            one.sender.lapse(one.name)
        self.rows.close(series)
        self._pairs.forget(len(self))

    def copy(self, series: Series, to: Series, *, as_zero: bool) -> None:
        """Give `to`, if it is empty, the samples of `series` and what is known of its newest; or zeros in their place."""
        samples = self.rings.read(np.array([series.row, to.row]), NO_TIME, LOOK_FIRST)
        count = int(samples.counts[0])
        if not count or samples.counts[1]:
            return
        values = samples.values[0, :count]
        if as_zero:
            values = np.where(is_stale(values), values, 0.0)
        self.rings.load(to.row, samples.times_ms[0, :count], values)
        table = self.rows
        for column in (table.gate_ms, table.start_ms, table.declared_start_ms, table.restarted):
            column[to.row] = column[series.row]
        table.last_value[to.row] = 0.0 if as_zero else table.last_value[series.row]

    def old(self, older_than_ms: int, limit: int) -> list[Series]:
        """Return up to `limit` series that are to be forgotten; calls go round all rows."""
        first = self._scanned if self._scanned < self.rows.end else 0
        found = self.rows.unwanted(first, SCANNED_AT_ONCE, older_than_ms)
        if len(found) <= limit:
            self._scanned = first + SCANNED_AT_ONCE
        return found[:limit]

    def ended(self, count: int) -> list[Series]:
        """Return up to `count` series of senders that are not live, those that ended first."""
        rows = self.rows.of_senders(~self.senders.live)
        ends_ms = self.senders.deadline_ms[self.rows.sender_number[rows]]
        first = rows[np.argsort(ends_ms, kind="stable")[:count]]
        return [series for row in first.tolist() if (series := self.rows.at(row))]

    def ending(self, senders: list[Sender]) -> tuple[Int64Array, Int64Array]:
        """Return the rows that end with `senders` and when; of joined series the last one to end (DESIGN 4.4)."""
        chosen = np.zeros(len(self.senders.live), dtype=np.bool_)
        chosen[[sender.number for sender in senders]] = True
        rows = self.rows.of_senders(chosen)
        joined = np.flatnonzero(self.rows.shared[rows])
        goes_on = [i for i in joined.tolist() if self._goes_on(int(rows[i]))]
        rows = np.delete(rows, goes_on)
        return rows, self.senders.deadline_ms[self.rows.sender_number[rows]]

    def tell_apart(self, sender: Sender) -> dict[Labels, list[str]]:
        """Show the label `sender` where live senders have equal labels (DESIGN 3.4); return the senders of each set.

        `sender` has just reported, and so after each newer sender whose label sets it watches.
        """
        told: dict[Labels, list[str]] = {}
        new: list[Series] = []
        for labels in sender.watched:
            live = [one for one in self._catalogue.sharing(labels) if self._is_live(one)]
            untold = [one for one in live if self._shown(one) is one.labels]
            if len(live) > 1 and untold:
                told[labels] = [one.sender.name for one in live]
                new.extend(untold)
        sender.watched = set()
        self.show_senders(new)
        return told

    def show_senders(self, series: list[Series]) -> None:
        """Show the label `sender` on each of `series`, in place of any that they have."""
        self.index.remove([(one.row, self._shown(one)) for one in series])
        for one in series:
            others = [pair for pair in one.labels if pair[0] != SENDER]
            shown = tuple(sorted([*others, (SENDER, one.sender.name)]))
            self.rows.shown[one.row] = shown
            self.index.add(one.row, shown)

    def _goes_on(self, row: int) -> bool:
        """Return whether another sender continues what is shown as the same series."""
        mine = self.rows.at(row)
        if mine is None:
            return False
        end_ms = mine.sender.deadline_ms
        return any(
            self._is_live(one) or one.sender.deadline_ms > end_ms
            for one in self._catalogue.sharing(mine.labels)
            if one is not mine and self._shown(one) == self._shown(mine)
        )

    def _shown(self, series: Series) -> Labels:
        labels: Labels = self.rows.shown[series.row]
        return labels

    def _is_live(self, series: Series) -> bool:
        return bool(self.senders.live[series.sender.number])
