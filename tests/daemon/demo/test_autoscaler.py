"""The HPA of the demo, by Kubernetes' arithmetic."""

from __future__ import annotations

import pytest

from daemon.demo.autoscaler import Autoscaler


@pytest.mark.parametrize(
    ("replicas", "value", "expected"),
    [
        pytest.param(1, 1.0, 1, id="at the target"),
        pytest.param(1, 1.09, 1, id="inside the tolerance"),
        pytest.param(1, 1.2, 2, id="rounded up"),
        pytest.param(1, 2.67, 3, id="the burst of the walk-through"),
        pytest.param(3, 3.3, 4, id="ten per cent over"),
        pytest.param(2, 3.02, 4, id="one per cent too much costs a replica"),
        pytest.param(1, 99.0, 5, id="four more at once"),
        pytest.param(4, 99.0, 8, id="doubled at once"),
        pytest.param(6, 99.0, 10, id="never over the maximum"),
        pytest.param(3, None, 3, id="an error holds"),
    ],
)
def test_one_sync(replicas: int, value: float | None, expected: int) -> None:
    """One sync gives the count that Kubernetes' replica calculator gives."""
    autoscaler = Autoscaler(target=1.0, replicas=replicas)
    assert autoscaler.sync(value, 0) == expected


def test_scaling_in_waits_for_the_stabilisation() -> None:
    """The highest recommendation of the window rules, then the count falls."""
    autoscaler = Autoscaler(target=1.0, stabilization_ms=60_000)
    values = [
        (0, 3.0),
        (15, 1.0),
        (30, 2.0),
        (45, 1.0),
        (60, 1.0),
        (75, 1.0),
        (90, 1.0),
        (105, 1.0),
    ]
    counts = [autoscaler.sync(value, at_s * 1000) for at_s, value in values]
    assert counts == [3, 3, 3, 3, 2, 2, 1, 1]


@pytest.mark.parametrize(
    ("replicas", "values", "expected"),
    [
        pytest.param(3, [3.29], [3], id="tolerance"),
        pytest.param(3, [3.02], [3], id="inside"),
        pytest.param(1, [3.02], [4], id="rounded-up"),
        pytest.param(1, [9.0, 9.0], [5, 9], id="at-most-4-more-or-double"),
        pytest.param(3, [1.0, 1.0, 1.0], [1, 1, 1], id="down"),
        pytest.param(1, [0.0], [1], id="at-least-1"),
    ],
)
def test_syncs(replicas: int, values: list[float], expected: list[int]) -> None:
    """Sync after sync gives what keda.md 1.5 says."""
    autoscaler = Autoscaler(target=1.0, stabilization_ms=15_000, replicas=replicas)
    assert [autoscaler.sync(value, 15_000 * i) for i, value in enumerate(values)] == expected
