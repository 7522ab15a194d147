"""The demo from end to end: recorded bytes over real gRPC into a real app, answers over real gRPC."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from daemon.cli import main
from daemon.clock import VirtualTime
from daemon.config.load import load_config, parse_config
from daemon.demo.command import BUILT_IN, try_next
from daemon.demo.screen import SETTLING, UNKNOWN, Picture, Sync
from daemon.demo.show import DemoError, Show, on_free_ports, running
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
    assert {(sync.value, sync.state) for sync in settling} == {(None, SETTLING)}
    assert (largest(one), {sync.replicas for sync in one}) == (1.0, {1})
    assert (largest(three), {sync.replicas for sync in three}) == (3.0, {2, 3})
    assert three[-1] == (three[-1].at_ms, 3.0, 3, "")
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
    seen = {(sync.value, sync.replicas, sync.state) for sync in picture.syncs}
    assert seen == {(None, 1, SETTLING), (None, 1, UNKNOWN)}
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
    assert "  three callers        up to 3.000/s              replicas 1 -> 2 -> 3\n" in done.stdout
    assert "Try next\n" in done.stdout
    assert done.stdout.endswith("every setting with its default\n")


@pytest.mark.parametrize(
    ("program", "search", "expected"),
    [
        ("/made-up/tallyd", "/usr/bin", "/made-up/tallyd run"),
        ("bin/tallyd", "/usr/bin", "bin/tallyd run"),
        ("{tmp}/bin/tallyd", "{tmp}/bin", "tallyd run"),
        ("/lib/daemon/__main__.py", "/usr/bin", f"{sys.executable} -m daemon run"),
    ],
    ids=["elsewhere", "below", "on PATH", "module"],
)
def test_try_next(
    program: str, search: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next commands are written as they can be run from here."""
    script = tmp_path / "bin" / "tallyd"
    script.parent.mkdir()
    script.touch(mode=0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", search.format(tmp=tmp_path))
    line = try_next(program.format(tmp=tmp_path), tmp_path)[1]
    assert line.strip().split("  ")[0] == expected


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        (("--speed", "0"), "argument --speed: expected a number from 1 to 10000, got '0'"),
        (("--speed", "x"), "argument --speed: expected a number from 1 to 10000, got 'x'"),
        (("--speed", "nan"), "argument --speed: expected a number from 1 to 10000, got 'nan'"),
        (("--speed", "1e9"), "argument --speed: expected a number from 1 to 10000, got '1e9'"),
        (("--target", "foo"), "argument --target: expected host:port, got 'foo'"),
        (("--target", "foo:99999999"), "argument --target: expected host:port, got 'foo:99999999'"),
        (("--target", "foo:1", "--speed", "2"), "--speed: not allowed with argument --target"),
    ],
)
def test_wrong_arguments(
    argv: tuple[str, ...], expected: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Senseless arguments are refused with what was expected."""
    with pytest.raises(SystemExit) as caught:
        main(["demo", *argv])
    assert (caught.value.code, capsys.readouterr().err.strip().endswith(expected)) == (2, True)


def test_nothing_leaves_the_machine() -> None:
    """Of a user's configuration only sidecars, windows and questions are played: no other receiver, exporter or file."""
    text = """
receivers: {opencensus: , otlp: {protocols: {grpc: }}}
exporters: {windows: , otlp: {endpoint: "backend:4317"}}
extensions: {keda_scaler: , snapshot: }
service:
  pipelines:
    metrics: {receivers: [opencensus, otlp], exporters: [windows, otlp]}
    metrics/away: {receivers: [opencensus], exporters: [otlp]}
"""
    config = on_free_ports(parse_config(text, {})).config
    assert list(config.receivers) == ["opencensus"]
    assert {
        name: (one.receivers, one.exporters) for name, one in config.service.pipelines.items()
    } == {"metrics": (("opencensus",), ("windows",))}
    assert config.service.extensions == ("keda_scaler",)
    assert config.service.telemetry.metrics.endpoint is None
