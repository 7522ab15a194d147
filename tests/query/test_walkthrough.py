"""keda.md 6.2 and 6.6: what should come out of the walk-through, number by number, on a fake clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest

from tests.support.closed_loop import BEGIN_MS, BUNDLER_MS, SECOND, Tallyd

LAG_S = BUNDLER_MS / SECOND
Calls = Callable[[float], int]
"""Calls received until a second, since the process began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A sidecar: starts at `start_s`, reports every 20 s until `end_s`; its stream opens and closes with it."""

    calls: Calls
    start_s: float = 0.0
    end_s: float = 1e9
    name: str = "a"

    def reports(self, until_s: float) -> Iterator[tuple[float, int]]:
        second = self.start_s + 20
        while second + LAG_S <= min(until_s, self.end_s):
            yield second, self.calls(second)
            second += 20


def steady(per_s: float, *, since_s: float = 0.0, until_s: float = 1e9) -> Calls:
    return lambda second: int(max(min(second, until_s) - since_s, 0.0) * per_s)


def at(second: float) -> int:
    return BEGIN_MS + round(second * SECOND)


def values(
    processes: list[Process], seconds: list[float], tallyd: Tallyd | None = None
) -> list[float]:
    """Feed everything in order of arrival and return the answers at `seconds`."""
    tallyd = tallyd or Tallyd(target=None)
    events: list[tuple[float, int, Callable[[], Any]]] = []
    answers: list[float] = []
    for process in processes:
        name, start_ms = process.name, at(process.start_s)
        events.append((process.start_s, 0, partial(tallyd.opened, name, start_ms)))
        if process.end_s < 1e9:
            events.append((process.end_s, 2, partial(tallyd.closed, name, at(process.end_s))))
        for second, count in process.reports(max(seconds)):
            times = {"start_ms": start_ms, "time_ms": at(second), "at_ms": at(second + LAG_S)}
            events.append((second + LAG_S, 1, partial(tallyd.reported, name, count, **times)))
    for second in seconds:
        events.append((second, 3, partial(tallyd.value, at(second))))
    for _, kind, act in sorted(events, key=lambda event: event[:2]):
        result = act()
        if kind == 3:
            answers.append(result)
    return answers


def outside(answers: list[float], low: float, high: float) -> list[float]:
    return [answer for answer in answers if not low <= answer <= high]


def every(begin_s: float, end_s: float, step_s: float = 5.0) -> list[float]:
    return [begin_s + step_s * i for i in range(int((end_s - begin_s) / step_s) + 1)]


def spread(per_s: float, pods: int, *, since_s: float = 0.0) -> list[Process]:
    """Pods with different phases that share a load evenly."""
    return [
        Process(calls=steady(per_s / pods), start_s=since_s - 6.7 * i, name=f"pod-{i}")
        for i in range(pods)
    ]


@pytest.mark.parametrize(
    ("processes", "low", "high"),
    [
        pytest.param([Process(calls=steady(0.987))], 0.95, 1 + 1 / 60, id="T1-one-caller"),
        pytest.param(spread(2.96, 3), 2.9, 3 + 3 / 60, id="T2-three-callers-three-pods"),
        pytest.param([Process(calls=steady(2.96))], 2.9, 3.0, id="three-callers-one-pod"),
        pytest.param([Process(calls=steady(0.0))], 0.0, 0.0, id="no-traffic"),
    ],
)
def test_steady(processes: list[Process], low: float, high: float) -> None:
    """A steady load is answered as it is, at any moment between reports."""
    answers = values(processes, every(150, 400, 3.7))
    assert outside(answers, low, high) == []


def change(first: float, then: float) -> Calls:
    """`first` calls a second until 400 s, from then on `then`."""
    return lambda second: int(min(second, 400) * first + max(second - 400, 0) * then)


def test_one_caller_becomes_three() -> None:
    """The value grows by 2/3 a report and is at its end after the third, at most 82 s after the change."""
    after_report = [422.5, 442.5, 462.5]
    answers = values([Process(calls=change(1, 3))], [400, *after_report, *every(482, 600)])
    assert answers == [1.0, *[pytest.approx(v, abs=0.04) for v in (1.667, 2.333, 3.0)], *[3.0] * 24]


def test_three_callers_become_one() -> None:
    """Mirror image: 1.0 by 82 s."""
    after_report = [422.5, 442.5, 462.5]
    answers = values([Process(calls=change(3, 1))], [400, *after_report, *every(482, 600)])
    assert answers == [3.0, *[pytest.approx(v, abs=0.04) for v in (2.333, 1.667, 1.0)], *[1.0] * 24]


def burst(second: float) -> int:
    """One call a second, and 100 more in the two seconds after 405 s."""
    return int(second) + int(100 * min(max((second - 405) / 2, 0), 1))


@pytest.mark.parametrize(
    ("window_s", "expected"), [(60, 2.667), (120, 1.833), (20, 6.0)], ids=["T4", "120-s", "20-s"]
)
def test_burst(window_s: float, expected: float) -> None:
    """A burst of 100 is 100/W more, for W from the first report on, and gone after it."""
    tallyd = Tallyd(target=None, window_s=window_s)
    seconds = [421.0, 422.5, 422 + window_s - 0.5, 442 + window_s]
    answers = values([Process(calls=burst)], seconds, tallyd)
    assert answers == pytest.approx([1.0, expected, expected, 1.0], abs=0.001)


def test_burst_needs_a_short_window_to_clamp() -> None:
    """With a window of 10 s the burst alone exceeds clampMax 10 only if it is reported within that window."""
    tallyd = Tallyd(target=None, window_s=10)
    assert values([Process(calls=burst)], [422.5], tallyd) == pytest.approx([6.0], abs=0.1)


@pytest.mark.parametrize(
    ("phase_s", "low", "high", "answered"),
    [
        pytest.param(6, 2.9, 3.15, 3.0, id="T3"),
        pytest.param(0, 2.8, 3.2, 3.16, id="report-at-the-move"),
        pytest.param(12, 2.7, 3.15, 3.0, id="report-12-s-before-it"),
    ],
)
def test_load_moves_between_pods(phase_s: float, low: float, high: float, answered: float) -> None:
    """3 calls a second that move from one pod to three stay 3, but for calls spread evenly over a report's 20 s."""
    old = Process(
        calls=lambda s: int(3 * min(s, 400) + max(s - 400, 0)), start_s=-phase_s, name="old"
    )
    new = [
        Process(calls=steady(1, since_s=400), start_s=start_s, name=f"new-{i}")
        for i, start_s in enumerate((392.0, 391.2))
    ]
    seconds = every(300, 600, 1.7)
    answers = values([old, *new], seconds)
    assert outside(answers, low, high) == []
    assert sum(answers) / len(answers) == pytest.approx(3.0, abs=0.03)
    assert max(values([old, *new], seconds, Tallyd(target=1.0))) == answered


def test_nothing_after_traffic_ends() -> None:
    """Without traffic the value is 0 after W and one report."""
    answers = values([Process(calls=steady(1, until_s=400))], [400, 441, 482.5, 500])
    assert answers == [1.0, pytest.approx(0.667, abs=0.04), 0.0, 0.0]


def test_pod_deleted() -> None:
    """T5: a deleted pod's value is held for the grace, then falls to 0 by 60 s after its last report."""
    answers = values([Process(calls=steady(1), end_s=405)], [404, 429, 435, 460])
    assert answers == [1.0, 1.0, pytest.approx(25 / 60, abs=0.02), 0.0]


def test_sidecar_restarts() -> None:
    """T6: a restart dips by at most the 20 s that were not reported; no spike, never negative."""
    before = Process(calls=steady(1), end_s=402.5, name="host/1")
    after = Process(calls=steady(1, since_s=403), start_s=403, name="host/2")
    answers = values([before, after], every(395, 520, 2.5))
    assert outside(answers, 0.66, 1.0) == []
    assert answers[-1] == pytest.approx(1.0, abs=0.02)


def test_row_appears_in_an_old_stream() -> None:
    """T8: a row that appears in an old stream began at 0 at the report before it, not at the process start."""
    answers = values([Process(calls=steady(1, since_s=400.5))], [421, 422.5, 442.5, 482.5])
    assert answers == pytest.approx([0.0, 19 / 60, 39 / 60, 59 / 60], abs=0.02)


def test_first_report_of_a_new_pod() -> None:
    """A new pod counts from its first report on, because its start time lies in the window."""
    assert values([Process(calls=steady(3))], [21, 22.5, 62.5]) == pytest.approx([0, 1, 3])


def test_unknown_first_sample_is_no_jump() -> None:
    """A sidecar that has counted 86,400 calls before its first report to us does not show 1,440 a second."""
    old = Process(calls=lambda s: 86_400 + int(s))
    tallyd = Tallyd(target=None)
    tallyd.reported("a", 86_400, start_ms=at(-86_400), time_ms=at(0), at_ms=at(2))
    assert tallyd.value(at(3)) == 0.0
    tallyd.reported("a", old.calls(20), start_ms=at(-86_400), time_ms=at(20), at_ms=at(22))
    assert tallyd.value(at(23)) == pytest.approx(20 / 60, abs=0.001)


@pytest.mark.parametrize(
    ("processes", "expected"),
    [
        pytest.param([Process(calls=steady(1.001))], 1.0, id="one"),
        pytest.param(spread(3.04, 3), 3.0, id="three"),
    ],
)
def test_never_just_above_the_target(processes: list[Process], expected: float) -> None:
    """A load a little above whole replicas is answered as that many (keda.md 6.3.8)."""
    answers = values(processes, every(150, 400, 3.7), Tallyd(target=1.0))
    assert max(answers) == expected
