"""Who may be remembered: the limits on series and senders, and what goes to make room for others (DESIGN 5)."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

from query.labels import Labels, name_in
from query.queryable import NO_TIME
from query.store.allowance import Allowance
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
SERIES_BYTES = 2_048
"""What a new series takes besides its labels, rounded up: 1.4 KB with seven short ones."""
LABEL_BYTES = 2
"""For each character of its labels: they are in the index too."""
MAX_CHARACTERS_IN_PLACE = 1_024
"""Of all labels of a series that takes another's place while memory is short: the place must not become a larger one."""
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
        self.allowance = Allowance()
        """For new series; while it is spent, only the places of others are given out."""
        self.blamed: Counter[str] = Counter()
        """Refused series by sender, of those with most."""

    def admits(
        self, collection: Collection, names: Names, sender: Sender, labels: Labels, at_ms: int
    ) -> bool:
        """Return whether there is room for another series; counts and tells where there is none."""
        name = name_in(labels)
        characters = sum([len(key) + len(value) for key, value in labels])
        limit = self._limit(collection, name, characters)
        if limit is None:
            return True
        self.refuse(names, sender, name, limit, at_ms)
        return False

    def refuse(self, names: Names, sender: Sender, name: str, limit: Limit, at_ms: int) -> None:
        """Count and tell of a series that is not taken: what it reports is missing in every answer."""
        self._counters["refused_series"] += 1
        self._counters["refused_for_memory"] += limit.setting == MEMORY
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
        limit = MEMORY if self.allowance.is_spent else self._settings.max_senders
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

    def _limit(self, collection: Collection, name: str, characters: int) -> Limit | None:
        """Return what keeps a series out, None if nothing does."""
        settings, count = self._settings, len(collection)
        if characters > MAX_LABEL_CHARACTERS:
            return Limit(MAX_LABEL_CHARACTERS, "characters of all labels together")
        of_metric = settings.max_series_per_metric
        if of_metric and collection.of_metric(name) >= of_metric:
            return Limit(of_metric, "max_series_per_metric")
        if count >= settings.max_series and not self._make_room(collection):
            return Limit(settings.max_series, "max_series")
        if self.allowance.spend(SERIES_BYTES + LABEL_BYTES * characters):
            return None
        if characters <= MAX_CHARACTERS_IN_PLACE and (
            collection.has_free_rows or self._make_room(collection)
        ):
            return None
        return Limit(count, MEMORY)

    def _make_room(self, collection: Collection) -> bool:
        return not self._all_live and self.evict(collection, EVICTED_AT_ONCE) > 0
