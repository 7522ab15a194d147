"""The walk-through with pages that are read between reports: what that gains, and what it must not cost."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import pytest

from query.labels import METRIC_NAME, MatchOp
from query.regex import build_matcher
from tests.support.opencensus_messages import ci, metric, node, request
from tests.support.running_app import WALKTHROUGH_FILTER, RunningApp, Sidecar, running_app
from tests.support.sidecar_page import SidecarPage, counter, process_start, sidecar_page

pytestmark = pytest.mark.integration

START_S = 1_730_500_000
NAME = "runtime/service_invocation/req_recv_total"
PAGE_NAME = NAME.replace("/", "_")
KEYS, VALUES = ("app_id", "src_app_id"), ("nodeapp", "pythonapp")
ROW = tuple(zip(KEYS, VALUES, strict=True))
REPORT_S, SCRAPE_S, DELAY_S = 20, 5, 2
SCRAPED = 'tallyd_sidecar_scrapes_total{{outcome="{}",receiver="opencensus"}}'

Calls = Callable[[int], int]
"""How many calls nodeapp has had so many seconds after the start."""


@dataclass
class Pod:
    """One nodeapp whose sidecar reports every 20 s; a report arrives 2 s after it was made."""

    run: RunningApp
    page: SidecarPage
    sidecar: Sidecar
    calls: Calls
    made: tuple[int, int] | None = None

    def now_s(self) -> int:
        return self.run.time.clock() // 1000 - START_S

    def scrapes(self, outcome: str = "ok") -> float:
        return self.run.page().get(SCRAPED.format(outcome), 0.0)

    async def second(self) -> None:
        """Let a second pass: a report that is due is made or arrives, a page that is due is read."""
        now_s = self.now_s() + 1
        asked, answered = self.page.asked, self._answers()
        await self.run.at((START_S + now_s) * 1000)
        await self.run.until(lambda: self._answers() - answered >= self.page.asked - asked)
        if now_s % REPORT_S == 0:
            self.made = (now_s, self.calls(now_s))
        if self.made is not None and now_s == self.made[0] + DELAY_S:
            made_s, count = self.made
            row = ci(NAME, KEYS, VALUES, count, START_S + made_s) if count else metric(NAME)
            other = ci("runtime/other_total", KEYS, VALUES, 7, START_S + made_s)
            await self.sidecar.report(request(row, other))

    def _answers(self) -> float:
        outcomes = ("ok", "overtaken", "status", "foreign", "connection", "timeout")
        return sum(self.scrapes(outcome) for outcome in outcomes)


@asynccontextmanager
async def pod(
    calls: Calls, *, scrape: bool = True, started_s: float = START_S
) -> AsyncIterator[Pod]:
    """Run the walk-through with one pod."""
    async with AsyncExitStack() as stack:
        pods: list[Pod] = []

        def text() -> str:
            count = calls(pods[0].now_s())
            return (
                process_start(started_s)
                + counter(PAGE_NAME, {(*ROW, ("status", "")): count} if count else {})
                + counter("runtime_other_total", {ROW: 7})
                + counter("go_goroutines", {(): 12}, prefix="")
            )

        page = await stack.enter_async_context(sidecar_page(text))
        receiver = f"receivers: {{opencensus: {{scrape_senders: {{port: {page.port}}}}}}}\n"
        config = WALKTHROUGH_FILTER + (receiver if scrape else "")
        run = await stack.enter_async_context(running_app(config, at_ms=START_S * 1000))
        hello = request(node=node(host_name="pod-a", pid=1, start=(START_S, 0)))
        sidecar = await stack.enter_async_context(run.sidecar(hello))
        pods.append(Pod(run, page, sidecar, calls))
        yield pods[0]


async def story(calls: Calls, until_s: int, *, scrape: bool) -> dict[int, float]:
    """Return what KEDA is told at each second."""
    told: dict[int, float] = {}
    async with pod(calls, scrape=scrape) as one, one.run.keda() as keda:
        while one.now_s() < until_s:
            await one.second()
            told[one.now_s()] = await keda.value() if one.now_s() > 45 else 0.0
    return told


def burst(at_s: int) -> int:
    """One call a second, and a hundred more from 123 s on."""
    return at_s + (100 if at_s >= 123 else 0)


@pytest.mark.parametrize(
    ("scrape", "at_latest_s"),
    [pytest.param(True, 5, id="pages"), pytest.param(False, 19, id="reports only")],
)
async def test_a_burst_is_seen_sooner(scrape: bool, at_latest_s: int) -> None:
    """A burst of 100 shows within 5 s instead of 19, is 2.666 for a minute either way, and never more."""
    told = await story(burst, 240, scrape=scrape)
    seen = [at_s for at_s, value in told.items() if value > 1.1]
    # Pages are read every 5 s, at which second is chance; reports arrive at 142 s.
    assert 0 <= seen[0] - 123 <= at_latest_s if scrape else seen[0] - 123 == at_latest_s
    assert max(told.values()) == pytest.approx(2.666, abs=0.1)
    assert 55 <= len(seen) <= 65
    assert told[115] == told[230] == 1.0


def three_callers(at_s: int) -> int:
    """One call a second, from 123 s on three."""
    return at_s + 2 * max(0, at_s - 123)


@pytest.mark.parametrize(
    ("scrape", "at_latest_s"),
    [pytest.param(True, 66, id="pages"), pytest.param(False, 79, id="reports only")],
)
async def test_three_callers(scrape: bool, at_latest_s: int) -> None:
    """Two more callers are 3.0 once a window's minute has passed and been read: 60 to 66 s, not 79, and never more."""
    told = await story(three_callers, 215, scrape=scrape)
    full = [at_s - 123 for at_s, value in told.items() if value == 3.0]
    assert 60 <= full[0] <= at_latest_s
    assert scrape or full[0] == at_latest_s
    assert full == list(range(full[0], 215 - 123 + 1))
    assert max(told.values()) == 3.0


async def test_samples_are_seconds_old() -> None:
    """The newest sample of the walk-through's series is at most 5 s old, once the first report has come."""
    ages_s: set[int] = set()
    async with pod(lambda at_s: at_s) as one:
        while one.now_s() < 120:
            await one.second()
            if one.now_s() >= 28:
                ages_s.add(one.now_s() - await newest_s(one))
    assert max(ages_s) <= SCRAPE_S


async def test_one_series() -> None:
    """Pages and reports make one series of the walk-through's metric, and the filter drops what else is on the page."""
    async with pod(lambda at_s: at_s) as one:
        while one.now_s() < 60:
            await one.second()
        assert one.run.app.store.series_count == 1
        assert one.scrapes() > 5
        assert set(one.page.paths) == {"/metrics"}


async def test_a_page_that_goes_away() -> None:
    """While a page cannot be read the reports count, the sender stays, and the answer is right all the time."""
    told: dict[int, float] = {}
    async with pod(lambda at_s: at_s) as one, one.run.keda() as keda:
        while one.now_s() < 400:
            one.page.status = 503 if 150 <= one.now_s() < 270 else 200
            await one.second()
            told[one.now_s()] = await keda.value() if one.now_s() >= 90 else 1.0
        assert one.scrapes("status") > 1
        page = one.run.page()
        assert page['tallyd_receiver_sidecars_unread{receiver="opencensus"}'] == 0
        assert one.run.app.store.series_count == 1
    assert min(told.values()) > 0.98
    assert max(told.values()) == 1.0


async def test_a_page_of_another_process() -> None:
    """The page of a process that began at another time is not the sender's: its values are left alone."""
    async with pod(lambda at_s: 1000 * at_s, started_s=START_S - 3600) as one:
        one.made = (0, 5)
        while one.now_s() < 40:
            await one.second()
        assert one.scrapes() == 0
        assert one.scrapes("foreign") > 1
        assert one.now_s() - await newest_s(one) >= DELAY_S


async def test_a_sidecar_that_goes() -> None:
    """With the last stream its page is left alone."""
    async with pod(lambda at_s: at_s) as one:
        while one.now_s() < 40:
            await one.second()
        asked = one.page.asked
        await one.sidecar.close()
        await one.run.until(one.sidecar.is_gone)
        await one.run.at((START_S + 60) * 1000)
        assert one.page.asked == asked


async def newest_s(one: Pod) -> int:
    """Return when the newest sample of the walk-through's series was taken."""
    matchers = [build_matcher(METRIC_NAME, MatchOp.EQUAL, PAGE_NAME)]
    found = one.run.app.store.select(matchers, start_ms=0, end_ms=(START_S + 10**6) * 1000)
    return int(found.times_ms[0, : found.counts[0]].max()) // 1000 - START_S
