"""POST to a backend over HTTP: one attempt in, one outcome out."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final
from urllib.parse import urlsplit

import aiohttp

from daemon.config.sending import ClientTlsConfig
from daemon.exporters.answers import HttpAnswer
from daemon.exporters.client_tls import build_ssl_context
from daemon.exporters.compression import Compress, compressed
from daemon.exporters.retry import Failed, Outcome

MAX_ANSWER_BYTES: Final = 64 * 1024
"""Of a response's body that are read."""
_IDLE_S: Final = 90.0


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """Where and how to POST."""

    url: str
    headers: Mapping[str, str]
    timeout_ms: int
    """0 is none."""
    tls: ClientTlsConfig
    connections: int
    """At once; 0 is no limit."""
    idle_ms: int
    keep_alive: bool = True
    proxy_url: str | None = None


class HttpTransport:
    """Implements `daemon.exporters.shipping.Transport`; redirects are followed as Go's client does it."""

    def __init__(
        self,
        settings: HttpSettings,
        judge: Callable[[HttpAnswer, float], Outcome],
        *,
        compress: Compress | None = None,
        encode: Callable[[bytes], bytes] | None = None,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """`encode` turns a request into another form before compression; `wall_clock` dates Retry-After, in seconds."""
        self._settings = settings
        self._judge = judge
        self._compress = compress
        self._encode = encode
        self._wall_clock = wall_clock
        self._headers = {"User-Agent": f"tallyd/{version('tallyd')}", **settings.headers}
        self._session: aiohttp.ClientSession | None = None
        self._context: ssl.SSLContext | bool = True

    async def open(self) -> None:
        """Make the session; the client's own SSL context trusts nobody (`daemon.memory`), so it gets another.

        Raises:
            OSError: a certificate cannot be read.
        """
        settings = self._settings
        if urlsplit(settings.url).scheme == "https":
            self._context = build_ssl_context(settings.tls)
        idle_s = settings.idle_ms / 1000 or _IDLE_S
        connector = aiohttp.TCPConnector(
            limit=settings.connections,
            force_close=not settings.keep_alive,
            keepalive_timeout=idle_s if settings.keep_alive else None,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=settings.timeout_ms / 1000 or None),
        )

    async def close(self) -> None:
        """Close all connections; safe twice and before `open`."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def pack(self, body: bytes) -> bytes:
        """Return the body of every attempt."""
        if self._encode is not None:
            body = self._encode(body)
        return body if self._compress is None else await compressed(body, self._compress)

    async def attempt(self, packed: bytes) -> Outcome:
        """POST once."""
        try:
            answer = await self._post(packed)
        except TimeoutError:
            return Failed("timeout", f"no answer within {self._settings.timeout_ms} ms", again=True)
        except aiohttp.TooManyRedirects:
            return Failed("redirects", "too many redirects", again=False)
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            return Failed("redirects", f"redirected to what is no URL: {error}", again=False)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return Failed("connection", str(error) or type(error).__name__, again=True)
        return self._judge(answer, self._wall_clock())

    async def _post(self, packed: bytes) -> HttpAnswer:
        assert self._session is not None  # noqa: S101  `open` comes first
        settings = self._settings
        async with self._session.post(
            settings.url,
            data=packed,
            headers=self._headers,
            ssl=self._context,
            server_hostname=settings.tls.server_name_override,
            proxy=settings.proxy_url,
        ) as response:
            body = await _read(response)
            return HttpAnswer(
                response.status,
                response.headers.get("Content-Type", ""),
                response.headers.get("Retry-After", ""),
                body,
            )


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """Return the first bytes of the body; what is longer costs the connection."""
    body = bytearray()
    while len(body) < MAX_ANSWER_BYTES:
        piece = await response.content.read(MAX_ANSWER_BYTES - len(body))
        if not piece:
            return bytes(body)
        body += piece
    response.close()
    return bytes(body)
