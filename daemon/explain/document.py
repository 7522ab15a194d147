"""An explanation as one JSON object for scripts.

`daemon.explain.help.JSON_KEYS` describes it.
"""

from __future__ import annotations

from daemon.explain.explanation import Explanation
from daemon.explain.verdicts import Verdict
from daemon.scaler.document import Json, build_outcome, warnings_about

SETTLING_STILL = (
    "a tallyd that started with this session would still be settling at its end "
    "(exporters.windows.settle_for): KEDA would get UNAVAILABLE"
)


def build_document(explanation: Explanation, configuration: str) -> dict[str, Json]:
    """Return `explanation` as the object that this module describes."""
    return {
        "configuration": configuration,
        "session": _session(explanation),
        "metrics": [_metric(verdict) for verdict in explanation.verdicts],
        **build_outcome(explanation.asked, explanation.outcome),
        "history": [moment._asdict() for moment in explanation.history],
        "why": list(explanation.why),
        "warnings": list(warnings_of(explanation)),
    }


def warnings_of(explanation: Explanation) -> tuple[str, ...]:
    """Return what the asker should know: unknown metadata keys, what the engine warns of, a session that is too short."""
    settling = (SETTLING_STILL,) if explanation.settling else ()
    return (*warnings_about(explanation.asked, explanation.outcome.answer), *settling)


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
