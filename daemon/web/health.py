"""The health check: is the event loop alive, is everything listening."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from aiohttp import web

from daemon.config.health_check import HealthCheckConfig
from daemon.web.listener import HttpListener


class HealthCheck(HttpListener):
    """Answers `/healthz` and `/readyz`, and `/` as the collector's health check does (keda.md 4.1).

    `missing` returns what the process still lacks to be ready, such as "listening" or "draining"; nothing means ready.
    Settling is no reason: without endpoints of the Service nothing would ever report (keda.md 6.3.6).
    """

    def __init__(self, config: HealthCheckConfig, missing: Callable[[], Sequence[str]]) -> None:
        pages = {"/healthz": self._alive, "/readyz": self._ready, "/": self._ready}
        super().__init__(config.endpoint, pages)
        self._missing = missing

    async def _alive(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def _ready(self, _request: web.Request) -> web.Response:
        missing = list(self._missing())
        if missing:
            return web.json_response({"status": "not ready", "missing": missing}, status=503)
        return web.json_response({"status": "ready"})
