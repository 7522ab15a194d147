"""The demo from end to end: recorded bytes over real gRPC into a real app, answers over real gRPC."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from daemon.clock import VirtualTime
from daemon.config.load import load_config
from daemon.demo.command import BUILT_IN
from daemon.demo.screen import Picture, Sync
from daemon.demo.show import DemoError, Show, running
from daemon.demo.story import load_story

pytestmark = pytest.mark.integration

SPEED = 5_000.0


async def perform(source: Path | str | None) -> Picture:
    story = load_story()
    time = VirtualTime(story.begin_ms)
    async with running(load_config(source, {}), time) as (app, ports):
        show = Show(app, ports, time, story, speed=SPEED, draw=lambda _picture: None)
        return await show.perform()


def of_phase(picture: Picture, name: str) -> Sequence[Sync]:
    return [sync for sync in picture.syncs if picture.story.phase_at(sync.at_ms).name == name]


def largest(syncs: Sequence[Sync]) -> float:
    return max(sync.value for sync in syncs if sync.value is not None)


async def test_walk_through() -> None:
    """One caller is one replica, three are three and never four; the burst is seen and passes."""
    picture = await perform(BUILT_IN)
    settling, one, three, burst, after = (
        of_phase(picture, phase.name) for phase in picture.story.phases
    )
    assert {sync.value for sync in settling} == {None}
    assert (largest(one), {sync.replicas for sync in one}) == (1.0, {1})
    assert (largest(three), {sync.replicas for sync in three}) == (3.0, {2, 3})
    assert three[-1] == (three[-1].at_ms, 3.0, 3)
    assert (largest(burst), burst[-1].replicas) == (4.666, 5)
    assert (largest(after), [sync.replicas for sync in after][-6:]) == (3.0, [3] * 6)
    assert picture.reports == picture.story.reports


async def test_pause_is_lossless() -> None:
    """The first answer after the recorder's pause of 100 s is right: the sender did not end, the counter went on."""
    picture = await perform(BUILT_IN)
    first = next(sync for sync in picture.syncs if sync.at_ms > picture.story.pause_end_ms)
    assert first.value == 1.0


async def test_another_configuration() -> None:
    """A filter that drops the metric leaves KEDA without a value, and the HPA where it is."""
    text = "processors: {filter: {metrics: {metric: ['true']}}}\nservice: {pipelines: {metrics: {processors: [filter]}}}"
    picture = await perform(text)
    assert {(sync.value, sync.replicas) for sync in picture.syncs} == {(None, 1)}
    assert "no sender has reported" in picture.unknown


async def test_nothing_to_ask() -> None:
    """A configuration without the scaler is refused in words."""
    with pytest.raises(DemoError, match="without the extension keda_scaler"):
        await perform("service: {extensions: []}")


def test_command(tmp_path: Path) -> None:
    """The command runs from any folder, in a pipe, in a bounded time, and ends with what was seen."""
    done = subprocess.run(
        [sys.executable, "-m", "daemon", "demo", "--speed", "2000"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=60,
        check=True,
    )
    assert (done.stderr, "\x1b" in done.stdout) == ("", False)
    assert "  three callers        up to 3.000/s   replicas 1 -> 2 -> 3\n" in done.stdout
    assert done.stdout.endswith("config.example.yaml  every setting with its default\n")


@pytest.mark.parametrize("speed", ["0", "x", "1e9"])
def test_speed(speed: str) -> None:
    """A senseless speed is a wrong argument."""
    from daemon.cli import main

    with pytest.raises(SystemExit) as caught:
        main(["demo", "--speed", speed])
    assert caught.value.code == 2
