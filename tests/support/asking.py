"""Questions to the PromQL engine over rows written by hand."""

from __future__ import annotations

from collections.abc import Sequence

from query.engine import PromEngine, QueryOptions
from query.evaluate.results import QueryResult
from query.labels import Labels
from tests.support.selections import FixedQueryable, Row, Sender, ms


def named(name: str, **labels: str) -> Labels:
    """Return the labels of a series of metric `name`."""
    return tuple(sorted([("__name__", name), *labels.items()]))


def ask(
    rows: Sequence[Row],
    text: str,
    at_s: float,
    *,
    options: QueryOptions | None = None,
    senders: Sequence[Sender] = (),
) -> QueryResult:
    """Return the answer to an instant query."""
    engine = PromEngine(FixedQueryable(rows=rows, senders=senders))
    return engine.instant(text, ms(at_s), options or QueryOptions())


def ask_range(
    rows: Sequence[Row],
    text: str,
    start_s: float,
    end_s: float,
    step_s: float,
    *,
    options: QueryOptions | None = None,
) -> QueryResult:
    """Return the answer to a range query."""
    engine = PromEngine(FixedQueryable(rows=rows))
    return engine.range(text, ms(start_s), ms(end_s), ms(step_s), options or QueryOptions())


def values(result: QueryResult) -> dict[str, list[float]]:
    """Return each element's values by its labels as text, `a=1,b=2`."""
    return {
        ",".join(f"{name}={value}" for name, value in labels): [value for _, value in points]
        for labels, points in result.elements()
    }


def points(result: QueryResult) -> dict[str, dict[float, float]]:
    """Return each element's values by its labels and by the second."""
    return {
        ",".join(f"{name}={value}" for name, value in labels): {t / 1000: v for t, v in pairs}
        for labels, pairs in result.elements()
    }
