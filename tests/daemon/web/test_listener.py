"""Opening and closing an HTTP port."""

from __future__ import annotations

import asyncio
import errno

import aiohttp
import pytest
from aiohttp import web

from daemon.web.listener import HttpListener

pytestmark = pytest.mark.integration


async def hello(_request: web.Request) -> web.Response:
    return web.Response(text="hello")


async def test_all_addresses() -> None:
    """The wildcard takes IPv4 callers, and other paths than those given are not found."""
    listener = HttpListener("[::]:0", {"/hello": hello})
    port = await listener.start()
    try:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            async with session.get("/hello") as response:
                found = (response.status, await response.text())
            async with session.get("/other") as response:
                other = response.status
    finally:
        await listener.stop()
    assert (found, other) == ((200, "hello"), 404)


async def test_port_taken() -> None:
    """A port that is taken is an error that names the endpoint."""
    first = HttpListener("127.0.0.1:0", {})
    port = await first.start()
    second = HttpListener(f"127.0.0.1:{port}", {})
    try:
        with pytest.raises(
            OSError, match=f"cannot listen on 127.0.0.1:{port}: address already"
        ) as caught:
            await second.start()
    finally:
        await first.stop()
        await second.stop()
    assert caught.value.errno == errno.EADDRINUSE


async def test_stop() -> None:
    """Stopping is safe before the start and twice."""
    listener = HttpListener("127.0.0.1:0", {})
    await listener.stop()
    port = await listener.start()
    await listener.stop()
    await listener.stop()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", port)


async def test_unknown_host() -> None:
    """A host that nobody knows is an error that names the endpoint."""
    with pytest.raises(
        OSError, match=r"cannot listen on no-such-host\.invalid:0: (?!unknown error)"
    ):
        await HttpListener("no-such-host.invalid:0", {}).start()
