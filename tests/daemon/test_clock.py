"""Virtual time: moves only when told to."""

from __future__ import annotations

import asyncio
import time as machine

import pytest

from daemon.clock import VirtualTime, system_clock


def test_the_clock_does_not_follow_steps_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody sets the machine's clock back by an hour: the daemon's time goes on as before."""
    before_ms = system_clock()
    assert abs(before_ms - machine.time() * 1000) < 60_000
    stepped_ns = machine.time_ns() - 3600 * 10**9
    monkeypatch.setattr(machine, "time_ns", lambda: stepped_ns)
    assert 0 <= system_clock() - before_ms < 60_000


async def test_sleepers_wake_in_order_each_at_its_own_time() -> None:
    """Whoever sleeps wakes at the moment it asked for, not when the advance ends."""
    time = VirtualTime(1_000)
    woken: list[tuple[str, int]] = []

    async def sleeper(name: str, seconds: float, times: int) -> None:
        for _ in range(times):
            await time.sleep(seconds)
            woken.append((name, time.clock()))

    async with asyncio.TaskGroup() as group:
        group.create_task(sleeper("slow", 2.0, 1))
        group.create_task(sleeper("fast", 0.75, 3))
        await asyncio.sleep(0)
        await time.advance_to(5_000)
    assert woken == [("fast", 1_750), ("fast", 2_500), ("slow", 3_000), ("fast", 3_250)]
    assert time.clock() == 5_000


async def test_a_jump_wakes_nobody_until_the_next_advance() -> None:
    """A jump moves the clock alone."""
    time = VirtualTime(0)
    task = asyncio.create_task(time.sleep(1.0))
    await asyncio.sleep(0)
    time.jump_to(10_000)
    await asyncio.sleep(0)
    assert (time.clock(), task.done()) == (10_000, False)
    await time.advance_to(10_000)
    await task


async def test_time_never_goes_back() -> None:
    """An earlier moment leaves the clock where it is."""
    time = VirtualTime(5_000)
    await time.advance_to(1_000)
    assert time.clock() == 5_000
