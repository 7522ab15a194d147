"""`tallyd demo`: the show in this process, or a sidecar player for a tallyd that runs elsewhere."""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Coroutine
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from daemon.clock import VirtualTime, system_clock
from daemon.config.load import LoadedConfig, load_config
from daemon.config.service import LogsConfig
from daemon.demo.player import SidecarLostError, play_for_ever
from daemon.demo.screen import format_summary
from daemon.demo.show import STABILIZATION_MS, DemoError, Show, running
from daemon.demo.story import load_story
from daemon.demo.terminal import choose_display
from daemon.logs import configure_logs
from daemon.recording import RecordingError

OK, FAILED, INTERRUPTED = 0, 1, 130
BUILT_IN = Path(__file__).with_name("demo.yaml")

_INTRODUCTION = """\
A recorded Dapr sidecar reports every 20 s over real gRPC to
a tallyd in this process, KEDA asks every 15 s. The HPA
waits {wait_s} s before it goes down (Kubernetes: 300 s), so that
the way back is seen. {speed:g} x real time: {length:.0f} s.

"""
_TRY_NEXT = (
    ("run", "tallyd for real sidecars and KEDA"),
    ("explain", "how an answer comes about"),
)


def run_demo(args: argparse.Namespace) -> int:
    """Run the command and return its exit code.

    Raises:
        InvalidConfigurationError: the configuration cannot be read or is wrong.
    """
    configure_logs(LogsConfig(level="error"))
    try:
        if args.target is not None:
            playing = play_for_ever(args.target, _say, clock=system_clock, sleep=asyncio.sleep)
            return asyncio.run(_until_signal(playing, stopped=OK))
        loaded = load_config(args.config or BUILT_IN, os.environ)
        return asyncio.run(_until_signal(_perform(loaded, args.speed), stopped=INTERRUPTED))
    except (RecordingError, DemoError, SidecarLostError) as error:
        sys.stderr.write(f"tallyd demo: {error}\n")
        return FAILED


# Any: nothing is sent into the coroutine and nothing comes out of it before its end.
async def _until_signal(work: Coroutine[Any, Any, None], *, stopped: int) -> int:
    """Do `work` until it is done or a signal comes; return the exit code, which is `stopped` for a signal."""
    task = asyncio.create_task(work)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        return stopped
    return OK


async def _perform(loaded: LoadedConfig, speed: float) -> None:
    story = load_story()
    length_s = story.played_ms / 1000 / speed
    wait_s = STABILIZATION_MS // 1000
    sys.stdout.write(_INTRODUCTION.format(speed=speed, length=length_s, wait_s=wait_s))
    display = choose_display(sys.stdout, os.environ)
    time = VirtualTime(story.begin_ms)
    async with running(loaded, time) as (app, ports):
        show = Show(app, ports, time, story, speed=speed, draw=display.show)
        try:
            picture = await show.perform()
        finally:
            display.close(show.picture)
    sys.stdout.writelines(f"{line}\n" for line in ("", *format_summary(picture)))
    sys.stdout.writelines(f"{line}\n" for line in ("", *try_next(sys.argv[0], Path.cwd())))


def try_next(program: str, folder: Path) -> list[str]:
    """Return commands to go on with, as they can be run in `folder` by whoever ran `program`."""
    path = Path(program).absolute()
    found = shutil.which(path.name)
    if path.name == "__main__.py":
        command = f"{_shortest(Path(sys.executable), folder)} -m daemon"
    elif found is not None and Path(found) == path:
        command = path.name
    else:
        command = _shortest(path, folder)
    rows = [(f"{command} {name}", meaning) for name, meaning in _TRY_NEXT]
    rows.append(("config.example.yaml", "every setting with its default"))
    width = max(len(line) for line, _ in rows)
    return ["Try next", *(f"  {line.ljust(width)}  {meaning}" for line, meaning in rows)]


def _shortest(path: Path, folder: Path) -> str:
    """Return the path from `folder` on if it is in there."""
    return str(path.relative_to(folder) if path.is_relative_to(folder) else path)


def _say(line: str) -> None:
    time = datetime.now(UTC).strftime("%H:%M:%S")
    sys.stdout.write(f"{time} {line}\n")
    sys.stdout.flush()
