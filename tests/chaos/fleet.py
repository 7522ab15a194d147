"""Honest sidecars in a process of their own, which can therefore be killed and frozen: says in JSON lines what it sends.

Run as a module. A line `{"name", "start_ms"}` is a new sidecar, `{"name", "time_ms", "calls"}` a report that is sent
now, `{"name", "closed_ms"}` a clean end. A line of input closes one sidecar and starts another.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
import time
from typing import Any

import grpc

from tests.support.golden import METRICS_EXPORT
from tests.support.opencensus_messages import Request, ci, node, request

METRIC = "calls"
CHANNEL_OPTIONS = (
    ("grpc.use_local_subchannel_pool", 1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 500),
)
AGAIN_S = 0.1
FEWEST, MOST = 5, 15
"""Calls between two reports."""


def report(start_s: int, time_ms: int, calls: int) -> bytes:
    """A report of one counter, its times exact to the millisecond."""
    message = Request.FromString(request(ci(METRIC, ("app",), ("shop",), calls)))
    [series] = message.metrics[0].timeseries
    series.start_timestamp.seconds = start_s
    series.points[0].timestamp.seconds, rest_ms = divmod(time_ms, 1000)
    series.points[0].timestamp.nanos = rest_ms * 1_000_000
    raw: bytes = message.SerializeToString()
    return raw


class Sidecar:
    """One process that counts calls; it connects again whenever it is cut off."""

    def __init__(self, name: str, port: int, interval_s: float, rng: random.Random) -> None:
        self.name = name
        self._target = f"127.0.0.1:{port}"
        self._interval_s = interval_s
        self._rng = rng
        self._start_s = int(time.time())
        self._hello = request(node=node(name, rng.randrange(1, 2**15), (self._start_s, 0)))
        self._stream: Any = None
        self._calls = 0

    async def run(self) -> None:
        """Report until cancelled; then end the connection as a process does that exits."""
        say(name=self.name, start_ms=self._start_s * 1000)
        async with grpc.aio.insecure_channel(self._target, options=CHANNEL_OPTIONS) as channel:
            due = time.monotonic() + self._rng.random() * self._interval_s
            try:
                while True:
                    await asyncio.sleep(due - time.monotonic())
                    # Whoever was frozen goes on at its own pace: what it missed it does not make up for.
                    due = max(due, time.monotonic() - self._interval_s / 2) + self._interval_s
                    await self._report(channel)
            finally:
                say(name=self.name, closed_ms=int(time.time() * 1000))

    async def _report(self, channel: grpc.aio.Channel) -> None:
        self._calls += self._rng.randint(FEWEST, MOST)
        time_ms, calls = int(time.time() * 1000), self._calls
        say(name=self.name, time_ms=time_ms, calls=calls)
        raw = report(self._start_s, time_ms, calls)
        for _ in range(3):
            try:
                if self._stream is None or self._stream.done():
                    self._stream = channel.stream_stream(METRICS_EXPORT)()
                    await self._stream.write(self._hello)
                await self._stream.write(raw)
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                self._stream = None
                await asyncio.sleep(AGAIN_S)
            else:
                return


def say(**fields: str | float) -> None:
    print(json.dumps(fields), flush=True)  # noqa: T201


async def run(args: argparse.Namespace) -> None:
    rng = random.Random(args.seed)
    tasks: list[asyncio.Task[None]] = []

    def begin() -> None:
        name = f"{args.name}-{len(tasks)}"
        sidecar = Sidecar(name, args.port, args.interval, random.Random(rng.random()))
        tasks.append(asyncio.create_task(sidecar.run()))

    for _ in range(args.senders):
        begin()
    closed = 0
    while await asyncio.to_thread(sys.stdin.readline):
        tasks[closed].cancel()
        closed += 1
        begin()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--name", required=True)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--senders", type=int, required=True)
    parser.add_argument("--interval", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    asyncio.run(run(_arguments()))
