"""What every receiver owes: each data point is delivered once or its loss is counted; stop is always safe."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import grpc
import pytest

from receivers.consumer import Batch
from receivers.errors import PermanentError, RetryableError
from receivers.opencensus.server import OpenCensusServer
from receivers.otlp.grpc_server import OtlpGrpcServer
from receivers.otlp.http_server import OtlpHttpServer
from tests.receivers.opencensus.running import running
from tests.receivers.otlp.running import Kept, RunningHttp, running_grpc, running_http
from tests.support.consumers import Counts, ErrorConsumer, NopConsumer, PresenceRecorder
from tests.support.opencensus_messages import HELLO, ci, request
from tests.support.otlp_requests import gauge, point
from tests.support.otlp_requests import raw as otlp_raw

pytestmark = pytest.mark.integration

STREAMS, REPORTS = 8, 25


@pytest.mark.parametrize("seed", range(3))
async def test_opencensus_delivers_once_or_counts(seed: int) -> None:
    """With a consumer that fails at random each data point is in exactly one taken or one counted batch."""
    chance = random.Random(seed)
    errors = (PermanentError("never"), RetryableError("later", 1.0), ValueError("a bug"))
    consumer = ErrorConsumer(lambda _: chance.choice(errors) if chance.random() < 0.3 else None)

    async with running(consumer) as oc:
        codes = await asyncio.gather(
            *(
                oc.play([HELLO, *(request(ci(value=_id(stream, i))) for i in range(REPORTS))])
                for stream in range(STREAMS)
            )
        )
        assert codes == [grpc.StatusCode.OK] * STREAMS
        assert oc.counts == {"consumer_error": len(consumer.refused)}
    taken, refused = _ids(consumer.taken), _ids(consumer.refused)
    assert taken
    assert refused
    assert sorted(taken + refused) == [
        _id(stream, i) for stream in range(STREAMS) for i in range(REPORTS)
    ]


async def test_opencensus_stop_is_always_safe() -> None:
    """Before start, twice, and while it is being stopped already."""
    server = OpenCensusServer("127.0.0.1:0", NopConsumer(), PresenceRecorder(), lambda: 0, Counts())
    await server.stop()
    port = await server.start()
    await asyncio.gather(server.stop(), server.stop())
    await server.stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


@pytest.mark.parametrize("protocol", ["grpc", "http"])
@pytest.mark.parametrize("seed", range(3))
async def test_otlp_delivers_once_or_tells(seed: int, protocol: str) -> None:
    """With a consumer that fails at random each point was taken, or its sender was told whether to come again."""
    chance = random.Random(seed)
    errors = (PermanentError("never"), RetryableError("later", 1.0), ValueError("a bug"))
    consumer = ErrorConsumer(lambda _: chance.choice(errors) if chance.random() < 0.3 else None)
    told: dict[object, list[float]] = {}

    async def send(run: Any, stream: int) -> None:
        for report in range(REPORTS):
            raw = otlp_raw(gauge("m", point(_id(stream, report))))
            told.setdefault(await _answered(run, raw), []).append(_id(stream, report))

    async with running_grpc(consumer) if protocol == "grpc" else running_http(consumer) as run:
        await asyncio.gather(*(send(run, stream) for stream in range(STREAMS)))
        assert sum(run.requests.values()) == len(consumer.refused)
        told_retryable = len(told.get(503, []) + told.get(grpc.StatusCode.UNAVAILABLE, []))
        assert run.requests["retryable"] == told_retryable > 0
    taken = told.pop(200, []) + told.pop(grpc.StatusCode.OK, [])
    assert sorted(taken) == sorted(_ids(consumer.taken))
    assert sorted(one for ids in told.values() for one in ids) == sorted(_ids(consumer.refused))
    assert len(taken) + len(consumer.refused) == STREAMS * REPORTS


async def _answered(run: Any, raw: bytes) -> object:
    if isinstance(run, RunningHttp):
        return (await run.post(raw)).status
    try:
        await run.export(raw)
    except grpc.aio.AioRpcError as error:
        return error.code()
    return grpc.StatusCode.OK


@pytest.mark.parametrize("server_class", [OtlpGrpcServer, OtlpHttpServer])
async def test_otlp_stop_is_always_safe(server_class: type[Any]) -> None:
    """Before start, twice, and while it is being stopped already."""
    server = server_class("127.0.0.1:0", Kept().receiver())
    await server.stop()
    port = await server.start()
    await asyncio.gather(server.stop(), server.stop())
    await server.stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


def _id(stream: int, report: int) -> int:
    return stream * 1000 + report


def _ids(batches: list[Batch]) -> list[float]:
    return [
        row.value
        for batch in batches
        for group in batch.resource_metrics
        for scope_metrics in group.scope_metrics
        for metric in scope_metrics.metrics
        if metric.encoded is not None
        for row in metric.encoded.rows()
    ]
