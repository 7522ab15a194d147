"""What every receiver owes: each data point is delivered once or its loss is counted; stop is always safe."""

from __future__ import annotations

import asyncio
import random

import grpc
import pytest

from receivers.consumer import Batch
from receivers.errors import PermanentError, RetryableError
from receivers.opencensus.server import OpenCensusServer
from tests.receivers.opencensus.running import running
from tests.support.consumers import Counts, ErrorConsumer, NopConsumer, PresenceRecorder
from tests.support.opencensus_messages import HELLO, ci, request

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
