"""What a store is told and what it tells: settings, limits, counters, notices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

MAX_LABEL_CHARACTERS = 8_192
"""Names and values of one series; OpenCensus allows values of 255 characters."""
EVICTED_AT_ONCE = 256
FORGOTTEN_AT_ONCE = 1_000
"""Series that one `advance` forgets: about 4 ms."""

COUNTERS = {
    "stored": "samples stored",
    "duplicate": "samples ignored: time and value of the newest",
    "late": "samples ignored: not newer than the newest",
    "future": "samples refused: more than 10 min ahead of the clock",
    "forgotten": "samples refused: their series had been forgotten, the caller did not ask again",
    "overwritten": "samples lost: younger than the retention, but the largest ring was full",
    "zeros": "zeros put where a counter is known to have been 0",
    "overlaps": "deltas added that begin before the one before them ends",
    "pauses": "totals put again where a delta begins later than the one before it ended",
    "negative_deltas": "negative deltas added to a counter: a reset to whoever reads it",
    "bad_deltas": "deltas refused: NaN or infinite, which a total would stay for ever",
    "dips": "counter values held: they dropped by rounding only",
    "held_sums": "sums held: they dropped and their counts did not",
    "shifted_senders": "times that a sender's clock correction changed",
    "ended_senders": "times that a sender ended",
    "refused_senders": "senders refused by max_senders",
    "refused_series": "series refused by a limit, or because another of the sender has the same labels",
    "refused_for_memory": "of them, series refused while the process had too little memory",
    "evicted_series": "series of ended senders that made room at a limit",
    "forgotten_series": "series whose newest sample had become older than the retention",
    "refused_names": "metric names refused by max_known_names, or longer than 1,024 characters",
    "shared_labels": "label sets of two live senders, which got the label `sender`",
}
"""Every counter of a store and what it counts."""

NOTICES = {
    "sender_began": "a sender reported, for the first time or after it had ended; sender",
    "sender_ended": "a sender reports no more; sender",
    "sender_clock_shifted": "once per sender: its clock is off; sender, offset_ms",
    "labels_shared_by_live_senders": "two live senders, equal labels; label_sets, labels and senders of one of them",
    "series_refused": "a limit refused a series, at most once a minute; metric, limit, setting, sender",
    "sender_refused": "max_senders refused a sender, at most once a minute; sender, limit",
    "metric_name_refused": "max_known_names refused a name, at most once a minute; metric, limit",
}
"""Every event that `notify` is called with."""

Notify = Callable[[str, dict[str, object]], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreSettings:
    """Limits; `retention_ms` 0 keeps by count only, `max_series_per_metric` 0 does not limit."""

    retention_ms: int = 300_000
    max_series: int = 200_000
    max_series_per_metric: int = 0
    max_known_names: int = 10_000
    max_senders: int = 20_000
