"""Askers that go away in the middle, and readers that stop: they cost themselves alone."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from urllib.parse import urlencode

import pytest

from daemon.web import api
from tests.support.http_api import START_MS, HttpClient, http_client
from tests.support.running_app import UNIT_S

pytestmark = pytest.mark.integration

HEAVY = "sum_over_time(quantile_over_time(0.5, vector(1)[1d:1s])[1d:1s])"
"""Takes minutes."""
LARGE = {
    "query": "x_total",
    "start": START_MS // 1000,
    "end": START_MS // 1000 + 3_000,
    "step": 0.3,
}
"""About 10 MB."""
SERIES = 40
_ESTABLISHED = 1
"""Of a socket, as `tcp_info` in Linux counts states."""


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    """A tallyd with some series that plain selectors find for an hour."""
    text = "receivers: {prometheusremotewrite: }\nexporters: {windows: {retention: 1h}}"
    async with http_client(text) as client:
        await client.run.at(START_MS + 60_000)
        await client.write(
            {(("__name__", "x_total"), ("n", str(n))): [(0, n + 0.1234567)] for n in range(SERIES)}
        )
        yield client


@pytest.mark.parametrize("path", ["query", "query_range"])
async def test_askers_that_go_away(client: HttpClient, path: str) -> None:
    """Those who hang up in the middle of a large query leave no work behind: the next one has its turn at once."""
    parameters = {"query": HEAVY, "timeout": 100} if path == "query" else LARGE
    for _ in range(4):
        asked = [
            asyncio.create_task(client.post(f"/api/v1/{path}", **parameters)) for _ in range(5)
        ]
        small = await client.get("/api/v1/query", query="count(x_total)")
        assert small.json["data"]["result"][0]["value"][1] == str(SERIES)
        for one in asked:
            one.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
    # A subquery is a large query: it needs the turn that the others had or waited for.
    asked_now = client.get("/api/v1/query", query="count(max_over_time(x_total[30s:10s]))")
    assert (await asyncio.wait_for(asked_now, UNIT_S)).status == 200


async def test_readers_that_stop(
    client: HttpClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Who stops reading a large answer keeps nobody waiting and is cut off; who reads gets all of it."""
    stopped = [await _ask_and_stop(client) for _ in range(3)]
    whole = await asyncio.wait_for(client.post("/api/v1/query_range", **LARGE), UNIT_S)
    assert len(whole.json["data"]["result"]) == SERIES
    assert (await client.get("/api/v1/query", query="sum(x_total)")).status == 200
    monkeypatch.setattr(api, "STALLED_S", 0.2)
    stopped.append(await _ask_and_stop(client))
    _, writer = stopped[-1]
    await client.run.until(lambda: not _is_open(writer))
    assert [_is_open(writer) for _, writer in stopped] == [True, True, True, False]
    assert [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}] == []
    for _, writer in stopped:
        writer.transport.abort()
        with suppress(ConnectionError):
            await writer.wait_closed()


async def _ask_and_stop(
    client: HttpClient,
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Ask over a connection of one's own, and read nothing but the first bytes."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    connection.setblocking(False)
    port = client.run.app.ports["http_api"]
    await asyncio.get_running_loop().sock_connect(connection, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=connection, limit=1_024)
    path = f"/api/v1/query_range?{urlencode(LARGE)}"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    await reader.readexactly(12)
    return reader, writer


def _is_open(writer: asyncio.StreamWriter) -> bool:
    """Return whether the other side has not reset the connection; nothing is read for it."""
    own = writer.get_extra_info("socket")
    state: int = own.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    return state == _ESTABLISHED
