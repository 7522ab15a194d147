"""Pages fetched over HTTP: what is asked, what is taken, and why there is none."""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import zlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trustme
from aiohttp import web

from receivers.prometheus.fetch import (
    MAX_MEMBERS,
    MAX_REDIRECTS,
    Failure,
    Fetcher,
    FetchError,
    FetchSettings,
    Page,
)
from tests.support.backends import HttpBackend, hang, hang_up, http_backend, status

pytestmark = pytest.mark.integration

PAGE = b"up 1\n"
LIMIT = 1_000_000


@asynccontextmanager
async def fetching(backend: HttpBackend, **settings: Any) -> AsyncIterator[Fetcher]:
    url = settings.pop("url", f"{backend.url}/metrics")
    defaults = {"timeout_ms": 10_000, "max_body_bytes": LIMIT}
    fetcher = Fetcher(FetchSettings(url=url, **(defaults | settings)))
    try:
        yield fetcher
    finally:
        await fetcher.close()


async def failure(*answers: Any, **settings: Any) -> tuple[Failure, str]:
    async with http_backend(*answers) as backend, fetching(backend, **settings) as fetcher:
        with pytest.raises(FetchError) as caught:
            await fetcher.fetch()
    return caught.value.failure, str(caught.value)


async def test_what_is_asked_for() -> None:
    """The formats that there is a parser for, gzip, and the time there is; the query is sent as it was quoted."""
    async with http_backend(status(200, PAGE, Content_Type="text/plain")) as backend:
        url = f"{backend.url}/a%2Fb?match%5B%5D=up"
        async with fetching(backend, url=url, timeout_ms=9_500) as fetcher:
            assert await fetcher.fetch() == Page(PAGE, "text/plain")
    [seen] = backend.seen
    assert (seen.method, seen.headers["accept-encoding"]) == ("GET", "gzip")
    assert seen.headers["x-prometheus-scrape-timeout-seconds"] == "9.5"
    assert seen.headers["accept"].startswith("application/openmetrics-text;version=1.0.0")
    assert "protobuf" not in seen.headers["accept"]
    assert seen.headers["user-agent"].startswith("tallyd/")
    assert "authorization" not in seen.headers


async def test_credentials_are_read_before_each_request() -> None:
    """A token that was renewed is sent with the next request; headers are the operator's."""
    tokens = iter(["Bearer one", "Bearer two"])
    async with (
        http_backend(status(200, PAGE)) as backend,
        fetching(backend, authorization=lambda: next(tokens), headers={"X-A": "b"}) as fetcher,
    ):
        await fetcher.fetch()
        await fetcher.fetch()
    sent = [(seen.headers["authorization"], seen.headers["x-a"]) for seen in backend.seen]
    assert sent == [("Bearer one", "b"), ("Bearer two", "b")]


async def test_a_connection_is_kept() -> None:
    """The second page comes over the connection of the first."""
    ports = []

    async def answer(request: web.Request) -> web.Response:
        assert request.transport is not None
        ports.append(request.transport.get_extra_info("peername")[1])
        return web.Response(body=PAGE)

    async with http_backend(answer) as backend, fetching(backend) as fetcher:
        await fetcher.fetch()
        await fetcher.fetch()
    assert len(set(ports)) == 1


async def test_it_can_be_closed_at_any_time() -> None:
    """Before anything was fetched, and twice."""
    fetcher = Fetcher(FetchSettings(url="http://localhost", timeout_ms=1, max_body_bytes=1))
    await fetcher.close()
    await fetcher.close()


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (gzip.compress(PAGE, mtime=0), PAGE),
        (gzip.compress(b"a 1\n", mtime=0) + gzip.compress(b"b 2\n"), b"a 1\nb 2\n"),
        (gzip.compress(b"a 1\n" * 200_000, mtime=0), b"a 1\n" * 200_000),
    ],
    ids=["one member", "two members", "many pieces"],
)
async def test_a_packed_page(body: bytes, expected: bytes) -> None:
    """gzip is unpacked, member by member."""
    async with (
        http_backend(status(200, body, Content_Encoding="gzip")) as backend,
        fetching(backend) as fetcher,
    ):
        assert (await fetcher.fetch()).body == expected


@pytest.mark.parametrize(
    ("body", "encoding", "text"),
    [
        (gzip.compress(PAGE, mtime=0)[:-9], "gzip", "the page is no gzip: it ends too early"),
        (b"", "gzip", "the page is no gzip: it ends too early"),
        (PAGE, "gzip", "the page is no gzip: incorrect header check"),
        (zlib.compress(PAGE), "gzip", "the page is no gzip: incorrect header check"),
        (
            gzip.compress(PAGE, mtime=0) + b"xx",
            "gzip",
            "the page is no gzip: incorrect header check",
        ),
        (gzip.compress(b"", mtime=0) * (MAX_MEMBERS + 1), "gzip", "more than 1024 gzip members"),
        (PAGE, "br", "the target answered in Content-Encoding 'br', asked for gzip"),
    ],
)
async def test_a_page_that_is_not_what_its_encoding_says(
    body: bytes, encoding: str, text: str
) -> None:
    """A page that ends too early, has something after it, or is packed in another way is none."""
    answer = status(200, body, Content_Encoding=encoding)
    assert await failure(answer) == (Failure.ENCODING, text)


async def test_a_page_as_large_as_the_limit() -> None:
    """The limit itself is allowed, packed or not."""
    body = b"x" * LIMIT
    packed = status(200, gzip.compress(body, mtime=0), Content_Encoding="gzip")
    async with http_backend(status(200, body), packed) as backend, fetching(backend) as fetcher:
        assert (await fetcher.fetch()).body == body
        assert (await fetcher.fetch()).body == body


async def endless(request: web.Request) -> web.StreamResponse:
    """Answer lines for as long as somebody reads them."""
    response = web.StreamResponse()
    await response.prepare(request)
    while True:
        await response.write(b"a 1\n" * 10_000)


BOMB = gzip.compress(b"\0" * 100 * LIMIT, mtime=0)


@pytest.mark.parametrize(
    "answer",
    [status(200, b"x" * (LIMIT + 1)), status(200, BOMB, Content_Encoding="gzip"), endless],
    ids=["one byte more", "bomb", "endless"],
)
async def test_a_page_over_the_limit(answer: Any) -> None:
    """However it is sent, a page over the limit is none, and no more than the limit of it is held."""
    expected = "the page is larger than the limit of 1000000 bytes (body_size_limit)"
    assert await failure(answer) == (Failure.TOO_LARGE, expected)


async def drip(request: web.Request) -> web.StreamResponse:
    """Begin to answer."""
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"a 1\n")
    return await hang(request)


@pytest.mark.parametrize("answer", [hang, drip], ids=["no answer", "half a page"])
async def test_a_target_that_takes_too_long(answer: Any) -> None:
    """The time is for the whole page, whatever of it has come."""
    expected = Failure.TIMEOUT, "no whole page within 50 ms"
    assert await failure(answer, timeout_ms=50) == expected


@pytest.mark.parametrize("code", [204, 304, 401, 404, 500, 503])
async def test_any_other_status_than_200(code: int) -> None:
    """Only 200 is an answer."""
    reason = web.Response(status=code).reason
    expected = f"the target answered HTTP status {code} {reason}"
    assert await failure(status(code)) == (Failure.STATUS, expected)


async def test_redirects_are_followed() -> None:
    """To the page; if the operator does not want it, a redirect is a status like any other."""
    redirect = status(302, Location="/elsewhere")
    async with http_backend(redirect, status(200, PAGE)) as backend, fetching(backend) as fetcher:
        assert (await fetcher.fetch()).body == PAGE
    assert [seen.path for seen in backend.seen] == ["/metrics", "/elsewhere"]
    expected = Failure.STATUS, "the target answered HTTP status 302 Found"
    assert await failure(redirect, follow_redirects=False) == expected


async def test_credentials_do_not_go_elsewhere() -> None:
    """Whom a target redirects to another server does not take its password there."""
    async with http_backend(status(200, PAGE)) as other:
        redirect = status(302, Location=f"{other.url}/metrics")
        async with (
            http_backend(redirect) as backend,
            fetching(backend, authorization=lambda: "Bearer secret") as fetcher,
        ):
            await fetcher.fetch()
    assert "authorization" not in other.seen[0].headers


@pytest.mark.parametrize(
    ("location", "text"),
    [
        ("/metrics", f"stopped after {MAX_REDIRECTS} redirects"),
        ("file:///etc/passwd", "redirected to what is no http URL: file:///etc/passwd"),
    ],
)
async def test_redirects_that_lead_nowhere(location: str, text: str) -> None:
    """In circles, or out of HTTP."""
    assert await failure(status(302, Location=location)) == (Failure.REDIRECTS, text)


async def test_a_target_that_hangs_up() -> None:
    """A connection that ends before the page does is told as such."""
    assert await failure(hang_up) == (Failure.CONNECTION, "Server disconnected")


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://127.0.0.1:1/metrics", "Connection refused"),
        ("http://nowhere.invalid/metrics", "the host's name cannot be resolved: "),
    ],
)
async def test_a_target_that_is_not_there(url: str, text: str) -> None:
    """The operating system's own words."""
    found, told = await failure(status(200), url=url)
    assert found is Failure.CONNECTION
    assert told.startswith(text)


async def test_credentials_that_cannot_be_read() -> None:
    """The file is named; nothing is asked without them."""

    def read() -> str:
        raise FileNotFoundError(2, "No such file or directory", "/var/run/token")

    expected = Failure.CREDENTIALS, "/var/run/token cannot be read: no such file or directory"
    assert await failure(status(200, PAGE), authorization=read) == expected


@asynccontextmanager
async def secured() -> AsyncIterator[tuple[HttpBackend, Callable[[], ssl.SSLContext]]]:
    authority = trustme.CA()
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(server)

    def trusting() -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        authority.configure_trust(context)
        return context

    async with http_backend(status(200, PAGE), ssl=server) as backend:
        yield backend, trusting


async def test_https() -> None:
    """With a context that trusts the target's certificate."""
    async with secured() as (backend, trusting):
        async with fetching(backend, context=trusting()) as fetcher:
            assert (await fetcher.fetch()).body == PAGE
        url = backend.url.replace("localhost", "127.0.0.1")
        address = fetching(backend, url=url, context=trusting(), server_name="localhost")
        async with address as fetcher:
            assert (await fetcher.fetch()).body == PAGE


async def test_https_with_a_stranger() -> None:
    """A certificate that nobody vouches for is no connection."""
    async with secured() as (backend, _):
        stranger = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        async with fetching(backend, context=stranger) as fetcher:
            with pytest.raises(FetchError, match="certificate verify failed") as caught:
                await fetcher.fetch()
    assert caught.value.failure is Failure.TLS


async def test_nobody_picks_up() -> None:
    """Where a connection takes too long there is time for others: that limit is told apart from the page's."""
    with socket.socket() as full, contextlib.ExitStack() as others:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(4):  # the queue is full then, and who comes later hears nothing
            waiting = others.enter_context(socket.socket())
            waiting.setblocking(False)
            waiting.connect_ex(full.getsockname())
        url = f"http://127.0.0.1:{full.getsockname()[1]}"
        settings = FetchSettings(
            url=url, timeout_ms=10_000, connect_timeout_ms=50, max_body_bytes=1
        )
        fetcher = Fetcher(settings)
        with pytest.raises(FetchError) as caught:
            await fetcher.fetch()
        await fetcher.close()
    assert (caught.value.failure, str(caught.value)) == (
        Failure.TIMEOUT,
        "no connection within 50 ms",
    )
