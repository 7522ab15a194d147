"""Who may be remembered: the limits on series and senders, and what goes to make room for others (DESIGN 5)."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from query.labels import Labels, name_in
from query.queryable import NO_TIME
from query.store.collection import Collection
from query.store.names import MAX_NAME_LENGTH, Names
from query.store.senders import Sender
from query.store.settings import (
    EVICTED_AT_ONCE,
    MAX_LABEL_CHARACTERS,
    Notify,
    StoreSettings,
)

REFUSALS_TOLD_EVERY_MS = 60_000
MAX_BLAMED = 256
"""Senders whose refused series are counted apart; beyond it those with the fewest are forgotten."""
MEMORY = "memory"
"""Told as the setting that refused something while the process has too little of it."""


class Limit(NamedTuple):
    """What does not let another series in."""

    number: int
    setting: str


ONE_SOURCE = Limit(1, "series of one sender with equal labels")


class Refusals:
    """Tells of refusals, of each kind once in a while."""

    def __init__(self, notify: Notify) -> None:
        self._notify = notify
        self._told_ms: dict[str, int] = {}

    def tell(self, event: str, at_ms: int, fields: dict[str, object]) -> None:
        """Tell of a refusal, if the last one of its kind was told a while ago."""
        if at_ms - self._told_ms.get(event, NO_TIME) >= REFUSALS_TOLD_EVERY_MS:
            self._told_ms[event] = at_ms
            self._notify(event, fields)


class Admission:
    """Lets series and senders in as long as there is room; series of ended senders make some."""

    def __init__(self, settings: StoreSettings, counters: Counter[str], refusals: Refusals) -> None:
        self._settings = settings
        self._counters = counters
        self._refusals = refusals
        self._all_live = False
        """Whether the last search for series of ended senders found none, and no sender has ended since."""
        self.is_shut = False
        """Whether only room that others have left is given out."""
        self.blamed: Counter[str] = Counter()
        """Refused series by sender, of those with most."""

    def admits(
        self, collection: Collection, names: Names, sender: Sender, labels: Labels, at_ms: int
    ) -> bool:
        """Return whether there is room for another series; counts and tells where there is none."""
        name = name_in(labels)
        limit = Limit(MAX_LABEL_CHARACTERS, "characters of all labels together")
        if sum([len(key) + len(value) for key, value in labels]) <= limit.number:
            limit = Limit(self._settings.max_series_per_metric, "max_series_per_metric")
            if not limit.number or collection.of_metric(name) < limit.number:
                limit = Limit(self._settings.max_series, "max_series")
                if self.is_shut and not collection.has_free_rows:
                    limit = Limit(len(collection), MEMORY)
                if len(collection) < limit.number or self._make_room(collection):
                    return True
        self.refuse(names, sender, name, limit, at_ms)
        return False

    def refuse(self, names: Names, sender: Sender, name: str, limit: Limit, at_ms: int) -> None:
        """Count and tell of a series that is not taken: what it reports is missing in every answer."""
        self._counters["refused_series"] += 1
        # Missing for as long as its sender is live, whether or not it reports within a window.
        names.refuse(name, max(at_ms, sender.deadline_ms))
        sender.lapse(name[:MAX_NAME_LENGTH])
        self.blamed[sender.name] += 1
        if len(self.blamed) > MAX_BLAMED:
            self.blamed = Counter(dict(self.blamed.most_common(MAX_BLAMED // 2)))
        fields: dict[str, object] = {
            "metric": name[:MAX_NAME_LENGTH],
            "limit": limit.number,
            "setting": limit.setting,
            "sender": sender.name,
        }
        self._refusals.tell("series_refused", at_ms, fields)

    def refuse_sender(self, name: str, at_ms: int) -> None:
        """Count and tell of a sender that is not taken."""
        self._counters["refused_senders"] += 1
        limit = MEMORY if self.is_shut else self._settings.max_senders
        self._refusals.tell("sender_refused", at_ms, {"sender": name, "limit": limit})

    def evict(self, collection: Collection, most: int) -> int:
        """Forget up to so many series of ended senders, those that ended first; return how many."""
        ended = collection.ended(most)
        self._counters["evicted_series"] += len(ended)
        collection.remove(ended)
        self._all_live = not ended
        return len(ended)

    def note_ended(self) -> None:
        """Note that a sender has ended: there may be room."""
        self._all_live = False

    def _make_room(self, collection: Collection) -> bool:
        return not self._all_live and self.evict(collection, EVICTED_AT_ONCE) > 0
