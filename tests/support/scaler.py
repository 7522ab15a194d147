"""What the scaler's tests share: metadata, answers of an engine, a clock that is set by hand."""

from __future__ import annotations

from typing import Any

from daemon.scaler.metadata import Trigger, parse_metadata
from query.scaling import Answer, Question

NOW_MS = 1_790_000_000_000


def metadata(**keys: str) -> dict[str, str]:
    """Return a small complete metadata with `keys` on top; an empty value takes a key out."""
    entries = {"metricQuery": "sum(requests)", "targetValue": "1"} | keys
    return {key: text for key, text in entries.items() if text}


def trigger(**keys: str) -> Trigger:
    return parse_metadata(metadata(**keys), {})


def answered(value: float | None, **fields: Any) -> Answer:
    """Return an engine's answer; the activity's value is the value itself unless given."""
    given: dict[str, Any] = {
        "value": value,
        "raw_value": value,
        "sigma": 0.0,
        "activity_value": value,
        "window_start_ms": NOW_MS - 60_000,
        "window_end_ms": NOW_MS,
        "known": True,
        "name": "requests",
        "refused_at_ms": None,
        "newest_sample_ms": NOW_MS,
    }
    return Answer(**(given | fields))


class SetEngine:
    """An engine whose answers are set by the test."""

    def __init__(self, value: float | None = 1.0) -> None:
        self.answers = answered(value)
        self.asked = 0
        self.error: Exception | None = None
        self.clock: SetClock | None = None
        self.takes_ms = 0

    def set(self, value: float | None, **fields: Any) -> None:
        self.answers = answered(value, **fields)

    def answer(self, question: Question, at_ms: int) -> Answer:
        self.asked += 1
        if self.clock is not None:
            self.clock.now_ms += self.takes_ms
        if self.error is not None:
            raise self.error
        return self.answers


class SetClock:
    """A clock that stands until it is moved."""

    def __init__(self, now_ms: int = NOW_MS) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms
