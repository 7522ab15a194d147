"""Reads the metrics pages of connected sidecars between their reports, so that samples are seconds old, not 22.

A sidecar's values come from its page while that can be read, and from its reports otherwise: never from both at once, for
the times of reports are the sidecar's and those of pages tallyd's, and a value that seems to fall counts twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import structlog

from receivers.consumer import Batch, Clock, Count, Presence, Sender, Sleep
from receivers.errors import DecodeError
from receivers.model import Resource
from receivers.opencensus.page_names import Reader
from receivers.opencensus.parts import parts_of
from receivers.opencensus.pushes import Names, Pushes
from receivers.prometheus.fetch import Fetcher, FetchError, FetchSettings
from receivers.prometheus.rhythm import next_time, wait_until

log = structlog.get_logger(__name__)

MAX_AT_ONCE: Final = 64
"""Pages that are being fetched; the others wait."""
CONNECT_TIMEOUT_MS: Final = 1_000
"""What a sidecar behind a closed network policy takes of a place, in which others wait; pods answer in milliseconds."""
MAX_BODY_BYTES: Final = 4 * 1024 * 1024
MAX_BACK_OFF: Final = 60
"""Intervals between two attempts where nobody answers; five minutes with 5 s."""
FRESH_INTERVALS: Final = 1.5
"""For so long after the last page reports are left out: the next page has newer values."""
MADE_BEFORE_MS: Final = 2_500
"""A report that arrives so soon after a page was made before it: it waits 2 s in the sidecar (opencensus.md 2.1)."""
_NANOS_PER_MS: Final = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrapeSettings:
    """Where sidecars have their page, and how often it is read."""

    port: int
    interval_ms: int


@dataclass(slots=True)
class _Target:
    """One connected process."""

    sender: Sender
    host: str
    pushes: Pushes
    streams: int = 0
    task: asyncio.Task[None] | None = None
    read_at_ms: int | None = None
    """When its page was read last."""
    reported_at_ms: int | None = None
    """When a report of it was handed on last."""
    failures: int = 0
    """In a row."""
    problem: str = ""
    """Why its page could not be read last time."""


class SenderScraping:
    """One loop for each sender that has a stream; runs on the event loop of the receiver."""

    def __init__(
        self,
        settings: ScrapeSettings,
        presence: Presence,
        *,
        clock: Clock,
        sleep: Sleep,
        tell: Count,
        count: Count,
    ) -> None:
        """Read pages; `tell` hears of each by its outcome, `count` of what pages hold and nobody can read."""
        self._settings = settings
        self._presence = presence
        self._clock = clock
        self._sleep = sleep
        self._tell = tell
        self._reader = Reader(count)
        self._names = Names()
        self._targets: dict[Sender, _Target] = {}
        self._at_host: dict[str, set[Sender]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        """Those that are ending, too."""
        self._places = asyncio.Semaphore(MAX_AT_ONCE)
        self._is_over = False
        self.unread = 0
        """Sidecars whose page could not be read last time."""
        self.hand_on: Callable[[Batch], None] = lambda _: None
        """Takes what pages hold; the server sets it."""

    def start(self) -> None:
        """Take senders, again after `stop`."""
        self._is_over = False

    def opened(self, sender: Sender, host: str, resource: Resource) -> None:
        """Begin with a sender whose stream comes from the IP address `host`."""
        if self._is_over:
            return
        target = self._targets.get(sender)
        if target is None:
            pushes = Pushes(self._names, resource)
            target = self._targets[sender] = _Target(sender, host, pushes)
            self._at_host.setdefault(host, set()).add(sender)
            target.task = asyncio.create_task(self._run(target))
            self._tasks.add(target.task)
            target.task.add_done_callback(self._tasks.discard)
        target.streams += 1

    def closed(self, sender: Sender) -> None:
        """Stop once the last stream of `sender` is over."""
        target = self._targets.get(sender)
        if target is None:
            return
        target.streams -= 1
        if target.streams == 0:
            del self._targets[sender]
            neighbours = self._at_host[target.host]
            neighbours.discard(sender)
            if not neighbours:
                del self._at_host[target.host]
            self._answered(target)
            if target.task is not None:
                target.task.cancel()

    def takes_over(self, batch: Batch) -> bool:
        """Learn from a report; return whether its values are to be left out because the page's are newer."""
        target = self._targets.get(batch.sender)
        if target is None:
            return False
        target.pushes.learn(batch)
        if target.read_at_ms is not None:
            since_ms = batch.received_at_ms - target.read_at_ms
            is_fresh = since_ms < FRESH_INTERVALS * self._settings.interval_ms
            if (is_fresh and not target.failures) or since_ms < MADE_BEFORE_MS:
                return True
        target.reported_at_ms = batch.received_at_ms
        return False

    def problems(self) -> dict[str, str]:
        """Return the senders whose page could not be read last time, and why."""
        return {str(one.sender): one.problem for one in self._targets.values() if one.problem}

    async def stop(self) -> None:
        """End all loops and begin no more; safe twice."""
        self._is_over = True
        self._targets.clear()
        self._at_host.clear()
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _run(self, target: _Target) -> None:
        settings = self._settings
        host = f"[{target.host}]" if ":" in target.host else target.host
        fetcher = Fetcher(
            FetchSettings(
                url=f"http://{host}:{settings.port}/metrics",
                timeout_ms=settings.interval_ms,
                connect_timeout_ms=min(CONNECT_TIMEOUT_MS, settings.interval_ms),
                max_body_bytes=MAX_BODY_BYTES,
                headers={"Accept": "text/plain;version=0.0.4"},
                follow_redirects=False,
            )
        )
        next_at_ms = self._clock() + hash(target.sender) % settings.interval_ms
        try:
            while True:
                await wait_until(next_at_ms, self._clock, self._sleep)
                await self._scrape(target, fetcher)
                gap_ms = settings.interval_ms * _back_off(target.failures)
                next_at_ms = next_time(next_at_ms, gap_ms, self._clock())
        finally:
            await fetcher.close()

    async def _scrape(self, target: _Target, fetcher: Fetcher) -> None:
        if not target.pushes.is_readable:
            return  # no sidecar has reported yet: nobody knows what is on its page
        if len(self._at_host.get(target.host, ())) > 1:
            self._failed(target, "shared", "several connected sidecars have this address")
            target.failures = 1  # nothing was asked, so there is nothing to spare
            return
        try:
            async with self._places:
                at_ms = self._clock()
                page = await fetcher.fetch()
            text = page.body.decode()
            groups = target.pushes.read(text, at_ms * _NANOS_PER_MS, self._reader)
        except FetchError as error:
            self._failed(target, error.failure, str(error))
        except (DecodeError, UnicodeDecodeError) as error:
            self._failed(target, "foreign", str(error))
        except Exception as error:  # the top of the task: no other scrape ends with it
            if self._failed(target, "defect", str(error)):
                log.exception("scrape failed", sender=str(target.sender))
        else:
            if target.reported_at_ms is not None and target.reported_at_ms >= at_ms:
                # By a report: nobody knows which of the two was made first.
                self._tell("overtaken", 1)
                return
            self._answered(target)
            self._tell("ok" if groups else "empty", 1)
            if not groups:
                return
            target.read_at_ms = self._clock()
            await self._take(Batch(target.sender, target.read_at_ms, groups, times_are_ours=True))

    async def _take(self, batch: Batch) -> None:
        """Hand on a page; one with very many series bit by bit."""
        self._presence.sampled(batch.sender, batch.received_at_ms)
        for number, part in enumerate(parts_of(batch)):
            if number:
                await asyncio.sleep(0)
            self.hand_on(part)

    def _failed(self, target: _Target, outcome: str, text: str) -> bool:
        """Note that there is no page; return whether that is new. What many sidecars have in common is told once."""
        target.failures += 1
        target.problem = text
        self._tell(outcome, 1)
        if target.failures > 1:
            return False
        self.unread += 1
        if self.unread == 1:
            log.warning(
                "a sidecar's page cannot be read",
                sender=str(target.sender),
                host=target.host,
                port=self._settings.port,
                error=text,
                hint="its reports are used instead; look at dapr.io/enable-metrics, dapr.io/metrics-port and network policies",
            )
        return True

    def _answered(self, target: _Target) -> None:
        """Forget that there was no page."""
        if target.failures:
            target.failures, target.problem = 0, ""
            self.unread -= 1
            if not self.unread:
                log.info("every sidecar's page can be read")


def _back_off(failures: int) -> int:
    """Return after how many intervals to try again; the first failure may be chance."""
    return int(min(2 ** min(max(failures - 1, 0), 10), MAX_BACK_OFF))
