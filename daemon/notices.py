"""What the store notices, as log lines."""

from __future__ import annotations

from collections import Counter

import structlog

from daemon.clock import Clock

log = structlog.get_logger(__name__)

NOTICES_A_MINUTE = 10
"""Log lines about senders and series, of each kind: a fleet with a wrong clock is one fact, not thousands."""

_EVERYDAY = frozenset({"sender_began", "sender_ended"})
"""Notices of the store that are nothing special: senders come and go by thousands."""


class Notices:
    """Tells what the store notices: of each kind so many lines a minute, the rest as a number in the next one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._minute = 0
        self._told: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()

    def __call__(self, event: str, fields: dict[str, object]) -> None:
        """Tell that `event` has happened."""
        minute = self._clock() // 60_000
        if minute != self._minute:
            self._minute = minute
            self._told.clear()
        self._told[event] += 1
        if self._told[event] > NOTICES_A_MINUTE:
            self._left_out[event] += 1
            return
        left_out = self._left_out.pop(event, 0)
        if left_out:
            fields = {**fields, "left_out": left_out}
        tell = log.debug if event in _EVERYDAY else log.warning
        tell(event.replace("_", " "), **fields)
