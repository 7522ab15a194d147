"""Which rows carry which labels: postings per (label, value), and the matched rows of recent questions."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from typing import TypeAlias

import numpy as np

from query.labels import Labels, Matcher, MatchOp
from query.queryable import BoolArray, Int64Array
from query.slices import Sliced, whole

MAX_CACHED_QUESTIONS = 256
_VALUES_AT_ONCE = 128
"""Label values that a matcher judges at once: an ordinary regular expression takes 4 us for each."""

_EVERYTHING = ("", "")
"""Stands for the posting of all rows; no label has an empty name."""

Question = tuple[tuple[str, MatchOp, str], ...]
Posting: TypeAlias = "array[int] | int"
"""Some rows, or one: most values of a label that tells series apart occur once, and an array takes 100 bytes."""

_NO_ROWS: Posting = array("i")


class Index:
    """Label sets of rows and their inversion.

    A posting is an array of C ints: with 100,000 series of 7 labels a set of Python integers would be larger than the
    samples. Rows are removed many at a time, which costs one pass over the postings they are in.
    """

    def __init__(self) -> None:
        self.changes = 0
        """Counts additions and removals; what was matched at another count is out of date."""
        self._postings: dict[str, dict[str, Posting]] = {}
        self._size = 0
        self._matched: OrderedDict[Question, tuple[int, Int64Array]] = OrderedDict()

    def add(self, row: int, labels: Labels) -> None:
        """Remember that `row` carries `labels`."""
        self.changes += 1
        self._size = max(self._size, row + 1)
        for name, value in (_EVERYTHING, *labels):
            values = self._postings.setdefault(name, {})
            posting = values.get(value)
            if posting is None:
                values[value] = row
            elif isinstance(posting, int):
                values[value] = array("i", (posting, row))
            else:
                posting.append(row)

    def remove(self, rows: Iterable[tuple[int, Labels]]) -> None:
        """Forget rows, each with the labels it was added with."""
        gone: dict[tuple[str, str], list[int]] = {}
        for row, labels in rows:
            for pair in (_EVERYTHING, *labels):
                gone.setdefault(pair, []).append(row)
        if not gone:
            return
        self.changes += 1
        removed = np.zeros(self._size, dtype=np.bool_)
        removed[gone[_EVERYTHING]] = True
        for (name, value), some in gone.items():
            values = self._postings[name]
            posting = values[value]
            if isinstance(posting, int) or len(some) == len(posting):
                del values[value]
                if not values:
                    del self._postings[name]
                continue
            rows_left = np.frombuffer(posting, dtype=np.intc)
            values[value] = array("i", rows_left[~removed[rows_left]].tobytes())

    def count(self, name: str, value: str) -> int:
        """Return how many rows carry this label."""
        posting = self._postings.get(name, {}).get(value, _NO_ROWS)
        return 1 if isinstance(posting, int) else len(posting)

    def first(self, name: str, value: str) -> int | None:
        """Return a row that carries this label, or None."""
        posting = self._postings.get(name, {}).get(value)
        return posting if posting is None or isinstance(posting, int) else posting[0]

    def names(self) -> list[str]:
        """Return every label name that a row carries."""
        return [name for name in self._postings if name]

    def values(self, name: str) -> list[str]:
        """Return every value of a label that a row carries."""
        return list(self._postings.get(name, ())) if name else []

    def match(self, matchers: Sequence[Matcher]) -> Int64Array:
        """Return the rows that match, ascending; the array is shared and must not be changed."""
        return whole(self.matching(matchers))

    def matching(self, matchers: Sequence[Matcher]) -> Sliced[Int64Array]:
        """Return what `match` does.

        Of series that come or go in the pauses the result may hold the rows or not, and rows that are another's by now.
        """
        question = tuple([(matcher.name, matcher.op, matcher.value) for matcher in matchers])
        found = self._matched.get(question)
        if found is not None and found[0] == self.changes:
            self._matched.move_to_end(question)
            return found[1]
        changes = self.changes
        rows = yield from self._search(matchers)
        if changes != self.changes:
            return rows
        self._matched[question] = (changes, rows)
        self._matched.move_to_end(question)
        if len(self._matched) > MAX_CACHED_QUESTIONS:
            self._matched.popitem(last=False)
        return rows

    def _search(self, matchers: Sequence[Matcher]) -> Sliced[Int64Array]:
        """Intersect postings, beginning with the shortest."""
        wanted: list[Int64Array] = []
        unwanted: list[Int64Array] = []
        for matcher in matchers:
            if matcher.accepts(""):
                unwanted.append((yield from self._of_values(matcher, accepted=False)))
            elif matcher.op is MatchOp.EQUAL:
                posting = self._postings.get(matcher.name, {}).get(matcher.value)
                wanted.append(_rows([] if posting is None else [posting]))
            else:
                wanted.append((yield from self._of_values(matcher, accepted=True)))
        if not wanted:
            everything = self._postings.get("", {}).get("")
            wanted = [_rows([] if everything is None else [everything])]
        wanted.sort(key=len)
        rows = wanted[0]
        for others in wanted[1:]:
            rows = rows[self._mask(others)[rows]]
        for others in unwanted:
            if len(others):
                rows = rows[~self._mask(others)[rows]]
        return np.sort(rows)

    def _of_values(self, matcher: Matcher, *, accepted: bool) -> Sliced[Int64Array]:
        """Return the rows that carry the label with a value that `matcher` accepts, or that it does not accept."""
        of_values = self._postings.get(matcher.name, {})
        values, postings = list(of_values), list(of_values.values())
        found: list[Int64Array] = []
        at_once = max(1, _VALUES_AT_ONCE // matcher.effort)
        for first in range(0, len(values), at_once):
            if first:
                yield 0
            some = slice(first, first + at_once)
            judged = zip(values[some], postings[some], strict=True)
            found.append(
                _rows([rows for value, rows in judged if matcher.accepts(value) is accepted])
            )
        return np.concatenate(found) if found else _rows([])

    def _mask(self, rows: Int64Array) -> BoolArray:
        mask = np.zeros(self._size, dtype=np.bool_)
        mask[rows] = True
        return mask


def _rows(postings: Sequence[Posting]) -> Int64Array:
    """Return the rows of all `postings`, as a copy."""
    single = array("i", [posting for posting in postings if isinstance(posting, int)])
    several = [posting for posting in postings if not isinstance(posting, int)]
    return np.frombuffer(b"".join([single, *several]), dtype=np.intc).astype(np.int64)
