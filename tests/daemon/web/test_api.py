"""The port itself: large answers, compression, failures."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager

import aiohttp
import pytest

from daemon.web.api import ApiServer, Call, Page, Route

pytestmark = pytest.mark.integration

PIECES = [bytes([48 + n]) * 300_000 for n in range(5)]
PAGE = b"".join(PIECES)


async def large(_call: Call) -> Page:
    return Page(body=PIECES)


async def broken(_call: Call) -> Page:
    raise ZeroDivisionError


async def echo(call: Call) -> Page:
    return Page(body=[call.argument.encode()])


@asynccontextmanager
async def served() -> AsyncIterator[tuple[aiohttp.ClientSession, dict[str, int]]]:
    counted: dict[str, int] = {}

    def count(status: str, amount: int) -> None:
        counted[status] = counted.get(status, 0) + amount

    routes = {"/large": Route(large), "/broken": Route(broken), "/a/*/b": Route(echo)}
    with ThreadPoolExecutor(max_workers=1) as worker:
        server = ApiServer("127.0.0.1:0", routes, worker, count=count)
        port = await server.start()
        try:
            async with aiohttp.ClientSession(
                f"http://127.0.0.1:{port}", auto_decompress=False
            ) as session:
                yield session, counted
        finally:
            await server.stop()


async def test_large() -> None:
    """A large answer arrives whole, its length told, compressed or not; HEAD has its headers only."""
    async with served() as (session, _):
        async with session.get("/large", headers={"Accept-Encoding": "identity"}) as plain:
            body, length = await plain.read(), plain.headers["Content-Length"]
        async with session.get("/large", headers={"Accept-Encoding": "gzip"}) as packed:
            unpacked = gzip.decompress(await packed.read())
        async with session.head("/large", headers={"Accept-Encoding": "identity"}) as head:
            headers = (head.status, head.headers["Content-Length"], await head.read())
    assert (body == PAGE, length, unpacked == PAGE) == (True, str(len(PAGE)), True)
    assert headers == (200, str(len(PAGE)), b"")


async def test_broken() -> None:
    """A page that fails is a 500 in the API's own form, and the connection lives on."""
    async with served() as (session, counted):
        async with session.get("/broken") as failed:
            found = (failed.status, (await failed.json())["errorType"])
        async with session.get("/a/x%2Fy/b") as other:
            argument = await other.text()
    assert (found, argument, counted) == ((500, "internal"), "x/y", {"500": 1, "200": 1})
