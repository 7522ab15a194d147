"""One HTTP port: pages by path, dual stack, started and stopped."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping

from aiohttp import web

from daemon.config.fields import split_endpoint
from receivers.addresses import plain_address
from receivers.guard import Guard

Page = Callable[[web.Request], Awaitable[web.Response]]
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

GRACE_S = 0.5
"""How long `stop` waits for answers that are being written."""
_ANY_HOST = frozenset({"", "::"})


class HttpListener:
    """Answers GET on some paths of one port; runs on the event loop that `start` was called on."""

    def __init__(
        self,
        endpoint: str,
        pages: Mapping[str, Page],
        *,
        context: ssl.SSLContext | None = None,
        guard: Guard | None = None,
    ) -> None:
        """Listen on nothing yet; with `context` over TLS; `guard` decides who may ask."""
        self._context = context
        self._guard = guard
        self._endpoint = endpoint
        self._pages = pages
        self._runner: web.BaseRunner | None = None

    async def start(self) -> int:
        """Listen, and return the port.

        Raises:
            OSError: the endpoint cannot be listened on; the text names it.
        """
        runner = self._build_runner()
        await runner.setup()
        try:
            listening = _listen(self._endpoint)
            await web.SockSite(runner, listening, ssl_context=self._context).start()
        except OSError as error:
            await runner.cleanup()
            text = f"cannot listen on {self._endpoint}: {_reason(error)}"
            raise OSError(error.errno, text) from error
        self._runner = runner
        port: int = listening.getsockname()[1]
        return port

    async def stop(self) -> None:
        """Close the port; may be called twice and before `start`."""
        runner, self._runner = self._runner, None
        if runner is not None:
            await runner.cleanup()

    def _build_runner(self) -> web.BaseRunner:
        """Return what answers; a listener with rules of its own makes another."""
        app = self._application()
        for path, page in self._pages.items():
            app.router.add_get(path, page)
        return web.AppRunner(app, access_log=None, shutdown_timeout=GRACE_S)

    def _application(self) -> web.Application:
        """Return an application that serves those whom the guard lets in."""

        @web.middleware
        async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
            why = await self._refusal(request)
            if why is None or self._guard is None:
                return await handler(request)
            headers = {"WWW-Authenticate": self._guard.challenge}
            return web.Response(status=401, text=f"{why}\n", headers=headers)

        return web.Application(middlewares=[guarded])

    async def _refusal(self, request: web.BaseRequest) -> str | None:
        """Return why who asks is not served; None if nobody is asked for credentials, or they are right."""
        if self._guard is None:
            return None
        # Of a header that is there twice the first counts.
        headers = {name.lower(): value for name, value in reversed([*request.headers.items()])}
        return await self._guard.refusal(headers, plain_address(request.remote or ""))


def _reason(error: OSError) -> str:
    """Return why, in the system's words; a name that is not known has no error number of its own."""
    if error.errno is not None and error.errno in errno.errorcode:
        return os.strerror(error.errno).lower()
    return (error.strerror or str(error)).lower()


def _listen(endpoint: str) -> socket.socket:
    """Return a listening socket; the IPv4 wildcard stands in where IPv6 is off."""
    host, port = split_endpoint(endpoint)
    if host in _ANY_HOST:
        if socket.has_dualstack_ipv6():
            return socket.create_server(("", port), family=socket.AF_INET6, dualstack_ipv6=True)
        return socket.create_server(("", port))
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family)
