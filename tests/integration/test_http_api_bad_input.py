"""Hostile requests: a documented answer at once, bounded memory, and everything else goes on."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest

from tests.support.http_api import START_MS, HttpClient, http_client
from tests.support.remote_write import HEADERS, compressed, time_series, varint, write_request
from tests.support.running_app import UNIT_S

pytestmark = pytest.mark.integration

HEAVY = "sum_over_time(quantile_over_time(0.5, vector(1)[1d:1s])[1d:1s])"
"""Takes minutes."""
AT_ONCE_S = 0.1
"""How long a refusal may take (issue text: 100 ms)."""
PATIENCE = 10
"""Factor for machines that have other things to do."""


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    """A tallyd that holds a hundred series."""
    async with http_client() as client:
        await client.run.at(START_MS + 60_000)
        await client.write(
            {
                (("__name__", "x_total"), ("n", str(n))): [
                    (at_ms, at_ms / 100) for at_ms in (0, 50_000)
                ]
                for n in range(100)
            }
        )
        yield client


QUERIES: dict[str, tuple[str, int]] = {
    "10,000 parentheses": ("(" * 10_000 + "1" + ")" * 10_000, 400),
    "10,000 parentheses, open": ("(" * 10_000, 400),
    "10,000 signs": ("-" * 10_000 + "1", 400),
    "10,000 operators": ("1" + "+1" * 10_000, 400),
    "10,000 calls": ("abs(" * 10_000 + "x", 400),
    "60,000 characters of name": ("x" * 60_000, 200),
    "70,000 characters": ("x" * 70_000, 400),
    "a regular expression that explodes elsewhere": ('x_total{n=~"(a*)*(a*)*(a*)*b"}', 200),
    "a regular expression too large": ('x_total{n=~"((a{100}){100}){100}"}', 400),
    "label_replace bomb": (
        "label_replace(" * 20 + "x_total" + ', "n", "$1$1$1$1$1$1$1$1$1$1", "n", "(.*)")' * 20,
        422,
    ),
    "label_replace with 5,000 references": (
        'label_replace(x_total, "n", "' + "$1" * 5_000 + '", "n", "(.*)")',
        422,
    ),
    "200 operators beside each other": (
        " or ".join(
            f'label_replace(x_total, "m{n}", "{"x" * 60}${"{1}" * 2}", "n", "(.*)")'
            for n in range(200)
        ),
        400,
    ),
    "label_join of 1,000 labels": (
        'label_join(x_total, "n", "", ' + ", ".join(f'"l{n}"' for n in range(1_000)) + ")",
        422,
    ),
    "absent of 2,000 matchers": (
        "absent(nobody{" + ",".join(f'l{n}="1"' for n in range(2_000)) + "})",
        200,
    ),
    "2,000 matchers": ("x_total{" + ",".join(f'n!="a{n}"' for n in range(2_000)) + "}", 200),
    "2,000 regular expressions": (
        "x_total{" + ",".join(f'n!~"a{n}.b"' for n in range(2_000)) + "}",
        400,
    ),
    "an alternation of 10,000": ('x_total{n=~".?(' + "|".join(map(str, range(9_999))) + ')"}', 200),
    "quantiles of a quantile": ("quantile(" * 500 + "1, x_total" + ")" * 500, 400),
    "a time at the end of time": ("x_total @ 9e300", 400),
    "an offset of 292 years": ("x_total offset 292y", 200),
    "offsets that add up": ("max_over_time(" * 4 + "x_total" + "[1y:1y] offset 290y)" * 4, 200),
    "everything with everything": ("x_total + on() group_left x_total", 422),
    "2,000 selectors": (" or ".join(["x_total"] * 2_000), 400),
    "2,000 signs before a vector": ("-" * 2_000 + "x_total", 400),
    "values of 11,000 steps": (
        'count_values("v", max_over_time(vector(time())[11000s:1s] offset 1y))',
        200,
    ),
    "a subquery of a billion steps": ("sum_over_time(vector(1)[1000000000s:1s])", 422),
    "nested subqueries": (
        "max_over_time(" * 5 + "vector(1)" + "[4d:1s])" * 5,
        422,
    ),
    "NUL": ("x\x00", 400),
    "a lone quote": ('x{a="', 400),
}


@pytest.mark.parametrize("case", QUERIES)
async def test_queries(client: HttpClient, case: str) -> None:
    """Each is answered with an envelope and the status that the table says, at once."""
    query, status = QUERIES[case]
    began = time.monotonic()
    found = await client.post("/api/v1/query", query=query)
    took_s = time.monotonic() - began
    assert (found.status, found.json["status"]) == (status, "success" if status == 200 else "error")
    assert took_s < AT_ONCE_S * PATIENCE
    assert len(found.body) < 100_000


REQUESTS: dict[str, tuple[str, str, dict[str, Any], int]] = {
    "1 MB form": ("POST", "/api/v1/query", {"data": {"query": "x" * 1_000_000}}, 413),
    "1 MB query string": ("GET", "/api/v1/query?query=" + "x" * 1_000_000, {}, 400),
    "300 KB query string": ("GET", "/api/v1/query?query=" + "x" * 300_000, {}, 414),
    "2,000 parameters": ("GET", "/api/v1/series?" + "match[]=x&" * 2_000, {}, 400),
    "not UTF-8": ("GET", "/api/v1/query?query=%ff%fe", {}, 400),
    "not UTF-8 in a form": (
        "POST",
        "/api/v1/query",
        {
            "data": b"query=\xff",
            "headers": {"Content-Type": "application/x-www-form-urlencoded"},
        },
        400,
    ),
    "not UTF-8 in a path": ("GET", "/api/v1/label/%ff/values", {}, 200),
    "an escape that is none": ("GET", "/api/v1/query?query=%zz", {}, 400),
    "a huge time": ("GET", "/api/v1/query?query=1&time=1e300", {}, 400),
    "an impossible date": ("GET", "/api/v1/query?query=1&time=2024-02-31T00:00:00Z", {}, 400),
    "a date of year 0": ("GET", "/api/v1/query?query=1&time=0000-01-01T00:00:00Z", {}, 400),
    "a long number": ("GET", "/api/v1/query?query=1&time=" + "9" * 5_000, {}, 400),
    "a range from the beginning of time": (
        "GET",
        "/api/v1/query_range?query=x&start=-9007199254740&end=9007199254740&step=1",
        {},
        400,
    ),
    "a huge step": (
        "GET",
        "/api/v1/query_range?query=x_total&start=0&end=1&step=9e12",
        {},
        200,
    ),
    "a step of 1e300": ("GET", "/api/v1/query_range?query=1&start=0&end=1&step=1e300", {}, 400),
    "the end of int64": ("GET", "/api/v1/query?query=x_total&time=9007199254740.992", {}, 200),
    "a lookback of 292 years": ("GET", "/api/v1/query?query=x_total&lookback_delta=292y", {}, 200),
}


@pytest.mark.parametrize("case", REQUESTS)
async def test_requests(client: HttpClient, case: str) -> None:
    """Each has the status that the table says, at once."""
    method, path, settings, status = REQUESTS[case]
    began = time.monotonic()
    found = await client.send(method, path.replace("[]", "%5B%5D"), **settings)
    took_s = time.monotonic() - began
    assert found.status == status, found.body[:300]
    assert took_s < AT_ONCE_S * PATIENCE


async def test_chunked_body_over_the_limit(client: HttpClient) -> None:
    """A body that does not tell its length is cut off where the limit is."""
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 2**24:
            sent += 2**16
            yield b"x" * 2**16

    try:
        found = await client.send(
            "POST",
            "/api/v1/query",
            data=endless(),
            headers={"Content-Type": "application/x-www-form-urlencoded"},
        )
    except (ConnectionError, OSError):
        pass  # closed while it was still sending
    else:
        assert found.status == 413
    assert (await client.get("/api/v1/query", query="1")).status == 200


async def test_heavy_query_delays_nobody(client: HttpClient) -> None:
    """While a query of seconds runs, small ones are answered; its asker may go away."""
    heavy = asyncio.create_task(
        client.post(
            "/api/v1/query",
            query=HEAVY,
            timeout=5,
        )
    )
    await asyncio.sleep(0.05)
    slowest_s = 0.0
    for _ in range(20):
        began = time.monotonic()
        assert (await client.get("/api/v1/query", query="sum(x_total)")).status == 200
        slowest_s = max(slowest_s, time.monotonic() - began)
    assert not heavy.done()
    heavy.cancel()
    with pytest.raises(asyncio.CancelledError):
        await heavy
    assert slowest_s < 0.02 * PATIENCE
    small = "max_over_time(sum(x_total)[30s:10s])"
    asked = client.get("/api/v1/query", query=small)
    assert (await asyncio.wait_for(asked, UNIT_S)).status == 200


async def test_timeout(client: HttpClient) -> None:
    """A query that takes too long ends with `timeout`."""
    query = HEAVY
    found = await client.post("/api/v1/query", query=query, timeout="10ms")
    assert (found.status, found.json["errorType"]) == (503, "timeout")


async def test_samples_limit() -> None:
    """A query that would hold too many samples ends with `execution`."""
    text = "receivers: {prometheusremotewrite: }\nextensions: {http_api: {max_samples: 10}}"
    async with http_client(text) as client:
        await client.write({(("__name__", "x"), ("n", str(n))): [(0, 1.0)] for n in range(11)})
        found = await client.get("/api/v1/query", query="x")
    assert (found.status, found.json["errorType"]) == (422, "execution")
    assert found.json["error"].startswith("query processing would load too many samples")


GOOD = write_request([time_series([("__name__", "x")], [(START_MS, 1.0)])])
WRITES: dict[str, tuple[bytes, dict[str, str], int]] = {
    "good": (compressed(GOOD), {}, 204),
    "empty request": (compressed(b""), {}, 204),
    "no headers": (compressed(GOOD), {"Content-Type": "", "Content-Encoding": ""}, 204),
    "JSON": (b"{}", {"Content-Type": "application/json"}, 415),
    "gzip": (compressed(GOOD), {"Content-Encoding": "gzip"}, 415),
    "version 2": (
        compressed(GOOD),
        {"Content-Type": "application/x-protobuf;proto=io.prometheus.write.v2.Request"},
        415,
    ),
    "not compressed": (GOOD, {}, 400),
    "garbage": (compressed(b"\xff" * 50), {}, 400),
    "an hour ahead": (
        compressed(
            write_request([time_series([("__name__", "x")], [(START_MS + 3_600_000, 1.0)])])
        ),
        {},
        400,
    ),
    "a snappy bomb": (varint(2**31) + b"\x00" * 100, {}, 413),
    "17 MB": (b"\x00" * (17 * 2**20), {}, 413),
}


@pytest.mark.parametrize("case", WRITES)
async def test_remote_write(client: HttpClient, case: str) -> None:
    """Every body is taken or refused with a documented status and plain text (promql.md 6.3)."""
    body, headers, status = WRITES[case]
    began = time.monotonic()
    found = await client.send(
        "POST", "/api/v1/write", data=io.BytesIO(body), headers={**HEADERS, **headers}
    )
    took_s = time.monotonic() - began
    assert (found.status, bool(found.body)) == (status, status != 204), found.body
    assert found.status == 204 or found.headers["Content-Type"].startswith("text/plain")
    assert took_s < AT_ONCE_S * PATIENCE


async def test_remote_write_partly_good(client: HttpClient) -> None:
    """What is good of a request is stored although the answer is 400."""
    good = time_series([("__name__", "good")], [(START_MS + 60_000, 5.0)])
    ahead = time_series([("__name__", "bad")], [(START_MS + 3_600_000, 5.0)])
    found = await client.send(
        "POST", "/api/v1/write", data=compressed(write_request([ahead, good])), headers=HEADERS
    )
    stored = await client.data("/api/v1/query", query="good")
    assert (found.status, len(stored["result"])) == (400, 1)


async def test_remote_write_methods_and_off() -> None:
    """Only POST writes; without the receiver the path says how to get it."""
    async with http_client("") as client:
        off = await client.send("POST", "/api/v1/write", data=compressed(GOOD), headers=HEADERS)
        get = await client.get("/api/v1/write")
    assert (off.status, get.status) == (404, 405)
    assert b"add prometheusremotewrite to the receivers" in off.body


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"GARBAGE\r\n\r\n", id="no HTTP"),
        pytest.param(b"GET / HTTP/9.9\r\n\r\n", id="a version that is not"),
        pytest.param(b"GET /?\xff HTTP/1.1\r\n\r\n", id="a path that is no ASCII"),
        pytest.param(b"GET / HTTP/1.1\r\nX: " + b"a" * 100_000 + b"\r\n\r\n", id="a long header"),
    ],
)
async def test_malformed(client: HttpClient, raw: bytes, caplog: pytest.LogCaptureFixture) -> None:
    """Bytes that are no HTTP are answered 400 and counted; no line in the log."""
    reader, writer = await asyncio.open_connection("127.0.0.1", client.run.app.ports["http_api"])
    writer.write(raw)
    status = await asyncio.wait_for(reader.readline(), UNIT_S)
    writer.close()
    await writer.wait_closed()
    counted = client.run.page()['tallyd_http_api_answers_total{status="malformed"}']
    warned = [record for record in caplog.records if record.levelname in {"WARNING", "ERROR"}]
    assert (status.split()[1], counted, warned) == (b"400", 1.0, [])
