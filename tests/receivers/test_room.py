"""Room for messages: how many are read at once, and which are too large for the memory that is free."""

from __future__ import annotations

import asyncio

import pytest

from receivers.errors import RetryableError
from receivers.room import OPENCENSUS_TIMES, OTLP_TIMES, READ_TIMES, Room, unlimited

MIB = 1024 * 1024


@pytest.mark.parametrize(
    ("free", "size", "times", "taken"),
    [
        pytest.param(None, 1 << 40, OTLP_TIMES, True, id="no limit"),
        pytest.param(OTLP_TIMES * MIB, MIB, OTLP_TIMES, True, id="just enough"),
        pytest.param(OTLP_TIMES * MIB - 1, MIB, OTLP_TIMES, False, id="a byte less"),
        pytest.param(OTLP_TIMES * MIB - 1, MIB, OPENCENSUS_TIMES, True, id="takes less to decode"),
        pytest.param(0, 0, OTLP_TIMES, True, id="nothing at all"),
    ],
)
def test_check(free: int | None, size: int, times: int, taken: bool) -> None:
    """A message passes if what it takes when it is decoded is free; else its sender is told when to come back."""
    room = Room(lambda _wanted: free)
    if taken:
        room.check(size, times)
    else:
        with pytest.raises(RetryableError, match=f"for a message of {size} bytes, ") as caught:
            room.check(size, times)
        assert caught.value.retry_after_s == 5.0
    assert room.refused == (not taken)


async def test_as_many_as_there_is_room_for() -> None:
    """As many messages are read at once as there is memory for, the others wait for their turn."""
    room = Room(lambda _wanted: 2 * READ_TIMES * MIB)
    go_on, begun = asyncio.Event(), 0

    async def read() -> None:
        nonlocal begun
        async with room.reading(MIB):
            begun += 1
            await go_on.wait()

    async with asyncio.TaskGroup() as tasks:
        for _ in range(5):
            tasks.create_task(read())
        for _ in range(10):
            await asyncio.sleep(0)
        assert begun == 2
        go_on.set()
    assert (begun, room.refused) == (5, 0)


async def test_who_waits_for_too_long() -> None:
    """A message that others leave no room for is refused after a while, and holds none."""
    room = Room(lambda _wanted: READ_TIMES * MIB, wait_s=0.01)
    async with room.reading(MIB):
        with pytest.raises(RetryableError, match="memory is short, data are refused"):
            async with room.reading(MIB):
                raise AssertionError("there is room for one")
    async with room.reading(MIB):
        assert room.refused == 1


async def test_one_is_always_read() -> None:
    """A message larger than what is free is read if it is the only one: what is free says less than a try."""
    async with Room(lambda _wanted: 0).reading(MIB):
        pass


async def test_short() -> None:
    """While memory is short nothing is read, and nobody waits."""
    room = Room(unlimited, is_short=lambda: True)
    with pytest.raises(RetryableError):
        async with room.reading(1):
            raise AssertionError("memory is short")
    assert room.refused == 1


async def test_a_reader_that_is_cancelled() -> None:
    """A call that ends while it waits or reads leaves its room to others."""
    room = Room(lambda _wanted: READ_TIMES * MIB)

    async def read() -> None:
        async with room.reading(MIB):
            await asyncio.Event().wait()

    calls = [asyncio.create_task(read()) for _ in range(3)]
    await asyncio.sleep(0)
    for call in calls:
        call.cancel()
    await asyncio.gather(*calls, return_exceptions=True)
    async with asyncio.timeout(5), room.reading(MIB):
        pass
