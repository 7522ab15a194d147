"""The numpy engine and the slow evaluator say the same about random data."""

from __future__ import annotations

import math

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from query.engine import PromEngine
from query.errors import QueryError
from query.labels import Labels
from query.parser import parse
from tests.support.promtest.stores import store_with
from tests.support.random_promql import random_dataset, random_query
from tests.support.slow_promql import RefusedError, SlowPromql

Points = dict[Labels, dict[int, float]]
QUERIES = 8


def engine_points(engine: PromEngine, query: str, start: int, end: int, step: int) -> Points | None:
    """The engine's answer; None if it refuses."""
    try:
        result = engine.range(query, start, end, step) if step else engine.instant(query, start)
    except QueryError:
        return None
    return {labels: dict(points) for labels, points in result.elements()}


def slow_points(slow: SlowPromql, query: str, start: int, end: int, step: int) -> Points | None:
    expr = parse(query)
    try:
        if step:
            return {k: dict(v) for k, v in slow.range(expr, start, end, step).items()}
        value = slow.instant(expr, start)
    except RefusedError:
        return None
    assert isinstance(value, list)
    return {labels: {start: number} for labels, number in value if isinstance(number, float)}


def close(left: float, right: float) -> bool:
    if math.isnan(left) or math.isnan(right):
        return math.isnan(left) and math.isnan(right)
    if math.isinf(left) or math.isinf(right):
        return left == right
    return abs(left - right) <= 1e-9 * max(1.0, abs(left), abs(right))


def agree(left: Points | None, right: Points | None) -> bool:
    if left is None or right is None:
        return left is right
    return left.keys() == right.keys() and all(
        left[labels].keys() == right[labels].keys()
        and all(close(left[labels][t], right[labels][t]) for t in left[labels])
        for labels in left
    )


@given(seed=st.integers(0, 2**32))
@settings(max_examples=100, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@pytest.mark.slow
def test_the_engine_agrees_with_its_plain_twin(seed: int) -> None:
    """At an instant and over a range, values and refusals."""
    data = random_dataset(seed)
    engine, slow = PromEngine(store_with(data)), SlowPromql(data)
    for number in range(QUERIES):
        query = random_query(seed * QUERIES + number)
        for start, end, step in ((122_000, 122_000, 0), (60_000, 240_000, 15_000)):
            left = engine_points(engine, query, start, end, step)
            right = slow_points(slow, query, start, end, step)
            if left is None and step:
                continue  # a range is refused for label sets that meet at different steps, too
            assert agree(left, right), (query, start, step, left, right)
