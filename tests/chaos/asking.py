"""KEDA while all goes wrong: it polls and subscribes, and every answer is judged."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from dataclasses import dataclass, field

import grpc

from tests.chaos.census import Census
from tests.chaos.fleet import CHANNEL_OPTIONS, METRIC
from tests.support.keda_client import KedaClient

MAY_REFUSE = frozenset(("UNAVAILABLE", "NOT_FOUND", "DEADLINE_EXCEEDED"))
"""While the daemon is dead, frozen, settling or new; an answer at any other time is a number."""
POLL_S = 0.2
CALL_S = 5.0
LONG_AGO_MS = 10_000
"""A wrong answer is looked for so far back, to say why it is wrong."""
ROUNDED = 0.001 + 1e-6
"""A value is rounded down to thousandths."""


@dataclass
class Asked:
    """What KEDA was told."""

    answers: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    latencies_ms: list[float] = field(default_factory=list)
    pushes: int = 0
    least: float = float("inf")
    most: float = 0.0
    checked: int = 0
    largest_error: float = 0.0


class Keda:
    """One trigger, asked in all ways."""

    def __init__(self, port: int, window_ms: int) -> None:
        self._target = f"127.0.0.1:{port}"
        self._window_ms = window_ms
        self.asked = Asked()

    def _channel(self) -> grpc.aio.Channel:
        return grpc.aio.insecure_channel(self._target, options=CHANNEL_OPTIONS)

    def _client(self, channel: grpc.aio.Channel) -> KedaClient:
        # No multiple of a target so large is near: the value is told as it was computed.
        metadata = {
            "metricQuery": f"sum({METRIC})",
            "operationOverTime": "rate",
            "window": f"{self._window_ms}ms",
            "targetValue": "1000000000",
        }
        return KedaClient(channel, metadata)

    async def poll(self) -> None:
        """Ask again and again."""
        async with self._channel() as channel:
            client = self._client(channel)
            while True:
                began = time.monotonic()
                outcome = await _within(client)
                took_ms = (time.monotonic() - began) * 1000
                self._judge(outcome, took_ms)
                await asyncio.sleep(POLL_S)

    def _judge(self, outcome: float | str, took_ms: float) -> None:
        asked = self.asked
        if isinstance(outcome, str):
            assert outcome in MAY_REFUSE, outcome
            asked.refused[outcome] += 1
            return
        asked.answers += 1
        asked.latencies_ms.append(took_ms)
        asked.least, asked.most = min(asked.least, outcome), max(asked.most, outcome)

    async def subscribe(self) -> None:
        """Hold a StreamIsActive call, and open it again whenever it ends."""
        while True:
            async with self._channel() as channel:
                call = self._client(channel).stream_is_active()
                try:
                    async for _ in call:
                        self.asked.pushes += 1
                except grpc.aio.AioRpcError:
                    await asyncio.sleep(POLL_S)

    async def check(self, census: Census) -> None:
        """Ask once, and hold the answer to the slow model."""
        async with self._channel() as channel:
            began_ms = int(time.time() * 1000)
            outcome = await _within(self._client(channel))
            ended_ms = int(time.time() * 1000) + 1
        assert isinstance(outcome, float), f"no answer in quiet times: {outcome}"
        await asyncio.sleep(0.2)  # what was sent before the answer is told by now
        error, _ = self._error(census, outcome, began_ms, ended_ms)
        self.asked.checked += 1
        self.asked.largest_error = max(self.asked.largest_error, error)
        if error:
            nearest, ago_ms = self._error(census, outcome, began_ms - LONG_AGO_MS, ended_ms)
            raise AssertionError(
                f"told {outcome}, which is wrong by {error}; by {nearest} as of {ago_ms} ms before"
            )

    def _error(
        self, census: Census, outcome: float, began_ms: int, ended_ms: int
    ) -> tuple[float, int]:
        """Return by how much an answer is wrong at best, and how long before the end it would have been right."""
        best, ago_ms = math.inf, 0
        for at_ms, right in census.expected(began_ms, ended_ms, self._window_ms):
            error = max(0.0, abs(float(right) - outcome - ROUNDED / 2) - ROUNDED / 2)
            if error < best:
                best, ago_ms = error, ended_ms - at_ms
            if not best:
                break
        return best, ago_ms


async def _within(client: KedaClient) -> float | str:
    try:
        return await asyncio.wait_for(client.outcome(), CALL_S)
    except TimeoutError:
        return "DEADLINE_EXCEEDED"
