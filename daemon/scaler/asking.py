"""What a trigger asks and is told: its query as it was understood, the parts of the answer, the decision."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from daemon.scaler.decision import Decision, Refusal, Refused, decide, refuse_metadata
from daemon.scaler.keys import QUERY_REF, MetadataError, resolve
from daemon.scaler.metadata import Trigger, parse_metadata
from query.dialect import Dialect, MetricQuery, apply_over_time, parse_metric_query
from query.errors import QueryError
from query.scaling import Answer, Part, Question


class BadQuestionError(ValueError):
    """Metadata that asks nothing; the text says why, with a caret where that helps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A trigger without problems, and its query as it was understood."""

    trigger: Trigger
    query: MetricQuery
    dialect: Dialect
    applied: str
    """The query with `operationOverTime` in it, as PromQL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What was found at one instant; without `answer` the question was refused before it was asked."""

    at_ms: int
    answer: Answer | None
    parts: tuple[Part, ...]
    decision: Decision
    left_out: int = 0
    """Series that matched, but are not among `parts`; their parts are smaller."""


class Engine(Protocol):
    """Whoever answers questions and tells the parts of answers: `query.scaling.Engine`."""

    def answer(self, question: Question, at_ms: int) -> Answer:
        """Return the answer at `at_ms`; raises QueryError."""

    def dissect(
        self, question: Question, at_ms: int, most: int | None = None
    ) -> tuple[Answer, list[Part], int]:
        """Return the answer at `at_ms`, its `most` largest parts, and how many are left out."""


class HeardEngine:
    """An engine that is overheard: `asked(name)` hears of unknown metrics that somebody wants (DESIGN 3.5)."""

    def __init__(self, engine: Engine, asked: Callable[[str], None]) -> None:
        self._engine = engine
        self._asked = asked

    def answer(self, question: Question, at_ms: int) -> Answer:
        """Return the engine's answer."""
        return self._heard(self._engine.answer(question, at_ms))

    def dissect(
        self, question: Question, at_ms: int, most: int | None = None
    ) -> tuple[Answer, list[Part], int]:
        """Return the engine's answer and its parts."""
        answer, parts, left_out = self._engine.dissect(question, at_ms, most)
        return self._heard(answer), parts, left_out

    def _heard(self, answer: Answer) -> Answer:
        if answer.name is not None and not answer.known:
            self._asked(answer.name)
        return answer


def read_question(metadata: Mapping[str, str], queries: Mapping[str, Mapping[str, str]]) -> Asked:
    """Return what `metadata` asks; its `queryRef` refers to the named `queries`.

    Raises:
        BadQuestionError: it asks nothing; every mistake, one after the other.
    """
    try:
        trigger = parse_metadata(metadata, queries)
    except MetadataError as error:
        problems = _problems_beside_target(metadata, queries)
        raise BadQuestionError("\n".join(map(str, (error, *problems)))) from error
    if trigger.problems:
        raise BadQuestionError("\n".join(map(str, trigger.problems)))
    written = resolve(metadata, queries).written
    dialect = Dialect(written["dialect"].text.strip()) if "dialect" in written else Dialect.AUTO
    query = parse_metric_query(written["metricQuery"].text, dialect=dialect)
    applied = apply_over_time(query, trigger.asked.over_time, trigger.asked.window_ms)
    return Asked(trigger=trigger, query=query, dialect=dialect, applied=applied.canonical)


def _problems_beside_target(
    metadata: Mapping[str, str], queries: Mapping[str, Mapping[str, str]]
) -> list[MetadataError]:
    """Return what else is wrong with metadata whose target is missing or bad."""
    others = {key: text for key, text in metadata.items() if not key.startswith("targetValue")}
    try:
        trigger = parse_metadata({**others, "targetValue": "1"}, queries)
    except MetadataError:
        return []
    return [problem for problem in trigger.problems if problem.key != QUERY_REF]


def ask(
    asked: Asked, engine: Engine, *, at_ms: int, retention_ms: int, most: int | None = None
) -> Outcome:
    """Return what the scaler would tell at `at_ms`, settling left aside, and how it comes about: its `most` largest parts."""
    refused = refuse_metadata(asked.trigger, retention_ms=retention_ms)
    if refused is not None:
        return Outcome(at_ms=at_ms, answer=None, parts=(), decision=refused)
    try:
        answer, parts, left_out = engine.dissect(asked.trigger.asked, at_ms, most)
    except QueryError as error:
        refused = Refused(refusal=Refusal.INVALID_ARGUMENT, text=str(error))
        return Outcome(at_ms=at_ms, answer=None, parts=(), decision=refused)
    decision = decide(asked.trigger, answer, at_ms=at_ms)
    return Outcome(
        at_ms=at_ms, answer=answer, parts=tuple(parts), decision=decision, left_out=left_out
    )
