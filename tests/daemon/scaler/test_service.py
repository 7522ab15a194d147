"""The service over real gRPC on loopback."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from daemon.config.keda_scaler import KedaScalerConfig
from daemon.scaler import schema
from daemon.scaler.answers import Engine
from daemon.scaler.decision import Told
from daemon.scaler.service import KedaScaler
from query.errors import QueryError
from tests.support.keda_client import KEDA_2_16, WALKTHROUGH, KedaClient, connected, specs_of
from tests.support.scaler import SetClock, SetEngine, metadata

pytestmark = pytest.mark.integration

UNIT_S = 5.0
"""What a test waits for at most."""


def wall_clock() -> int:
    return time.time_ns() // 1_000_000


@dataclass
class Running:
    """A scaler that listens, and how to call it."""

    scaler: KedaScaler
    engine: SetEngine
    channel: grpc.aio.Channel
    counts: Counter[str]

    def client(self, keys: Mapping[str, str], **ref: Any) -> KedaClient:
        return KedaClient(self.channel, keys, **ref)


@asynccontextmanager
async def running(
    *,
    engine: Engine | None = None,
    clock: Callable[[], int] = wall_clock,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    listening_since_ms: int = 0,
    settled: bool = True,
    retention_ms: int = 300_000,
    held: Mapping[str, Told] | None = None,
    **settings: Any,
) -> AsyncIterator[Running]:
    counts: Counter[str] = Counter()
    known = SetEngine()
    scaler = KedaScaler(
        KedaScalerConfig(endpoint="127.0.0.1:0", **settings),
        engine or known,
        clock,
        sleep,
        listening_since_ms=listening_since_ms,
        settled=settled,
        settle_for_ms=65_000,
        retention_ms=retention_ms,
        count=lambda name, amount: counts.update({name: amount}),
        held=held,
    )
    port = await scaler.start()
    try:
        async with connected(port) as channel:
            yield Running(scaler, known, channel, counts)
    finally:
        await scaler.stop()


async def status(call: Awaitable[object]) -> tuple[str, str]:
    """Return name and text of the error that a call ends with."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return caught.value.code().name, caught.value.details() or ""


async def next_of(stream: Any) -> Any:
    return await asyncio.wait_for(stream.read(), UNIT_S)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until `condition` holds, which on a busy machine may take a while."""

    async def wait() -> None:
        while not await condition():
            await asyncio.sleep(0.01)

    await asyncio.wait_for(wait(), UNIT_S)


async def sampled(run: Running, value: float) -> None:
    """Let a sample change the value, and wait until a subscription has looked at it."""
    run.engine.set(value)
    before = run.engine.asked
    run.scaler.on_append({"requests"})

    async def looked() -> bool:
        return run.engine.asked > before

    await until(looked)


async def quiet(stream: Any, for_s: float = 0.15) -> bool:
    """Return whether nothing comes from the stream for a while; the stream cannot be read afterwards."""
    done, _ = await asyncio.wait({asyncio.ensure_future(stream.read())}, timeout=for_s)
    stream.cancel()
    return not done


async def test_a_poll() -> None:
    """The walk-through's trigger gets its target, value and activity under the add-on's metric name."""
    async with running() as run:
        run.engine.set(2.9996)
        client = run.client(WALKTHROUGH)
        assert await client.spec() == [("default-nodeapp", 1, 1.0)]
        assert await client.metrics() == [("default-nodeapp", 3, 2.999)]
        assert await client.is_active() is True
        assert await client.metrics("whatever") == [("whatever", 3, 2.999)]
        assert await client.metrics("") == [("default-nodeapp", 3, 2.999)]
    assert run.counts == {
        "get_metric_spec": 1,
        "get_metrics": 3,
        "is_active": 1,
        "evaluations": run.engine.asked,
    }


@pytest.mark.parametrize(
    "injected",
    [
        pytest.param({}, id="kedify-otel without an address"),
        pytest.param({"scalerAddress": "tallyd.apps.svc:4318"}, id="external"),
        pytest.param(
            {"scalerAddress": "tallyd.apps.svc:4318", "enableTLS": "true", "caCert": "x"},
            id="external-push with TLS",
        ),
    ],
)
async def test_trigger_types(injected: dict[str, str]) -> None:
    """All three trigger types are answered with the same metadata (keda.md 2.1)."""
    keys = {key: text for key, text in WALKTHROUGH.items() if key != "scalerAddress"} | injected
    async with running() as run:
        client = run.client(keys)
        assert await client.spec() == [("default-nodeapp", 1, 1.0)]
        assert await client.metrics() == [("default-nodeapp", 1, 1.0)]


async def test_t13_keda_2_16() -> None:
    """T13: a client without the float fields gets the integers of keda.md 0.6."""
    async with running() as run:
        run.engine.set(3.11)
        client = run.client(metadata(targetValue="1.4"), classes=KEDA_2_16)
        assert await client.spec() == [("default-nodeapp", 1, 0.0)]
        assert await client.metrics() == [("default-nodeapp", 3, 0.0)]
        scaled = run.client(metadata(targetValue="1.4", legacyIntScale="true"), classes=KEDA_2_16)
        assert await scaled.spec() == [("default-nodeapp", 1400, 0.0)]
        assert await scaled.metrics() == [("default-nodeapp", 3110, 0.0)]


async def test_t12_spec_always() -> None:
    """T12: GetMetricSpec answers with nothing known, a bad query, while settling and while draining."""
    async with running(settled=False, listening_since_ms=wall_clock()) as run:
        run.engine.set(None, known=False)
        client = run.client(metadata(metricQuery="sum(rate(", targetValue="2.5"))
        assert await client.spec() == [("default-nodeapp", 3, 2.5)]
        run.scaler.drain()
        assert await client.spec() == [("default-nodeapp", 3, 2.5)]


@pytest.mark.parametrize(
    ("keys", "fields", "code", "text"),
    [
        ({"targetValue": ""}, {}, "INVALID_ARGUMENT", "targetValue: expected a number"),
        ({"targetValue": "0"}, {}, "INVALID_ARGUMENT", "targetValue: expected a number"),
        ({"metricQuery": "sum("}, {}, "INVALID_ARGUMENT", "\n  sum(\n      ^"),
        (
            {"window": "5m", "operationOverTime": "rate"},
            {},
            "INVALID_ARGUMENT",
            "exporters.windows.retention",
        ),
        ({}, {"known": False}, "NOT_FOUND", "no sender has reported a metric requests"),
        ({}, {"refused_at_ms": 2**62}, "UNAVAILABLE", "exporters.windows.max_series"),
    ],
)
async def test_errors(keys: dict[str, str], fields: Any, code: str, text: str) -> None:
    """GetMetrics and IsActive fail alike where nothing is known, with a text that says what to do."""
    async with running() as run:
        run.engine.set(None, **fields)
        client = run.client(metadata(**keys))
        for call in (client.metrics(), client.is_active()):
            got, details = await status(call)
            assert (got, text in details) == (code, True)
        assert run.counts[code.lower()] == 2


async def test_spec_without_target() -> None:
    """Metadata without a target is INVALID_ARGUMENT for GetMetricSpec and StreamMetricSpec."""
    async with running() as run:
        client = run.client(metadata(targetValue="none"))
        text = "metadata key targetValue: expected a number, got 'none'"
        assert await status(client.spec()) == ("INVALID_ARGUMENT", text)
        assert await status(client.stream_metric_spec().read()) == ("INVALID_ARGUMENT", text)


async def test_query_fails_when_asked() -> None:
    """A query whose data do not fit is INVALID_ARGUMENT with the engine's words."""
    async with running() as run:
        run.engine.error = QueryError("query yields 2 elements where one number is expected")
        assert await status(run.client(metadata()).metrics()) == (
            "INVALID_ARGUMENT",
            "metadata key metricQuery: query yields 2 elements where one number is expected",
        )


async def test_fault() -> None:
    """A fault of ours is INTERNAL for its call, is counted, and costs nothing else."""
    async with running() as run:
        run.engine.error = ZeroDivisionError()
        client = run.client(metadata())
        assert await status(client.metrics()) == ("INTERNAL", "tallyd failed, its log says why")
        assert run.counts["failed_calls"] == 1
        assert await client.spec() == [("default-nodeapp", 1, 1.0)]


async def test_many_streams() -> None:
    """Three hundred subscriptions to one metric are all told of an edge, and end with OK at once."""
    async with running() as run:
        run.engine.set(0.0)
        clients = [run.client(metadata(), name=f"app{number}") for number in range(300)]
        streams = [client.stream_is_active() for client in clients]
        reading = [asyncio.ensure_future(stream.read()) for stream in streams]
        while run.engine.asked < 300:
            await asyncio.sleep(0.01)
        run.engine.set(1.0)
        run.scaler.on_append({"requests"})
        replies = await asyncio.wait_for(asyncio.gather(*reading), UNIT_S)
        assert all(reply.result for reply in replies)
        run.scaler.on_append({"requests"})
        await run.scaler.stop()
        assert {await stream.code() for stream in streams} == {grpc.StatusCode.OK}


@pytest.mark.parametrize("method", [method.name for method in schema.METHODS])
async def test_bad_bytes(method: str) -> None:
    """Bytes that are no message get INVALID_ARGUMENT and cost their call alone."""
    async with running() as run:
        client = run.client(metadata())
        code, text = await status(client.raw(method, b"\xff\xff"))
        assert (code, text[:36]) == ("INVALID_ARGUMENT", "cannot decode the request: expected ")
        assert await client.metrics() == [("default-nodeapp", 1, 1.0)]


async def test_empty_request() -> None:
    """A request without metadata has no target."""
    async with running() as run:
        code, text = await status(run.client({}).raw("GetMetrics", b""))
        assert (code, "targetValue" in text) == ("INVALID_ARGUMENT", True)


async def test_hostile_metadata() -> None:
    """Ten thousand unknown keys are answered; more than the size limit is refused by the server."""
    async with running() as run:
        many = run.client(metadata(**{f"key{i}": "v" * 20 for i in range(10_000)}))
        assert await many.metrics() == [("default-nodeapp", 1, 1.0)]
        code, _ = await status(run.client(metadata(x="v" * 2**21)).metrics())
        assert code == "RESOURCE_EXHAUSTED"


async def test_one_instant() -> None:
    """GetMetrics and IsActive of one poll speak of the same instant (keda.md 6.5.10)."""
    clock = SetClock()
    async with running(clock=clock) as run:
        client = run.client(metadata())
        run.engine.set(2.0)
        assert await client.value() == 2.0
        run.engine.set(0.0)
        clock.now_ms += 99
        assert await client.is_active() is True
        clock.now_ms += 1
        assert await client.is_active() is False
        assert await client.value() == 0.0


async def test_ceiling() -> None:
    """An answer that took more than 250 ms ends DEADLINE_EXCEEDED (DESIGN 4.1)."""
    clock = SetClock()
    async with running(clock=clock) as run:
        run.engine.clock, run.engine.takes_ms = clock, 251
        code, text = await status(run.client(metadata()).metrics())
        assert (code, "251 ms" in text) == ("DEADLINE_EXCEEDED", True)


async def test_t7_restart() -> None:
    """T7: after a restart the last answer is held or there is none, never 0; then senders have reported."""
    clock = SetClock()
    keys = metadata()
    async with running(clock=clock) as run:
        run.engine.set(3.0)
        assert await run.client(keys).value() == 3.0
        held = run.scaler.answers.held()
    clock.now_ms += 10_000
    started_ms = clock.now_ms
    async with running(clock=clock, settled=False, listening_since_ms=started_ms) as run:
        run.engine.set(None, known=False)
        code, text = await status(run.client(keys).metrics())
        assert (code, "65 s left" in text) == ("UNAVAILABLE", True)
        clock.now_ms += 65_000
        assert (await status(run.client(keys).metrics()))[0] == "NOT_FOUND"
    clock.now_ms = started_ms
    async with running(clock=clock, settled=False, listening_since_ms=started_ms, held=held) as run:
        run.engine.set(1.0)
        client = run.client(keys)
        assert (await client.value(), await client.is_active()) == (3.0, True)
        assert (await status(run.client(keys, name="other").metrics()))[0] == "UNAVAILABLE"
        clock.now_ms += 50_001
        assert (await status(client.metrics()))[0] == "UNAVAILABLE"
        assert await client.is_active() is True
        clock.now_ms += 15_000
        assert await client.value() == 1.0
    async with running(clock=clock, settled=True, listening_since_ms=clock.now_ms) as run:
        assert await run.client(keys).value() == 1.0


async def test_t11_edges() -> None:
    """T11: StreamIsActive sends one `true` per edge, the first at most 50 ms after the sample."""
    async with running() as run:
        run.engine.set(0.0)
        stream = run.client(metadata(metricQuery="sum(dapr_requests)")).stream_is_active()
        reading = asyncio.ensure_future(stream.read())
        await asyncio.sleep(0.2)
        assert not reading.done()
        latencies = []
        for _ in range(5):
            run.engine.set(1.0)
            begin = time.perf_counter()
            run.scaler.on_append({"others", "requests"})
            reply = await asyncio.wait_for(reading, UNIT_S)
            latencies.append(time.perf_counter() - begin)
            assert reply.result is True
            reading = asyncio.ensure_future(stream.read())
            for value in (1.0, 5.0, 0.0):
                await sampled(run, value)
            await asyncio.sleep(0.06)
            assert not reading.done()
        assert min(latencies) < 0.05
        assert run.counts["pushed_activations"] == 5


async def test_active_at_open() -> None:
    """A stream that opens while active is told so once."""
    async with running() as run:
        stream = run.client(metadata()).stream_is_active()
        assert (await next_of(stream)).result is True
        run.scaler.on_append({"requests"})
        assert await quiet(stream)


async def test_at_most_once_per_50_ms() -> None:
    """A flood of messages costs a subscription 20 evaluations a second."""
    async with running() as run:
        run.engine.set(0.0)
        stream = run.client(metadata()).stream_is_active()
        reading = asyncio.ensure_future(stream.read())
        await asyncio.sleep(0.1)
        run.engine.asked = 0
        begin = time.monotonic()
        while time.monotonic() < begin + 0.5:
            run.scaler.on_append({"requests"})
            await asyncio.sleep(0.001)
        assert 2 <= run.engine.asked <= 12
        assert not reading.done()
        stream.cancel()


async def test_without_samples() -> None:
    """A value that changes without samples is noticed within 5 s."""
    clock = SetClock()
    async with running(clock=clock) as run:
        run.engine.set(0.0)
        stream = run.client(metadata()).stream_is_active()
        reading = asyncio.ensure_future(stream.read())
        await asyncio.sleep(0.1)
        run.engine.set(1.0)
        clock.now_ms += 5_000
        assert (await asyncio.wait_for(reading, UNIT_S)).result is True


async def test_errors_do_not_end_the_stream() -> None:
    """Neither a bad query, an unknown name nor a missing target ends a StreamIsActive."""
    async with running(queries={}) as run:
        run.engine.set(None, known=False)
        streams = [
            run.client(keys).stream_is_active()
            for keys in (metadata(), metadata(metricQuery="sum("), {"queryRef": "late"})
        ]
        reading = [asyncio.ensure_future(stream.read()) for stream in streams]
        await asyncio.sleep(0.2)
        assert not any(future.done() for future in reading)
        run.engine.set(1.0)
        run.scaler.on_append({"requests"})
        assert (await asyncio.wait_for(reading[0], UNIT_S)).result is True
        run.scaler.reload({"late": metadata()})
        assert (await asyncio.wait_for(reading[2], UNIT_S)).result is True
        assert not reading[1].done()


async def test_certain_while_settling() -> None:
    """Activity that is certain is pushed and told while settling (keda.md 6.3.6)."""
    async with running(settled=False, listening_since_ms=wall_clock()) as run:
        client = run.client(metadata())
        stream = client.stream_is_active()
        assert (await next_of(stream)).result is True
        assert await client.is_active() is True
        assert (await status(client.metrics()))[0] == "UNAVAILABLE"


async def test_drain() -> None:
    """On shutdown both kinds of stream end with OK, soon."""
    async with running() as run:
        client = run.client(metadata())
        streams = [client.stream_is_active(), client.stream_metric_spec()]
        for stream in streams:
            await next_of(stream)
        begin = time.monotonic()
        await run.scaler.stop()
        took_s = time.monotonic() - begin
        codes = [await stream.code() for stream in streams]
        assert (codes, took_s < 2.0) == ([grpc.StatusCode.OK] * 2, True)


async def test_stop_is_idempotent() -> None:
    """`stop` may be called before `start` and twice."""
    async with running() as run:
        await run.scaler.stop()
        await run.scaler.stop()
    scaler = KedaScaler(
        KedaScalerConfig(endpoint="127.0.0.1:0"),
        SetEngine(),
        wall_clock,
        asyncio.sleep,
        listening_since_ms=0,
        settled=True,
        settle_for_ms=0,
        retention_ms=0,
        count=lambda name, amount: None,
    )
    await scaler.stop()


async def test_stream_limit() -> None:
    """Streams over the limit are refused and counted; one that ended makes room."""
    async with running(max_streams=1) as run:
        client = run.client(metadata())
        first = client.stream_is_active()
        await next_of(first)
        code, text = await status(client.stream_metric_spec().read())
        assert (code, "extensions.keda_scaler.max_streams" in text) == ("RESOURCE_EXHAUSTED", True)
        assert run.counts["refused_streams"] == 1
        first.cancel()

        async def admitted() -> bool:
            try:
                return bool(specs_of(await next_of(client.stream_metric_spec())))
            except grpc.aio.AioRpcError:
                return False

        await until(admitted)


async def test_stream_metric_spec() -> None:
    """The spec comes at open and when a reload changes a named query's target, otherwise nothing (keda.md 0.4)."""
    async with running(queries={"orders": metadata(targetValue="5")}) as run:
        client = run.client({"queryRef": "orders"})
        stream = client.stream_metric_spec()
        assert specs_of(await next_of(stream)) == [("default-nodeapp", 5, 5.0)]
        reading = asyncio.ensure_future(stream.read())
        for unchanged in ({"orders": metadata(targetValue="5", window="30s")}, {}):
            run.scaler.reload(unchanged)
            await asyncio.sleep(0.05)
            assert not reading.done()
        run.scaler.reload({"orders": metadata(targetValue="7.5")})
        assert specs_of(await asyncio.wait_for(reading, UNIT_S)) == [("default-nodeapp", 8, 7.5)]
        assert await client.spec() == [("default-nodeapp", 8, 7.5)]


async def test_subscriptions_are_forgotten() -> None:
    """A client that goes away leaves nothing behind that samples would wake."""
    async with running() as run:
        streams = [run.client(metadata()).stream_is_active() for _ in range(3)]
        for stream in streams:
            await next_of(stream)
            stream.cancel()

        async def unheard() -> bool:
            run.engine.asked = 0
            run.scaler.on_append({"requests"})
            await asyncio.sleep(0.1)
            return run.engine.asked == 0

        await until(unheard)


async def test_port_taken() -> None:
    """A port that is taken is an error that names it."""
    server = await asyncio.start_server(lambda reader, writer: None, "127.0.0.1", 0)
    taken = server.sockets[0].getsockname()[1]
    scaler = KedaScaler(
        KedaScalerConfig(endpoint=f"127.0.0.1:{taken}"),
        SetEngine(),
        wall_clock,
        asyncio.sleep,
        listening_since_ms=0,
        settled=True,
        settle_for_ms=0,
        retention_ms=0,
        count=lambda name, amount: None,
    )
    with pytest.raises(
        OSError, match=f"cannot listen on 127.0.0.1:{taken}: address already in use"
    ):
        await scaler.start()
    server.close()
    await server.wait_closed()
