"""A question and its answer for people: what was understood, the series and their parts, what KEDA is told."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import takewhile

from daemon.explain.absence import format_labels
from daemon.scaler.asking import Asked, Outcome
from daemon.scaler.decision import Refused, value_numbers
from query.durations import format_duration
from query.labels import METRIC_NAME, Labels
from query.scaling import Answer, Part
from query.values import OverTime

MAX_SERIES = 20
"""Series that are shown one by one; the largest parts come first."""
RAW_DIGITS = 6
"""Enough to see why a value that looks whole was rounded down."""
MIN_SIGMA = 0.0005
"""An uncertainty below this does not show in three digits."""
_UNITS = {OverTime.RATE: " a second"}
_COMMON = ": its end is known of all live senders"
_WINDOWS = {
    OverTime.RATE: _COMMON,
    OverTime.INCREASE: _COMMON,
    OverTime.LAST_ONE: ": the newest sample in it counts",
}


def answer_sections(
    asked: Asked,
    outcome: Outcome,
    *,
    moment: str,
    why: Sequence[str] = (),
    warnings: Sequence[str] = (),
    over_time_is_ours: bool = False,
) -> tuple[Iterator[str], ...]:
    """Return the lines of three sections: the query, the series, the answer.

    Args:
        asked: What was understood.
        outcome: What was found.
        moment: Which moment that was, in words.
        why: Why no series took part.
        warnings: What the asker should know.
        over_time_is_ours: Whether the command chose `operationOverTime`.
    """
    return (
        _query(asked, over_time_is_ours=over_time_is_ours),
        _series(asked, outcome.parts, outcome.left_out),
        _answer(asked, outcome, moment, why, warnings),
    )


def format_sections(sections: Iterable[Iterable[str]]) -> str:
    """Return sections as one text, an empty line between them."""
    blocks = ("\n".join(section) for section in sections)
    return "\n\n".join(block for block in blocks if block) + "\n"


def _query(asked: Asked, *, over_time_is_ours: bool) -> Iterator[str]:
    trigger = asked.trigger
    question = trigger.asked
    over_time = question.over_time.value
    if question.over_time is not OverTime.LAST_ONE:
        over_time += f" over {format_duration(question.window_ms)}"
    if over_time_is_ours:
        over_time += " (explain's default; a trigger without operationOverTime gets last_one)"
    target = f"{trigger.target:g}, activation above {trigger.activation:g}"
    for name, bound in (("clampMin", trigger.clamp_min), ("clampMax", trigger.clamp_max)):
        target += f", {name} {bound:g}" if math.isfinite(bound) else ""
    yield "query"
    rows = [
        ("written", asked.query.text),
        ("read as", f"{_LANGUAGES[asked.query.reading.value]} (dialect {asked.dialect.value})"),
        ("understood", asked.query.canonical),
        ("over time", over_time),
        ("so it asks", asked.applied),
        ("target", target),
    ]
    yield from aligned(rows)


_LANGUAGES = {"promql": "PromQL", "otel": "the add-on's form"}


def _series(asked: Asked, parts: Sequence[Part], left_out: int) -> Iterator[str]:
    if not parts:
        return
    question = asked.trigger.asked
    common = _common([part.labels for part in parts]) if len(parts) > 1 else ()
    number = len(parts) + left_out
    yield f"series: {number} {'matches' if number == 1 else 'match'}"
    if common:
        yield f"  all have {{{format_labels(common)}}}"
    header = f"part of {question.query.aggregation}"
    ordered = sorted(parts, key=lambda part: -part.contribution)
    senders = _senders(ordered[:MAX_SERIES])
    rows = [(question.over_time.value, header, "state", "labels", "sender" if senders else "")]
    for part in ordered[:MAX_SERIES]:
        own = tuple(pair for pair in part.labels if pair not in common)
        value = "-" if part.value is None else format_number(part.value)
        labels = f"{{{format_labels(own)}}}"
        sender = senders.get(part.sender, "")
        rows.append((value, format_number(part.contribution), _state(part), labels, sender))
    yield from aligned(rows)
    if number > MAX_SERIES:
        rest = sum(part.contribution for part in ordered[MAX_SERIES:])
        together = "" if left_out else f", together {format_number(rest)}"
        yield f"  and {number - MAX_SERIES} more with smaller parts{together}"


def _senders(parts: Sequence[Part]) -> Mapping[str, str]:
    """Return how to call the senders if labels alone do not tell the series apart: by what they do not share."""
    if len({part.labels for part in parts}) == len(parts):
        return {}
    pieces = {part.sender: part.sender.split("/") for part in parts}
    columns = zip(*pieces.values(), strict=False)
    shared = sum(1 for _ in takewhile(lambda column: len(set(column)) == 1, columns))
    return {name: "/".join(some[shared:]) or name for name, some in pieces.items()}


def _common(labels: Sequence[Labels]) -> Labels:
    """Return the labels that all series share, without the metric name."""
    shared = set(labels[0]).intersection(*labels[1:])
    return tuple(pair for pair in labels[0] if pair in shared and pair[0] != METRIC_NAME)


def _state(part: Part) -> str:
    if part.warming:
        return "warming"
    return "live" if part.live else "ended"


def _answer(
    asked: Asked, outcome: Outcome, moment: str, why: Sequence[str], warnings: Sequence[str]
) -> Iterator[str]:
    yield f"answer at {_time(outcome.at_ms)} UTC, {moment}"
    rows: list[tuple[str, str]] = []
    if outcome.answer is not None:
        rows += _findings(asked, outcome.answer)
    rows += _told(asked, outcome)
    yield from aligned(rows)
    yield from (f"  why: {line}" for line in why)
    yield from (f"  warning: {line}" for line in warnings)


def _findings(asked: Asked, answer: Answer) -> Iterator[tuple[str, str]]:
    written = asked.trigger.asked.query.selector.name
    if answer.name != written:
        yield "name", f"{written} is not known, {answer.name} is: that was asked"
    if answer.raw_value is None or answer.value is None:
        yield "value", "none: no series took part"
        return
    length = format_duration(answer.window_end_ms - answer.window_start_ms)
    span = f"{_time(answer.window_start_ms)} to {_time(answer.window_end_ms)}"
    meaning = _WINDOWS.get(asked.trigger.asked.over_time, "")
    yield "window", f"{span}, {length}{meaning}"
    unit = _UNITS.get(asked.trigger.asked.over_time, "")
    sigma = f" ± {answer.sigma:.3f} (one standard deviation)" if answer.sigma >= MIN_SIGMA else ""
    yield "raw value", f"{format_number(answer.raw_value, RAW_DIGITS)}{unit}{sigma}"
    if answer.value != answer.raw_value:
        reason = "the excess over a multiple of the target is within the uncertainty"
        yield "by evidence", f"{format_number(answer.value)}: {reason}"


def _told(asked: Asked, outcome: Outcome) -> Iterator[tuple[str, str]]:
    decision, trigger = outcome.decision, asked.trigger
    if isinstance(decision, Refused):
        yield "KEDA gets", f"an error, {decision.refusal.name}: {decision.text}"
        return
    integer, exact = value_numbers(trigger, decision.value)
    how = ""
    value = outcome.answer.value if outcome.answer else None
    if value is not None and not trigger.clamp_min <= value <= trigger.clamp_max:
        how = ", clamped"
    elif value is not None and format_number(value) != format_number(decision.value):
        how = ", rounded down to 3 digits"
    state = "active" if decision.active else "not active"
    wire = f"metricValue {integer}, metricValueFloat {format_number(exact)}"
    yield "KEDA is told", f"{format_number(decision.value)}{how} ({wire}), {state}"
    if integer == 0 < decision.value:
        yield "", "KEDA 2.16 and older read metricValue, here 0: see legacyIntScale"


def aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows as lines with columns of one width each."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()


def format_number(value: float, digits: int = 3) -> str:
    """Return a number with three decimals at most: KEDA is told no more."""
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]


def plural(word: str, number: int) -> str:
    """Return `word` for one or for several."""
    return word if number == 1 else f"{word}s"
