from __future__ import annotations

import math
from dataclasses import replace
from statistics import median

import pytest

from tests.support.addon_twin import AddOn
from tests.support.closed_loop import Run, Scaler, Scenario, Tallyd, simulate

pytestmark = pytest.mark.slow
RUNS = 24
SYNC_S = 15.0


def long(before: int, after: int, *, burst: bool = False, calls_per_s: float = 0.987) -> Scenario:
    """The HPA's default window of 300 s, and phases in which it can do its work."""
    return Scenario(
        before=before,
        after=after,
        burst=burst,
        calls_per_s=calls_per_s,
        down_window_s=300,
        warm_up_s=700,
        phase_s=1_300,
    )


def short(before: int, after: int, *, burst: bool = False) -> Scenario:
    """The example's window of 15 s, which holds nothing back."""
    return Scenario(before=before, after=after, burst=burst)


def runs(scenario: Scenario, scaler: type[Scaler], number: int = RUNS) -> list[Run]:
    return [simulate(scenario, scaler(), seed) for seed in range(number)]


def settled(scenario: Scenario, run: Run) -> bool:
    """Nothing moves any more in the last third of the phase."""
    return run.settled_at(scenario.after, last_s=scenario.phase_s / 3)


@pytest.mark.parametrize(
    ("scenario", "first_s"),
    [
        pytest.param(short(1, 3), 62, id="1-to-3"),
        pytest.param(short(1, 6), 75, id="1-to-6"),
        pytest.param(short(3, 1), 82, id="3-to-1"),
        pytest.param(short(6, 1), 95, id="6-to-1"),
        pytest.param(long(1, 3), 62, id="1-to-3-default-window"),
        pytest.param(long(3, 1), 365, id="3-to-1-default-window"),
        pytest.param(long(6, 1), 380, id="6-to-1-default-window"),
    ],
)
def test_callers_change(scenario: Scenario, first_s: float) -> None:
    """The last columns of keda.md 6.4: never over, always settled, median times within one HPA sync."""
    results = runs(scenario, Tallyd)
    most = max(scenario.before, scenario.after)
    assert max(run.highest_value for run in results) <= most
    assert max(run.highest_replicas for run in results) == most
    assert sum(settled(scenario, run) for run in results) == RUNS
    times_s = [run.first_at(scenario.after) for run in results]
    assert median(times_s) == pytest.approx(first_s, abs=SYNC_S)


@pytest.mark.parametrize(
    ("scenario", "first_s"),
    [
        pytest.param(short(1, 3), 50, id="1-to-3"),
        pytest.param(short(1, 6), 70, id="1-to-6"),
        pytest.param(short(3, 1), 70, id="3-to-1"),
        pytest.param(short(6, 1), 82, id="6-to-1"),
        pytest.param(short(1, 1, burst=True), math.inf, id="burst"),
        pytest.param(long(1, 3), 50, id="1-to-3-default-window"),
        pytest.param(long(3, 1), 358, id="3-to-1-default-window"),
        pytest.param(long(2, 9, calls_per_s=1.0), 70, id="2-to-9-on-target"),
        pytest.param(long(9, 2, calls_per_s=1.0), 360, id="9-to-2-on-target"),
    ],
)
def test_pages_are_read(scenario: Scenario, first_s: float) -> None:
    """With samples 5 s old instead of 22 it is never over and always settles too, and 10 to 20 s sooner."""
    results = runs(replace(scenario, scrape_s=5), Tallyd)
    never_over_and_settled(scenario, results)
    assert median([run.first_at(scenario.after) for run in results]) <= first_s


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(short(1, 3), id="1-to-3"),
        pytest.param(short(3, 1), id="3-to-1"),
        pytest.param(short(1, 1, burst=True), id="burst"),
        pytest.param(long(2, 9, calls_per_s=1.0), id="2-to-9-on-target"),
    ],
)
def test_pages_fail(scenario: Scenario, share: float) -> None:
    """However many pages cannot be read, pages and reports together are never over and always settle."""
    results = runs(replace(scenario, scrape_s=5, unread_share=share), Tallyd, 8)
    never_over_and_settled(scenario, results)


def never_over_and_settled(scenario: Scenario, results: list[Run]) -> None:
    most = 3 if scenario.burst else max(scenario.before, scenario.after)
    assert max(run.highest_value for run in results) <= most
    assert max(run.highest_replicas for run in results) == most
    assert sum(settled(scenario, run) for run in results) == len(results)


@pytest.mark.parametrize(
    "scenario", [short(1, 1, burst=True), long(1, 1, burst=True)], ids=["short", "default-window"]
)
def test_burst(scenario: Scenario) -> None:
    """A burst of 100 calls makes 3 replicas, no more, and is over in the end."""
    results = runs(scenario, Tallyd)
    assert {run.highest_replicas for run in results} == {3}
    assert all(2.55 <= run.highest_value <= 2.75 for run in results)
    assert sum(settled(scenario, run) for run in results) == RUNS


@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(long(3, 1, calls_per_s=1.0), id="3-to-1"),
        pytest.param(long(2, 9, calls_per_s=1.0), id="2-to-9"),
        pytest.param(long(9, 2, calls_per_s=1.0), id="9-to-2"),
    ],
)
def test_exactly_on_target(scenario: Scenario) -> None:
    """Callers at exactly the target are never over and always settle, even under the HPA's default window."""
    results = runs(scenario, Tallyd, 20)
    assert max(run.highest_value for run in results) <= max(scenario.before, scenario.after)
    assert sum(settled(scenario, run) for run in results) == 20


@pytest.mark.parametrize(
    ("scenario", "over", "first_s"),
    [
        pytest.param(short(1, 3), True, (0, 150), id="1-to-3"),
        pytest.param(short(1, 6), True, (0, 150), id="1-to-6"),
        pytest.param(short(3, 1), False, (160, 220), id="3-to-1"),
        pytest.param(long(1, 3), True, (0, math.inf), id="1-to-3-default-window"),
        pytest.param(long(3, 1), False, (600, math.inf), id="3-to-1-default-window"),
        pytest.param(long(1, 1, burst=True), False, (0, math.inf), id="burst-default-window"),
    ],
)
def test_the_add_on(scenario: Scenario, over: bool, first_s: tuple[float, float]) -> None:
    """The add-on overshoots upwards, comes down late, and mostly does not settle: the loop can tell them apart."""
    results = runs(scenario, AddOn)
    most = max(scenario.before, scenario.after)
    assert not over or all(run.highest_replicas > most for run in results)
    assert first_s[0] <= median(run.first_at(scenario.after) for run in results) <= first_s[1]
    assert sum(settled(scenario, run) for run in results) < RUNS * 2 / 3


def test_without_evidence() -> None:
    """Without keda.md 6.3.8 the HPA's default window nearly never comes down."""
    scenario = long(3, 1)
    results = [simulate(scenario, Tallyd(target=None), seed) for seed in range(12)]
    assert sum(settled(scenario, run) for run in results) <= 2
