"""When a StreamIsActive subscription is looked at, and when it is told `true` (keda.md 0.3)."""

from __future__ import annotations

from typing import Final

MIN_GAP_MS: Final = 50
"""Between two evaluations of one subscription that samples asked for."""
EVALUATION_MS: Final = 1
"""Room that each open subscription gets in the gap: all of them together are evaluated 1,000 times a second at most."""
SLOW_PERIOD_MS: Final = 5_000
"""Values also change without samples: senders end, windows move on."""


def gap_ms(subscriptions: int) -> int:
    """Return the gap between two evaluations of one subscription when so many are open."""
    return max(MIN_GAP_MS, subscriptions * EVALUATION_MS)


class Activity:
    """The edges of one subscription: `true` where it begins or becomes active, never `false`."""

    __slots__ = ("_active", "_evaluated_at_ms")

    def __init__(self) -> None:
        self._active = False
        self._evaluated_at_ms: int | None = None

    def wait_ms(self, now_ms: int, gap_ms: int) -> int:
        """Return how long an evaluation that is wanted now must still wait, 0 to `gap_ms`."""
        if self._evaluated_at_ms is None:
            return 0
        return min(max(self._evaluated_at_ms + gap_ms - now_ms, 0), gap_ms)

    def is_overdue(self, now_ms: int) -> bool:
        """Return whether the last evaluation, of whatever cause, is `SLOW_PERIOD_MS` old."""
        last_ms = self._evaluated_at_ms
        return last_ms is not None and not 0 <= now_ms - last_ms < SLOW_PERIOD_MS

    def is_edge(self, active: bool | None, at_ms: int) -> bool:
        """Take the outcome of an evaluation, None where there was no answer; return whether to send `true`.

        Without an answer the state stays: an outage does not make a new edge.
        """
        self._evaluated_at_ms = at_ms
        if active is None:
            return False
        edge = active and not self._active
        self._active = active
        return edge
