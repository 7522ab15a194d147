"""Targets on loopback with pages of real client libraries, and a tallyd that scrapes them in virtual time."""

from __future__ import annotations

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from tests.support.backends import Answer
from tests.support.running_app import RunningApp


def page_of(registry: CollectorRegistry) -> Answer:
    """An answer as prometheus-client's own server gives it: OpenMetrics for who asks for it."""

    async def answer(request: web.Request) -> web.StreamResponse:
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        return web.Response(body=encode(registry), headers={"Content-Type": content_type})

    return answer


def text(body: str) -> Answer:
    """An answer in the text format."""

    async def answer(_request: web.Request) -> web.StreamResponse:
        headers = {"Content-Type": "text/plain; version=0.0.4"}
        return web.Response(body=body.encode(), headers=headers)

    return answer


class Scrapes:
    """Lets a running tallyd scrape its targets, one after the other, each at its own time."""

    def __init__(self, run: RunningApp, targets: int = 1) -> None:
        self._run = run
        self.targets = targets

    async def next(self, *, pages: int | None = None) -> None:
        """Let every target be scraped; `pages` of them come, all unless told otherwise."""
        windows = self._run.app.windows
        before, expected = windows.reports, self.targets if pages is None else pages
        for asked in range(1, self.targets + 1):
            await self._run.until(self._are_planned)
            await self._run.at(min(self._plan()))
            await self._run.until(lambda asked=asked: windows.reports >= before + asked)  # type: ignore[misc]  # bound now
            await self._run.until(self._are_planned)
        assert windows.reports == before + self.targets + expected

    def _plan(self) -> list[int]:
        return [one.next_at_ms for one in self._run.app.targets()]

    def _are_planned(self) -> bool:
        now_ms, plan = self._run.time.clock(), self._plan()
        return len(plan) == self.targets and all(at_ms > now_ms for at_ms in plan)
