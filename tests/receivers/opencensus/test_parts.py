"""Messages with very many series are handed on in parts; everything in them arrives once, in order."""

from __future__ import annotations

import asyncio

import pytest

from receivers.consumer import Batch
from receivers.model import EncodedRow, Metric
from receivers.opencensus.decode import Decoder
from receivers.opencensus.parts import SERIES_AT_ONCE, parts_of
from receivers.opencensus.stream import StreamState
from tests.receivers.opencensus.running import running
from tests.support.consumers import Counts
from tests.support.opencensus_messages import HELLO, many_series, request


@pytest.mark.parametrize(
    ("sizes", "expected"),
    [
        ((1,), [1]),
        ((0, 3, 0), [3]),
        ((SERIES_AT_ONCE,), [SERIES_AT_ONCE]),
        ((SERIES_AT_ONCE, 1), [SERIES_AT_ONCE, 1]),
        ((0, 2 * SERIES_AT_ONCE + 1, 2), [SERIES_AT_ONCE, SERIES_AT_ONCE, 3]),
        ((SERIES_AT_ONCE - 1, 2), [SERIES_AT_ONCE - 1, 2]),
    ],
    ids=str,
)
def test_parts(sizes: tuple[int, ...], expected: list[int]) -> None:
    """No part has more series than are stored at once; a metric without series is in one of them too."""
    counts = Counts()
    state = StreamState(Decoder(counts), "10.0.0.1")
    state.receive(HELLO, 0)
    raw = request(*[many_series(f"m{number}", size) for number, size in enumerate(sizes)])
    batch = state.receive(raw, 7)
    assert batch is not None
    batch.times_are_ours = True
    whole = _points(batch)
    parts = list(parts_of(batch))
    assert [len(_points(part)) for part in parts] == expected
    assert [point for part in parts for point in _points(part)] == whole
    heads = {(part.sender, part.received_at_ms, part.times_are_ours) for part in parts}
    assert heads == {(batch.sender, 7, True)}
    assert {name for part in parts for name in _names(part)} == set(_names(batch))
    assert counts == {}


def _metrics(batch: Batch) -> list[Metric]:
    return [
        metric
        for group in batch.resource_metrics
        for scoped in group.scope_metrics
        for metric in scoped.metrics
    ]


def _names(batch: Batch) -> list[str]:
    return [metric.header.name for metric in _metrics(batch)]


def _points(batch: Batch) -> list[EncodedRow]:
    return [row for metric in _metrics(batch) if metric.encoded for row in metric.encoded.rows()]


@pytest.mark.integration
async def test_everybody_else_has_a_turn() -> None:
    """Between two parts of a large message the event loop goes round at least once."""
    turns = 0
    seen: list[int] = []

    class Turns:
        def consume(self, batch: Batch) -> None:
            seen.append(turns)

    async with running(Turns()) as oc:
        await oc.send(HELLO, request(many_series("large", 20 * SERIES_AT_ONCE)))
        while len(seen) < 20:
            turns += 1
            await asyncio.sleep(0)
    assert len(set(seen)) == 20
