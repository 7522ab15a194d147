"""What a trigger asks and is told: its query as it was understood, the parts of the answer, the decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from daemon.config.keda_scaler import KedaScalerConfig
from daemon.config.load import LoadedConfig
from daemon.scaler.decision import Decision, Refusal, Refused, decide, refuse_metadata
from daemon.scaler.keys import QUERY_REF, MetadataError, resolve
from daemon.scaler.metadata import Trigger, parse_metadata
from query.dialect import Dialect, MetricQuery, apply_over_time, parse_metric_query
from query.errors import QueryError
from query.scaling import Answer, Engine, Part


class BadQuestionError(Exception):
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


def read_question(metadata: Mapping[str, str], loaded: LoadedConfig) -> Asked:
    """Return what `metadata` asks; its `queryRef` refers to the configuration's named queries.

    Raises:
        BadQuestionError: it asks nothing; every mistake, one after the other.
    """
    queries = named_queries(loaded)
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


def named_queries(loaded: LoadedConfig) -> Mapping[str, Mapping[str, str]]:
    """Return the named queries of the configuration."""
    for extension in loaded.config.extensions.values():
        if isinstance(extension, KedaScalerConfig):
            return extension.queries
    return {}


def ask(asked: Asked, engine: Engine, *, at_ms: int, retention_ms: int) -> Outcome:
    """Return what the scaler would tell at `at_ms`, settling left aside, and how it comes about."""
    refused = refuse_metadata(asked.trigger, retention_ms=retention_ms)
    if refused is not None:
        return Outcome(at_ms=at_ms, answer=None, parts=(), decision=refused)
    try:
        answer, parts = engine.explain(asked.trigger.asked, at_ms)
    except QueryError as error:
        refused = Refused(refusal=Refusal.INVALID_ARGUMENT, text=str(error))
        return Outcome(at_ms=at_ms, answer=None, parts=(), decision=refused)
    decision = decide(asked.trigger, answer, at_ms=at_ms)
    return Outcome(at_ms=at_ms, answer=answer, parts=tuple(parts), decision=decision)
