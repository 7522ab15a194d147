"""Questions to one collection of series, and what is remembered of them as long as no series comes or goes."""

from __future__ import annotations

from collections.abc import Sequence

from query.labels import Labels, Matcher
from query.queryable import Int64Array, Selection
from query.slices import Sliced
from query.store.collection import Collection
from query.store.index import MAX_CACHED_QUESTIONS
from query.store.names import Names
from query.store.reading import Matched, describing, label_sets, reading


class Questions:
    """Answers bit by bit: series may be written to, come and go in the pauses."""

    def __init__(self, collection: Collection, names: Names) -> None:
        self._collection = collection
        self._names = names
        self.described: tuple[int, dict[int, tuple[Int64Array, Matched]]] = (-1, {})
        """What is known of matched rows, by their identity, and at which state of the index."""

    def selecting(
        self, matchers: Sequence[Matcher], *, start_ms: int, end_ms: int, newest_only: bool
    ) -> Sliced[Selection]:
        """Return the series that match, as `Queryable.selecting` does."""
        collection = self._collection
        since = collection.rings.openings
        matched = yield from self._matching(matchers, since)
        return (
            yield from reading(
                matched,
                collection.rows,
                collection.rings,
                collection.senders,
                start_ms=start_ms,
                end_ms=end_ms,
                newest_only=newest_only,
                refused_at_ms=self._names.refused_at_ms(matchers),
                since=since,
            )
        )

    def label_sets(
        self, matchers: Sequence[Matcher], *, start_ms: int, end_ms: int
    ) -> Sliced[list[Labels]]:
        """Return the labels of the series that match and whose samples reach into [start_ms, end_ms]."""
        rings = self._collection.rings
        matched = yield from self._matching(matchers, rings.openings)
        return label_sets(matched, rings, start_ms=start_ms, end_ms=end_ms)

    def _matching(self, matchers: Sequence[Matcher], since: int) -> Sliced[Matched]:
        """Return the matched rows with what is known of them, which is kept as long as no series comes or goes.

        `since` is the number of openings when the question began: a row that is another's by now is left out.
        """
        collection, index = self._collection, self._collection.index
        at_first = index.changes
        rows = yield from index.matching(matchers)
        changes, described = self.described
        found = described.get(id(rows))
        if found is not None and found[0] is rows and changes == index.changes:
            return found[1]
        matched = yield from describing(
            rows,
            collection.rows,
            collection.rings,
            collection.senders,
            since,
            exponential_names=self._names.exponential,
        )
        if at_first == index.changes:
            changes, described = self.described
            if changes != index.changes or len(described) >= MAX_CACHED_QUESTIONS:
                described = {}
                self.described = (index.changes, described)
            described[id(rows)] = (rows, matched)
        return matched
