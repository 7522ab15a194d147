"""One page of metrics fetched from one target over HTTP, as Prometheus fetches it."""

from __future__ import annotations

import asyncio
import os
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Final, NamedTuple

from receivers.errors import ReceiverError

if TYPE_CHECKING:
    import aiohttp
    from yarl import URL

ACCEPT: Final = (
    "application/openmetrics-text;version=1.0.0;escaping=underscores;q=0.5,"
    "application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=1.0.0;escaping=underscores;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1"
)
"""What Prometheus asks for where it takes no protobuf; windows have no other characters in names than these."""
MAX_REDIRECTS: Final = 10
"""As many as Go's client follows."""
MAX_MEMBERS: Final = 1024
"""Of a gzip body: a body may be many, and empty ones cost time and no bytes."""
_GZIP: Final = 31
_PIECE_BYTES: Final = 256 * 1024
"""What is decompressed without a pause: below a millisecond's work."""


class Failure(StrEnum):
    """Why there is no page."""

    TIMEOUT = "timeout"
    CONNECTION = "connection"
    """No connection, or one that broke."""
    TLS = "tls"
    CREDENTIALS = "credentials"
    """The file with the password or token cannot be read."""
    REDIRECTS = "redirects"
    STATUS = "status"
    """Another status than 200."""
    TOO_LARGE = "too_large"
    """More than the limit, decompressed."""
    ENCODING = "encoding"
    """Not what Content-Encoding says."""


class FetchError(ReceiverError):
    """There is no page; `failure` says why in one word, the text in a sentence without the URL."""

    def __init__(self, failure: Failure, text: str) -> None:
        super().__init__(failure, text)
        self.failure = failure
        self.text = text

    def __str__(self) -> str:
        return self.text


class Page(NamedTuple):
    """What a target answered."""

    body: bytes
    content_type: str


def _no_authorization() -> str:
    return ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FetchSettings:
    """What is fetched, and how."""

    url: str
    """Quoted as it is sent."""
    timeout_ms: int
    """Until the last byte of the body."""
    connect_timeout_ms: int | None = None
    """Of that, until there is a connection."""
    max_body_bytes: int
    """After decompression."""
    headers: Mapping[str, str] = field(default_factory=dict)
    authorization: Callable[[], str] = _no_authorization
    """The value of Authorization, asked for before each request; empty for none. May raise OSError."""
    follow_redirects: bool = True
    enable_compression: bool = True
    context: ssl.SSLContext | None = None
    """For https URLs; without one nobody is trusted (`daemon.memory`)."""
    server_name: str | None = None
    """The name in the target's certificate, where it is not the URL's."""


class Fetcher:
    """Fetches the page of one target; one `fetch` at a time. Connections are kept between fetches."""

    def __init__(self, settings: FetchSettings) -> None:
        self._settings = settings
        seconds = f"{settings.timeout_ms / 1000:.3f}".rstrip("0").rstrip(".")
        self._headers = {
            "User-Agent": _user_agent(),
            "Accept": ACCEPT,
            "Accept-Encoding": "gzip" if settings.enable_compression else "identity",
            "X-Prometheus-Scrape-Timeout-Seconds": seconds,
            **settings.headers,
        }
        self._session: aiohttp.ClientSession | None = None

    async def fetch(self) -> Page:
        """Return the target's page.

        Raises:
            FetchError: there is none.
        """
        # Imported where it is used: only who fetches pays for the client.
        import aiohttp  # noqa: PLC0415

        settings = self._settings
        try:
            async with asyncio.timeout(settings.timeout_ms / 1000):
                return await self._fetch()
        except aiohttp.ConnectionTimeoutError as error:
            text = f"no connection within {settings.connect_timeout_ms} ms"
            raise FetchError(Failure.TIMEOUT, text) from error
        except TimeoutError as error:
            text = f"no whole page within {settings.timeout_ms} ms"
            raise FetchError(Failure.TIMEOUT, text) from error
        except aiohttp.TooManyRedirects as error:
            text = f"stopped after {MAX_REDIRECTS} redirects"
            raise FetchError(Failure.REDIRECTS, text) from error
        except (aiohttp.InvalidURL, aiohttp.NonHttpUrlClientError) as error:
            text = f"redirected to what is no http URL: {error}"
            raise FetchError(Failure.REDIRECTS, text) from error
        except (aiohttp.ClientSSLError, ssl.SSLError) as error:
            raise FetchError(Failure.TLS, _reason(error)) from error
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise FetchError(Failure.CONNECTION, _reason(error)) from error

    async def close(self) -> None:
        """Close the connections; safe twice and before `fetch`."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    async def _fetch(self) -> Page:
        settings = self._settings
        async with self._opened().get(
            _url(settings.url),
            headers=self._headers | self._authorized(),
            allow_redirects=settings.follow_redirects,
            max_redirects=MAX_REDIRECTS,
            ssl=settings.context or True,
            server_hostname=settings.server_name,
        ) as response:
            if response.status != 200:
                response.close()
                text = f"the target answered HTTP status {response.status} {response.reason}"
                raise FetchError(Failure.STATUS, text.strip())
            try:
                body = await _read(response, settings.max_body_bytes)
            except FetchError:
                response.close()  # what is left of the body is not worth the connection
                raise
            return Page(body, response.headers.get("Content-Type", ""))

    def _opened(self) -> aiohttp.ClientSession:
        import aiohttp  # noqa: PLC0415  # see `fetch`

        if self._session is None:
            connect_ms = self._settings.connect_timeout_ms
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=1, keepalive_timeout=300.0),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(
                    total=None, sock_connect=connect_ms / 1000 if connect_ms else None
                ),
                auto_decompress=False,
            )
        return self._session

    def _authorized(self) -> dict[str, str]:
        try:
            authorization = self._settings.authorization()
        except OSError as error:
            why = (error.strerror or str(error)).lower()
            text = f"{error.filename} cannot be read: {why}"
            raise FetchError(Failure.CREDENTIALS, text) from error
        return {"Authorization": authorization} if authorization else {}


@cache
def _user_agent() -> str:
    return f"tallyd/{version('tallyd')}"


def _url(url: str) -> URL:
    from yarl import URL  # noqa: PLC0415  # comes with aiohttp

    return URL(url, encoded=True)


def _reason(error: Exception) -> str:
    """Return what the operating system says, without the library's words around it."""
    inner = getattr(error, "os_error", error)
    if isinstance(inner, socket.gaierror):
        return f"the host's name cannot be resolved: {inner.strerror}"
    if isinstance(inner, OSError) and inner.errno and not isinstance(inner, ssl.SSLError):
        return os.strerror(inner.errno)
    return str(error) or type(error).__name__


async def _read(response: aiohttp.ClientResponse, limit_bytes: int) -> bytes:
    """Return the body, decompressed.

    Raises:
        FetchError: it is larger than the limit, or not what its encoding says.
    """
    encoding = response.headers.get("Content-Encoding", "").strip().lower()
    pieces: AsyncIterator[bytes] = response.content.iter_any()
    if encoding == "gzip":
        pieces = _gunzip(pieces, limit_bytes)
    elif encoding not in {"", "identity"}:
        text = f"the target answered in Content-Encoding {encoding[:100]!r}, asked for gzip"
        raise FetchError(Failure.ENCODING, text)
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) > limit_bytes:
            text = f"the page is larger than the limit of {limit_bytes} bytes (body_size_limit)"
            raise FetchError(Failure.TOO_LARGE, text)
    return bytes(body)


async def _gunzip(packed: AsyncIterator[bytes], limit_bytes: int) -> AsyncIterator[bytes]:
    """Yield the content of a gzip body, whose members follow one another (RFC 1952, 2.2)."""
    room = min(_PIECE_BYTES, limit_bytes + 1)
    unpacker, members, is_begun = zlib.decompressobj(_GZIP), 1, False
    try:
        async for piece in packed:
            pending = piece
            while pending:
                if unpacker.eof:
                    members += 1
                    unpacker = zlib.decompressobj(_GZIP)
                if members > MAX_MEMBERS:
                    raise FetchError(Failure.ENCODING, f"more than {MAX_MEMBERS} gzip members")
                is_begun = True
                yield unpacker.decompress(pending, room)
                pending = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
                await asyncio.sleep(0)
    except zlib.error as error:
        why = str(error).rpartition(": ")[2]
        raise FetchError(Failure.ENCODING, f"the page is no gzip: {why}") from error
    if not (is_begun and unpacker.eof):
        raise FetchError(Failure.ENCODING, "the page is no gzip: it ends too early")
