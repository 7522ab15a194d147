"""The process: from a checked configuration to exit, by way of signals."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from importlib.metadata import version
from pathlib import Path

import structlog

from daemon import memory
from daemon.app import App
from daemon.config.load import LoadedConfig
from daemon.logs import LINES_A_MINUTE, configure_logs
from daemon.reloading import Outcome, Read

log = structlog.get_logger(__name__)

_FORCED = 1
LOG_LINES = {
    "lost_lines": "Log lines that could not be written",
    "held_back_lines": f"Log lines beyond the {LINES_A_MINUTE} of one event that are written in a minute",
}

SWITCH_INTERVAL_S = 0.0005
"""How long a large query in the worker thread may keep the event loop from running on; Python's own is 5 ms."""


async def run(loaded: LoadedConfig, path: Path | None, read: Read) -> None:
    """Run tallyd until SIGTERM or SIGINT; a second signal ends it at once.

    `path` is the file of the configuration, if it has one: `read` reads it again when it changes, and at SIGHUP.

    Raises:
        OSError: a port cannot be opened.
    """
    memory.keep_freed_memory()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    lines = configure_logs(loaded.config.service.telemetry.logs)
    log.info("starting", version=version("tallyd"), config=loaded.marks.name)
    for warning in loaded.warnings:
        log.warning("odd configuration", detail=warning)
    app = App(loaded, read=read if path is not None else None)
    app.metrics.table(
        "tallyd_log",
        LOG_LINES,
        lambda: {"lost_lines": lines.lost, "held_back_lines": lines.held_back},
    )
    stopping = asyncio.Event()

    def stop() -> None:
        if stopping.is_set():
            os._exit(_FORCED)
        stopping.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    reloads: set[asyncio.Task[Outcome]] = set()

    def reload() -> None:
        task = asyncio.create_task(app.reloading.reload("SIGHUP"))
        reloads.add(task)
        task.add_done_callback(reloads.discard)

    loop.add_signal_handler(signal.SIGHUP, reload)
    if await _started(app, stopping):
        log.info("ready")
        beside = [asyncio.create_task(memory.settle())]
        if path is not None:
            beside.append(asyncio.create_task(app.reloading.watch(path, asyncio.sleep)))
        await stopping.wait()
        for task in beside:
            task.cancel()
    log.info("stopping")
    await app.stop()
    log.info("stopped")


async def _started(app: App, stopping: asyncio.Event) -> bool:
    """Start `app`, but no longer than until `stopping`; return whether it listens."""
    start = asyncio.create_task(app.start())
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait({start, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if not start.done():
        start.cancel()
        await asyncio.wait({start})
        return False
    await start
    return True
