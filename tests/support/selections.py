"""Selections written by hand, for tests of what reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from query.labels import Labels, Matcher
from query.queryable import NO_TIME, STALE_BITS, Selection, Senders
from query.slices import Sliced

STALE = float(np.array([STALE_BITS], dtype=np.uint64).view(np.float64)[0])
"""Keeps its bits only as long as no arithmetic touches it."""
SECOND = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One series: samples as (seconds, value), `None` for a stale marker."""

    samples: Sequence[tuple[float, float | None]]
    sender: str = "a"
    labels: Labels = (("__name__", "m"),)
    start_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """One sender; what is not said follows from its rows."""

    name: str = "a"
    live: bool = True
    known_until_s: float | None = None
    interval_s: float = 20.0


def ms(seconds: float) -> int:
    return round(seconds * SECOND)


def build_selection(
    rows: Sequence[Row],
    senders: Iterable[Sender] = (),
    *,
    spare: int = 1,
    has_counters: bool = False,
) -> Selection:
    """Return the selection; behind each row's samples stands what must not be read, at least `spare` columns of it."""
    width = max((len(row.samples) for row in rows), default=0) + spare
    times = np.full((len(rows), width), 7, dtype=np.int64)
    values = np.full((len(rows), width), -1e9)
    bits = values.view(np.uint64)
    for i, row in enumerate(rows):
        for j, (second, value) in enumerate(row.samples):
            times[i, j] = ms(second)
            if value is None:
                bits[i, j] = STALE_BITS
            else:
                values[i, j] = value
        bits[i, len(row.samples) :] = STALE_BITS
    known = {sender.name: sender for sender in senders}
    names = list(dict.fromkeys(row.sender for row in rows))
    chosen = [known.get(name, Sender(name=name)) for name in names]
    return Selection(
        labels=[row.labels for row in rows],
        times_ms=times,
        values=values,
        counts=np.array([len(row.samples) for row in rows], dtype=np.int64),
        start_ms=np.array(
            [NO_TIME if row.start_s is None else ms(row.start_s) for row in rows], dtype=np.int64
        ),
        sender_index=np.array([names.index(row.sender) for row in rows], dtype=np.int64),
        senders=Senders(
            names=names,
            live=np.array([sender.live for sender in chosen], dtype=np.bool_),
            known_until_ms=np.array([_known_until(s, rows) for s in chosen], dtype=np.int64),
            report_interval_ms=np.array([ms(s.interval_s) for s in chosen], dtype=np.int64),
        ),
        refused_at_ms=NO_TIME,
        has_counters=has_counters,
    )


def _known_until(sender: Sender, rows: Sequence[Row]) -> int:
    if sender.known_until_s is not None:
        return ms(sender.known_until_s)
    seconds = [second for row in rows if row.sender == sender.name for second, _ in row.samples]
    return ms(max(seconds)) if seconds else NO_TIME


@dataclass(frozen=True, slots=True, kw_only=True)
class FixedQueryable:
    """Answers every question with one selection, cut to the rows that match."""

    rows: Sequence[Row]
    senders: Sequence[Sender] = ()
    names: frozenset[str] = field(default_factory=frozenset)
    refused_at_ms: int = NO_TIME
    has_counters: bool = False

    def select(
        self,
        matchers: Sequence[Matcher],
        *,
        start_ms: int,
        end_ms: int,
        newest_only: bool = False,
    ) -> Selection:
        matched = [
            row
            for row in self.rows
            if all(m.accepts(dict(row.labels).get(m.name, "")) for m in matchers)
        ]
        one_is_enough = newest_only and len({row.labels for row in matched}) == len(matched)
        rows = [
            Row(
                samples=[s for s in row.samples if start_ms < ms(s[0]) <= end_ms][
                    -1 if one_is_enough else 0 :
                ],
                sender=row.sender,
                labels=row.labels,
                start_s=row.start_s,
            )
            for row in matched
        ]
        senders = [
            Sender(
                name=name,
                live=known.live,
                known_until_s=_known_until(known, self.rows) / SECOND,
                interval_s=known.interval_s,
            )
            for name, known in self._senders().items()
        ]
        live = {sender.name for sender in senders if sender.live}
        kept = [row for row in rows if row.samples or row.sender in live]
        selection = build_selection(kept, senders, has_counters=self.has_counters)
        if self.refused_at_ms == NO_TIME:
            return selection
        return replace(selection, refused_at_ms=self.refused_at_ms)

    def selecting(
        self,
        matchers: Sequence[Matcher],
        *,
        start_ms: int,
        end_ms: int,
        newest_only: bool = False,
    ) -> Sliced[Selection]:
        yield 0
        return self.select(matchers, start_ms=start_ms, end_ms=end_ms, newest_only=newest_only)

    def _senders(self) -> dict[str, Sender]:
        given = {sender.name: sender for sender in self.senders}
        return {row.sender: given.get(row.sender, Sender(name=row.sender)) for row in self.rows}

    def knows(self, name: str) -> bool:
        return name in self.names or any(dict(r.labels).get("__name__") == name for r in self.rows)
