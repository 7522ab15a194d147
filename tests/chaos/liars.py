"""Senders that lie, flood and replay, each with the counter that must tell of it."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import Callable
from typing import Any

import grpc

from tests.chaos.fleet import CHANNEL_OPTIONS
from tests.support.golden import METRICS_EXPORT
from tests.support.opencensus_messages import (
    CUMULATIVE_DISTRIBUTION,
    CUMULATIVE_INT64,
    GAUGE_DOUBLE,
    ci,
    distribution,
    metric,
    node,
    point,
    request,
)

STREAM_S = 5.0
"""How long a liar may take; the daemon may be dead or frozen meanwhile."""
FLOOD_SERIES = 500
HUGE_S = 2**40


def _one(type_: int, value: Any, field: str, at: float | None) -> bytes:
    return request(metric("lies", type_, (), [((), [point(value, at, field)])]))


def _flood(rng: random.Random) -> bytes:
    now = time.time()
    rows = [([f"{rng.random()}"], [point(1, now)]) for _ in range(FLOOD_SERIES)]
    return request(metric("flood", CUMULATIVE_INT64, ["id"], rows))


LIES: dict[str, tuple[str, Callable[[random.Random], bytes]]] = {
    "garbage bytes": ('reason="undecodable_message"', lambda rng: b"\xff" + rng.randbytes(200)),
    "cut off": (
        'reason="undecodable_message"',
        lambda rng: request(ci("lies", at=time.time()))[: -rng.randint(1, 5)],
    ),
    "unknown type": ('reason="unsupported_type"', lambda _: request(metric("lies", 42))),
    "shifted labels": (
        'reason="shifted_labels"',
        lambda _: request(ci("http/server/request_count", ("a", "b", "c"), ("1",), 5, time.time())),
    ),
    "NaN": (
        'reason="not_finite"',
        lambda _: _one(GAUGE_DOUBLE, float("nan"), "double_value", time.time()),
    ),
    "negative count": (
        'reason="negative_count"',
        lambda _: _one(
            CUMULATIVE_DISTRIBUTION, distribution(-1, 1.0), "distribution_value", time.time()
        ),
    ),
    "value of another type": (
        'reason="wrong_value"',
        lambda _: _one(CUMULATIVE_INT64, 1.5, "double_value", time.time()),
    ),
    "no time": ('reason="bad_time"', lambda _: _one(CUMULATIVE_INT64, 1, "int64_value", None)),
    "huge time": ('reason="bad_time"', lambda _: _one(CUMULATIVE_INT64, 1, "int64_value", HUGE_S)),
    "an hour ahead": (
        "windows_future_total",
        lambda _: request(ci("lies", at=time.time() + 3600), ci("true", at=time.time())),
    ),
    "backwards": (
        "windows_stored_total",
        lambda rng: request(ci("lies", value=rng.randrange(10**6), at=time.time())),
    ),
    "flood": ("windows_refused_series_total", _flood),
}
"""What is sent, and a part of the name of the counter that grows."""


class Liars:
    """All of them; `told` counts messages by kind that the daemon has taken off the wire or refused."""

    def __init__(self, port: int, rng: random.Random) -> None:
        self._target = f"127.0.0.1:{port}"
        self._rng = rng
        self.sent: dict[str, int] = {}

    async def round(self) -> None:
        """Let each lie once, in an order of chance, on one connection; one more has no Node, one replays."""
        kinds = list(LIES)
        self._rng.shuffle(kinds)
        with contextlib.suppress(grpc.aio.AioRpcError, TimeoutError, asyncio.InvalidStateError):
            async with asyncio.timeout(STREAM_S), self._channel() as channel:
                await self._lie(channel, kinds)
                await self._replay(channel)
                await self._without_node(channel)

    def _channel(self) -> grpc.aio.Channel:
        return grpc.aio.insecure_channel(self._target, options=CHANNEL_OPTIONS)

    async def _lie(self, channel: grpc.aio.Channel, kinds: list[str]) -> None:
        call = channel.stream_stream(METRICS_EXPORT)()
        await call.write(self._hello())
        for kind in kinds:
            for _ in range(12 if kind == "flood" else 1):
                await call.write(LIES[kind][1](self._rng))
                self._count(kind)

    async def _replay(self, channel: grpc.aio.Channel) -> None:
        """Send the same report again, and then one from before it."""
        call = channel.stream_stream(METRICS_EXPORT)()
        await call.write(self._hello())
        now = time.time()
        for at in (now, now, now - 10, now):
            await call.write(request(ci("replayed", at=at)))
        self._count("replay")

    async def _without_node(self, channel: grpc.aio.Channel) -> None:
        call = channel.stream_stream(METRICS_EXPORT)()
        await call.write(request(ci("lies", at=time.time())))
        await call.code()
        self._count("no node")

    def _hello(self) -> bytes:
        start = (int(time.time()) - self._rng.randrange(10**6), 0)
        return request(node=node(f"liar-{self._rng.randrange(20)}", 1, start))

    def _count(self, kind: str) -> None:
        self.sent[kind] = self.sent.get(kind, 0) + 1


COUNTERS = {
    **{kind: counter for kind, (counter, _) in LIES.items()},
    "replay": "windows_duplicate_total",
    "no node": 'reason="no_node"',
}
