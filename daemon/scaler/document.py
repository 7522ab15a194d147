"""An answer and how it comes about as plain values for JSON; `tallyd explain --help` describes the keys."""

from __future__ import annotations

import math

from daemon.scaler.asking import Asked, Outcome
from daemon.scaler.decision import Refused, value_numbers
from query.scaling import Answer, Part

Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


def build_outcome(asked: Asked, outcome: Outcome) -> dict[str, Json]:
    """Return `query`, `series`, `answer`, `told` and `refused`."""
    decision = outcome.decision
    refused: Json = None
    if isinstance(decision, Refused):
        refused = {"status": decision.refusal.value, "text": decision.text}
    return {
        "query": _query(asked),
        "series": [_series(part) for part in outcome.parts],
        "answer": _answer(outcome.answer, outcome.at_ms) if outcome.answer else None,
        "told": _told(asked, outcome),
        "refused": refused,
    }


def warnings_about(asked: Asked, answer: Answer | None) -> tuple[str, ...]:
    """Return what the asker should know: unknown metadata keys, what the engine warns of."""
    unknown = [
        f"metadata key {key} means nothing here{f', did you mean {near}?' if near else ''}"
        for key, near in asked.trigger.unknown_keys
    ]
    return (*unknown, *(answer.warnings if answer else ()))


def _query(asked: Asked) -> dict[str, Json]:
    trigger = asked.trigger
    return {
        "text": asked.query.text,
        "dialect": asked.dialect.value,
        "read_as": asked.query.reading.value,
        "understood": asked.query.canonical,
        "applied": asked.applied,
        "operation_over_time": trigger.asked.over_time.value,
        "window_s": trigger.asked.window_ms / 1000,
        "target": trigger.target,
        "clamp_min": _finite(trigger.clamp_min),
        "clamp_max": _finite(trigger.clamp_max),
        "activation": trigger.activation,
    }


def _series(part: Part) -> dict[str, Json]:
    return {
        "labels": dict(part.labels),
        "sender": part.sender,
        "live": part.live,
        "warming": part.warming,
        "value": part.value,
        "part": part.contribution,
    }


def _answer(answer: Answer, at_ms: int) -> dict[str, Json]:
    return {
        "at_ms": at_ms,
        "name": answer.name,
        "known": answer.known,
        "window_start_ms": answer.window_start_ms,
        "window_end_ms": answer.window_end_ms,
        "raw_value": answer.raw_value,
        "sigma": answer.sigma,
        "value": answer.value,
    }


def _told(asked: Asked, outcome: Outcome) -> Json:
    decision = outcome.decision
    if isinstance(decision, Refused):
        return None
    integer, exact = value_numbers(asked.trigger, decision.value)
    return {
        "value": decision.value,
        "metric_value": integer,
        "metric_value_float": exact,
        "active": decision.active,
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
