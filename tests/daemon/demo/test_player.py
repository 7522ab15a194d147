"""The sidecar player: recorded bytes, moved to now, to a tallyd that runs elsewhere."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable

import grpc
import pytest

from daemon.clock import VirtualTime
from daemon.config.load import load_config
from daemon.demo.player import (
    Sidecar,
    SidecarLostError,
    load_take,
    play_for_ever,
    play_take,
    sidecar_at,
)
from daemon.demo.show import running
from daemon.recording import WALK_THROUGH, Event
from daemon.scaler.client import ScalerClient

pytestmark = pytest.mark.integration

NOW_MS = 1_900_000_000_123
UNIT_S = 10.0


class Said(list[str]):
    """What the player said; sleeping waits until all reports that it told of have arrived, then time moves on."""

    def __init__(self, time: VirtualTime) -> None:
        super().__init__()
        self.time = time
        self.heard: Callable[[], int] = lambda: 0

    async def sleep(self, seconds: float) -> None:
        async with asyncio.timeout(UNIT_S):
            while self.heard() < sum(line.startswith("report") for line in self):
                await asyncio.sleep(0.001)
        await self.time.advance_to(self.time.clock() + round(seconds * 1000))


@pytest.mark.parametrize(
    ("take", "value"),
    [(("nodeapp-start",), 0.999), (("three-callers",), 3.0)],
    ids=["one", "three"],
)
async def test_take(take: tuple[str, ...], value: float) -> None:
    """A recording that is moved to another time gives the same answer there."""
    time = VirtualTime(NOW_MS)
    said = Said(time)
    async with (
        running(load_config(None, {}), time) as (app, ports),
        sidecar_at(f"127.0.0.1:{ports.sidecars}") as sidecar,
        grpc.aio.insecure_channel(f"127.0.0.1:{ports.scaler}") as channel,
    ):
        said.heard = lambda: app.windows.reports
        events = load_take(take)
        await play_take(sidecar, events, said.append, clock=time.clock, sleep=said.sleep)
        await said.sleep(1)
        keda = ScalerClient(channel, WALK_THROUGH, namespace="default", name="nodeapp")
        assert (await keda.value(), app.store.counters["future"]) == (value, 0)
    assert said[0] == "a sidecar of nodeapp, pod nodeapp-7d9f8b6c5d-x2x4z, starts"
    assert said[1].startswith(
        f"report at {(events[3].at_ms - events[0].at_ms) / 1000:.0f} s of {take[0]}: "
    )


def test_second_take_is_one() -> None:
    """Sessions of one take share streams, and the report that both hold comes once."""
    events = load_take(("three-callers", "burst"))
    metrics = [event.at_ms for event in events if "metrics" in event.method]
    assert (len(metrics), metrics) == (24, sorted(set(metrics)))


async def test_nobody_there() -> None:
    """Where nobody listens, or somebody goes away, the player says so and tries again."""
    time = VirtualTime(NOW_MS)
    said = Said(time)
    async with running(load_config(None, {}), time) as (app, ports):
        target = f"127.0.0.1:{ports.sidecars}"
        async with sidecar_at(target) as sidecar:
            [first, *_] = load_take(("nodeapp-start",))
            await sidecar.send(first)
            await app.stop()
            with pytest.raises(SidecarLostError):
                await send_for_ever(sidecar, first)
    tries = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        tries.set()
        await asyncio.Event().wait()

    playing = asyncio.create_task(
        play_for_ever("127.0.0.1:1", said.append, clock=time.clock, sleep=sleep, connect_s=0.2)
    )
    await asyncio.wait_for(tries.wait(), UNIT_S)
    playing.cancel()
    assert said == [
        "playing to 127.0.0.1:1",
        "no tallyd at 127.0.0.1:1 (no connection within 0.2 s): trying again in 5 s",
    ]


async def send_for_ever(sidecar: Sidecar, event: Event) -> None:
    async with asyncio.timeout(UNIT_S):
        while True:
            await sidecar.send(event)
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_signal(number: signal.Signals) -> None:
    """A signal ends the player cleanly with exit code 0."""
    process = subprocess.Popen(
        [sys.executable, "-m", "daemon", "demo", "--target", "127.0.0.1:1"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    process.send_signal(number)
    _, err = process.communicate(timeout=UNIT_S)
    assert ("playing to 127.0.0.1:1" in line, process.returncode, err) == (True, 0, "")
