"""What KEDA is told: an answer of the query engine becomes a value and an activity, or a refusal (keda.md 0, 6.3.6)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, NamedTuple

from daemon.scaler.metadata import MAX_NUMBER, Trigger
from query.durations import format_duration
from query.estimator import round_down
from query.scaling import Answer, Question
from query.values import OverTime

REPORT_INTERVALS: Final = 4
"""The retention must exceed a window by these, or nothing can be interpolated at its edge (DESIGN 5)."""
REPORT_INTERVAL_MS: Final = 20_000
"""daprd's, and the default for OpenCensus (keda.md 6.3.5)."""
LEGACY_SCALE: Final = 1000
"""Factor of both integers under `legacyIntScale` (keda.md 1.5)."""

_GROWING: Final = frozenset(("sum", "max", "count"))
"""Aggregations that series yet to come can only raise."""


class Refusal(StrEnum):
    """Why there is no value; each is named as its gRPC status."""

    INVALID_ARGUMENT = "invalid_argument"
    NOT_FOUND = "not_found"
    UNAVAILABLE = "unavailable"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    OUT_OF_RANGE = "out_of_range"


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A value, rounded down to thousandths, and the activity of the same instant."""

    value: float
    active: bool
    at_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """No value, and why; `active` where the activity is certain all the same."""

    refusal: Refusal
    text: str
    active: bool = False


Decision = Told | Refused


class Numbers(NamedTuple):
    """One number in both forms of the wire (keda.md 0.6)."""

    integer: int
    exact: float


def target_numbers(trigger: Trigger) -> Numbers:
    """Return the target; the integer is the nearest, at least 1."""
    scale = LEGACY_SCALE if trigger.legacy_int_scale else 1
    return Numbers(max(1, math.floor(trigger.target * scale + 0.5)), trigger.target)


def value_numbers(trigger: Trigger, value: float) -> Numbers:
    """Return a value that was rounded down to thousandths; the integer is the nearest, halves down."""
    if trigger.legacy_int_scale:
        return Numbers(round(value * LEGACY_SCALE), value)
    return Numbers(math.ceil(value - 0.5), value)


def refuse_metadata(trigger: Trigger, *, retention_ms: int) -> Refused | None:
    """Return why `trigger` cannot be asked at all, or None; a `retention_ms` of 0 keeps by count only (DESIGN 5)."""
    if trigger.problems:
        return Refused(refusal=Refusal.INVALID_ARGUMENT, text="\n".join(map(str, trigger.problems)))
    problem = window_problem(trigger.asked, retention_ms=retention_ms)
    if problem is None:
        return None
    return Refused(refusal=Refusal.INVALID_ARGUMENT, text=f"metadata key window: {problem}")


def window_problem(question: Question, *, retention_ms: int) -> str | None:
    """Return why samples are not kept long enough for the window, or None."""
    window_ms = question.window_ms
    longest_ms = retention_ms - REPORT_INTERVALS * REPORT_INTERVAL_MS
    has_window = question.over_time is not OverTime.LAST_ONE
    if retention_ms == 0 or not has_window or window_ms <= longest_ms:
        return None
    return (
        f"expected at most {format_duration(max(longest_ms, 0))}, which is "
        f"exporters.windows.retention ({format_duration(retention_ms)}) less {REPORT_INTERVALS} report intervals, "
        f"got {format_duration(window_ms)}: raise the retention or shorten the window"
    )


def decide(trigger: Trigger, answer: Answer, *, at_ms: int) -> Decision:
    """Return what `answer`, computed at `at_ms`, means under the trigger's rules."""
    name = answer.name or "given by a regular expression"
    refused_at_ms = answer.refused_at_ms
    if refused_at_ms is not None and refused_at_ms > at_ms - trigger.asked.window_ms:
        return Refused(
            refusal=Refusal.UNAVAILABLE,
            text=f"metric {name} is incomplete: a series of it was refused at a limit, which the log names "
            "(exporters.windows.max_series, max_series_per_metric, max_senders, or the container's memory): raise it or drop metrics by a filter",
        )
    if not answer.known:
        return _not_found(trigger, name, at_ms)
    value = _number(answer.value)
    if math.isinf(value):
        return _out_of_range(name, value)
    clamped = max(_clamp(trigger, value), 0.0)
    if clamped > MAX_NUMBER:
        return _out_of_range(name, clamped)
    return Told(value=round_down(clamped), active=_is_active(trigger, answer), at_ms=at_ms)


def decide_settling(
    trigger: Trigger,
    decision: Decision,
    held: Told | None,
    *,
    left_ms: int,
    at_ms: int,
    hold_for_ms: int,
) -> Decision:
    """Return what is told instead of `decision` while senders have not all noticed a restart yet (keda.md 6.3.6).

    A partial sum can only be too low, so an activity found now is certain; a minimum or an average proves nothing.
    """
    certain = decision.active and _only_grows(trigger)
    if held is not None and 0 <= at_ms - held.at_ms <= hold_for_ms:
        return replace(held, active=held.active or certain)
    if isinstance(decision, Refused) and decision.refusal is Refusal.INVALID_ARGUMENT:
        return decision
    return Refused(
        refusal=Refusal.UNAVAILABLE,
        text=f"settling after the start: {math.ceil(left_ms / 1000)} s left until every sender must have reported "
        "(exporters.windows.settle_for)",
        active=certain,
    )


def _not_found(trigger: Trigger, name: str, at_ms: int) -> Decision:
    if trigger.value_if_not_found is not None:
        value = trigger.value_if_not_found
        return Told(value=round_down(value), active=value > trigger.activation, at_ms=at_ms)
    return Refused(
        refusal=Refusal.NOT_FOUND,
        text=f"no sender has reported a metric {name} yet: check the name, and that no filter drops it "
        "(ifNotFound: value answers a number instead)",
    )


def _out_of_range(name: str, value: float) -> Refused:
    return Refused(
        refusal=Refusal.OUT_OF_RANGE,
        text=f"the query over {name} yields {value:g}, expected a number up to {MAX_NUMBER:g}",
    )


def _is_active(trigger: Trigger, answer: Answer) -> bool:
    """Compare with the activation, before clamping unless the add-on's order is asked for (keda.md 0.7, 0.11)."""
    value = max(_number(answer.value), _number(answer.activity_value))
    if trigger.clamp_before_activation:
        value = _clamp(trigger, value)
    return value > trigger.activation


def _number(value: float | None) -> float:
    """Return `value`, or 0 for no match and for NaN (keda.md 6.3.6)."""
    return 0.0 if value is None or math.isnan(value) else value


def _clamp(trigger: Trigger, value: float) -> float:
    return min(max(value, trigger.clamp_min), trigger.clamp_max)


def _only_grows(trigger: Trigger) -> bool:
    return trigger.asked.query.aggregation in _GROWING
