"""`tallyd explain --url`: how a tallyd that runs comes to an answer, out of its own windows."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from typing import Any

from daemon.explain.answer_text import answer_sections, format_sections
from daemon.explain.metadata import build_metadata
from daemon.scaler.asking import BadQuestionError, Outcome, read_question
from daemon.scaler.decision import Decision, Refusal, Refused, Told
from daemon.web.access import AccessError, read_access
from daemon.web.client import AskError, fetch
from query.scaling import Answer, Part

OK, FAILED = 0, 1
ENDPOINT = "tallyd/explain"

_Json = Mapping[str, Any]  # Any: JSON as it came


def run_over_http(args: argparse.Namespace) -> int:
    """Run the command and return its exit code."""
    given = build_metadata(args)
    try:
        found = fetch(args.url, ENDPOINT, given.metadata, read_access(args))["data"]
        if args.json:
            text = f"{json.dumps(found, indent=2, ensure_ascii=False)}\n"
        else:
            text = format_found(found, args.url, over_time_is_ours=given.over_time_is_ours)
        is_error = found["refused"] is not None
    except (AccessError, AskError) as error:
        sys.stderr.write(f"tallyd explain: {error}\n")
        return FAILED
    except (BadQuestionError, KeyError, TypeError, ValueError):
        text = f"{args.url} answers in another form: expected a tallyd of this version"
        sys.stderr.write(f"tallyd explain: {text}\n")
        return FAILED
    sys.stdout.write(text)
    return FAILED if args.check and is_error else OK


def format_found(found: _Json, url: str, *, over_time_is_ours: bool) -> str:
    """Return what the server found as text.

    Raises:
        KeyError, TypeError, ValueError: it has another form.
    """
    sections = answer_sections(
        read_question(found["metadata"], {}),
        _outcome(found),
        moment=f"of {url}",
        warnings=found["warnings"],
        over_time_is_ours=over_time_is_ours,
    )
    return format_sections(sections)


def _outcome(found: _Json) -> Outcome:
    answer = found["answer"]
    return Outcome(
        at_ms=found["at_ms"],
        answer=None if answer is None else _answer(answer),
        parts=tuple(_part(series) for series in found["series"]),
        decision=_decision(found),
        left_out=found["left_out"],
    )


def _answer(answer: _Json) -> Answer:
    return Answer(
        value=answer["value"],
        raw_value=answer["raw_value"],
        sigma=answer["sigma"],
        activity_value=None,
        window_start_ms=answer["window_start_ms"],
        window_end_ms=answer["window_end_ms"],
        known=answer["known"],
        name=answer["name"],
        refused_at_ms=None,
        newest_sample_ms=None,
    )


def _part(series: _Json) -> Part:
    return Part(
        labels=tuple(series["labels"].items()),
        sender=series["sender"],
        live=series["live"],
        warming=series["warming"],
        value=series["value"],
        contribution=series["part"],
    )


def _decision(found: _Json) -> Decision:
    refused, told = found["refused"], found["told"]
    if refused is not None:
        return Refused(refusal=Refusal(refused["status"]), text=refused["text"])
    return Told(value=told["value"], active=told["active"], at_ms=found["at_ms"])
