"""Pairs of label name and value: equal ones are kept once."""

from __future__ import annotations

import sys

from query.labels import Labels
from query.store.index import Index
from query.store.rows import RowTable

Pair = tuple[str, str]


class Pairs:
    """Finds the pair that is equal to a new series' pair; only what is in use twice is remembered here.

    Where the first of its kind is, the index knows. What tells series apart occurs once: 100,000 such pairs would cost
    5 MB to remember.
    """

    def __init__(self, index: Index, rows: RowTable) -> None:
        self._index = index
        self._rows = rows
        self._often: dict[Pair, Pair] = {}

    def shared(self, labels: Labels) -> Labels:
        """Return `labels` made of pairs that other series use too."""
        often = self._often
        return tuple([often.get(pair) or self._first(pair) for pair in labels])

    def forget(self, in_use: int) -> None:
        """Drop what is remembered once it is far more than `in_use`; it comes back as it is used."""
        if len(self._often) > 2 * in_use + 1024:
            self._often.clear()

    def _first(self, pair: Pair) -> Pair:
        name, value = pair
        row = self._index.first(name, value)
        if row is None:
            return sys.intern(name), value
        twin: Pair = next(one for one in self._rows.shown[row] if one == pair)
        self._often[twin] = twin
        return twin
