"""Store, estimator and engine together against the slow model."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.closed_loop import BEGIN_MS, Tallyd
from tests.support.slow_model import Life, Report, slow_increase

Events = list[tuple[int, int, Callable[[], Any]]]
WINDOW_MS = 60_000
LAG_MS = 2_000
END_MS = BEGIN_MS + 290_000


@st.composite
def lives(draw: st.DrawFn) -> list[Life]:
    """Processes on up to three hosts: they begin, report with some reports lost, idle, end, and are replaced."""
    chosen = []
    for host in range(draw(st.integers(1, 3))):
        begin_ms = BEGIN_MS + draw(st.integers(-60_000, 100_000))
        for number in range(draw(st.integers(1, 2))):
            life = draw(processes(f"{host}/{number}", begin_ms))
            chosen.append(life)
            if life.closed_ms is None:
                break
            begin_ms = life.closed_ms + draw(st.integers(100, 60_000))
    return chosen


@st.composite
def processes(draw: st.DrawFn, name: str, start_ms: int) -> Life:
    count, reports = 0, []
    before_ms = draw(
        st.sampled_from([0, 0, 3_600_000])
    )  # a process that is older than our first report of it
    calls = draw(st.lists(st.sampled_from([0, 0, 1, 7, 20, 60]), max_size=12))
    for i, more in enumerate(calls, start=1):
        count += more
        time_ms = start_ms + 20_000 * i
        lost = draw(st.integers(0, 6)) == 0
        if time_ms >= BEGIN_MS and not lost:
            reports.append(Report(time_ms, time_ms + LAG_MS, count))
    last_ms = reports[-1].at_ms if reports else max(start_ms, BEGIN_MS)
    closed_ms = draw(st.none() | st.integers(1, 30_000).map(lambda more: last_ms + more))
    return Life(
        name=name,
        start_ms=start_ms - before_ms,
        reports=tuple(report for report in reports if report.at_ms <= END_MS),
        closed_ms=closed_ms,
    )


def play(tallyd: Tallyd, life: Life) -> Events:
    """Return what a process does, as (time, order, act)."""
    events: Events = [(life.start_ms, 0, partial(tallyd.opened, life.name, life.start_ms))]
    for time_ms, at_ms, count in life.reports:
        times = {"start_ms": life.start_ms, "time_ms": time_ms, "at_ms": at_ms}
        events.append((at_ms, 1, partial(tallyd.reported, life.name, count, **times)))
    if life.closed_ms is not None:
        events.append((life.closed_ms, 2, partial(tallyd.closed, life.name, life.closed_ms)))
    return events


@given(lives(), st.lists(st.integers(0, 290_000), min_size=1, max_size=4))
@settings(max_examples=200, deadline=None)
def test_equals_the_slow_model(world: list[Life], moments: list[int]) -> None:
    """What processes reported gives the exact common-window rate, for any phases, restarts, ends and lost reports."""
    tallyd = Tallyd(target=None)
    events: Events = []
    for life in world:
        events += play(tallyd, life)
    for moment in moments:
        at_ms = BEGIN_MS + moment
        events.append((at_ms, 3, partial(tallyd.store.advance, at_ms)))
        events.append((at_ms, 4, partial(tallyd.engine.answer, tallyd.question, at_ms)))
    got, expected = [], []
    for at_ms, kind, act in sorted(events, key=lambda event: event[:2]):
        result = act()
        if kind == 4:
            increase = slow_increase(world, window_ms=WINDOW_MS, at_ms=at_ms)
            got.append(result.raw_value or 0.0)  # no match is answered 0
            expected.append(float(increase / 60))
    assert got == pytest.approx(expected, abs=1e-9)
