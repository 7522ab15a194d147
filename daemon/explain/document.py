"""An explanation as one JSON object for scripts.

`daemon.explain.help.JSON_KEYS` describes it.
"""

from __future__ import annotations

import math

from daemon.explain.asking import Asked, Outcome
from daemon.explain.explanation import Explanation
from daemon.explain.verdicts import Verdict
from daemon.scaler.decision import Refused, value_numbers
from query.scaling import Answer, Part

SETTLING_STILL = (
    "a tallyd that started with this session would still be settling at its end "
    "(exporters.windows.settle_for): KEDA would get UNAVAILABLE"
)
Json = str | int | float | bool | None | list["Json"] | dict[str, "Json"]


def build_document(explanation: Explanation, configuration: str) -> dict[str, Json]:
    """Return `explanation` as the object that this module describes."""
    asked, outcome = explanation.asked, explanation.outcome
    decision = outcome.decision
    refused: Json = None
    if isinstance(decision, Refused):
        refused = {"status": decision.refusal.value, "text": decision.text}
    return {
        "configuration": configuration,
        "session": _session(explanation),
        "metrics": [_metric(verdict) for verdict in explanation.verdicts],
        "query": _query(asked),
        "series": [_series(part) for part in outcome.parts],
        "answer": _answer(outcome.answer, outcome.at_ms) if outcome.answer else None,
        "told": _told(asked, outcome),
        "refused": refused,
        "history": [moment._asdict() for moment in explanation.history],
        "why": list(explanation.why),
        "warnings": list(warnings_of(explanation)),
    }


def warnings_of(explanation: Explanation) -> tuple[str, ...]:
    """Return what the asker should know: unknown metadata keys, what the engine warns of, a session that is too short."""
    unknown = [
        f"metadata key {key} means nothing here{f', did you mean {near}?' if near else ''}"
        for key, near in explanation.asked.trigger.unknown_keys
    ]
    answer = explanation.outcome.answer
    settling = (SETTLING_STILL,) if explanation.settling else ()
    return (*unknown, *(answer.warnings if answer else ()), *settling)


def _session(explanation: Explanation) -> dict[str, Json]:
    return {
        "name": explanation.session,
        "begin_ms": explanation.begin_ms,
        "end_ms": explanation.end_ms,
        "reports": len(explanation.history),
        "senders": list(explanation.senders),
        "irregularities": dict(explanation.irregularities),
        "refusals": list(explanation.refusals),
    }


def _metric(verdict: Verdict) -> dict[str, Json]:
    row: dict[str, Json] = {
        "name": verdict.name,
        "type": verdict.type.name.lower(),
        "stored_as": list(verdict.stored_as),
        "kept": verdict.kept,
        "series": verdict.series,
        "kept_series": verdict.kept_series,
    }
    if verdict.cause is not None:
        row["dropped_by"] = {
            "processor": verdict.cause.processor,
            "condition": verdict.cause.text,
            "path": verdict.cause.path,
            "line": verdict.cause.place.line or None,
            "column": verdict.cause.place.column or None,
        }
    return row


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
