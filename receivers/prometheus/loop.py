"""The scrapes of one target, one after the other: a page to batches, `up` and what else Prometheus tells of a scrape."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from enum import StrEnum
from typing import Final, NamedTuple, Protocol

import structlog

from receivers.consumer import Batch, Clock, Consumer, Presence, Sender, Sleep
from receivers.errors import ConsumeError, DecodeError
from receivers.model import MetricHeader, MetricType, ResourceMetrics, Scope
from receivers.model import ScopeMetrics as Scoped
from receivers.prometheus.exposition import decode_page
from receivers.prometheus.fetch import FetchError, Page
from receivers.prometheus.labelling import (
    Labeller,
    LimitError,
    Scraped,
    numbers,
    points_of,
    sample_count,
)
from receivers.prometheus.parts import parts_of
from receivers.prometheus.rhythm import next_time, wait_until
from receivers.prometheus.staleness import Seen
from receivers.prometheus.target import Target

log = structlog.get_logger(__name__)

NANOS_PER_MS: Final = 1_000_000
PROTOBUF: Final = "application/vnd.google.protobuf"
_SCOPE: Final = Scope()


class Health(StrEnum):
    """What is known of a target."""

    UNKNOWN = "unknown"
    """It was not scraped yet."""
    UP = "up"
    DOWN = "down"


class Fetches(Protocol):
    """Fetches a target's page (`receivers.prometheus.fetch`)."""

    async def fetch(self) -> Page:
        """Return the page.

        Raises:
            FetchError: there is none.
        """

    async def close(self) -> None:
        """Close the connections."""


class Tallies(NamedTuple):
    """Where a receiver counts."""

    failures: Callable[[str, int], None]
    """Scrapes that failed, by reason."""
    accepted: Callable[[int], None]
    """Data points that were handed on."""
    refused: Callable[[int], None]
    """Those that the pipeline did not take."""


class Surroundings(NamedTuple):
    """What the loops of one receiver share."""

    consumer: Consumer
    presence: Presence
    clock: Clock
    sleep: Sleep
    tallies: Tallies
    turn: asyncio.Lock
    """One page at a time is decoded and handed on, so that memory for one is enough."""


class _Report(NamedTuple):
    """What Prometheus tells of a scrape besides how long it took."""

    up: float = 0.0
    scraped: int = 0
    kept: int = 0
    added: int = 0


class ScrapeLoop:
    """Scrapes one target until its task is cancelled; `run` once, then `close`."""

    def __init__(self, target: Target, fetcher: Fetches, around: Surroundings) -> None:
        self.target = target
        self.health = Health.UNKNOWN
        self.problem = ""
        """Why the target is down."""
        self.began_at_ms: int | None = None
        """When the last scrape began."""
        self.took_s = 0.0
        self.next_at_ms = 0
        """When the next one begins."""
        self._fetcher = fetcher
        self._around = around
        self._labeller = Labeller(target)
        self._seen = Seen(track_timestamps=target.track_timestamps_staleness)
        self._told = Seen(track_timestamps=True)
        self._is_open = False
        self._is_observed = False

    async def run(self) -> None:
        """Scrape at each multiple of the interval, from the target's phase on; what would overlap is left out."""
        clock, interval_ms = self._around.clock, self.target.interval_ms
        self.next_at_ms = clock() + self.target.phase_ms(clock())
        while True:
            await wait_until(self.next_at_ms, clock, self._around.sleep)
            await self._scrape_whatever_happens()
            self.next_at_ms = next_time(self.next_at_ms, interval_ms, clock())

    async def close(self, *, ends: bool) -> None:
        """Close the connection; with `ends` all series of the target end too, because nobody will scrape it again."""
        await self._fetcher.close()
        sender, observer = self.target.sender, self.target.observer
        at_ms = self._around.clock()
        if ends:
            after_ms = max(
                at_ms, (self.began_at_ms or 0) + 1
            )  # what ends, ends after its last sample
            self._consume(sender, self._seen.end(after_ms * NANOS_PER_MS), at_ms)
            self._consume(observer, self._told.end(after_ms * NANOS_PER_MS), at_ms)
        if self._is_open:
            self._is_open = False
            self._around.presence.closed(sender, at_ms)
        if self._is_observed:
            self._is_observed = False
            self._around.presence.closed(observer, at_ms)

    async def scrape(self) -> None:
        """Scrape once and tell how it went."""
        clock = self._around.clock
        at_ms = clock()
        try:
            page = await self._fetcher.fetch()
            async with self._around.turn:
                report = await self._take(page, at_ms)
        except FetchError as error:
            report = self._failed(error.failure, str(error), at_ms)
        except DecodeError as error:
            report = self._failed("malformed", str(error), at_ms)
        except LimitError as error:
            report = self._failed("limit", str(error), at_ms)
        else:
            self._become(Health.UP)
        self.began_at_ms, self.took_s = at_ms, (clock() - at_ms) / 1000
        self._tell(report, at_ms)

    async def _scrape_whatever_happens(self) -> None:
        try:
            await self.scrape()
        except Exception:  # the top of the task: no other scrape ends with it
            self._around.tallies.failures("defect", 1)
            if self._become(Health.DOWN):
                log.exception("scrape failed", target=self.target.name)

    async def _take(self, page: Page, at_ms: int) -> _Report:
        """Decode a page and hand it on.

        Raises:
            DecodeError: it is none.
            LimitError: it is larger than the target's settings allow.
        """
        # 30 ms for each 1,000 samples, and others must be answered meanwhile.
        scraped, report = await asyncio.to_thread(self._read, page, at_ms)
        presence, sender, interval_ms = (
            self._around.presence,
            self.target.sender,
            self.target.interval_ms,
        )
        now_ms = self._around.clock()
        if not self._is_open:
            self._is_open = True
            presence.opened(sender, now_ms, interval_ms)
        presence.reported(sender, now_ms)
        for part in parts_of(scraped):
            self._consume(sender, part, now_ms)
            await asyncio.sleep(0)
        return report

    def _read(self, page: Page, at_ms: int) -> tuple[Scraped, _Report]:
        """Return the metrics of a page, ends of vanished series among them; runs in a thread."""
        at_unix_nano, limit = at_ms * NANOS_PER_MS, self.target.limits.samples
        metrics = decode_page(
            _text(page), content_type=page.content_type, at_unix_nano=at_unix_nano
        )
        scraped = self._labeller.label(metrics, at_unix_nano)
        count = sum(map(sample_count, points_of(scraped)))
        if limit and count > limit:
            raise LimitError(f"the page has {count} samples: sample_limit is {limit}")
        return scraped, _Report(1.0, count, count, self._seen.take(scraped, at_unix_nano))

    def _failed(self, reason: str, text: str, at_ms: int) -> _Report:
        """Note why there is no page: its series end, and its sender too if it stays away for another interval."""
        self._around.tallies.failures(reason, 1)
        if self._become(Health.DOWN, text):
            log.warning("target is down", job=self.target.job, target=self.target.name, error=text)
        now_ms, sender = self._around.clock(), self.target.sender
        self._consume(sender, self._seen.end(at_ms * NANOS_PER_MS), now_ms)
        if self._is_open:
            self._is_open = False
            self._around.presence.closed(sender, now_ms)
        return _Report()

    def _become(self, health: Health, problem: str = "") -> bool:
        """Return whether that is new."""
        before, self.health, self.problem = self.health, health, problem
        if before is Health.DOWN and health is Health.UP:
            log.info("target is up", job=self.target.job, target=self.target.name)
        return before is not health

    def _tell(self, report: _Report, at_ms: int) -> None:
        """Hand on how the scrape went, as tallyd's own word."""
        presence, observer, now_ms = (
            self._around.presence,
            self.target.observer,
            self._around.clock(),
        )
        if not self._is_observed:
            self._is_observed = True
            presence.opened(observer, now_ms, self.target.interval_ms)
        presence.reported(observer, now_ms)
        values = (report.up, self.took_s, report.scraped, report.kept, report.added)
        metrics = numbers(
            list(zip(_HEADERS, values, strict=True)),
            self._labeller.own_labels(),
            at_ms * NANOS_PER_MS,
        )
        told: Scraped = [(self._labeller.resource, metrics)]
        self._told.take(told, at_ms * NANOS_PER_MS)
        self._consume(observer, told, now_ms)

    def _consume(self, sender: Sender, scraped: Scraped, at_ms: int) -> None:
        if not scraped:
            return
        count = sum(1 for _ in points_of(scraped))
        groups = [ResourceMetrics(one, [Scoped(_SCOPE, metrics)]) for one, metrics in scraped]
        try:
            self._around.consumer.consume(Batch(sender, at_ms, groups))
        except ConsumeError:
            self._around.tallies.refused(count)
        else:
            self._around.tallies.accepted(count)


def _gauge(name: str, description: str, unit: str = "") -> MetricHeader:
    return MetricHeader(name=name, description=description, unit=unit, type=MetricType.GAUGE)


_HEADERS: Final = (
    _gauge("up", "The scraping was successful"),
    _gauge("scrape_duration_seconds", "Duration of the scrape", "s"),
    _gauge("scrape_samples_scraped", "The number of samples the target exposed"),
    _gauge(
        "scrape_samples_post_metric_relabeling",
        "The number of samples remaining after metric relabeling was applied",
    ),
    _gauge("scrape_series_added", "The approximate number of new series in this scrape"),
)
"""With the collector's descriptions."""


def _text(page: Page) -> str:
    kind = page.content_type.partition(";")[0].strip().lower()
    if kind == PROTOBUF:
        raise DecodeError("page of metrics", "it is protobuf, which was not asked for")
    try:
        return page.body.decode()
    except UnicodeDecodeError as error:
        at = f"byte {page.body[error.start]:#04x} at offset {error.start}"
        raise DecodeError("page of metrics", f"it is not UTF-8: {at}") from error
