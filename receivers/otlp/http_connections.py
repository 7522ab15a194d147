"""Connections of the OTLP HTTP port: how many there may be, and how long each may keep silent.

aiohttp has a time-out for connections that wait for a request, and none for a request line or header that stops midway.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from receivers.otlp.request_refusals import RequestRefusal

_LINGERING_S = 2.0
"""How long what is left of a refused body is read and thrown away, so that the sender sees the answer."""
_MALFORMED = "400 bad request\n"
_INTERNAL = "500 internal error, see the log of tallyd\n"

_OPTIONS: Mapping[
    str, Any
] = {  # Any: of several types; aiohttp's hint forgets that an access log may be None
    "lingering_time": _LINGERING_S,
    "auto_decompress": False,
    "access_log": None,
    "logger": logging.getLogger(__name__),
}

Handler = Callable[[web.BaseRequest], Any]  # a coroutine function; aiohttp has the same name for it


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """What one connection and all of them may take."""

    max_connections: int = 1_000
    header_timeout_s: float = 10.0
    """From the first byte of a request, or from the begin of the connection, to the end of the header."""
    body_timeout_s: float = 30.0
    idle_timeout_s: float = 60.0
    """Between two requests."""


class LimitedServer(web.Server):
    """Makes the protocol of each connection; `count` hears of connections over the limit and of bytes that are no HTTP."""

    def __init__(
        self, handler: Handler, limits: ConnectionLimits, count: Callable[[RequestRefusal], None]
    ) -> None:
        super().__init__(handler)
        self.limits = limits
        self.count = count

    def __call__(self) -> web.RequestHandler:
        """Return the protocol of a new connection."""
        return _Connection(self, loop=asyncio.get_running_loop())


class _Connection(web.RequestHandler):
    """One connection."""

    __slots__ = ("_deadline", "_server")

    def __init__(self, server: LimitedServer, *, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(
            server,
            loop=loop,
            keepalive_timeout=server.limits.idle_timeout_s,
            **_OPTIONS,
        )
        self._server = server
        self._deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        if len(self._server.connections) >= self._server.limits.max_connections:
            self._server.count(RequestRefusal.TOO_MANY_CONNECTIONS)
            assert isinstance(transport, asyncio.Transport)  # noqa: S101  a socket's
            transport.abort()
            return
        super().connection_made(transport)
        self._expect_header()

    def connection_lost(self, exc: BaseException | None) -> None:
        self.header_is_complete()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._current_request is None and not self._messages:
            self._expect_header()
        super().data_received(data)

    def header_is_complete(self) -> None:
        """Stop waiting for the header of a request."""
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Answer bytes that are no request; the connection ends with that."""
        self.header_is_complete()
        if status == 500:
            self.log_exception("request failed", exc_info=exc)
        else:
            self._server.count(RequestRefusal.NOT_HTTP)
        response = web.Response(status=status, text=_INTERNAL if status == 500 else _MALFORMED)
        response.force_close()
        return response

    def _expect_header(self) -> None:
        if self._deadline is None:
            wait_s = self._server.limits.header_timeout_s
            self._deadline = asyncio.get_running_loop().call_later(wait_s, self._give_up)

    def _give_up(self) -> None:
        self._deadline = None
        self._server.count(RequestRefusal.TOO_SLOW)
        self.force_close()


def header_is_complete(request: web.BaseRequest) -> None:
    """Tell the connection of `request` that its header is there."""
    protocol = request.protocol
    if isinstance(protocol, _Connection):
        protocol.header_is_complete()
