"""Whether there is room for a series that is new."""

from __future__ import annotations

from collections import Counter

from query.labels import Labels, name_in
from query.store.collection import Collection
from query.store.names import MAX_NAME_LENGTH, Names
from query.store.senders import Sender
from query.store.settings import EVICTED_AT_ONCE, MAX_LABEL_CHARACTERS, StoreSettings
from query.store.telling import Refusals


class Admission:
    """Applies the limits of a store, and remembers of what it has refused that answers lack it."""

    def __init__(
        self,
        settings: StoreSettings,
        collection: Collection,
        names: Names,
        counters: Counter[str],
        refusals: Refusals,
    ) -> None:
        self._settings = settings
        self._collection = collection
        self._names = names
        self._counters = counters
        self._refusals = refusals
        self.all_live = False
        """Whether the last search for series of ended senders found none, and no sender has ended since."""

    def admits(self, sender: Sender, labels: Labels, at_ms: int) -> bool:
        """Return whether there is room for another series; those of ended senders make it (DESIGN 5)."""
        name = name_in(labels)
        limit, setting = MAX_LABEL_CHARACTERS, "characters of all labels together"
        if sum([len(key) + len(value) for key, value in labels]) <= limit:
            limit, setting = self._settings.max_series_per_metric, "max_series_per_metric"
            if not limit or self._collection.of_metric(name) < limit:
                limit, setting = self._settings.max_series, "max_series"
                if len(self._collection) < limit or self._make_room():
                    return True
        self.refuse(sender, name, at_ms, limit, setting)
        return False

    def refuse(self, sender: Sender, name: str, at_ms: int, limit: int, setting: str) -> None:
        """Count a series that is not stored, and tell of it."""
        self._counters["refused_series"] += 1
        # What it reports is missing for as long as it is live, whether or not it reports within a window.
        self._names.refuse(name, max(at_ms, sender.deadline_ms))
        sender.lapse(name[:MAX_NAME_LENGTH])
        name = name[:MAX_NAME_LENGTH]
        self._refusals.tell(
            "series_refused", at_ms, {"metric": name, "limit": limit, "setting": setting}
        )

    def _make_room(self) -> bool:
        if self.all_live:
            return False
        ended = self._collection.ended(EVICTED_AT_ONCE)
        self._counters["evicted_series"] += len(ended)
        self._collection.remove(ended)
        self.all_live = not ended
        return bool(ended)
