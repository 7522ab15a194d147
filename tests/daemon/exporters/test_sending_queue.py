"""Requests that wait."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from daemon.config.sending import Sizer
from daemon.exporters.sending_queue import QueueSettings, Request, SendingQueue


def queue(**settings: Any) -> tuple[SendingQueue, list[bytes]]:
    """A queue, and the bodies that it drops."""
    dropped: list[bytes] = []
    limits = QueueSettings(**{"capacity": 3, "max_bytes": 1000, **settings})
    return SendingQueue(limits, lambda request: dropped.append(request.body)), dropped


def bodies(requests: list[Request]) -> list[bytes]:
    return [request.body for request in requests]


async def test_oldest_goes_first() -> None:
    """Beyond its capacity, which counts what is under way, the queue drops the oldest that waits."""
    waiting, dropped = queue()
    for body in (b"a", b"b", b"c"):
        waiting.put(Request(body, 1))
    under_way = await waiting.take(0)
    waiting.put(Request(b"d", 1))
    assert (bodies(under_way), dropped, waiting.size) == ([b"a"], [b"b"], 3)
    waiting.done(under_way)
    assert bodies(await waiting.take(0)) == [b"c"]


async def test_newest_stays() -> None:
    """When all that is allowed is under way, one request may wait: the newest."""
    waiting, dropped = queue(capacity=1)
    waiting.put(Request(b"a", 1))
    await waiting.take(0)
    waiting.put(Request(b"b", 1))
    waiting.put(Request(b"c", 1))
    assert dropped == [b"b"]


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"capacity": 3}, [b"1"]),
        ({"capacity": 25, "sizer": Sizer.ITEMS}, [b"1", b"22"]),
        ({"capacity": 7, "sizer": Sizer.BYTES}, [b"1", b"22"]),
        ({"capacity": 100, "max_bytes": 4}, [b"1", b"22", b"333"]),
        ({"capacity": 100, "max_bytes": 3}, [b"4444"]),
    ],
    ids=["requests", "items", "bytes", "bytes in all", "too large by itself"],
)
async def test_sizers(settings: dict[str, Any], expected: list[bytes]) -> None:
    """The capacity counts requests, data points or bytes; the bytes are bounded besides."""
    waiting, dropped = queue(**settings)
    for body in (b"1", b"22", b"333", b"4444"):
        waiting.put(Request(body, 10))
    if settings.get("max_bytes") == 3:
        dropped = [body for body in dropped if len(body) > 3]
    assert dropped == expected


async def test_lanes() -> None:
    """A lane keeps its order and is not held up by others; the oldest of all lanes is dropped first."""
    waiting, dropped = queue(lanes=2)
    for body, lane in ((b"a", 1), (b"b", 0), (b"c", 3), (b"d", 2)):
        waiting.put(Request(body, 1, lane))
    assert dropped == [b"a"]
    assert bodies(await waiting.take(1)) == [b"c"]
    assert bodies(await waiting.take(0)) == [b"b"]


async def test_together() -> None:
    """What waits in a lane is taken together up to a size, but only what is of one kind."""
    waiting, _ = queue(capacity=10, join_up_to_bytes=5)
    for body, kind in ((b"aa", 0), (b"bb", 0), (b"cc", 0), (b"d", 1), (b"e", 0)):
        waiting.put(Request(body, 1, 0, kind))
    taken = [bodies(await waiting.take(0)) for _ in range(4)]
    assert taken == [[b"aa", b"bb"], [b"cc"], [b"d"], [b"e"]]


async def test_emptied() -> None:
    """The queue is empty once all that was taken is done."""
    waiting, _ = queue()
    await waiting.emptied()
    waiting.put(Request(b"a", 1))
    taken = await waiting.take(0)
    task = asyncio.create_task(waiting.emptied())
    await asyncio.sleep(0)
    assert not task.done()
    waiting.done(taken)
    await task
    assert (waiting.size, waiting.size_bytes) == (0, 0)


async def test_drop_all() -> None:
    """At the end what waits is handed back."""
    waiting, _ = queue()
    waiting.put(Request(b"a", 1))
    assert bodies(waiting.drop_all()) == [b"a"]
    assert waiting.size == 0
