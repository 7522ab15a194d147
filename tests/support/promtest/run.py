"""Runs a script against a subject: every evaluation passes, fails, or is skipped with its reason."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from query.labels import METRIC_NAME, Labels
from tests.support.promtest.compare import differences, failure_differences
from tests.support.promtest.script import Clear, Command, Eval, Load
from tests.support.promtest.series import Absent, Value
from tests.support.promtest.subject import (
    Answer,
    CannotClearError,
    NotSupportedError,
    Subject,
    SubjectError,
)

MAX_SAMPLES_PER_SERIES = 16384
"""What the largest ring holds; data with more is loaded all the same, failures over it are told as skipped."""


class Status(StrEnum):
    """What became of an evaluation."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One evaluation of a script."""

    line: int
    query: str
    status: Status
    reasons: Sequence[str] = ()


@dataclass(slots=True)
class _Data:
    """What was loaded since the last clear, as far as it decides whether a failure is tallyd's."""

    names_with_histograms: set[str]
    long_names: set[str]
    refused: str = ""
    lost: str = ""


def run_commands(commands: Sequence[Command], subject: Subject) -> Iterator[Outcome]:
    """Yield the outcome of each evaluation; the subject is empty at first."""
    data = _Data(set(), set())
    loaded = False
    for command in commands:
        match command:
            case Clear():
                data = _Data(set(), set())
                if loaded:
                    data.lost = _clear(subject)
                loaded = loaded and bool(data.lost)
            case Load():
                _load(command, subject, data)
                loaded = True
            case Eval():
                yield _judge(command, subject, data)


def _clear(subject: Subject) -> str:
    try:
        subject.clear()
    except CannotClearError as error:
        return str(error)
    return ""


def _load(load: Load, subject: Subject, data: _Data) -> None:
    data.refused = data.refused or load.refused
    series: dict[Labels, list[tuple[int, float]]] = {}
    for labels, values in load.series.items():
        name = dict(labels).get(METRIC_NAME, "")
        samples = _samples(values, load.step_ms)
        if Absent.HISTOGRAM in values:
            data.names_with_histograms.add(name)
        if len(samples) > MAX_SAMPLES_PER_SERIES:
            data.long_names.add(name)
        series[labels] = samples
    if not data.lost:
        subject.load(series)


def _samples(values: Sequence[Value], step_ms: int) -> list[tuple[int, float]]:
    return [(i * step_ms, v) for i, v in enumerate(values) if not isinstance(v, Absent)]


def _judge(asked: Eval, subject: Subject, data: _Data) -> Outcome:
    if data.lost:
        return _outcome(asked, Status.SKIPPED, data.lost)
    if asked.expected.histograms:
        return _outcome(asked, Status.SKIPPED, "expects native histograms")
    try:
        found = _differences(asked, subject)
    except NotSupportedError as error:
        if asked.expected.fails:
            return _outcome(asked, Status.PASSED)
        return _outcome(asked, Status.SKIPPED, f"refused by name: {error}")
    if not found:
        return _outcome(asked, Status.PASSED)
    reason = _excuse(asked, data)
    if reason:
        return _outcome(asked, Status.SKIPPED, reason, *found)
    return _outcome(asked, Status.FAILED, *found)


def _differences(asked: Eval, subject: Subject) -> list[str]:
    try:
        answer = _ask(asked, subject)
    except NotSupportedError:
        raise
    except SubjectError as error:
        return failure_differences(asked, error) if asked.expected.fails else [f"failed: {error}"]
    except Exception as error:  # a crash is one evaluation's failure, the others go on
        return [f"crashed: {error!r}"]
    if asked.expected.fails:
        return [f"expected to fail, got {answer.value}"]
    return differences(asked, answer)


def _ask(asked: Eval, subject: Subject) -> Answer:
    if asked.step_ms is None:
        return subject.instant(asked.query, asked.start_ms)
    return subject.range(asked.query, asked.start_ms, asked.end_ms, asked.step_ms)


def _excuse(asked: Eval, data: _Data) -> str:
    """Return why a difference is not tallyd's fault, or nothing."""
    if data.refused:
        return f"the data needs {data.refused}"
    if any(_names(asked, name) for name in data.names_with_histograms):
        return "the data holds native histograms"
    if any(_names(asked, name) for name in data.long_names):
        return f"the data has more than {MAX_SAMPLES_PER_SERIES} samples a series"
    return ""


def _names(asked: Eval, name: str) -> bool:
    """Return whether a query names a metric, or might select it without."""
    nameless = r"__name__=~|(?<![\w:])\{\w+="
    return bool(re.search(rf"(?<![\w:]){re.escape(name)}(?![\w:])|{nameless}", asked.query))


def _outcome(asked: Eval, status: Status, *reasons: str) -> Outcome:
    return Outcome(line=asked.line, query=asked.query, status=status, reasons=reasons)
