"""Whose pages are read, when, and which of page and report counts; pages come over real HTTP, time is virtual."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest

from daemon.clock import VirtualTime
from receivers.consumer import Batch, Sender
from receivers.model import Resource
from receivers.opencensus.decode import Decoder
from receivers.opencensus.scraping import MAX_AT_ONCE, ScrapeSettings, SenderScraping
from receivers.opencensus.stream import StreamState
from tests.support.consumers import Counts, PresenceRecorder, SinkConsumer
from tests.support.opencensus_messages import S, ci, many_series, node, request
from tests.support.sidecar_page import SidecarPage, counter, process_start, sidecar_page

pytestmark = pytest.mark.integration

INTERVAL_MS = 5_000
UNIT_S = 5.0
BEGIN_MS = (S + 100) * 1000
LOOPBACK = "127.0.0.1"


@dataclass
class Reading:
    """The scraping of one receiver, the one page that there is, and what became of it."""

    page: SidecarPage
    value: int = 5
    app_id: str = "a"
    time: VirtualTime = field(default_factory=lambda: VirtualTime(BEGIN_MS))
    told: Counts = field(default_factory=Counts)
    counts: Counts = field(default_factory=Counts)
    sink: SinkConsumer = field(default_factory=SinkConsumer)
    presence: PresenceRecorder = field(default_factory=PresenceRecorder)
    streams: dict[str, StreamState] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.scraping = SenderScraping(
            ScrapeSettings(port=self.page.port, interval_ms=INTERVAL_MS),
            self.presence,
            clock=self.time.clock,
            sleep=self.time.sleep,
            tell=self.told,
            count=self.counts,
        )
        self.scraping.hand_on = self.sink.consume

    def open(self, host_name: str, address: str = LOOPBACK) -> Sender:
        """Open a stream of a sidecar, which says its Node."""
        state = self.streams[host_name] = StreamState(Decoder(self.counts), address)
        state.receive(request(node=node(host_name, start=(S, 0))), self.time.clock())
        assert state.sender is not None
        self.scraping.opened(state.sender, address, state.resource)
        return state.sender

    def report(self, host_name: str, value: int = 5) -> bool:
        """Let a report arrive; return whether it is left out."""
        raw = request(ci("m", ("app_id",), ("a",), value))
        batch = self.streams[host_name].receive(raw, self.time.clock())
        assert batch is not None
        return self.scraping.takes_over(batch)

    async def advance(self, seconds: float) -> None:
        """Move the time on; every page that is asked for is answered before more time passes."""
        await asyncio.sleep(0)  # loops that have just begun go to sleep
        end_ms = self.time.clock() + round(seconds * 1000)
        while self.time.clock() < end_ms:
            await self.time.advance_to(min(self.time.clock() + 500, end_ms))
            await self.idle()

    async def one_interval(self) -> None:
        """Let every page come due, whatever becomes of it."""
        await asyncio.sleep(0)  # loops that have just begun go to sleep
        await self.time.advance_to(self.time.clock() + INTERVAL_MS)

    async def idle(self) -> None:
        """Wait until no page is on its way."""
        deadline = time.monotonic() + UNIT_S
        while not self.page.is_held and self.scraping._places._value < MAX_AT_ONCE:
            assert time.monotonic() < deadline, (self.page.asked, self.told)
            await asyncio.sleep(0.002)
        await asyncio.sleep(0.002)

    @property
    def answers(self) -> int:
        asked = ("ok", "overtaken", "foreign", "status", "too_large", "timeout")
        return sum(self.told[outcome] for outcome in asked)

    def values(self) -> list[float]:
        return [one.data_points[0].value for _, _, one in self.sink.metrics()]  # type: ignore[union-attr,misc]


@asynccontextmanager
async def reading(host: str = "0.0.0.0") -> AsyncIterator[Reading]:
    one: list[Reading] = []

    def text() -> str:
        labels = (("app_id", one[0].app_id),)
        return process_start(S) + counter("m", {labels: one[0].value})

    async with sidecar_page(text, host) as page:
        one.append(Reading(page))
        try:
            yield one[0]
        finally:
            await one[0].scraping.stop()


async def test_every_interval() -> None:
    """A connected sidecar's page is read once an interval, handed on as the sender's, and with our own time."""
    async with reading() as run:
        sender = run.open("pod-a")
        assert not run.report("pod-a")
        await run.advance(30)
        assert run.told == {"ok": 6}
        batch = run.sink.batches[-1]
        assert (batch.sender, batch.times_are_ours) == (sender, True)
        assert run.presence.story() == [("sampled", sender.identity)] * 6


async def test_before_its_first_report() -> None:
    """A new sidecar is read at once by the names that others have reported; without any, nothing is asked for."""
    async with reading() as run:
        run.open("pod-a")
        await run.advance(10)
        assert run.page.asked == 0
        run.report("pod-a")
        run.scraping.closed(run.streams["pod-a"].sender or Sender("", ""))
        sender = run.open("pod-b")
        await run.advance(5)
        assert [batch.sender for batch in run.sink.batches] == [sender]


async def test_an_empty_page() -> None:
    """A new sidecar that shows nothing yet is asked again at the next interval: that is no failure."""
    async with reading() as run:
        sender = run.open("pod-a")
        run.report("pod-a")
        run.scraping.closed(sender)
        run.page.shows = ("process_start",)
        run.open("pod-b")
        await run.advance(20)
        assert run.told == {"empty": 4}
        assert (run.sink.batches, run.scraping.unread) == ([], 0)
        run.page.shows = ()
        await run.advance(5)
        assert run.told == {"empty": 4, "ok": 1}


async def test_two_streams_of_one_process() -> None:
    """Two streams of one Node are one loop, which goes on until the last of them is over."""
    async with reading() as run:
        sender = run.open("pod-a")
        assert run.open("pod-a") == sender
        run.report("pod-a")
        await run.advance(10)
        assert run.told == {"ok": 2}
        run.scraping.closed(sender)
        await run.advance(10)
        assert run.told == {"ok": 4}
        run.scraping.closed(sender)
        await run.advance(20)
        assert run.told == {"ok": 4}


async def test_two_processes_at_one_address() -> None:
    """Of two sidecars behind one address neither is read: nobody knows whose page it is. Alone again, it is read."""
    async with reading() as run:
        run.open("pod-a")
        run.report("pod-a")
        await run.advance(5)
        other = run.open("pod-b")
        await run.advance(20)
        assert run.told["ok"] == 1
        assert run.told["shared"] >= 6
        assert not run.report("pod-a")
        assert not run.report("pod-b")
        run.scraping.closed(other)
        await run.advance(15)
        assert run.told["ok"] > 2
        assert run.scraping.unread == 0


async def test_a_page_of_another_app() -> None:
    """A page with another app_id is not merged, however young its process."""
    async with reading() as run:
        run.open("pod-a")
        run.report("pod-a")
        run.app_id = "b"
        await run.advance(10)
        assert run.told["foreign"] == 2
        assert run.sink.batches == []


async def test_reports_are_left_out_while_pages_are_read() -> None:
    """A report counts only where there is no newer page; after a failure at once, but for one made before the page."""
    async with reading() as run:
        run.open("pod-a")
        assert not run.report("pod-a")
        await run.advance(5)
        assert run.report("pod-a")
        run.page.status = 503
        await run.advance(5)
        assert run.told == {"ok": 1, "status": 1}
        assert not run.report("pod-a")
        run.page.status = 200
        await run.advance(5)
        assert run.told["ok"] == 2
        assert run.report("pod-a")


async def test_a_report_made_before_the_page() -> None:
    """A report that waited in the sidecar while the page was read is older, also where the next page failed."""
    async with reading() as run:
        run.open("pod-a")
        run.report("pod-a")
        while not run.told["ok"]:
            await run.advance(0.5)
        next(iter(run.scraping._targets.values())).failures = 1
        assert run.report("pod-a")
        await run.time.advance_to(run.time.clock() + 2_500)
        assert not run.report("pod-a")


async def test_a_page_that_a_report_overtakes() -> None:
    """A page that was asked for before a report arrived is let go: it may be the older one, and would look like a reset."""
    async with reading() as run:
        run.open("pod-a")
        run.report("pod-a")
        run.page.hold()
        await run.one_interval()
        await run.page.until_held()
        assert not run.report("pod-a", 9)
        run.page.release()
        await run.idle()
        assert run.told == {"overtaken": 1}
        assert run.sink.batches == []
        await run.advance(5)
        assert run.told == {"overtaken": 1, "ok": 1}


async def test_backing_off() -> None:
    """A sidecar that does not answer is asked again after 1, 2, 4, ... intervals, up to 60; an answer ends that."""
    async with reading() as run:
        run.page.status = 503
        run.open("pod-a")
        run.report("pod-a")
        await run.advance(5 * (1 + 1 + 2 + 4 + 8))
        assert run.told == {"status": 5}
        run.page.status = 200
        await run.advance(5 * 16)
        assert run.told == {"status": 5, "ok": 1}
        await run.advance(5)
        assert run.told["ok"] == 2


async def test_a_closed_port() -> None:
    """Where nothing listens the reports count, and it is told how many sidecars cannot be read."""
    async with reading(LOOPBACK) as run:
        run.open("pod-a", "127.0.0.9")
        run.report("pod-a")
        await run.one_interval()
        deadline = time.monotonic() + UNIT_S
        while not run.told["connection"]:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.002)
        assert run.scraping.unread == 1
        assert not run.report("pod-a")


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        pytest.param("redirect", "status", id="redirect"),
        pytest.param("large", "too_large", id="too-large"),
        pytest.param("binary", "foreign", id="binary"),
    ],
)
async def test_what_is_no_page(answer: str, outcome: str) -> None:
    """Nobody is sent elsewhere, no more than 4 MiB are read, and what is no page of the sender's is not merged."""
    async with reading() as run:
        run.page.answers = answer
        run.open("pod-a")
        run.report("pod-a")
        await run.advance(5)
        assert run.told == {outcome: 1}
        assert run.page.paths == ["/metrics"]
        assert run.sink.batches == []


async def test_many_sidecars_are_spread() -> None:
    """A thousand sidecars that connect together are not read together: in no tenth of the interval more than twice the mean."""
    async with reading() as run:
        due: list[int] = []

        async def sleep(seconds: float) -> None:
            due.append(round(seconds * 1000))
            await asyncio.Event().wait()

        run.scraping._sleep = sleep
        for number in range(1_000):
            run.scraping.opened(
                Sender("opencensus", f"pod-{number}"), f"10.0.0.{number}", Resource()
            )
        await asyncio.sleep(0)
        tenths = [sum(at // (INTERVAL_MS // 10) == tenth for at in due) for tenth in range(10)]
        assert sum(tenths) >= 990
        assert max(tenths) < 200


async def test_no_more_than_so_many_at_once() -> None:
    """However many sidecars are due, so many pages are fetched at a time; the others wait and are read after them."""
    async with reading() as run:
        run.open("first")
        run.report("first")
        run.scraping.closed(run.streams["first"].sender or Sender("", ""))
        run.page.hold()
        for number in range(2 * MAX_AT_ONCE):
            run.open(f"pod-{number}", f"127.0.1.{number + 1}")
        await run.one_interval()
        await run.page.until_held(MAX_AT_ONCE)
        assert run.page.asked == MAX_AT_ONCE
        run.page.release()
        await run.idle()
        deadline = time.monotonic() + UNIT_S
        while run.answers < 2 * MAX_AT_ONCE:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.002)


async def test_a_large_page_in_parts() -> None:
    """A page with very many series is handed on in parts, between which others have a turn; it is one reading."""
    async with reading() as run:
        sender = run.open("pod-a")
        names = [many_series(f"m{number}", 400) for number in range(4)]
        batch = run.streams["pod-a"].receive(
            request(ci("m", ("app_id",), ("a",)), *names), run.time.clock()
        )
        assert batch is not None
        run.scraping.takes_over(batch)
        run.page.extra = "".join(
            counter(f"m{number}", {(("n", str(row)),): row for row in range(400)})
            for number in range(4)
        )
        await run.advance(5)
        parts: list[Batch] = run.sink.batches
        assert len(parts) > 2
        assert {(part.sender, part.times_are_ours) for part in parts} == {(sender, True)}
        assert len(run.sink.data_points()) == 1_601
        assert run.presence.story() == [("sampled", sender.identity)]


async def test_stop() -> None:
    """Stopping ends every loop, those that were ending already too; safe twice, and what comes later begins none."""
    async with reading() as run:
        run.open("pod-a")
        run.scraping.closed(run.open("pod-b", "127.0.0.2"))
        await run.scraping.stop()
        run.open("pod-c")
        await run.scraping.stop()
        assert run.scraping._tasks == set()
