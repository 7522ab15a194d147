"""The `prometheus` exporter's port: `/metrics`, and nothing else (otlp.md 5.4)."""

from __future__ import annotations

import ssl

from aiohttp import web

from daemon.exporters.prometheus.exporter import PrometheusExporter
from daemon.web.listener import GRACE_S, HttpListener
from receivers.consumer import Batch
from receivers.guard import Guard

_OPEN_METRICS = "application/openmetrics-text"


class ScrapePage(HttpListener):
    """Shows what an exporter holds; `Part` and `Consumer` in one."""

    def __init__(
        self,
        endpoint: str,
        exporter: PrometheusExporter,
        *,
        context: ssl.SSLContext | None = None,
        guard: Guard | None = None,
    ) -> None:
        super().__init__(endpoint, {}, context=context, guard=guard)
        self._exporter = exporter

    def consume(self, batch: Batch) -> None:
        """Hand `batch` to the exporter."""
        self._exporter.consume(batch)

    async def start(self) -> int:
        """Listen, and return the port.

        Raises:
            OSError: the endpoint cannot be listened on; the text names it.
        """
        self._exporter.start()
        return await super().start()

    async def stop(self) -> None:
        """Close the port; may be called twice and before `start`."""
        await super().stop()
        await self._exporter.stop()

    def _build_runner(self) -> web.BaseRunner:
        app = self._application()
        app.router.add_get("/metrics", self._page)
        app.router.add_post("/metrics", self._page)
        return web.AppRunner(app, access_log=None, shutdown_timeout=GRACE_S)

    async def _page(self, request: web.Request) -> web.Response:
        page = await self._exporter.page(
            open_metrics=_OPEN_METRICS in request.headers.get("Accept", ""),
            gzip=_takes_gzip(request.headers.get("Accept-Encoding", "")),
        )
        headers = {"Content-Type": page.content_type}
        if page.encoding is not None:
            headers["Content-Encoding"] = page.encoding
        return web.Response(body=page.body, headers=headers)


def _takes_gzip(accepted: str) -> bool:
    for item in accepted.split(","):
        name, _, quality = item.partition(";")
        if name.strip().lower() == "gzip":
            return quality.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False
