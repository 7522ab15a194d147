"""Small helpers for tests of the store: matchers, labels, a store that a test can drive with little text."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence

import numpy as np

from query.labels import METRIC_NAME, Labels, Matcher, MatchOp
from query.queryable import STALE_BITS, Selection
from query.store.store import Series, Store, StoreSettings

STALE = "stale"
T0 = 1_000_000_000


def equal(name: str, value: str) -> Matcher:
    return Matcher(name, MatchOp.EQUAL, value, lambda text: text == value)


def unequal(name: str, value: str) -> Matcher:
    return Matcher(name, MatchOp.NOT_EQUAL, value, lambda text: text != value)


def matches(name: str, pattern: str) -> Matcher:
    compiled = re.compile(pattern)
    return Matcher(name, MatchOp.REGEX, pattern, lambda text: bool(compiled.fullmatch(text)))


def differs(name: str, pattern: str) -> Matcher:
    compiled = re.compile(pattern)
    return Matcher(name, MatchOp.NOT_REGEX, pattern, lambda text: not compiled.fullmatch(text))


def labels(name: str, **others: str) -> Labels:
    return tuple(sorted({METRIC_NAME: name, **others}.items()))


def samples(selection: Selection, row: int = 0) -> list[tuple[int, float | str]]:
    """The samples of one row as (time, value), markers as "stale"."""
    count = int(selection.counts[row])
    values = np.ascontiguousarray(selection.values[row, :count])
    stale = values.view(np.uint64) == STALE_BITS
    return [
        (int(time), STALE if marker else float(value))
        for time, value, marker in zip(selection.times_ms[row, :count], values, stale, strict=True)
    ]


class Driver:
    """A store and its notifications; times are milliseconds since T0."""

    def __init__(self, **settings: int) -> None:
        self.notices: list[tuple[str, dict[str, object]]] = []
        self.comings: deque[tuple[str, dict[str, object]]] = deque(maxlen=9)
        """The last of senders that began and ended."""
        everyday = {"sender_began", "sender_ended"}

        def notify(event: str, fields: dict[str, object]) -> None:
            (self.comings if event in everyday else self.notices).append((event, fields))

        self.store = Store(StoreSettings(**settings), notify)

    def open(self, sender: str, at: int = 0) -> None:
        self.store.sender_opened(sender, T0 + at, report_interval_ms=20_000)

    def report(
        self,
        sender: str,
        at: int,
        *points: tuple[Labels, int, float],
        start: int | None = None,
        names: Sequence[str] = (),
        counter: bool = True,
    ) -> list[Series | None]:
        """One report: points are (labels, time, value)."""
        self.store.sender_reported(sender, T0 + at)
        found = [
            self.store.series(
                sender,
                key,
                start_ms=0 if start is None else T0 + start,
                is_counter=counter,
                at_ms=T0 + at,
            )
            for key, _, _ in points
        ]
        reported = {dict(key)[METRIC_NAME] for key, _, _ in points} | set(names)
        self.store.metrics_reported(sender, reported, T0 + at)
        kept = [(one, point) for one, point in zip(found, points, strict=True) if one]
        self.store.append(
            sender,
            T0 + at,
            [one for one, _ in kept],
            [T0 + time for _, (_, time, _) in kept],
            [value for _, (_, _, value) in kept],
        )
        return found

    def select(self, *matchers: Matcher, start: int = -(10**9), end: int = 10**9) -> Selection:
        return self.store.select(matchers, start_ms=T0 + start, end_ms=T0 + end)

    def samples(self, *matchers: Matcher, row: int = 0) -> list[tuple[int, float | str]]:
        return [(time - T0, value) for time, value in samples(self.select(*matchers), row)]
