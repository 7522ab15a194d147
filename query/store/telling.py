"""What is told again and again, told now and then."""

from __future__ import annotations

from query.queryable import NO_TIME
from query.store.settings import Notify

REFUSALS_TOLD_EVERY_MS = 60_000


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
