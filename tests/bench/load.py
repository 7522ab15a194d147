"""Sidecars in a process of their own: `Load` is the test's side, run as a module it is the load generator.

The two speak JSON lines: the generator says "connected", waits for a line of input, sends, and says what it has done.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import grpc

from tests.bench.process import ROOT
from tests.bench.reports import busy_reports, hello
from tests.support.golden import METRICS_EXPORT, TRACE_CONFIG, TRACE_EXPORT

INTERVAL_S = 20.0
_CHANNEL_OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.max_send_message_length", -1),
)


class Load:
    """A generator process."""

    def __init__(self, child: subprocess.Popen[str]) -> None:
        self._child = child

    def flood(self, reports: int) -> dict[str, float]:
        """Let every sidecar send so many reports as fast as the server reads; return when they are sent."""
        return self._do(f"flood {reports}")

    def pace(self, duration_s: float) -> dict[str, float]:
        """Let every sidecar report each 20 s, evenly spread."""
        return self._do(f"pace {duration_s}")

    def _do(self, command: str) -> dict[str, float]:
        assert self._child.stdin is not None
        self._child.stdin.write(command + "\n")
        self._child.stdin.flush()
        return self.result()

    def result(self) -> dict[str, float]:
        """Wait for its next line."""
        assert self._child.stdout is not None
        line = self._child.stdout.readline()
        assert line, f"the load generator ended with {self._child.wait()}"
        said: dict[str, float] = json.loads(line)
        return said


@contextmanager
def load(port: int, senders: int, **settings: float | bool) -> Iterator[Load]:
    """Connect so many sidecars, by the arguments of `_arguments`; the end of the block is their end."""
    args = [f"--{name.replace('_', '-')}={float(value):g}" for name, value in settings.items()]
    child = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.load", f"--port={port}", f"--senders={senders}", *args],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, "GRPC_VERBOSITY": "NONE"},
    )
    try:
        one = Load(child)
        one.result()
        yield one
    finally:
        child.kill()
        child.communicate()


class _Sidecar:
    """One connection: a metrics stream and two silent ones."""

    def __init__(self, port: int, number: int, generation: int, streams: int) -> None:
        self._channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=_CHANNEL_OPTIONS)
        self._hello = hello(number, generation)
        methods = (METRICS_EXPORT, TRACE_EXPORT, TRACE_CONFIG)[:streams]
        self._calls = [self._channel.stream_stream(method)() for method in methods]

    async def open(self) -> None:
        for call in self._calls:
            await call.write(self._hello)

    async def send(self, raw: bytes) -> None:
        await self._calls[0].write(raw)

    def lost(self) -> int:
        """Streams that the server has ended."""
        return sum(call.done() for call in self._calls)


async def _run(args: argparse.Namespace) -> None:
    began = time.monotonic()
    first = int(args.first)
    sidecars = [
        _Sidecar(args.port, first + number, int(args.generation), int(args.streams))
        for number in range(args.senders)
    ]
    await asyncio.gather(*(sidecar.open() for sidecar in sidecars))
    _say(connected=len(sidecars), took_s=time.monotonic() - began)
    while line := await asyncio.to_thread(sys.stdin.readline):
        command, number = line.split()
        began = time.monotonic()
        if command == "flood":
            await _flood(sidecars, int(number))
        else:
            await _pace(sidecars, float(number))
        _say(took_s=time.monotonic() - began, lost=sum(one.lost() for one in sidecars))


async def _flood(sidecars: list[_Sidecar], reports: int) -> None:
    """Send as fast as the server reads; times advance from flood to flood, and within one by a few milliseconds."""
    variants = busy_reports(reports, spacing_s=0.01)

    async def one(sidecar: _Sidecar) -> None:
        for raw in variants:
            await sidecar.send(raw)

    await asyncio.gather(*(one(sidecar) for sidecar in sidecars))


async def _pace(sidecars: list[_Sidecar], duration_s: float) -> None:
    """Let every sidecar report every 20 s, evenly spread."""
    ends = time.monotonic() + duration_s
    number = 0
    gap_s = INTERVAL_S / len(sidecars)
    variants: list[bytes] = []
    due = time.monotonic()
    while due < ends:
        # New times once per round at least: what repeats would be a duplicate.
        if number % max(1, round(1.0 / gap_s)) == 0 or not variants:
            variants = busy_reports(1)
        await asyncio.sleep(due - time.monotonic())
        await sidecars[number % len(sidecars)].send(variants[0])
        number += 1
        due += gap_s


def _say(**fields: float) -> None:
    print(json.dumps(fields), flush=True)  # noqa: T201


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--senders", type=int, required=True)
    parser.add_argument("--streams", type=float, default=3)
    parser.add_argument("--first", type=float, default=0)
    parser.add_argument("--generation", type=float, default=0)
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(_run(_arguments()))
