"""What becomes of a request after an attempt, and how long to wait before the next: values in, values out (otlp.md 5.2)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from daemon.config.sending import RetryConfig

SHORTEST_PAUSE_S: Final = 0.01
"""Between two attempts, whatever the settings say: a backend that is gone must not take a processor."""


class Sent(NamedTuple):
    """The backend has it; `warning` is what it said of parts that it did not take."""

    warning: str = ""


class Failed(NamedTuple):
    """The backend does not have it."""

    error_type: str
    """The status, or what took its place."""
    text: str
    """For people."""
    again: bool
    """Whether another attempt can help."""
    after_s: float = 0.0
    """How long the backend asked to be left alone; 0 if it did not."""


Outcome = Sent | Failed


class Backoff:
    """The pauses between the attempts of one request."""

    def __init__(
        self, config: RetryConfig, random: Callable[[], float], now_s: Callable[[], float]
    ) -> None:
        """`random` returns numbers in [0, 1), `now_s` a time in seconds."""
        self._config = config
        self._random = random
        self._now_s = now_s
        self._began_s = now_s()
        self._interval_s = config.initial_interval / 1000

    def pause_s(self, failed: Failed) -> float | None:
        """Return how long to wait before the next attempt; None if there is none."""
        config = self._config
        if not (failed.again and config.enabled):
            return None
        spread = config.randomization_factor
        pause_s = self._interval_s * (1 - spread + 2 * spread * self._random())
        longest_s = config.max_interval / 1000
        self._interval_s = min(self._interval_s * config.multiplier, longest_s)
        pause_s = max(pause_s, failed.after_s, SHORTEST_PAUSE_S)
        elapsed_s = self._now_s() - self._began_s
        if config.max_elapsed_time and (elapsed_s + pause_s) * 1000 > config.max_elapsed_time:
            return None
        return pause_s
