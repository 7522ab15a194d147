"""The page of self-metrics: `/metrics` on `service.telemetry`'s address."""

from __future__ import annotations

import ssl

from aiohttp import web

from daemon.exposition import CONTENT_TYPE, format_page, written
from daemon.telemetry import SelfMetrics
from daemon.web.listener import HttpListener
from receivers.guard import Guard


class MetricsPage(HttpListener):
    """Answers `/metrics`; `/` leads there."""

    def __init__(
        self,
        endpoint: str,
        metrics: SelfMetrics,
        *,
        context: ssl.SSLContext | None = None,
        guard: Guard | None = None,
    ) -> None:
        pages = {"/metrics": self._page, "/": _lead_on}
        super().__init__(endpoint, pages, context=context, guard=guard)
        self._metrics = metrics

    async def _page(self, _request: web.Request) -> web.Response:
        body = await written(self._metrics.families(), format_page)
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE})


async def _lead_on(_request: web.Request) -> web.Response:
    return web.Response(status=302, headers={"Location": "/metrics"}, text="see /metrics\n")
