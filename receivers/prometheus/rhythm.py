"""When pages are fetched: at multiples of an interval, whatever a fetch takes."""

from __future__ import annotations

from receivers.consumer import Clock, Sleep


async def wait_until(at_ms: int, clock: Clock, sleep: Sleep) -> None:
    """Return once `clock` shows `at_ms`, at once if that is over."""
    while (wait_ms := at_ms - clock()) > 0:
        await sleep(wait_ms / 1000)


def next_time(before_ms: int, gap_ms: int, now_ms: int) -> int:
    """Return the next time after `before_ms`, by whole gaps, that is not over; what would overlap is left out."""
    late_ms = now_ms - before_ms
    return before_ms + gap_ms * max(1, -(-late_ms // gap_ms))
