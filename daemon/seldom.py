"""Whether something that may happen with every request is worth a log line again."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

QUIET_S: Final = 60.0
MAX_CAUSES: Final = 1_000
"""Remembered at once; beyond that all are forgotten, and told again."""


class Seldom:
    """Lets one line a minute pass for each cause, and counts those it holds back; `clock` gives monotonic seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._told: dict[str, tuple[float, int]] = {}

    def __call__(self, cause: str) -> int | None:
        """Return how many lines of `cause` were held back since the last one, None to hold this one back too."""
        now_s = self._clock()
        told_s, held_back = self._told.get(cause, (-QUIET_S, 0))
        if told_s <= now_s < told_s + QUIET_S and cause in self._told:
            self._told[cause] = (told_s, held_back + 1)
            return None
        if len(self._told) >= MAX_CAUSES:
            self._told.clear()
        self._told[cause] = (now_s, 0)
        return held_back
