from __future__ import annotations

import numpy as np
import pytest

from query.errors import TooManySamplesError
from query.evaluate.plan import Interval, Times, needed_samples
from query.parser import parse
from query.printer import print_expr
from query.syntax import AtEdge, Subquery

TIMES = Times(start_ms=100_000, end_ms=200_000, lookback_ms=30_000, default_step_ms=60_000)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x", [("x", 70, 200)]),
        ("x offset 10s", [("x offset 10s", 60, 190)]),
        ("x @ 50 offset -5s", [("x @ 50 offset -5s", 25, 55)]),
        ("x @ start()", [("x @ start()", 70, 100)]),
        ("x @ end()", [("x @ end()", 170, 200)]),
        ("x smoothed", [("x smoothed", 70, 230)]),
        ("rate(x[20s])", [("x", 80, 200)]),
        ("rate(x[20s] anchored)", [("x anchored", 50, 200)]),
        ("rate(x[20s] smoothed offset 5s)", [("x smoothed offset 5s", 45, 225)]),
        ("sum(x) / -y + 1", [("x", 70, 200), ("y", 70, 200)]),
        ("topk(scalar(k), x)", [("x", 70, 200), ("k", 70, 200)]),
        # steps at 60, 90, ..., 180 s
        ("max_over_time(x[45s:30s])", [("x", 30, 180)]),
        ("max_over_time(x[45s:30s] offset 10s)", [("x", 30, 180)]),
        ("max_over_time(x[45s:30s] @ 100)", [("x", 30, 90)]),
        ("max_over_time(rate(x[20s])[45s:])", [("x", 40, 180)]),
        ("max_over_time(x[1s:1h])", []),
    ],
)
def test_needed_samples(text: str, expected: list[tuple[str, int, int]]) -> None:
    """Each selector reads from its first step's edge to its last step (promql.md 2.4, 2.11)."""
    found = needed_samples(parse(text), Interval(100_000, 200_000), TIMES)
    seconds = [(print_expr(s), i.start_ms // 1000, i.end_ms // 1000) for s, i, _ in found]
    assert seconds == expected


@pytest.mark.parametrize(
    ("text", "end", "newest_only"),
    [
        ("x", 100_000, True),
        ("x", 115_000, False),
        ("x @ 50", 115_000, True),
        ("x smoothed", 100_000, False),
        ("rate(x[5m])", 100_000, False),
    ],
)
def test_when_the_newest_sample_is_enough(text: str, end: int, newest_only: bool) -> None:
    """At a single time an instant selector looks at one sample of each series."""
    (need,) = needed_samples(parse(text), Interval(100_000, end), TIMES)
    assert need.newest_only == newest_only


@pytest.mark.parametrize(
    ("at", "offset_s", "expected"),
    [
        (None, 0, [100, 150, 200]),
        (None, 10, [90, 140, 190]),
        (120_000, -10, [130]),
        (AtEdge.START, 0, [100]),
        (AtEdge.END, 5, [195]),
    ],
)
def test_shifted_times(at: object, offset_s: int, expected: list[int]) -> None:
    """`offset` moves every step, `@` pins them all to one time."""
    steps = np.array([100_000, 150_000, 200_000])
    found = TIMES.shifted(steps, at, offset_s * 1000)  # type: ignore[arg-type] # an At
    assert (found // 1000).tolist() == expected


def test_substeps_are_multiples_of_the_step() -> None:
    """Also before the epoch; the left edge is excluded."""
    subquery = parse("x[90s:30s]")
    assert isinstance(subquery, Subquery)
    assert list(TIMES.substeps(subquery, 0, 15_000)) == [-60_000, -30_000, 0]


def test_too_many_substeps() -> None:
    """A subquery's steps are counted before any is taken."""
    with pytest.raises(TooManySamplesError, match="9208512000"):
        needed_samples(parse("max_over_time(x[292y:1s])"), Interval(0, 0), TIMES)
