"""A trigger's metadata as KEDA sends it (strings only) to a checked `Trigger`.

The target stands alone: it is all that GetMetricSpec needs, so that a bad query does not break the HPA (keda.md 0.1).
Every other mistake is kept in `Trigger.problems` for GetMetrics to answer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeVar

from daemon.config.errors import ConfigError
from daemon.scaler.keys import (
    QUERY_REF,
    Entries,
    MetadataError,
    UnknownKey,
    Written,
    collect,
    resolve,
    shown,
)
from query.dialect import (
    Dialect,
    MetricQuery,
    apply_over_time,
    parse_metric_query,
    simple_form,
)
from query.durations import parse_duration_ms
from query.errors import QueryError, QueryTextError
from query.scaling import Question
from query.text import caret_lines, nearest
from query.values import OverTime

MAX_NUMBER: Final = 9.2e15
"""KEDA carries milli-units in an int64."""
MIN_TARGET: Final = 0.001
"""KEDA rounds to milli-units (keda.md 0.1, 1.5)."""
DEFAULT_WINDOW_MS: Final = 60_000
ANY_NAME: Final = ""
"""Stands for all metric names, where a query gives its name by a regular expression."""

_T = TypeVar("_T")
NUMBER: Final = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)
SWITCH: Final = {"on": True, "true": True, "off": False, "false": False}
IF_NOT_FOUND: Final = {"error": False, "value": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """What one trigger's metadata asks for; while there are `problems`, only the target holds."""

    target: float
    question: Question | None
    """None if there are problems."""
    canonical: str = ""
    """What is asked, as PromQL, operation and window included; "" where that is not known."""
    clamp_min: float = -math.inf
    clamp_max: float = math.inf
    activation: float = 0.0
    value_if_not_found: float | None = None
    """The answer to an unknown metric name; None: NOT_FOUND."""
    clamp_before_activation: bool = False
    """The add-on's order, asked for by `dialect: otel` (keda.md 0.11)."""
    legacy_int_scale: bool = False
    problems: tuple[MetadataError, ...] = ()
    unknown_keys: tuple[UnknownKey, ...] = ()

    @property
    def asked(self) -> Question:
        """The question of a trigger without problems."""
        if self.question is None:
            raise ValueError("a trigger with problems asks nothing")
        return self.question

    @property
    def metric_names(self) -> frozenset[str]:
        """The names whose samples may change the answer, both readings of `dapr_` (keda.md 0.10); `ANY_NAME` for all."""
        if self.question is None:
            return frozenset()
        name = self.question.query.selector.name
        return frozenset((name, name.removeprefix("dapr_"))) if name else frozenset((ANY_NAME,))


class _RejectedError(Exception):
    """A value that its key cannot hold."""

    def __init__(self, problem: str, offset: int | None = None, picture: str = "") -> None:
        super().__init__(problem, offset, picture)
        self.problem = problem
        self.offset = offset
        self.picture = picture


def parse_metadata(
    metadata: Mapping[str, str], queries: Mapping[str, Mapping[str, str]]
) -> Trigger:
    """Return what `metadata` asks for; `queries` are the named ones that its `queryRef` may refer to.

    The trigger's own keys win over those of the named query.

    Raises:
        MetadataError: the metadata gives no target.
    """
    entries = resolve(metadata, queries)
    reader = _Reader(entries)
    target = _target(entries)
    return reader.trigger(target)


def named_query_errors(
    queries: Mapping[str, Mapping[str, str]],
    window_problem: Callable[[Question], str | None] = lambda _question: None,
) -> list[ConfigError]:
    """Return all mistakes of the named queries, at paths below `extensions.keda_scaler`.

    A named query need not be complete, for triggers add their own keys; what it holds must be right. `window_problem`
    tells what is wrong with a window that is a duration.
    """
    return [
        ConfigError(("queries", name, error.key), error.problem, error.offset)
        for name, metadata in queries.items()
        for error in _named_query_errors(metadata, window_problem)
    ]


def _named_query_errors(
    metadata: Mapping[str, str], window_problem: Callable[[Question], str | None]
) -> Iterator[MetadataError]:
    entries = collect(metadata)
    if entries.written.pop(QUERY_REF, None):
        yield MetadataError(
            QUERY_REF, "expected no reference: a named query cannot refer to another"
        )
    if "targetValue" in entries.written:
        try:
            _target(entries)
        except MetadataError as error:
            yield error
    reader = _Reader(entries)
    entries.written.setdefault("metricQuery", Written("metricQuery", "up"))
    question = reader.trigger(MIN_TARGET).question
    yield from entries.problems
    if question is not None and (problem := window_problem(question)):
        yield MetadataError("window", problem)
    for key, meant in entries.unknown_keys:
        hint = f", did you mean {meant}?" if meant else ""
        yield MetadataError(key, f"expected a key of a trigger's metadata{hint}")


def _target(entries: Entries) -> float:
    written = entries.written.get("targetValue")
    if written is None:
        for problem in entries.problems:
            if problem.key == QUERY_REF or "targetValue" in problem.key:
                raise problem
        expected = f"expected a number of at least {MIN_TARGET:g}, got nothing"
        raise MetadataError("targetValue", expected)
    try:
        return _number_from(MIN_TARGET)(written.text)
    except _RejectedError as error:
        raise MetadataError(written.key, error.problem) from error


class _Reader:
    """Reads the keys beside the target; what is wrong joins the entries' problems."""

    def __init__(self, entries: Entries) -> None:
        self._entries = entries

    def trigger(self, target: float) -> Trigger:
        dialect = self._read("dialect", _choice(Dialect), Dialect.AUTO)
        question, canonical = self._question(target, dialect)
        clamp_min = self._read("clampMin", _number, -math.inf)
        clamp_max = self._read("clampMax", _number, math.inf)
        if clamp_min > clamp_max:
            self._refuse(
                "clampMin", f"expected at most clampMax, {clamp_min:g} is above {clamp_max:g}"
            )
        activation = self._read("activationTargetValue", _number, 0.0)
        value_if_not_found = self._value_if_not_found()
        legacy_int_scale = self._read("legacyIntScale", _switch, False)
        problems = tuple(self._entries.problems)
        return Trigger(
            target=target,
            question=None if problems else question,
            canonical=canonical,
            clamp_min=clamp_min,
            clamp_max=clamp_max,
            activation=activation,
            value_if_not_found=value_if_not_found,
            clamp_before_activation=dialect is Dialect.OTEL,
            legacy_int_scale=legacy_int_scale,
            problems=problems,
            unknown_keys=tuple(self._entries.unknown_keys),
        )

    def _question(self, target: float, dialect: Dialect) -> tuple[Question | None, str]:
        over_time = self._read("operationOverTime", _choice(OverTime), OverTime.LAST_ONE)
        window_ms = self._read("window", _window, DEFAULT_WINDOW_MS)
        evidence = self._read("evidence", _switch, True)
        if "metricQuery" not in self._entries.written:
            if not any("metricQuery" in problem.key for problem in self._entries.problems):
                self._refuse("metricQuery", "expected a query, got nothing")
            return None, ""
        query = self._read("metricQuery", _query_in(dialect), None)
        if query is None:
            return None, ""
        question = Question(
            query=simple_form(query.expr, query.text),
            over_time=over_time,
            window_ms=window_ms,
            target=target,
            evidence=evidence,
        )
        return question, apply_over_time(query, over_time, window_ms).canonical

    def _value_if_not_found(self) -> float | None:
        replaces = self._read("ifNotFound", _if_not_found, False)
        value = self._read("valueIfNotFound", _number_from(0.0), 0.0)
        return value if replaces else None

    def _read(self, key: str, parse: Callable[[str], _T], default: _T) -> _T:
        written = self._entries.written.get(key)
        if written is None:
            return default
        try:
            return parse(written.text)
        except _RejectedError as error:
            problem = MetadataError(written.key, error.problem, error.offset, error.picture)
            self._entries.problems.append(problem)
            return default

    def _refuse(self, key: str, problem: str) -> None:
        written = self._entries.written.get(key)
        self._entries.problems.append(MetadataError(written.key if written else key, problem))


def _number(text: str) -> float:
    stripped = text.strip()
    value = float(stripped) if NUMBER.fullmatch(stripped) else math.nan
    if not math.isfinite(value):
        raise _RejectedError(f"expected a number, got {shown(text)}")
    return value


def _number_from(least: float) -> Callable[[str], float]:
    def parse(text: str) -> float:
        value = _number(text)
        if value < least:
            raise _RejectedError(f"expected a number of at least {least:g}, got {shown(text)}")
        if value > MAX_NUMBER:
            raise _RejectedError(f"expected a number of at most {MAX_NUMBER:g}, got {shown(text)}")
        return value

    return parse


def _switch(text: str) -> bool:
    value = SWITCH.get(text.strip().lower())
    if value is None:
        raise _RejectedError(f"expected one of {', '.join(SWITCH)}, got {shown(text)}")
    return value


def _if_not_found(text: str) -> bool:
    value = IF_NOT_FOUND.get(text.strip())
    if value is None:
        raise _RejectedError(f"expected {' or '.join(IF_NOT_FOUND)}, got {shown(text)}")
    return value


_E = TypeVar("_E", bound=Enum)


def _choice(kind: type[_E]) -> Callable[[str], _E]:
    names = [str(member.value) for member in kind]

    def parse(text: str) -> _E:
        stripped = text.strip()
        if stripped in names:
            return kind(stripped)
        expected = f"expected one of {', '.join(names)}, got {shown(text)}"
        meant = nearest(stripped[:64], names)
        raise _RejectedError(f"{expected}, did you mean {meant}?" if meant else expected)

    return parse


def _window(text: str) -> int:
    try:
        window_ms = parse_duration_ms(text.strip(), bare_seconds=True)
    except QueryError as error:
        raise _RejectedError(f"expected a duration such as 60s or 2m, got {shown(text)}") from error
    if window_ms <= 0:
        raise _RejectedError(f"expected a duration above 0, got {shown(text)}")
    return window_ms


def _query_in(dialect: Dialect) -> Callable[[str], MetricQuery | None]:
    def parse(text: str) -> MetricQuery:
        try:
            query = parse_metric_query(text, dialect=dialect)
            simple_form(query.expr, query.text)  # raises where this is not evaluated
        except QueryTextError as error:
            raise _RejectedError(
                f"{error.kind}: {error.message}",
                offset=error.span.start,
                picture=caret_lines(error.text, error.span),
            ) from error
        except QueryError as error:
            raise _RejectedError(str(error)) from error
        return query

    return parse
