"""KEDA's questions over real gRPC, answered by the real engine from the real store."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from daemon.config.keda_scaler import KedaScalerConfig
from daemon.scaler.service import KedaScaler
from query.scaling import Engine
from query.store.store import Store, StoreSettings
from tests.support.keda_client import WALKTHROUGH, KedaClient, connected
from tests.support.scaler import NOW_MS, SetClock, metadata

pytestmark = pytest.mark.integration

RECEIVED = "runtime_service_invocation_req_recv_total"
INTERVAL_MS = 20_000


class Feed:
    """Senders that report one counter every 20 s, as daprd does."""

    def __init__(self, **settings: Any) -> None:
        self.clock = SetClock()
        self.settings = StoreSettings(**settings)
        self.store = Store(self.settings, lambda event, fields: None)
        self.scaler: KedaScaler | None = None
        self._opened: set[str] = set()

    def report(self, sender: str, value: float | None, **labels: str) -> None:
        """Report now, without a row if `value` is None."""
        now_ms = self.clock.now_ms
        if sender not in self._opened:
            self._opened.add(sender)
            self.store.sender_opened(sender, now_ms, report_interval_ms=INTERVAL_MS)
        self.store.sender_reported(sender, now_ms)
        self.store.metrics_reported(sender, [RECEIVED], now_ms)
        if value is not None:
            pairs = {"__name__": RECEIVED, "app_id": "nodeapp", "src_app_id": "pythonapp"} | labels
            series = self.store.series(
                sender,
                tuple(sorted(pairs.items())),
                start_ms=NOW_MS - 3_600_000,
                is_counter=True,
                at_ms=now_ms,
            )
            if series is not None:
                self.store.append(sender, now_ms, [series], [now_ms], [value])
        if self.scaler is not None:
            self.scaler.on_append({RECEIVED})

    def steady(self, senders: Mapping[str, float], seconds: int) -> None:
        """Let each sender count at its rate for a while, one report after the other."""
        for _ in range(seconds * 1000 // INTERVAL_MS):
            self.clock.now_ms += INTERVAL_MS
            elapsed_s = (self.clock.now_ms - NOW_MS) / 1000
            for sender, rate in senders.items():
                self.report(sender, math.floor(rate * elapsed_s))

    def restart(self, away_s: int) -> None:
        """End the process and begin another from its snapshot: streams are gone, senders come back later."""
        dump = list(self.store.dump())
        self.clock.now_ms += away_s * 1000
        self.store = Store(self.settings, lambda event, fields: None)
        for _ in self.store.load(dump, self.clock.now_ms):
            pass
        self._opened.clear()


@asynccontextmanager
async def asked(feed: Feed) -> AsyncIterator[grpc.aio.Channel]:
    counts: Counter[str] = Counter()
    scaler = KedaScaler(
        KedaScalerConfig(endpoint="127.0.0.1:0"),
        Engine(feed.store, lookback_ms=300_000),
        feed.clock,
        asyncio.sleep,
        listening_since_ms=NOW_MS,
        settled=True,
        settle_for_ms=65_000,
        retention_ms=300_000,
        count=lambda name, amount: counts.update({name: amount}),
    )
    feed.scaler = scaler
    port = await scaler.start()
    try:
        async with connected(port) as channel:
            yield channel
    finally:
        await scaler.stop()


@pytest.mark.parametrize("callers", [1, 3])
async def test_walkthrough(callers: int) -> None:
    """One caller a second is one replica, three are three, in both number forms (keda.md 6.2)."""
    feed = Feed()
    feed.steady({f"pod{number}": 1.0 for number in range(callers)}, 200)
    async with asked(feed) as channel:
        client = KedaClient(channel, WALKTHROUGH)
        assert await client.spec() == [("default-nodeapp", 1, 1.0)]
        assert await client.metrics() == [("default-nodeapp", callers, float(callers))]
        assert await client.is_active() is True


async def test_a_restart_with_a_snapshot() -> None:
    """T7: what was told is right at once, never 0 and never partial, and right again at the senders' first reports."""
    feed = Feed()
    senders = {f"pod{number}": 1.0 for number in range(3)}
    feed.steady(senders, 200)
    feed.restart(away_s=20)
    values = []
    async with asked(feed) as channel:
        client = KedaClient(channel, WALKTHROUGH)
        values.append(await client.value())
        for _ in range(4):
            feed.steady(senders, 20)
            feed.clock.now_ms += 1_000
            values.append(await client.value())
            feed.clock.now_ms -= 1_000
    assert values == [3.0] * 5


async def test_no_value() -> None:
    """An unknown name is NOT_FOUND, a known one without a match 0, with and without points (keda.md 6.3.6)."""
    feed = Feed()
    async with asked(feed) as channel:
        client = KedaClient(channel, WALKTHROUGH)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.metrics()
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        assert RECEIVED in (caught.value.details() or "")
        replaced = KedaClient(channel, {**WALKTHROUGH, "ifNotFound": "value"})
        assert await replaced.metrics() == [("default-nodeapp", 0, 0.0)]
        feed.report("pod", None)
        feed.clock.now_ms += 1_000
        assert await client.metrics() == [("default-nodeapp", 0, 0.0)]
        assert await client.is_active() is False


@pytest.mark.parametrize(
    ("query", "operation", "value"),
    [
        (RECEIVED, "last_one", 400.0),
        ("runtime/service_invocation/req_recv_total", "last_one", 400.0),
        ("sum(dapr_runtime_service_invocation_req_recv_total)", "rate", 2.0),
        (f"avg({RECEIVED})", "rate", 1.0),
        (f"max({RECEIVED}{{app_id=~node.*}})", "last_one", 200.0),
        (f"count({RECEIVED})", "last_one", 2.0),
        (f"sum({RECEIVED}{{app_id!=nodeapp}})", "last_one", 0.0),
        (f"sum({RECEIVED})", "increase", 120.0),
    ],
)
async def test_queries(query: str, operation: str, value: float) -> None:
    """The spellings and operations of a metricQuery reach the engine."""
    feed = Feed()
    feed.steady({"pod0": 1.0, "pod1": 1.0}, 200)
    async with asked(feed) as channel:
        keys = metadata(metricQuery=query, operationOverTime=operation)
        assert await KedaClient(channel, keys).value() == value


async def test_several_elements() -> None:
    """A grouping that leaves two elements is an error, not one of them."""
    feed = Feed()
    feed.report("pod0", 1.0, pod="a")
    feed.report("pod1", 1.0, pod="b")
    async with asked(feed) as channel:
        client = KedaClient(channel, metadata(metricQuery=f"sum by (pod) ({RECEIVED})"))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.metrics()
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        assert "2 elements" in (caught.value.details() or "")


async def test_lenient_matching() -> None:
    """`dialect: otel` lets a series without the queried label match, as the add-on does (keda.md 0.11)."""
    feed = Feed()
    feed.report("pod0", 7.0)
    async with asked(feed) as channel:
        query = f"sum({RECEIVED}{{zone=eu}})"
        strict = KedaClient(channel, metadata(metricQuery=query))
        lenient = KedaClient(channel, metadata(metricQuery=query, dialect="otel"))
        assert (await strict.value(), await lenient.value()) == (0.0, 7.0)


async def test_push() -> None:
    """A sample that makes a rate positive is pushed, before any poll."""
    feed = Feed()
    feed.report("pod0", 5.0)
    feed.clock.now_ms += INTERVAL_MS
    async with asked(feed) as channel:
        stream = KedaClient(channel, WALKTHROUGH).stream_is_active()
        reading = asyncio.ensure_future(stream.read())
        await asyncio.sleep(0.15)
        assert not reading.done()
        feed.report("pod0", 6.0)
        assert (await asyncio.wait_for(reading, 5.0)).result is True


async def test_series_limit() -> None:
    """Where the limit refused a series of a live sender the sum is incomplete: UNAVAILABLE naming the limit.

    It is for as long as that sender may be live, and a window more: also in a window shorter than its reports are apart.
    """
    feed = Feed(max_series=1)
    feed.report("pod0", 1.0)
    feed.report("pod1", 1.0)
    async with asked(feed) as channel:
        client = KedaClient(channel, metadata(metricQuery=RECEIVED))
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await client.metrics()
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "exporters.windows.max_series" in (caught.value.details() or "")
        short = KedaClient(channel, metadata(metricQuery=RECEIVED, window="5s"))
        feed.clock.now_ms += 19_000
        assert await short.outcome() == "UNAVAILABLE"
        feed.clock.now_ms += 60_000 + 132_000
        assert await client.value() == 1.0
