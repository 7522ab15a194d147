"""The scrapes of one target: what is handed on, what a page that is none costs, when it is asked."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from daemon.clock import VirtualTime
from receivers.consumer import Batch, Consumer
from receivers.errors import PermanentError, RetryableError
from receivers.model import FLAG_NO_RECORDED_VALUE, NumberDataPoint
from receivers.prometheus.fetch import Failure, FetchError, Page
from receivers.prometheus.loop import Health, ScrapeLoop, Surroundings, Tallies
from receivers.prometheus.parts import POINTS_AT_ONCE
from receivers.prometheus.target import Limits, Target
from tests.support.consumers import Counts, ErrorConsumer, PresenceRecorder, SinkConsumer

NOW_MS = 1_700_000_000_000
INTERVAL_MS = 15_000
DOWN = FetchError(Failure.STATUS, "the target answered HTTP status 500")
Answer = str | bytes | Page | Exception
Fetch = Callable[[], Awaitable[object]]


class Pages:
    """Answers of a target, the last of them for ever; `before` is awaited first."""

    def __init__(self, *answers: Answer, before: Fetch | None = None) -> None:
        self.answers = list(answers)
        self.before = before
        self.asked = 0
        self.is_closed = False

    async def fetch(self) -> Page:
        self.asked += 1
        if self.before is not None:
            await self.before()
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        if isinstance(answer, Page):
            return answer
        return Page(answer.encode() if isinstance(answer, str) else answer, "text/plain")

    async def close(self) -> None:
        self.is_closed = True


class Rig:
    """A loop, and all that it speaks to."""

    def __init__(self, *answers: Answer, consumer: Consumer | None = None, **settings: Any) -> None:
        before = settings.pop("before", None)
        defaults: dict[str, Any] = {"job": "app", "instance": "h:80", "address": "h:80"}
        defaults["interval_ms"] = INTERVAL_MS
        self.target = Target(**(defaults | settings))
        self.pages = Pages(*answers, before=before)
        self.sink = SinkConsumer()
        self.presence = PresenceRecorder()
        self.time = VirtualTime(NOW_MS)
        self.failures, self.points = Counts(), Counts()
        tallies = Tallies(
            self.failures,
            lambda amount: self.points("accepted", amount),
            lambda amount: self.points("refused", amount),
        )
        around = Surroundings(
            consumer or self.sink,
            self.presence,
            self.time.clock,
            self.time.sleep,
            tallies,
            asyncio.Lock(),
        )
        self.loop = ScrapeLoop(self.target, self.pages, around)

    async def scrape(self, times: int = 1) -> None:
        """Scrape so often, a second apart."""
        for _ in range(times):
            await self.loop.scrape()
            await self.time.advance_to(self.time.clock() + 1000)

    def told(self) -> list[dict[str, float]]:
        """What was told of each scrape."""
        return [
            {
                metric.header.name: point.value or 0.0
                for group in batch.resource_metrics
                for scope_metrics in group.scope_metrics
                for metric in scope_metrics.metrics
                for point in metric.data_points
                if isinstance(point, NumberDataPoint)
            }
            for batch in self.sink.batches
            if batch.sender == self.target.observer
        ]

    def values(self) -> list[tuple[str, float | None]]:
        """The values of the pages, None for the end of a series."""
        return [
            (metric.header.name, None if point.flags & FLAG_NO_RECORDED_VALUE else point.value)
            for sender, _, metric in self.sink.metrics()
            if sender == self.target.sender
            for point in metric.data_points
            if isinstance(point, NumberDataPoint)
        ]


async def test_a_page() -> None:
    """Its samples come from its sender, the report on it from the observer, which is a sender of its own."""
    rig = Rig("a 1\n")
    await rig.scrape(2)
    assert rig.values() == [("a", 1.0), ("a", 1.0)]
    common = {"up": 1.0, "scrape_duration_seconds": 0.0, "scrape_samples_scraped": 1.0}
    common["scrape_samples_post_metric_relabeling"] = 1.0
    assert rig.told() == [
        {**common, "scrape_series_added": 1.0},
        {**common, "scrape_series_added": 0.0},
    ]
    page, scrape = rig.target.sender.identity, rig.target.observer.identity
    assert rig.presence.story() == [
        ("opened", page),
        ("reported", page),
        ("opened", scrape),
        ("reported", scrape),
        ("reported", page),
        ("reported", scrape),
    ]
    assert (rig.points, rig.loop.health) == ({"accepted": 12}, Health.UP)


async def test_a_page_that_does_not_come() -> None:
    """The series of the page before end at the time of the scrape, the sender's stream closes; both come back."""
    rig = Rig("a 1\n", DOWN, DOWN, "a 2\n")
    with structlog.testing.capture_logs() as lines:
        await rig.scrape(4)
    assert rig.values() == [("a", 1.0), ("a", None), ("a", 2.0)]
    assert [one["up"] for one in rig.told()] == [1, 0, 0, 1]
    story = [what for what, who in rig.presence.story() if who == rig.target.sender.identity]
    assert story == ["opened", "reported", "closed", "opened", "reported"]
    assert [one["event"] for one in lines] == ["target is down", "target is up"]
    assert rig.failures == {"status": 2}


NOT_UTF8 = "cannot decode page of metrics: it is not UTF-8: byte 0xff at offset 2"
MANY_LABELS = "a{" + ",".join(f'l{i}="v"' for i in range(100_000)) + "} 1\n"


@pytest.mark.parametrize(
    ("answer", "settings", "reason", "problem"),
    [
        ("a 1\nb\n", {}, "malformed", "cannot decode page of Prometheus' text format: "),
        (b"a \xff\n", {}, "malformed", NOT_UTF8),
        (
            Page(b"\x0a\x03", "application/vnd.google.protobuf; proto=io.prometheus.client"),
            {},
            "malformed",
            "cannot decode page of metrics: it is protobuf, which was not asked for",
        ),
        (
            MANY_LABELS,
            {},
            "malformed",
            "cannot decode page of metrics: a line is longer than 32768 characters",
        ),
        (
            Page(b"a 1\n", "application/openmetrics-text"),
            {},
            "malformed",
            "cannot decode OpenMetrics page: Missing # EOF at end",
        ),
        ("<html></html>\n", {}, "malformed", "cannot decode page of Prometheus' text format: "),
        (
            "a 1\nb 2\n",
            {"limits": Limits(samples=1)},
            "limit",
            "the page has 2 samples: sample_limit is 1",
        ),
        ('a{b="1"} 1\n', {"limits": Limits(labels=3)}, "limit", "a sample has 4 labels"),
    ],
    ids=["line", "utf-8", "protobuf", "labels", "eof", "html", "samples", "label limit"],
)
async def test_a_page_that_is_none(
    answer: Answer, settings: dict[str, Any], reason: str, problem: str
) -> None:
    """One bad line costs the whole page, as in Prometheus: nothing of it is handed on, and the target is down."""
    rig = Rig(answer, **settings)
    with structlog.testing.capture_logs():
        await rig.scrape()
    assert rig.values() == []
    assert [one["up"] for one in rig.told()] == [0]
    assert rig.failures == {reason: 1}
    assert (rig.loop.health, rig.loop.problem.startswith(problem)) == (Health.DOWN, True)


async def test_a_pipeline_that_refuses() -> None:
    """What was not taken is counted, and the next page is handed on as if nothing had been."""
    chance = random.Random(1)
    errors = PermanentError("never"), RetryableError("later", 1.0)
    consumer = ErrorConsumer(lambda _: chance.choice(errors) if chance.random() < 0.5 else None)
    rig = Rig("a 1\nb 2\n", consumer=consumer)
    await rig.scrape(20)
    taken, refused = _size(consumer.taken), _size(consumer.refused)
    assert (taken + refused, min(taken, refused) > 0) == (20 * (2 + 5), True)
    assert rig.points == {"accepted": taken, "refused": refused}
    assert rig.loop.health is Health.UP


async def test_a_large_page_is_handed_on_bit_by_bit() -> None:
    """No batch has more points than take a few milliseconds, and together they are the page."""
    size = 3 * POINTS_AT_ONCE + 1
    rig = Rig("z 0\n" + "".join(f'a{{x="{i}"}} {i}\n' for i in range(size)))
    await rig.scrape()
    batches = [one for one in rig.sink.batches if one.sender == rig.target.sender]
    assert max(_size([one]) for one in batches) <= POINTS_AT_ONCE
    assert [value for _, value in rig.values()] == [0.0, *map(float, range(size))]
    assert len({one.received_at_ms for one in batches}) == 1


@asynccontextmanager
async def running(rig: Rig) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(rig.loop.run())
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await rig.loop.close(ends=False)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not holds():
            await asyncio.sleep(0.001)


async def test_when_it_is_asked() -> None:
    """At its phase, and then at each interval: never before."""
    rig = Rig("a 1\n")
    async with running(rig):
        await asyncio.sleep(0)
        first_ms = NOW_MS + rig.target.phase_ms(NOW_MS)
        for number in range(3):
            at_ms = first_ms + number * INTERVAL_MS
            await until(lambda at_ms=at_ms: rig.loop.next_at_ms == at_ms)  # type: ignore[misc]  # bound now
            await rig.time.advance_to(at_ms - 1)
            assert rig.pages.asked == number
            await rig.time.advance_to(at_ms)
        await until(lambda: rig.loop.began_at_ms == first_ms + 2 * INTERVAL_MS)
    assert rig.pages.is_closed


async def test_scrapes_do_not_overlap() -> None:
    """One that takes 2.5 intervals costs those in between; the next is at its usual time again."""
    arrived = asyncio.Event()
    rig = Rig("a 1\n", before=arrived.wait)
    async with running(rig):
        await asyncio.sleep(0)
        first_ms = rig.loop.next_at_ms
        await rig.time.advance_to(first_ms)
        await until(lambda: rig.pages.asked == 1)
        await rig.time.advance_to(first_ms + INTERVAL_MS * 5 // 2)
        assert rig.pages.asked == 1
        arrived.set()
        await until(lambda: rig.loop.next_at_ms == first_ms + 3 * INTERVAL_MS)
    assert rig.told()[0]["scrape_duration_seconds"] == 2.5 * INTERVAL_MS / 1000


async def test_a_defect_costs_one_scrape() -> None:
    """What should not happen is logged, once, counted, and the next scrape comes at its time."""
    rig = Rig(ZeroDivisionError("a bug"), ZeroDivisionError("a bug"), "a 1\n")
    with structlog.testing.capture_logs() as lines:
        async with running(rig):
            for _ in range(3):
                await asyncio.sleep(0)
                before = rig.loop.next_at_ms
                await rig.time.advance_to(before)
                await until(lambda before=before: rig.loop.next_at_ms > before)  # type: ignore[misc]  # bound now
    assert rig.failures == {"defect": 2}
    assert [one["event"] for one in lines] == ["scrape failed", "target is up"]
    assert rig.values() == [("a", 1.0)]


@pytest.mark.parametrize("ends", [False, True])
async def test_the_end(ends: bool) -> None:
    """A target that is not scraped any more closes its streams; if that is for good its series end, `up` too."""
    rig = Rig("a 1\n")
    await rig.scrape()
    rig.sink.batches.clear()
    await rig.loop.close(ends=ends)
    await rig.loop.close(ends=ends)
    ended = {metric.header.name for _, _, metric in rig.sink.metrics()}
    expected = {"a", "up"} if ends else set()
    assert ended & {"a", "up"} == expected
    closed = [who for what, who in rig.presence.story() if what == "closed"]
    assert closed == [rig.target.sender.identity, rig.target.observer.identity]


@given(st.one_of(st.binary(max_size=200), st.text(max_size=200).map(str.encode)), st.booleans())
def test_any_page(body: bytes, is_openmetrics: bool) -> None:
    """Whatever a target answers, the scrape ends, and tells whether it was a page."""
    kind = "application/openmetrics-text" if is_openmetrics else "text/plain"
    rig = Rig(Page(body, kind))
    with structlog.testing.capture_logs():
        asyncio.run(rig.loop.scrape())
    assert [one["up"] for one in rig.told()] == [0 if rig.failures else 1]
    assert set(rig.failures) <= {"malformed"}


def _size(batches: list[Batch]) -> int:
    return sum(
        metric.point_count()
        for batch in batches
        for group in batch.resource_metrics
        for scope_metrics in group.scope_metrics
        for metric in scope_metrics.metrics
    )
