"""Targets: who they are as senders, and when they are scraped."""

from __future__ import annotations

import pytest

from receivers.prometheus.target import Target

NOW_MS = 1_700_000_000_000


def target(address: str = "h:80", **labels: str) -> Target:
    return Target(job="app", instance="h:80", address=address, labels=labels, interval_ms=15_000)


def test_identity() -> None:
    """The URL and the labels; who tells `up` is somebody else, who is there while the target is not."""
    sender = "prometheus:http://h:80/metrics{instance='h:80',job='app',zone='a'}"
    assert str(target(zone="a").sender) == sender
    assert str(target(zone="a").observer) == sender.replace(":http", ":scrape of http", 1)
    different = [target(), target("i:80"), target(zone="a"), target(zone="b"), target(a="',b='")]
    assert len({one.sender for one in different}) == len(different)
    assert len(str(target(zone="x" * 10_000).sender)) < 100


@pytest.mark.parametrize("passed_ms", [0, 1, 14_999, 15_000, 100_001])
def test_phase(passed_ms: int) -> None:
    """A target has its own place in the interval, whenever somebody begins to scrape it."""
    first_ms = NOW_MS + target().phase_ms(NOW_MS)
    now_ms = NOW_MS + passed_ms
    phase_ms = target().phase_ms(now_ms)
    assert 0 <= phase_ms < 15_000
    assert (now_ms + phase_ms - first_ms) % 15_000 == 0


def test_targets_are_spread() -> None:
    """Of 1,000 targets about as many are due in each fifth of the interval."""
    phases = [target(f"h{i}:80").phase_ms(NOW_MS) // 3_000 for i in range(1000)]
    assert all(150 < phases.count(fifth) < 250 for fifth in range(5))
