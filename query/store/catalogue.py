"""Series by sender and labels: one object for equal label sets, and which of them live senders share."""

from __future__ import annotations

from query.labels import Labels
from query.store.rows import Series

Shared = dict[str, Series]
"""Series with equal labels, by their sender's name, oldest first."""


class Catalogue:
    """Finds a series by sender and labels.

    Nearly every label set belongs to one sender: it maps to the series itself, and to a dict only where it is shared.
    """

    def __init__(self) -> None:
        self._by_labels: dict[Labels, Series | Shared] = {}

    def __len__(self) -> int:
        return len(self._by_labels)

    def get(self, sender: str, labels: Labels) -> Series | None:
        """Return the series, or None."""
        found = self._by_labels.get(labels)
        if found is None or isinstance(found, dict):
            return None if found is None else found.get(sender)
        return found if found.sender.name == sender else None

    def sharing(self, labels: Labels) -> list[Series]:
        """Return all series with these labels, oldest first."""
        found = self._by_labels.get(labels)
        if found is None:
            return []
        return list(found.values()) if isinstance(found, dict) else [found]

    def add(self, series: Series) -> list[Series]:
        """Remember `series`; return the others with its labels, oldest first."""
        found = self._by_labels.get(series.labels)
        if found is None:
            self._by_labels[series.labels] = series
            return []
        shared = found if isinstance(found, dict) else {found.sender.name: found}
        others = list(shared.values())
        shared[series.sender.name] = series
        self._by_labels[series.labels] = shared
        return others

    def remove(self, series: Series) -> Series | None:
        """Forget `series`; return the one series that is left with its labels if there were two."""
        found = self._by_labels[series.labels]
        if not isinstance(found, dict):
            del self._by_labels[series.labels]
            return None
        del found[series.sender.name]
        if len(found) > 1:
            return None
        (left,) = found.values()
        self._by_labels[series.labels] = left
        return left
