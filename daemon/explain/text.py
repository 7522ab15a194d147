"""An explanation for people: plain aligned text, the same on a terminal and in a pipe."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import groupby, takewhile

from daemon.explain.absence import format_labels
from daemon.explain.asking import Asked, Outcome
from daemon.explain.document import warnings_of
from daemon.explain.explanation import SETTLING, Explanation, Moment
from daemon.explain.verdicts import Cause, Verdict
from daemon.scaler.decision import Refused, value_numbers
from query.durations import format_duration
from query.labels import METRIC_NAME, Labels
from query.scaling import Answer, Part
from query.values import OverTime

MAX_SERIES = 20
"""Series that are shown one by one; the largest parts come first."""
MOMENTS_A_LINE = 8
RAW_DIGITS = 6
"""Enough to see why a value that looks whole was rounded down."""
MIN_SIGMA = 0.0005
"""An uncertainty below this does not show in three digits."""
_SETTLING = "UNAVAILABLE, settling (exporters.windows.settle_for)"
_UNITS = {OverTime.RATE: " a second"}
_COMMON = ": its end is known of all live senders"
_WINDOWS = {
    OverTime.RATE: _COMMON,
    OverTime.INCREASE: _COMMON,
    OverTime.LAST_ONE: ": the newest sample in it counts",
}


def format_explanation(
    explanation: Explanation,
    configuration: str,
    *,
    all_metrics: bool = False,
    over_time_is_ours: bool = False,
) -> str:
    """Return the whole text.

    Args:
        explanation: What is told.
        configuration: Its file's name, or what stands for it.
        all_metrics: Whether metrics without series get a line each.
        over_time_is_ours: Whether the command chose `operationOverTime`.
    """
    sections = (
        _session(explanation, configuration),
        _metrics(explanation.verdicts, configuration, all_metrics=all_metrics),
        _query(explanation.asked, over_time_is_ours=over_time_is_ours),
        _series(explanation.asked, explanation.outcome.parts),
        _answer(explanation),
        _history(explanation),
    )
    blocks = ("\n".join(section) for section in sections)
    return "\n\n".join(block for block in blocks if block) + "\n"


def _session(explanation: Explanation, configuration: str) -> Iterator[str]:
    seconds = (explanation.end_ms - explanation.begin_ms) / 1000
    number = len(explanation.senders)
    yield (
        f"session {explanation.session}: {len(explanation.history)} reports of "
        f"{number} {_plural('sender', number)} in {seconds:.0f} s, played through {configuration}"
    )
    for sender in explanation.senders:
        yield f"  {sender}"
    for reason, amount in explanation.irregularities.items():
        yield f"  not as it came: {reason} {amount}"
    for refusal in dict.fromkeys(explanation.refusals):
        yield f"  report refused: {refusal}"


def _metrics(
    verdicts: Sequence[Verdict], configuration: str, *, all_metrics: bool
) -> Iterator[str]:
    kept = sum(verdict.kept for verdict in verdicts)
    yield f"last report: {len(verdicts)} metrics, {kept} kept, {len(verdicts) - kept} dropped"
    causes = list(dict.fromkeys(verdict.cause for verdict in verdicts if verdict.cause))
    marks = {cause: f"by [{number}]" for number, cause in enumerate(causes, start=1)}
    listed = [verdict for verdict in verdicts if all_metrics or verdict.series]
    rows = [("", "metric", "type", "series", "")]
    for verdict in sorted(listed, key=lambda verdict: (not verdict.kept, verdict.name)):
        mark = marks[verdict.cause] if verdict.cause else ""
        kind = verdict.type.name.lower()
        rows.append((_verdict(verdict.cause), verdict.name, kind, _count(verdict), mark))
    if listed:
        yield from _aligned(rows)
    collapsed = Counter(verdict.cause for verdict in verdicts if verdict not in listed)
    for cause in (None, *causes):
        if number := collapsed[cause]:
            told = f"{_verdict(cause)} {marks[cause]}" if cause else "kept"
            yield f"  {number} {_plural('metric', number)} without series: {told} (--all lists them)"
    for number, cause in enumerate(causes, start=1):
        yield f"  [{number}] {_where(cause, configuration)}"
        yield from (f"      {line.rstrip()}" for line in cause.text.splitlines())


def _verdict(cause: Cause | None) -> str:
    return "dropped" if cause else "kept"


def _count(verdict: Verdict) -> str:
    if verdict.kept and verdict.kept_series != verdict.series:
        return f"{verdict.kept_series} of {verdict.series}"
    return str(verdict.series)


def _where(cause: Cause, configuration: str) -> str:
    place = f"{configuration}:{cause.place.line}" if cause.place.line else ""
    return ": ".join(part for part in (place, cause.path or cause.processor) if part)


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
    yield from _aligned(rows)


_LANGUAGES = {"promql": "PromQL", "otel": "the add-on's form"}


def _series(asked: Asked, parts: Sequence[Part]) -> Iterator[str]:
    if not parts:
        return
    question = asked.trigger.asked
    common = _common([part.labels for part in parts]) if len(parts) > 1 else ()
    yield f"series: {len(parts)} {'matches' if len(parts) == 1 else 'match'}"
    if common:
        yield f"  all have {{{format_labels(common)}}}"
    header = f"part of {question.query.aggregation}"
    ordered = sorted(parts, key=lambda part: -part.contribution)
    senders = _senders(ordered[:MAX_SERIES])
    rows = [(question.over_time.value, header, "state", "labels", "sender" if senders else "")]
    for part in ordered[:MAX_SERIES]:
        own = tuple(pair for pair in part.labels if pair not in common)
        value = "-" if part.value is None else _number(part.value)
        labels = f"{{{format_labels(own)}}}"
        sender = senders.get(part.sender, "")
        rows.append((value, _number(part.contribution), _state(part), labels, sender))
    yield from _aligned(rows)
    if len(parts) > MAX_SERIES:
        rest = sum(part.contribution for part in ordered[MAX_SERIES:])
        yield f"  and {len(parts) - MAX_SERIES} more with smaller parts, together {_number(rest)}"


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


def _answer(explanation: Explanation) -> Iterator[str]:
    asked, outcome = explanation.asked, explanation.outcome
    yield f"answer at {_time(outcome.at_ms)} UTC, the end of the session"
    rows: list[tuple[str, str]] = []
    if outcome.answer is not None:
        rows += _findings(asked, outcome.answer)
    rows += _told(asked, outcome)
    yield from _aligned(rows)
    yield from (f"  why: {line}" for line in explanation.why)
    yield from (f"  warning: {line}" for line in warnings_of(explanation))


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
    yield "raw value", f"{_number(answer.raw_value, RAW_DIGITS)}{unit}{sigma}"
    if answer.value != answer.raw_value:
        reason = "the excess over a multiple of the target is within the uncertainty"
        yield "by evidence", f"{_number(answer.value)}: {reason}"


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
    elif value is not None and _number(value) != _number(decision.value):
        how = ", rounded down to 3 digits"
    state = "active" if decision.active else "not active"
    wire = f"metricValue {integer}, metricValueFloat {_number(exact)}"
    yield "KEDA is told", f"{_number(decision.value)}{how} ({wire}), {state}"
    if integer == 0 < decision.value:
        yield "", "KEDA 2.16 and older read metricValue, here 0: see legacyIntScale"


def _history(explanation: Explanation) -> Iterator[str]:
    moments = explanation.history
    if not moments:
        return
    yield "what KEDA would have been told after each report"
    for status, run in groupby(moments, key=lambda moment: moment.status):
        same = list(run)
        step = len(same) if status else MOMENTS_A_LINE
        for start in range(0, len(same), step):
            some = same[start : start + step]
            begin = format_duration(round((some[0].at_ms - explanation.begin_ms) / 1000) * 1000)
            yield f"  from {begin:>6}  {_history_line(status, some)}"


def _history_line(status: str | None, moments: Sequence[Moment]) -> str:
    if status is None:
        return "".join(f"{_number(moment.value or 0.0):>8}" for moment in moments)
    times = f" {len(moments)} {_plural('report', len(moments))}: "
    return times + (_SETTLING if status == SETTLING else status.upper())


def _aligned(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Yield rows as lines with columns of one width each."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        yield f"  {'  '.join(cells)}".rstrip()


def _number(value: float, digits: int = 3) -> str:
    """Return a number with three decimals at most: KEDA is told no more."""
    text = f"{value:.{digits}f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%H:%M:%S.%f")[:-3]


def _plural(word: str, number: int) -> str:
    return word if number == 1 else f"{word}s"
