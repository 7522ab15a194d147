"""Reading the configuration again: what fails, what is told, when a file has changed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from pathlib import Path

import pytest

from daemon.clock import VirtualTime
from daemon.config.errors import InvalidConfigurationError
from daemon.config.load import LoadedConfig, load_config, parse_config
from daemon.reloading import LOOKED_AT_EVERY_S, Outcome, Reloading
from daemon.telemetry import SelfMetrics

GOOD = "processors: {}"
BAD = "receivers: {nonesuch: {}}"


class Taken:
    """Takes configurations over and keeps them."""

    def __init__(self, restart_needed: Sequence[str] = (), error: OSError | None = None) -> None:
        self.taken: list[LoadedConfig] = []
        self._restart_needed = restart_needed
        self._error = error

    async def __call__(self, loaded: LoadedConfig) -> Sequence[str]:
        if self._error is not None:
            raise self._error
        self.taken.append(loaded)
        return self._restart_needed


def reloading(text: str, taken: Taken) -> Reloading:
    return Reloading(lambda: parse_config(text, {}), taken, SelfMetrics(), lambda: 0)


async def test_a_good_configuration_is_taken_over() -> None:
    """What is in force is what was read, and nothing is left to tell."""
    taken = Taken()
    one = reloading(GOOD, taken)
    assert await one.reload("test") == Outcome()
    assert (len(taken.taken), dict(one.details())) == (1, {})


async def test_settings_that_need_a_restart_are_told() -> None:
    """The rest is taken over; the details name what is not."""
    one = reloading(GOOD, Taken(restart_needed=["exporters.windows.retention"]))
    await one.reload("test")
    assert one.details() == {"restart_needed": "exporters.windows.retention"}


@pytest.mark.parametrize(
    ("text", "taken", "part"),
    [
        pytest.param(BAD, Taken(), "nonesuch", id="a mistake"),
        pytest.param(GOOD, Taken(error=OSError(98, "port in use")), "port in use", id="a port"),
    ],
)
async def test_what_fails_changes_nothing(text: str, taken: Taken, part: str) -> None:
    """The problem is returned and told until a reload succeeds."""
    one = reloading(text, taken)
    outcome = await one.reload("test")
    assert part in outcome.problem
    assert part in one.details()["reload"]
    assert taken.taken == []


async def test_without_a_file_there_is_nothing_to_read() -> None:
    """The built-in configuration cannot change."""
    one = Reloading(None, Taken(), SelfMetrics(), lambda: 0)
    assert "built-in" in (await one.reload("test")).problem


async def _settle() -> None:
    """Let reads, which run in a thread, come to their end."""
    for _ in range(200):
        await asyncio.sleep(0.001)


async def test_a_file_that_changes(tmp_path: Path) -> None:
    """A change is taken over once the file has been the same at two looks; a missing file is not one."""
    path = tmp_path / "tallyd.yaml"
    path.write_text(GOOD)
    taken, virtual = Taken(), VirtualTime(0)
    one = Reloading(lambda: load_config(path, {}), taken, SelfMetrics(), virtual.clock)
    watching = asyncio.create_task(one.watch(path, virtual.sleep))
    seen: list[int] = []

    async def look() -> None:
        await virtual.advance_to(virtual.clock() + int(LOOKED_AT_EVERY_S * 1000))
        await _settle()
        seen.append(len(taken.taken))

    await look()  # nothing has changed
    path.write_text(GOOD + "\nservice: {}")
    await look()  # it may be half written
    await look()
    await look()
    path.unlink()
    await look()
    await look()
    watching.cancel()
    assert seen == [0, 0, 1, 1, 1, 1]


async def test_a_link_that_leads_elsewhere(tmp_path: Path) -> None:
    """Kubernetes swaps a link when a ConfigMap changes; the file's own name stays."""
    for number in (1, 2):
        folder = tmp_path / f"data{number}"
        folder.mkdir()
        (folder / "config.yaml").write_text(GOOD)
    link, path = tmp_path / "..data", tmp_path / "config.yaml"
    link.symlink_to(tmp_path / "data1")
    path.symlink_to(link / "config.yaml")
    taken, virtual = Taken(), VirtualTime(0)
    one = Reloading(lambda: load_config(path, {}), taken, SelfMetrics(), virtual.clock)
    watching = asyncio.create_task(one.watch(path, virtual.sleep))
    await _settle()
    swapped = tmp_path / "..new"
    swapped.symlink_to(tmp_path / "data2")
    swapped.replace(link)
    for _ in range(2):
        await virtual.advance_to(virtual.clock() + int(LOOKED_AT_EVERY_S * 1000))
        await _settle()
    watching.cancel()
    assert len(taken.taken) == 1


async def test_one_reload_after_the_other() -> None:
    """Two at once do not mix: the second begins when the first has ended."""
    running, most = 0, 0

    async def take_over(_loaded: LoadedConfig) -> Sequence[str]:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1
        return ()

    one = Reloading(lambda: parse_config(GOOD, {}), take_over, SelfMetrics(), lambda: 0)
    await asyncio.gather(*(one.reload("test") for _ in range(3)))
    assert most == 1


async def test_a_reader_that_cannot_read() -> None:
    """Mistakes of a file are told in full."""

    def read() -> LoadedConfig:
        raise InvalidConfigurationError(["a.yaml:1:1: one", "a.yaml:2:1: two"])

    one = Reloading(read, Taken(), SelfMetrics(), lambda: 0)
    assert (await one.reload("test")).problem == "a.yaml:1:1: one\na.yaml:2:1: two"
