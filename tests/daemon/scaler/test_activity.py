from __future__ import annotations

import pytest

from daemon.scaler.activity import Activity, gap_ms


@pytest.mark.parametrize(
    ("outcomes", "sent"),
    [
        pytest.param([True], [True], id="active at open"),
        pytest.param([False, False], [False, False], id="never false"),
        pytest.param([False, True, True, True], [False, True, False, False], id="once per edge"),
        pytest.param([True, False, True], [True, False, True], id="each edge"),
        pytest.param([True, None, True], [True, False, False], id="an outage is no edge"),
        pytest.param([False, None, True], [False, False, True], id="an edge during an outage"),
        pytest.param([None, None, True], [False, False, True], id="unknown at open"),
    ],
)
def test_edges(outcomes: list[bool | None], sent: list[bool]) -> None:
    """`true` is sent at open if active, then on each inactive -> active edge only (keda.md 0.3)."""
    activity = Activity()
    assert [activity.is_edge(active, 100 * i) for i, active in enumerate(outcomes)] == sent


def test_wait() -> None:
    """The first evaluation is at once, further ones keep a gap of 50 ms, whatever the clock does."""
    activity = Activity()
    assert activity.wait_ms(1_000, 50) == 0
    activity.is_edge(True, 1_000)
    waits = [activity.wait_ms(now_ms, 50) for now_ms in (1_000, 1_020, 1_050, 9_000, 0)]
    assert waits == [50, 30, 0, 0, 50]


def test_overdue() -> None:
    """Without samples a subscription is looked at every 5 s; a clock set back makes it due at once."""
    activity = Activity()
    assert not activity.is_overdue(1_000)
    activity.is_edge(False, 1_000)
    assert [activity.is_overdue(now_ms) for now_ms in (1_000, 5_999, 6_000, 0)] == [
        False,
        False,
        True,
        True,
    ]


def test_gap() -> None:
    """Up to 50 subscriptions keep the gap of 50 ms; more share 1,000 evaluations a second."""
    assert [gap_ms(n) for n in (0, 1, 50, 51, 1_000)] == [50, 50, 50, 51, 1_000]
