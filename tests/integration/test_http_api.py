"""The HTTP API of a whole tallyd: Prometheus' paths, shapes and errors (promql.md 7, 1.2)."""

from __future__ import annotations

import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import yaml

from query.labels import Labels
from tests.support.http_api import START_MS, WITH_REMOTE_WRITE, HttpClient, http_client
from tests.support.opencensus_messages import ci, node, request
from tests.support.remote_write import HEADERS, compressed, metadata, write_request

pytestmark = pytest.mark.integration

START_S = START_MS // 1000
UP: Labels = (("__name__", "up"), ("job", "a"))
REQUESTS: dict[Labels, list[tuple[int, float]]] = {
    (("__name__", "x_total"), ("app_id", app), ("pod", pod)): [
        (at_ms, at_ms / 1000 * rate) for at_ms in range(5_000, 65_000, 5_000)
    ]
    for app, pod, rate in (("nodeapp", "n1", 1), ("nodeapp", "n2", 2), ("pythonapp", "p1", 4))
}


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    """A tallyd that holds a minute of three counters and one gauge, and is asked at 62 s."""
    async with http_client() as client:
        await client.run.at(START_MS + 62_000)
        await client.write({**REQUESTS, UP: [(55_000, 1.0), (60_000, 1.0)]})
        yield client


async def test_instant(client: HttpClient) -> None:
    """An instant vector has string values, and the time that was asked about, by default now."""
    found = await client.get("/api/v1/query", query="sum(x_total)", time=START_S + 62)
    assert (found.status, found.headers["Content-Type"], found.json) == (
        200,
        "application/json",
        {
            "status": "success",
            "data": {
                "resultType": "vector",
                "result": [{"metric": {}, "value": [START_S + 62, "420"]}],
            },
        },
    )
    assert await client.data("/api/v1/query", query="up") == {
        "resultType": "vector",
        "result": [{"metric": dict(UP), "value": [START_S + 62, "1"]}],
    }


async def test_range(client: HttpClient) -> None:
    """A range query yields a matrix sorted by labels, with fractional times to the millisecond."""
    found = await client.data(
        "/api/v1/query_range",
        query="x_total",
        start=f"{START_S + 60}.5",
        end=START_S + 61,
        step="250ms",
    )
    assert found["resultType"] == "matrix"
    assert [(one["metric"]["pod"], one["values"]) for one in found["result"]] == [
        (pod, [[START_S + 60.5, value], [START_S + 60.75, value], [START_S + 61, value]])
        for pod, value in (("n1", "60"), ("n2", "120"), ("p1", "240"))
    ]


SHAPES: dict[str, tuple[str, Any]] = {
    "1+1": ("scalar", [4, "2"]),
    "1e21": ("scalar", [4, "1000000000000000000000"]),
    "vector(1e21)": ("vector", [{"metric": {}, "value": [4, "1e+21"]}]),
    "vector(1e-7)": ("vector", [{"metric": {}, "value": [4, "1e-07"]}]),
    "vector(NaN)": ("vector", [{"metric": {}, "value": [4, "NaN"]}]),
    "-1/0": ("scalar", [4, "-Inf"]),
    '"text"': ("string", [4, "text"]),
    "nobody": ("vector", []),
    "nobody[1m]": ("matrix", []),
}


@pytest.mark.parametrize("query", SHAPES)
async def test_shapes(client: HttpClient, query: str) -> None:
    """Scalars, strings, empty vectors and matrices have Prometheus' shapes."""
    kind, result = SHAPES[query]
    assert await client.data("/api/v1/query", query=query, time=4) == {
        "resultType": kind,
        "result": result,
    }


async def test_range_of_a_scalar(client: HttpClient) -> None:
    """A scalar over a range is one series without labels; nothing is an empty list."""
    asked = {"start": 0, "end": 2, "step": 1}
    assert [
        (await client.data("/api/v1/query_range", query=query, **asked))["result"]
        for query in ("2", "nobody")
    ] == [[{"metric": {}, "values": [[0, "2"], [1, "2"], [2, "2"]]}], []]


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("//api/v1/query", id="serverAddress with a slash at its end"),
        pytest.param("/api/v1/query/", id="slash at the end"),
    ],
)
async def test_keda_asks(client: HttpClient, path: str) -> None:
    """KEDA's own request is answered: RFC 3339 in whole seconds, blanks as +, namespace, any other pair."""
    query = "sum+%28+x_total%7Bapp_id%3D%22nodeapp%22%7D%29"
    at = "2024-11-01T22:27:42Z"
    found = await client.send(
        "GET", f"{path}?query={query}&time={at}&namespace=apps&dedup=true&time=junk"
    )
    assert found.json["data"]["result"] == [{"metric": {}, "value": [START_S + 62, "180"]}]


async def test_form_and_query_string(client: HttpClient) -> None:
    """A form counts before the query string; both are read."""
    found = await client.send("POST", "/api/v1/query?query=nobody&time=4", data={"query": "7"})
    assert found.json["data"]["result"] == [4, "7"]


async def test_json_body_is_not_read(client: HttpClient) -> None:
    """A JSON body holds no parameters: the query is empty."""
    found = await client.send("POST", "/api/v1/query", json={"query": "7"})
    assert (found.status, found.json["errorType"]) == (400, "bad_data")


BAD: dict[str, tuple[str, dict[str, Any], int, str, str]] = {
    "syntax": (
        "query",
        {"query": "sum(x"},
        400,
        "bad_data",
        'invalid parameter "query": 1:6: parse',
    ),
    "empty": ("query", {"query": ""}, 400, "bad_data", 'invalid parameter "query": '),
    "no query": ("query", {}, 400, "bad_data", 'invalid parameter "query": '),
    "time": (
        "query",
        {"query": "1", "time": "soon"},
        400,
        "bad_data",
        'invalid parameter "time": ',
    ),
    "NaN time": ("query", {"query": "1", "time": "NaN"}, 400, "bad_data", "invalid parameter"),
    "timeout": ("query", {"query": "1", "timeout": "x"}, 400, "bad_data", "invalid parameter"),
    "limit": ("query", {"query": "1", "limit": "-1"}, 400, "bad_data", 'invalid parameter "limit"'),
    "lookback": ("query", {"query": "1", "lookback_delta": "0"}, 400, "bad_data", "invalid param"),
    "name clash": (
        "query",
        {"query": 'label_replace(x_total, "pod", "", "", "") * 1'},
        422,
        "execution",
        "vector cannot contain metrics with the same labelset",
    ),
    "range vector": (
        "query_range",
        {"query": "up[1m]", "start": 0, "end": 1, "step": 1},
        400,
        "bad_data",
        'invalid parameter "query": invalid expression type "range vector" for range query',
    ),
    "end before start": (
        "query_range",
        {"query": "1", "start": 2, "end": 1, "step": 1},
        400,
        "bad_data",
        'invalid parameter "end": end timestamp must not be before start time',
    ),
    "no step": (
        "query_range",
        {"query": "1", "start": 0, "end": 1},
        400,
        "bad_data",
        "invalid param",
    ),
    "step 0": (
        "query_range",
        {"query": "1", "start": 0, "end": 1, "step": 0},
        400,
        "bad_data",
        'invalid parameter "step": zero or negative query resolution step widths',
    ),
    "points": (
        "query_range",
        {"query": "1", "start": 0, "end": 11_001, "step": 1},
        400,
        "bad_data",
        "exceeded maximum resolution of 11,000 points per timeseries",
    ),
    "a range of a billion steps": (
        "query_range",
        {"query": "1", "start": 0, "end": 1_000_000, "step": "1ms"},
        400,
        "bad_data",
        "exceeded maximum resolution",
    ),
    "no match[]": ("series", {}, 400, "bad_data", 'invalid parameter "match[]": no match[]'),
    "match everything": (
        "series",
        {"match[]": "{}"},
        400,
        "bad_data",
        'invalid parameter "match[]"',
    ),
    "match a call": ("labels", {"match[]": "sum(x)"}, 400, "bad_data", "invalid parameter"),
    "metadata": ("metadata", {"limit": "x"}, 400, "bad_data", "limit must be a number"),
}


@pytest.mark.parametrize("case", BAD)
async def test_errors(client: HttpClient, case: str) -> None:
    """Every error has Prometheus' type, status and beginning, asked either way."""
    endpoint, parameters, status, kind, text = BAD[case]
    for ask in (client.get, client.post):
        if endpoint == "metadata" and ask == client.post:
            continue
        found = await ask(f"/api/v1/{endpoint}", **parameters)
        document = found.json
        assert (found.status, document["status"], document["errorType"]) == (status, "error", kind)
        assert document["error"].startswith(text), document["error"]


async def test_catalog(client: HttpClient) -> None:
    """What Grafana's builder asks: names, values and series, also of those that match only."""
    series = await client.data("/api/v1/series", **{"match[]": ['x_total{app_id="nodeapp"}', "up"]})
    nodeapp = [dict(labels) for labels in REQUESTS if ("app_id", "nodeapp") in labels]
    assert sorted(series, key=str) == sorted([*nodeapp, dict(UP)], key=str)
    assert [
        await client.data("/api/v1/labels"),
        await client.data("/api/v1/labels", **{"match[]": "up"}),
        await client.data("/api/v1/label/__name__/values"),
        await client.data("/api/v1/label/pod/values", **{"match[]": '{app_id="nodeapp"}'}),
        await client.data("/api/v1/label/U__pod/values", limit=1),
        await client.data("/api/v1/label/nobody/values"),
        await client.data("/api/v1/labels", **{"match[]": "up"}, start=0, end=START_S),
    ] == [
        ["__name__", "app_id", "job", "pod"],
        ["__name__", "job"],
        ["up", "x_total"],
        ["n1", "n2"],
        ["n1"],
        [],
        [],
    ]


async def test_limit(client: HttpClient) -> None:
    """A limit truncates and warns."""
    found = (await client.get("/api/v1/query", query="x_total", limit=2)).json
    assert (len(found["data"]["result"]), found["warnings"]) == (
        2,
        ["results truncated due to limit"],
    )


async def test_annotations(client: HttpClient) -> None:
    """Infos travel beside the data."""
    found = (await client.get("/api/v1/query", query="rate(up[1m])")).json
    assert found["infos"] == [
        'PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "up" (1:6)'
    ]


async def test_grafana_health_check(client: HttpClient) -> None:
    """The health check is 1+1 at time 4, then buildinfo, which has no `features`."""
    first = await client.post("/api/v1/query", query="1+1", time=4)
    build = await client.data("/api/v1/status/buildinfo")
    assert first.json["data"] == {"resultType": "scalar", "result": [4, "2"]}
    assert ("features" in build, build["version"].split(".")[0]) == (False, "3")


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("rules", {"groups": []}),
        ("alerts", {"alerts": []}),
        ("targets", {"activeTargets": [], "droppedTargets": []}),
        ("query_exemplars", []),
        ("metadata", {}),
    ],
)
async def test_nothing_there(client: HttpClient, path: str, data: Any) -> None:
    """What tallyd does not have is empty, not missing."""
    assert await client.data(f"/api/v1/{path}") == data


async def test_status(client: HttpClient) -> None:
    """The server tells its limits, its series, and that it is ready."""
    assert (await client.data("/api/v1/status/runtimeinfo"))["timeSeriesCount"] == 4
    assert await client.data("/api/v1/status/tsdb", limit=1) == {
        "headStats": {"numSeries": 4, "numLabelPairs": 8},
        "seriesCountByMetricName": [{"name": "x_total", "value": 3}],
        "labelValueCountByLabelName": [{"name": "pod", "value": 3}],
        "memoryInBytesByLabelName": [{"name": "app_id", "value": 16}],
        "seriesCountByLabelValuePair": [{"name": "__name__=x_total", "value": 3}],
    }
    assert (await client.get("/api/v1/status/tsdb", limit=0)).status == 400
    assert (await client.data("/api/v1/status/flags"))["query.timeout"] == "2m"
    config = yaml.safe_load((await client.data("/api/v1/status/config"))["yaml"])
    assert (config["exporters"]["windows"]["settle_for"], "http_api" in config["extensions"]) == (
        "0s",
        True,
    )
    assert [(await client.get(f"/-/{page}")).status for page in ("healthy", "ready")] == [200, 200]


async def test_format_query(client: HttpClient) -> None:
    """A query is printed in its canonical form."""
    query = "sum   by(app_id)(rate( x_total[60s] ))"
    assert await client.data("/api/v1/format_query", query=query) == (
        "sum by (app_id) (rate(x_total[1m]))"
    )


async def test_gzip(client: HttpClient) -> None:
    """A large answer is compressed for who asks for it, a small one never."""
    query = 'label_replace(x_total, "long", "' + "0123456789" * 60 + '", "", "")'
    headers = {"Accept-Encoding": "gzip"}
    for parameters, packed in (({"query": query}, True), ({"query": "1"}, False)):
        found = await client.send("GET", "/api/v1/query", params=parameters, headers=headers)
        plain = await client.send(
            "GET", "/api/v1/query", params=parameters, headers={"Accept-Encoding": "gzip;q=0"}
        )
        assert (found.headers.get("Content-Encoding") == "gzip") is packed
        assert "Content-Encoding" not in plain.headers
        body = gzip.decompress(found.body) if packed else found.body
        assert json.loads(body)["data"] == plain.json["data"]


async def test_methods_and_paths(client: HttpClient) -> None:
    """Other methods are told what is allowed, other paths are not found; HEAD has no body."""
    options = await client.send("OPTIONS", "/api/v1/query")
    put = await client.send("PUT", "/api/v1/query")
    other = await client.get("/api/v1/nothing")
    head = await client.send("HEAD", "/api/v1/query?query=1")
    assert (options.status, options.headers["Allow"]) == (204, "GET, HEAD, POST, OPTIONS")
    assert (put.status, put.body) == (405, b"expected GET or HEAD or POST, got PUT\n")
    assert (other.status, other.body) == (404, b"no such path: /api/v1/nothing\n")
    assert (head.status, head.body) == (200, b"")


async def test_cors_is_off(client: HttpClient) -> None:
    """Without configuration no page in a browser may ask."""
    found = await client.send("GET", "/api/v1/labels", headers={"Origin": "http://x"})
    assert [name for name in found.headers if name.startswith("Access-Control")] == []


async def test_cors() -> None:
    """Origins that are configured may ask, others may not."""
    text = "extensions: {http_api: {cors: {allowed_origins: ['https://grafana']}}}"
    async with http_client(text) as client:
        found = [
            (await client.send("OPTIONS", "/api/v1/query", headers={"Origin": origin})).headers.get(
                "Access-Control-Allow-Origin"
            )
            for origin in ("https://grafana", "https://other")
        ]
    assert found == ["https://grafana", None]


async def test_counted(client: HttpClient) -> None:
    """Every answer is counted by its status."""
    before = client.run.page()
    await client.get("/api/v1/query", query="1")
    await client.get("/api/v1/query", query="(")
    after = client.run.page()
    names = {code: f'tallyd_http_api_answers_total{{status="{code}"}}' for code in (200, 400)}
    assert {code: after[name] - before.get(name, 0.0) for code, name in names.items()} == {
        200: 1.0,
        400: 1.0,
    }


async def test_delayed_name_removal(client: HttpClient) -> None:
    """Two names with equal labels are 422 as a rate, unless names are removed at the end (promql.md 2.13)."""
    twins = {(("__name__", "y_total"), *labels[1:]): points for labels, points in REQUESTS.items()}
    await client.write(twins)
    query = 'count(rate({__name__=~"x_total|y_total"}[1m]))'
    clash = await client.get("/api/v1/query", query=query)
    delayed = await client.get("/api/v1/query", query=query, delayed_name_removal="true")
    assert (clash.status, clash.json["errorType"]) == (422, "execution")
    assert delayed.json["data"]["result"] == [{"metric": {}, "value": [START_S + 62, "6"]}]


async def test_metadata(client: HttpClient) -> None:
    """Remote writers' and sidecars' descriptions are told, all, one, or some of them."""
    raw = write_request(metadatas=[metadata(1, "x_total", "Requests.", "1"), metadata(2, "up")])
    await client.send("POST", "/api/v1/write", data=compressed(raw), headers=HEADERS)
    x_total = {"x_total": [{"type": "counter", "unit": "1", "help": "Requests."}]}
    up = {"up": [{"type": "gauge", "unit": "", "help": ""}]}
    async with client.run.sidecar(request(node=node())) as sidecar:
        await sidecar.report(request(ci("http/calls", at=START_S + 60)))
        described = (await client.data("/api/v1/metadata"))["http_calls"][0]["type"]
    assert (
        described,
        await client.data("/api/v1/metadata", metric="x_total"),
        await client.data("/api/v1/metadata", metric="up", limit=1),
        len(await client.data("/api/v1/metadata", limit=1)),
        await client.data("/api/v1/metadata", metric="nobody"),
    ) == ("counter", x_total, up, 1, {})


@pytest.mark.parametrize(
    ("settings", "found"),
    [
        ("", {290: 1, 310: 0}),
        ("exporters: {windows: {retention: 10m}}", {310: 1, 590: 1, 610: 0}),
        ("exporters: {windows: {retention: 0s}}", {290: 1, 310: 0}),
        (
            "exporters: {windows: {retention: 10m}}\nextensions: {http_api: {lookback: 1m}}",
            {50: 1, 70: 0},
        ),
    ],
    ids=["default", "retention", "no retention", "lookback"],
)
async def test_lookback(settings: str, found: dict[int, int]) -> None:
    """A plain selector finds what is as old as samples get, unless `lookback` says otherwise."""
    async with http_client(f"{WITH_REMOTE_WRITE}\n{settings}") as client:
        await client.write({(("__name__", "x"),): [(0, 1.0)]})
        for after_s, number in found.items():
            at_s = START_MS / 1000 + after_s
            data = await client.data(
                "/api/v1/query", query="last_over_time(x[1h]) and x", time=at_s
            )
            assert len(data["result"]) == number, after_s
