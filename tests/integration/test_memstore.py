"""The add-on's REST paths, and what is answered while settling."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest

from query.labels import Labels
from tests.support.http_api import START_MS, WITH_REMOTE_WRITE, Answered, HttpClient, http_client

pytestmark = pytest.mark.integration

START_S = START_MS // 1000
SERIES: dict[Labels, list[tuple[int, float]]] = {
    (("__name__", "x_total"), ("app", app)): [
        (at_ms, at_ms / 1000 * rate) for at_ms in range(0, 65_000, 5_000)
    ]
    for app, rate in (("a", 1), ("b", 2))
}


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    """A tallyd with two counters."""
    async with http_client() as client:
        await client.run.at(START_MS + 60_000)
        await client.write(SERIES)
        yield client


async def ask(client: HttpClient, body: Any) -> Answered:
    return await client.send("POST", "/memstore/query", json=body)


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ({"query": "x_total"}, 180),
        ({"query": "sum(x_total{app=b})", "operationOverTime": "last_one"}, 120),
        ({"query": "sum(x_total)", "operationOverTime": "rate"}, 3),
        ({"query": "max(x_total)", "operationOverTime": ""}, 120),
        ({"query": "avg(x_total{app=nobody})"}, 0),
    ],
    ids=["bare", "the add-on's form", "rate", "max", "no match"],
)
async def test_query(client: HttpClient, body: dict[str, str], value: float) -> None:
    """A query is answered as a trigger's is."""
    found = await ask(client, body)
    assert (found.status, found.json) == (
        200,
        {
            "ok": True,
            "operation": body.get("operationOverTime") or "last_one",
            "error": "",
            "value": value,
        },
    )


@pytest.mark.parametrize(
    ("body", "status", "text"),
    [
        ({"query": "nobody"}, 404, "nobody ever reported the metric of 'nobody'"),
        ({"query": "sum(x_total"}, 400, "parse error"),
        (
            {"query": "x_total", "operationOverTime": "median"},
            400,
            "operationOverTime: expected one",
        ),
        ({"query": 5}, 400, 'expected a JSON object such as {"query": "sum(x)"}'),
        ([], 400, 'expected a JSON object such as {"query": "sum(x)"}'),
        ({"query": "sum by (app) (x_total)"}, 400, "query yields 2 elements"),
    ],
    ids=["unknown", "syntax", "operation", "number", "list", "several"],
)
async def test_refused(client: HttpClient, body: Any, status: int, text: str) -> None:
    """A number that is not known is an error, not a value."""
    found = await ask(client, body)
    assert (found.status, found.json["ok"], found.json["value"]) == (status, False, -1)
    assert text in found.json["error"]


async def test_not_json(client: HttpClient) -> None:
    """A body that is no JSON, or nested without end, is refused."""
    for body in (b"query=x", b"[" * 100_000):
        found = await client.send("POST", "/memstore/query", data=body)
        assert (found.status, found.json["ok"]) == (400, False)


async def test_names_and_data(client: HttpClient) -> None:
    """Names are a list; data are series by name, times in seconds, with the add-on's aggregates."""
    assert (await client.get("/memstore/names")).json == ["x_total"]
    data = (await client.get("/memstore/data", name="x_total")).json
    assert (await client.get("/memstore/data")).json == data
    assert (await client.get("/memstore/data", name="nobody")).json == {}
    (one,) = [series for series in data["x_total"] if series["labels"] == {"app": "b"}]
    assert (one["data"][-1], one["lastUpdate"], one["aggregatesOverTime"]) == (
        {"time": START_S + 60, "value": 120.0},
        START_S + 60,
        {"last_one": 120.0, "rate": 2.0, "min": 0.0, "max": 120.0, "avg": 60.0, "count": 13.0},
    )


async def test_data_kept_by_count() -> None:
    """Where no sample is too old, all are told."""
    async with http_client(WITH_REMOTE_WRITE + "\nexporters: {windows: {retention: 0}}") as client:
        await client.run.at(START_MS + 3_600_000)
        await client.write({(("__name__", "x"),): [(0, 1.0), (5_000, 2.0)]})
        (one,) = (await client.get("/memstore/data", name="x")).json["x"]
    assert one["data"] == [
        {"time": START_S, "value": 1.0},
        {"time": START_S + 5, "value": 2.0},
    ]


async def test_info_and_reset(client: HttpClient) -> None:
    """Info names the program; reset is refused with a reason."""
    info = (await client.get("/info")).json
    reset = await client.send("POST", "/memstore/reset")
    assert (info["name"], reset.status) == ("tallyd", 404)
    assert b"KEDA would scale in" in reset.body


async def test_settling() -> None:
    """After a start an empty answer, or one on single samples, is 503; full ones and constants are answered."""
    async with http_client(WITH_REMOTE_WRITE, settle_for="65s") as client:
        await client.run.at(START_MS + 5_000)
        await client.write({(("__name__", "x_total"),): [(1_000, 1.0), (5_000, 5.0)]})
        await client.write({(("__name__", "new_total"),): [(5_000, 1.0)]})
        asked = ["nobody", "rate(new_total[1m])", "rate(x_total[1m])", "new_total", "1+1"]
        settling = [await client.get("/api/v1/query", query=query) for query in asked]
        memstore = await ask(client, {"query": "x_total"})
        await client.run.at(START_MS + 65_000)
        settled = [await client.get("/api/v1/query", query=query) for query in asked]
    assert [found.status for found in settling] == [503, 503, 200, 200, 200]
    assert settling[0].json == {
        "status": "error",
        "errorType": "unavailable",
        "error": "settling after the start: 60 s left until every sender must have reported "
        "(exporters.windows.settle_for)",
    }
    assert (memstore.status, memstore.json["ok"]) == (503, False)
    assert [found.status for found in settled] == [200] * 5
