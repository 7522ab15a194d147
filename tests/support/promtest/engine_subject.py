"""Subjects in this process: the numpy engine over a real store, and the slow evaluator over plain lists."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from query.engine import PromEngine, QueryOptions
from query.errors import QueryError, UnsupportedQueryError
from query.evaluate.results import QueryResult, ResultType
from query.labels import Labels
from query.parser import parse
from tests.support.promtest.stores import store_with
from tests.support.promtest.subject import (
    Answer,
    Matrix,
    NotSupportedError,
    Samples,
    Scalar,
    String,
    SubjectError,
    Value,
    Vector,
)
from tests.support.slow_promql import RefusedError, SlowPromql


class Loaded:
    """What was loaded since the last clear; the same series in two blocks is one."""

    def __init__(self) -> None:
        self.series: dict[Labels, dict[int, float]] = {}

    def clear(self) -> None:
        self.series = {}

    def load(self, series: Mapping[Labels, Samples]) -> None:
        for labels, samples in series.items():
            self.series.setdefault(labels, {}).update(samples)

    def sorted(self) -> dict[Labels, list[tuple[int, float]]]:
        return {labels: sorted(samples.items()) for labels, samples in self.series.items()}


class SlowSubject(Loaded):
    """The slow evaluator."""

    def instant(self, query: str, at_ms: int) -> Answer:
        with refusals():
            return Answer(value=_slow_value(SlowPromql(self.sorted()).instant(parse(query), at_ms)))

    def range(self, query: str, start_ms: int, end_ms: int, step_ms: int) -> Answer:
        with refusals():
            points = SlowPromql(self.sorted()).range(parse(query), start_ms, end_ms, step_ms)
            return Answer(value=Matrix(series=sorted(points.items())))


class EngineSubject(Loaded):
    """The numpy engine over a real store, built anew when something was loaded."""

    def __init__(self, *, delayed_names: bool = True) -> None:
        super().__init__()
        self._options = QueryOptions(delayed_names=delayed_names)
        self._engine: PromEngine | None = None

    def clear(self) -> None:
        super().clear()
        self._engine = None

    def load(self, series: Mapping[Labels, Samples]) -> None:
        super().load(series)
        self._engine = None

    def instant(self, query: str, at_ms: int) -> Answer:
        with refusals():
            return _answer(self._ready().instant(query, at_ms, self._options))

    def range(self, query: str, start_ms: int, end_ms: int, step_ms: int) -> Answer:
        with refusals():
            return _answer(self._ready().range(query, start_ms, end_ms, step_ms, self._options))

    def _ready(self) -> PromEngine:
        if self._engine is None:
            self._engine = PromEngine(store_with(self.sorted()))
        return self._engine


@contextmanager
def refusals() -> Iterator[None]:
    """Turn what a query is refused with into what a subject raises."""
    try:
        yield
    except (QueryError, RefusedError) as error:
        named = isinstance(error, UnsupportedQueryError) or "not supported" in str(error)
        raise (NotSupportedError if named else SubjectError)(str(error)) from error


def _answer(result: QueryResult) -> Answer:
    return Answer(value=_engine_value(result), warnings=result.warnings, infos=result.infos)


def _engine_value(result: QueryResult) -> Value:
    elements = result.elements()
    match result.type:
        case ResultType.STRING:
            return String(value=result.string)
        case ResultType.SCALAR:
            return Scalar(value=elements[0][1][0][1])
        case ResultType.MATRIX:
            return Matrix(series=elements)
        case ResultType.VECTOR:
            return Vector(elements=[(labels, points[0][1]) for labels, points in elements])


def _slow_value(value: object) -> Value:
    if isinstance(value, float):
        return Scalar(value=value)
    if isinstance(value, str):
        return String(value=value)
    assert isinstance(value, list)
    if value and isinstance(value[0][1], list):
        return Matrix(series=value)
    return Vector(elements=value)
