"""Many targets: loops that begin and end as the list changes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from daemon.clock import VirtualTime
from receivers.prometheus.fetch import Page
from receivers.prometheus.loop import Surroundings, Tallies
from receivers.prometheus.receiver import PrometheusReceiver, Scrape
from receivers.prometheus.target import Target
from tests.support.consumers import Counts, PresenceRecorder, SinkConsumer

NOW_MS = 1_700_000_000_000


class Fetcher:
    """Always the same page."""

    def __init__(self) -> None:
        self.is_closed = False

    async def fetch(self) -> Page:
        return Page(b"a 1\n", "text/plain")

    async def close(self) -> None:
        self.is_closed = True


class Rig:
    """A receiver, and what it speaks to."""

    def __init__(self, *names: str) -> None:
        self.sink, self.presence, self.time = (
            SinkConsumer(),
            PresenceRecorder(),
            VirtualTime(NOW_MS),
        )
        self.fetchers: dict[str, list[Fetcher]] = {}
        ignore = Tallies(Counts(), lambda _: None, lambda _: None)
        around = Surroundings(
            self.sink, self.presence, self.time.clock, self.time.sleep, ignore, asyncio.Lock()
        )
        self.receiver = PrometheusReceiver(self.scrapes(*names), around)

    def scrapes(self, *names: str, **settings: Any) -> Mapping[Any, Scrape]:
        return {(name, *settings.items()): self._scrape(name, settings) for name in names}

    def _scrape(self, name: str, settings: dict[str, Any]) -> Scrape:
        target = replace(Target(job="app", instance=name, address=name), **settings)

        def build() -> Fetcher:
            self.fetchers.setdefault(name, []).append(Fetcher())
            return self.fetchers[name][-1]

        return Scrape(target, build)

    async def interval(self) -> None:
        """Let every target be scraped once."""
        await asyncio.sleep(0)
        scraped = {loop: loop.began_at_ms for loop in self.receiver.loops()}
        await self.time.advance_to(self.time.clock() + 60_000)
        async with asyncio.timeout(10):
            while any(loop.began_at_ms == at_ms for loop, at_ms in scraped.items()):
                await asyncio.sleep(0.001)

    def running(self) -> list[str]:
        return sorted(loop.target.address for loop in self.receiver.loops())

    def ended(self) -> list[str]:
        """The senders of which a series `a` has ended, by address."""
        return sorted(
            str(resource.attributes["service.instance.id"])
            for _, resource, metric in self.sink.metrics()
            if metric.header.name == "a" and metric.point_count() and _flag(metric)
        )


def _flag(metric: Any) -> bool:
    return bool(metric.data_points[0].flags)


async def test_stop_is_always_safe() -> None:
    """Before start, twice, and while it is being stopped already; nobody is asked afterwards, no series ends."""
    rig = Rig("h:1", "h:2")
    await rig.receiver.stop()
    assert rig.running() == []
    await rig.receiver.start()
    await rig.receiver.start()
    await rig.interval()
    assert rig.running() == ["h:1", "h:2"]
    await asyncio.gather(rig.receiver.stop(), rig.receiver.stop())
    await rig.receiver.stop()
    assert all(one.is_closed for some in rig.fetchers.values() for one in some)
    assert (rig.running(), rig.ended()) == ([], [])
    assert rig.presence.story().count(("opened", rig.presence.story()[0][1])) == 1
    stories = [what for what, _ in rig.presence.story()]
    assert stories.count("opened") == stories.count("closed") == 4


async def test_another_list() -> None:
    """Who stays keeps its connection and its loop; who is gone ends; who is new begins."""
    rig = Rig("h:1", "h:2")
    await rig.receiver.start()
    await rig.interval()
    await rig.receiver.change(rig.scrapes("h:2", "h:3"))
    assert (rig.running(), rig.ended()) == (["h:2", "h:3"], ["h:1"])
    await rig.interval()
    assert {name: len(some) for name, some in rig.fetchers.items()} == {
        "h:1": 1,
        "h:2": 1,
        "h:3": 1,
    }
    await rig.receiver.remove()
    assert (rig.running(), rig.ended()) == ([], ["h:1", "h:2", "h:3"])


async def test_other_settings_of_a_target() -> None:
    """It gets a loop of its own, and is the same sender: nothing of it ends."""
    rig = Rig("h:1")
    await rig.receiver.start()
    await rig.interval()
    await rig.receiver.change(rig.scrapes("h:1", interval_ms=30_000))
    await rig.interval()
    await rig.receiver.stop()
    assert ([len(some) for some in rig.fetchers.values()], rig.ended()) == ([2], [])
    assert len({batch.sender for batch in rig.sink.batches}) == 2  # the target, and who tells of it


async def test_a_list_that_changes_before_the_start() -> None:
    """Only what it is at the start is scraped."""
    rig = Rig("h:1")
    await rig.receiver.change(rig.scrapes("h:2"))
    assert rig.running() == []
    await rig.receiver.start()
    assert rig.running() == ["h:2"]
    await rig.receiver.stop()
