"""An explanation as one JSON object for scripts.

Times are Unix milliseconds, lengths of time seconds. `null` stands for what does not apply. Keys are only ever added.

    configuration  which file, or the built-in one
    session        name, begin_ms, end_ms, reports, senders, irregularities (reason -> number), refusals
    metrics        one object for each metric of the last report: name, type, stored_as (the names for queries), kept,
                   series and kept_series; if dropped: dropped_by with processor, condition, path, line and column
    query          text (as written), dialect, read_as (promql or otel), understood, applied (with operationOverTime),
                   operation_over_time, window_s, target, clamp_min, clamp_max, activation
    series         what matched: labels, sender, live, warming, value (after operationOverTime), part (of the result)
    answer         at_ms, name (that was looked up), known, window_start_ms and window_end_ms (the window is (start, end]),
                   raw_value, sigma, value (after the evidence rule); null if the question was refused
    told           value (after clamping and rounding), metric_value and metric_value_float (both forms of the wire),
                   active; null if KEDA gets an error
    refused        status and text of that error, or null
    history        at_ms and value after each report, null where KEDA would have got an error
    why            why no series took part, as sentences
    warnings       what the asker should know although there is an answer
"""

from __future__ import annotations

import math

from daemon.explain.asking import Asked, Outcome
from daemon.explain.explanation import Explanation
from daemon.explain.verdicts import Verdict
from daemon.scaler.decision import Refused, value_numbers
from query.scaling import Answer, Part

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
        "history": [{"at_ms": at_ms, "value": value} for at_ms, value in explanation.history],
        "why": list(explanation.why),
        "warnings": list(warnings_of(explanation)),
    }


def warnings_of(explanation: Explanation) -> tuple[str, ...]:
    """Return what the asker should know: unknown metadata keys, and what the engine warns of."""
    unknown = [
        f"metadata key {key} means nothing here{f', did you mean {near}?' if near else ''}"
        for key, near in explanation.asked.trigger.unknown_keys
    ]
    answer = explanation.outcome.answer
    return (*unknown, *(answer.warnings if answer else ()))


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
