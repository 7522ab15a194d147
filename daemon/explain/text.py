"""An explanation for people: plain aligned text, the same on a terminal and in a pipe."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import groupby

from daemon.explain.answer_text import (
    aligned,
    answer_sections,
    format_number,
    format_sections,
    plural,
)
from daemon.explain.document import warnings_of
from daemon.explain.explanation import SETTLING, Explanation, Moment
from daemon.explain.verdicts import Cause, Verdict
from query.durations import format_duration

MOMENTS_A_LINE = 8
_SETTLING = "UNAVAILABLE, settling (exporters.windows.settle_for)"


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
        *answer_sections(
            explanation.asked,
            explanation.outcome,
            moment="the end of the session",
            why=explanation.why,
            warnings=warnings_of(explanation),
            over_time_is_ours=over_time_is_ours,
        ),
        _history(explanation),
    )
    return format_sections(sections)


def _session(explanation: Explanation, configuration: str) -> Iterator[str]:
    seconds = (explanation.end_ms - explanation.begin_ms) / 1000
    number = len(explanation.senders)
    yield (
        f"session {explanation.session}: {len(explanation.history)} reports of "
        f"{number} {plural('sender', number)} in {seconds:.0f} s, played through {configuration}"
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
        mark = marks[verdict.cause] if verdict.cause else _renamed(verdict)
        kind = verdict.type.name.lower()
        rows.append((_verdict(verdict.cause), verdict.name, kind, _count(verdict), mark))
    if listed:
        yield from aligned(rows)
    collapsed = Counter(verdict.cause for verdict in verdicts if verdict not in listed)
    for cause in (None, *causes):
        if number := collapsed[cause]:
            told = f"{_verdict(cause)} {marks[cause]}" if cause else "kept"
            yield f"  {number} {plural('metric', number)} without series: {told} (--all lists them)"
    for number, cause in enumerate(causes, start=1):
        yield f"  [{number}] {_where(cause, configuration)}"
        yield from (f"      {line.rstrip()}" for line in cause.text.splitlines())


def _verdict(cause: Cause | None) -> str:
    return "dropped" if cause else "kept"


def _renamed(verdict: Verdict) -> str:
    return f"as {', '.join(verdict.stored_as)}" if verdict.renamed else ""


def _count(verdict: Verdict) -> str:
    if verdict.kept and verdict.kept_series != verdict.series:
        return f"{verdict.kept_series} of {verdict.series}"
    return str(verdict.series)


def _where(cause: Cause, configuration: str) -> str:
    place = f"{configuration}:{cause.place.line}" if cause.place.line else ""
    return ": ".join(part for part in (place, cause.path or cause.processor) if part)


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
        return "".join(f"{format_number(moment.value or 0.0):>8}" for moment in moments)
    times = f" {len(moments)} {plural('report', len(moments))}: "
    return times + (_SETTLING if status == SETTLING else status.upper())
