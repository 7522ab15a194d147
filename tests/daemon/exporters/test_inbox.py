"""Batches that wait for their turn."""

from __future__ import annotations

import asyncio

from daemon.exporters.inbox import Inbox
from receivers.consumer import Batch
from tests.support.consumers import Counts
from tests.support.payloads import batch


async def test_in_order() -> None:
    """Batches are worked on one by one, in the order in which they came, when whoever put them is done."""
    done: list[Batch] = []

    async def work(one: Batch) -> None:
        await asyncio.sleep(0)
        done.append(one)

    inbox = Inbox("t", work, done.append, count_failures=Counts(), sleep=asyncio.sleep)
    batches = [batch("gauge m [1]") for _ in range(3)]
    inbox.start()
    for one in batches:
        inbox.put(one)
    assert not done
    await inbox.emptied()
    assert done == batches
    await inbox.stop()


async def test_bounded() -> None:
    """At the limit the oldest is lost; the newest never is."""
    lost: list[Batch] = []

    async def work(_one: Batch) -> None:
        raise AssertionError

    inbox = Inbox(
        "t", work, lost.append, count_failures=Counts(), sleep=asyncio.sleep, max_metrics=4
    )
    batches = [batch("gauge m [1]") for _ in range(3)]
    for one in batches:
        inbox.put(one)
    assert lost == batches[:1]
    inbox.put(large := batch("gauge m [1] gauge m [1] gauge m [1] gauge m [1]"))
    assert lost == batches
    await inbox.stop()
    await inbox.stop()
    assert lost == [*batches, large]


async def test_one_bad_batch() -> None:
    """A batch whose work fails costs itself alone."""
    done: list[str] = []
    failures = Counts()

    async def work(one: Batch) -> None:
        name = one.resource_metrics[0].scope_metrics[0].metrics[0].header.name
        if name == "bad":
            raise ValueError(name)
        done.append(name)

    async def sleep(_seconds: float) -> None:
        await asyncio.sleep(0)

    inbox = Inbox("t", work, lambda _: None, count_failures=failures, sleep=sleep)
    inbox.start()
    for name in ("a", "bad", "b"):
        inbox.put(batch(f"gauge {name} [1]"))
    await inbox.emptied()
    assert (done, failures) == (["a", "b"], {"t": 1})
    await inbox.stop()
