"""The health check: is the event loop alive, is everything listening."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping, Sequence

from aiohttp import web

from daemon.config.health_check import HealthCheckConfig
from daemon.web.listener import HttpListener


class HealthCheck(HttpListener):
    """Answers `/healthz` and `/readyz`, and `/` as the collector's health check does (keda.md 4.1).

    `missing` returns what the process still lacks to be ready, such as "listening" or "draining"; nothing means ready.
    Settling is no reason: without endpoints of the Service nothing would ever report (keda.md 6.3.6). `details` returns
    what an operator should know although it is ready, such as a reload that failed.
    """

    def __init__(
        self,
        config: HealthCheckConfig,
        missing: Callable[[], Sequence[str]],
        details: Callable[[], Mapping[str, str]],
        *,
        context: ssl.SSLContext | None = None,
    ) -> None:
        pages = {"/healthz": self._alive, "/readyz": self._ready, "/": self._ready}
        super().__init__(config.endpoint, pages, context=context)
        self._missing = missing
        self._details = details

    async def _alive(self, _request: web.Request) -> web.Response:
        return web.json_response({"status": "alive"})

    async def _ready(self, _request: web.Request) -> web.Response:
        missing, details = list(self._missing()), dict(self._details())
        answer: dict[str, object] = {"details": details} if details else {}
        if missing:
            answer = {"status": "not ready", "missing": missing, **answer}
            return web.json_response(answer, status=503)
        return web.json_response({"status": "ready", **answer})
