"""The receiver: a loop for each target, begun and ended as the list of targets changes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable, Iterator, Mapping
from typing import NamedTuple

from receivers.prometheus.loop import Fetches, ScrapeLoop, Surroundings
from receivers.prometheus.target import Target


class Scrape(NamedTuple):
    """A target and how to get at its page; the fetcher is made when the loop begins."""

    target: Target
    fetcher: Callable[[], Fetches]


class _Running(NamedTuple):
    loop: ScrapeLoop
    task: asyncio.Task[None]


class PrometheusReceiver:
    """Scrapes targets, told apart by keys that are equal for equal settings."""

    def __init__(self, scrapes: Mapping[Hashable, Scrape], around: Surroundings) -> None:
        self._scrapes = dict(scrapes)
        self._around = around
        self._running: dict[Hashable, _Running] = {}
        self._is_started = False

    async def start(self) -> None:
        """Begin to scrape; nothing is asked before this returns."""
        self._is_started = True
        for key, scrape in self._scrapes.items():
            if key not in self._running:
                loop = ScrapeLoop(scrape.target, scrape.fetcher(), self._around)
                name = f"scrape {scrape.target.name}"
                self._running[key] = _Running(loop, asyncio.create_task(loop.run(), name=name))

    async def stop(self) -> None:
        """End all scrapes, at once; safe twice and before `start`. Series stay: the process may be back before they end."""
        self._is_started = False
        await self._end(list(self._running), ends=False)

    async def remove(self) -> None:
        """Stop for good: nobody scrapes these targets any more, so their series end."""
        self._is_started = False
        await self._end(list(self._running), ends=True)

    async def leave(self, scrapes: Mapping[Hashable, Scrape]) -> None:
        """End the loops of targets that are not among `scrapes`, and their series.

        Series stay where a target is there still with other settings: it will be scraped on as the same sender.
        """
        stays = {scrape.target.sender for scrape in scrapes.values()}
        gone = [key for key in self._running if key not in scrapes]
        changed = [key for key in gone if self._running[key].loop.target.sender in stays]
        await self._end(changed, ends=False)
        await self._end([key for key in gone if key not in changed], ends=True)

    async def change(self, scrapes: Mapping[Hashable, Scrape]) -> None:
        """Scrape these targets from now on; loops of those with the same key go on, those of others end and begin."""
        await self.leave(scrapes)
        self._scrapes = dict(scrapes)
        if self._is_started:
            await self.start()

    def loops(self) -> Iterator[ScrapeLoop]:
        """Yield the loop of each target: whether it is up, and why not."""
        for loop, _ in self._running.values():
            yield loop

    async def _end(self, keys: list[Hashable], *, ends: bool) -> None:
        ended = [self._running.pop(key) for key in keys]
        for _, task in ended:
            task.cancel()
        await asyncio.gather(*(task for _, task in ended), return_exceptions=True)
        for loop, _ in ended:
            await loop.close(ends=ends)
