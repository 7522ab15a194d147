"""The port of the HTTP API: finds who answers a path, reads bodies within limits, compresses, counts."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import ssl
import struct
import time
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import unquote

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from daemon.seldom import Seldom
from daemon.web.listener import GRACE_S, HttpListener
from receivers.guard import Guard

log = structlog.get_logger(__name__)

MAX_LINE_BYTES = 512 * 1024
"""Request line: KEDA and many others put the query there; its length is judged by who reads it."""
JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
OPEN_PATHS = frozenset({"/-/healthy", "/-/ready"})
"""Answered whoever asks."""

_GZIP_FROM_BYTES = 1024
_GZIP_HERE_BYTES = 64 * 1024
"""More is compressed by the worker thread: 3 ms."""
_GZIP_LEVEL = 1
_WRITTEN_AT_ONCE = 512 * 1024
STALLED_S = 30.0
"""An asker that reads nothing for so long is cut off; until then it holds its own answer, and nothing else."""
_NO_LINGER = struct.pack("ii", 1, 0)
_INTERNAL = (
    b'{"status":"error","errorType":"internal","error":"internal error, see the log of tallyd"}'
)
_SLASHES = re.compile("//+")
_MAX_AGE_S = "600"


class TooLargeError(Exception):
    """A body that is longer than its limit."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__(limit_bytes)
        self.limit_bytes = limit_bytes

    def __str__(self) -> str:
        return f"request body is longer than {self.limit_bytes} bytes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What is sent back."""

    status: int = 200
    content_type: str = JSON
    body: Sequence[bytes] = ()
    """In pieces; large ones of some 100 KB, between which others get their turn."""
    headers: Mapping[str, str] = field(default_factory=dict)


class Call(NamedTuple):
    """A request, and what its path says: the part that stood for `*`."""

    request: web.BaseRequest
    argument: str


Handler = Callable[[Call], Awaitable[Page]]


class Route(NamedTuple):
    """Who answers a path, asked by which methods."""

    handler: Handler
    methods: Sequence[str] = ("GET", "HEAD")


class _Known(NamedTuple):
    """A route and its path as it was written, with `*`."""

    path: str
    route: Route


def text_page(text: str, status: int) -> Page:
    """Return a line of plain text."""
    return Page(status=status, content_type=TEXT, body=[f"{text}\n".encode(errors="replace")])


async def read_body(request: web.BaseRequest, limit_bytes: int) -> bytes:
    """Return the body.

    Raises:
        TooLargeError: it is longer, by its own account or when it comes.
    """
    if (request.content_length or 0) > limit_bytes:
        raise TooLargeError(limit_bytes)
    if request.content.is_eof():  # it came with the head, or right behind it
        whole = request.content.read_nowait()
        if len(whole) > limit_bytes:
            raise TooLargeError(limit_bytes)
        return whole
    body = bytearray()
    async for chunk in request.content.iter_any():
        body += chunk
        if len(body) > limit_bytes:
            raise TooLargeError(limit_bytes)
    return bytes(body)


class ApiServer(HttpListener):
    """Serves routes by path; one `*` stands for one segment. Repeated slashes count as one (promql.md 1.1)."""

    def __init__(
        self,
        endpoint: str,
        routes: Mapping[str, Route],
        worker: ThreadPoolExecutor,
        *,
        allowed_origins: Sequence[str] = (),
        context: ssl.SSLContext | None = None,
        guard: Guard | None = None,
        count: Callable[[str, int], None],
        took: Callable[[str, float], None] = lambda _path, _seconds: None,
    ) -> None:
        """Listen on nothing yet.

        `count(status, 1)` hears of every answer, "malformed" for status; `took(path, seconds)` of those from our paths.
        """
        super().__init__(endpoint, {}, context=context, guard=guard)
        self._exact = {path: _Known(path, one) for path, one in routes.items() if "*" not in path}
        self._patterns = [
            (re.compile(re.escape(path).replace(r"\*", "([^/]+)")), _Known(path, one))
            for path, one in routes.items()
            if "*" in path
        ]
        self._worker = worker
        self._origins = frozenset(allowed_origins)
        self._count = count
        self._took = took
        self._seldom = Seldom()

    def _build_runner(self) -> web.BaseRunner:
        server = web.Server(
            self._answer,
            handler_cancellation=True,
            access_log=None,
            auto_decompress=False,
            max_line_size=MAX_LINE_BYTES,
            logger=self._logger(),
        )
        return web.ServerRunner(server, shutdown_timeout=GRACE_S)

    def _logger(self) -> logging.Logger:
        """Return where aiohttp tells of errors: bytes that are no HTTP are counted and not told."""

        def is_worth_a_line(record: logging.LogRecord) -> bool:
            error = record.exc_info[1] if record.exc_info else None
            malformed = isinstance(error, HttpProcessingError)
            if malformed:
                self._count("malformed", 1)
            return not malformed and record.levelno >= logging.WARNING

        logger = logging.Logger(__name__, logging.DEBUG)  # noqa: LOG001 each server counts for itself
        logger.parent = logging.getLogger()
        logger.addFilter(is_worth_a_line)
        return logger

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            page = await self._page(request)
        except Exception:
            held_back = self._seldom("request failed")
            if held_back is not None:
                path = request.rel_url.raw_path[:200]
                log.exception("request failed", path=path, left_out=held_back)
            page = Page(status=500, body=[_INTERNAL])
        self._count(str(page.status), 1)
        headers = {"Content-Type": page.content_type, **page.headers, **self._cors(request)}
        body, size = page.body, sum(map(len, page.body))
        if size >= _GZIP_FROM_BYTES and _takes_gzip(request):
            body = await self._compressed(body, size)
            size = sum(map(len, body))
            headers |= {"Content-Encoding": "gzip", "Vary": "Accept-Encoding"}
        if size <= _WRITTEN_AT_ONCE:
            return web.Response(status=page.status, body=b"".join(body), headers=headers)
        return await _written(request, page.status, body, headers, size)

    async def _page(self, request: web.BaseRequest) -> Page:
        path = _SLASHES.sub("/", request.rel_url.raw_path)
        refused = await self._refused(request, path)
        if refused is not None:
            return refused
        known, argument = self._find(path)
        if known is None:
            return text_page(f"no such path: {unquote(path)[:200]}", 404)
        route, began_s = known.route, time.perf_counter()
        if request.method == "OPTIONS":
            return Page(status=204, headers={"Allow": _allowed(route)})
        if request.method not in route.methods:
            page = text_page(f"expected {' or '.join(route.methods)}, got {request.method}", 405)
            return Page(
                status=405,
                content_type=TEXT,
                body=page.body,
                headers={"Allow": _allowed(route)},
            )
        try:
            return await route.handler(Call(request, argument))
        except TooLargeError as error:
            return text_page(str(error), 413)
        finally:
            self._took(known.path, time.perf_counter() - began_s)

    async def _refused(self, request: web.BaseRequest, path: str) -> Page | None:
        """Return the answer to who may not ask; probes and a browser's preflight carry no credentials."""
        if path.rstrip("/") in OPEN_PATHS or request.method == "OPTIONS":
            return None
        why = await self._refusal(request)
        if why is None or self._guard is None:
            return None
        page = text_page(why, 401)
        headers = {"WWW-Authenticate": self._guard.challenge}
        return Page(status=401, content_type=TEXT, body=page.body, headers=headers)

    def _find(self, path: str) -> tuple[_Known | None, str]:
        known = self._exact.get(path) or self._exact.get(path.rstrip("/"))
        if known is not None:
            return known, ""
        for pattern, known in self._patterns:
            if found := pattern.fullmatch(path):
                return known, unquote(found[1])
        return None, ""

    def _cors(self, request: web.BaseRequest) -> dict[str, str]:
        origin = request.headers.get("Origin") if self._origins else None
        if origin is None or not ("*" in self._origins or origin in self._origins):
            return {}
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Allow-Methods": "GET, POST, OPTIONS",
            "Access-Control-Allow-Headers": "Accept, Authorization, Content-Type, Origin",
            "Access-Control-Expose-Headers": "Date",
            "Access-Control-Max-Age": _MAX_AGE_S,
            "Vary": "Origin",
        }

    async def _compressed(self, body: Sequence[bytes], size: int) -> list[bytes]:
        if size <= _GZIP_HERE_BYTES:
            return _gzip(body)
        return await asyncio.get_running_loop().run_in_executor(self._worker, _gzip, body)


def _gzip(body: Sequence[bytes]) -> list[bytes]:
    packer = zlib.compressobj(_GZIP_LEVEL, wbits=31)
    return [*map(packer.compress, body), packer.flush()]


def _takes_gzip(request: web.BaseRequest) -> bool:
    """Return whether the asker takes gzip: named, and not with q=0."""
    for part in request.headers.get("Accept-Encoding", "").split(","):
        name, _, quality = part.partition(";")
        if name.strip().lower() in {"gzip", "*"}:
            return not re.fullmatch(r"\s*q\s*=\s*0(\.0*)?\s*", quality)
    return False


def _allowed(route: Route) -> str:
    return ", ".join([*route.methods, "OPTIONS"])


def _reset(transport: asyncio.BaseTransport | None) -> None:
    """Close a connection at once; what the system holds for its reader is thrown away too."""
    if isinstance(transport, asyncio.Transport):
        own = transport.get_extra_info("socket")
        own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        transport.abort()


async def _written(
    request: web.BaseRequest,
    status: int,
    body: Sequence[bytes],
    headers: Mapping[str, str],
    size: int,
) -> web.StreamResponse:
    """Send a large body piece by piece: the loop has other things to do. Who stops reading is cut off."""
    response = web.StreamResponse(status=status, headers=headers)
    response.content_length = size
    await response.prepare(request)
    if request.method != "HEAD":
        for piece in body:
            try:
                await asyncio.wait_for(response.write(piece), STALLED_S)
            except TimeoutError:
                _reset(request.transport)
                return response
            await asyncio.sleep(0)
    await response.write_eof()
    return response
