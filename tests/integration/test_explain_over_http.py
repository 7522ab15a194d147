"""`tallyd explain --url` and the page it asks, on a running tallyd."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from daemon.cli import main
from query.labels import Labels
from tests.support.http_api import START_MS, WITH_REMOTE_WRITE, HttpClient, http_client

pytestmark = pytest.mark.integration

PATH = "/api/v1/tallyd/explain"
AT_MS = START_MS + 60_000
SERIES: dict[Labels, list[tuple[int, float]]] = {
    (("__name__", "x"), ("app", app)): [(at_ms, value) for at_ms in (50_000, 60_000)]
    for app, value in (("a", 1.25), ("b", 6.0))
}
NAMED = """
extensions:
  keda_scaler:
    queries: {both: {metricQuery: sum(x), targetValue: "2", clampMax: "5"}}
"""


@pytest.fixture
async def client() -> AsyncIterator[HttpClient]:
    """A tallyd with two gauges and a named query."""
    async with http_client(WITH_REMOTE_WRITE + NAMED) as client:
        await client.run.at(AT_MS)
        await client.write(SERIES)
        yield client


def series(app: str, value: float) -> dict[str, Any]:
    return {
        "labels": {"__name__": "x", "app": app},
        "live": True,
        "warming": False,
        "value": value,
        "part": value,
    }


async def test_document(client: HttpClient) -> None:
    """The page tells what was understood, the series, the answer, what KEDA is told; the keys of a named query count."""
    found = await client.data(PATH, queryRef="both", activationThreshold="1", clampmin="0")
    senders = [one.pop("sender") for one in found["series"]]
    assert len(set(senders)) == 1
    assert found == {
        "at_ms": AT_MS,
        "metadata": {
            "metricQuery": "sum(x)",
            "targetValue": "2",
            "clampMax": "5",
            "activationTargetValue": "1",
        },
        "query": {
            "text": "sum(x)",
            "dialect": "auto",
            "read_as": "promql",
            "understood": "sum(x)",
            "applied": "sum(x)",
            "operation_over_time": "last_one",
            "window_s": 60.0,
            "target": 2.0,
            "clamp_min": None,
            "clamp_max": 5.0,
            "activation": 1.0,
        },
        "series": [series("b", 6.0), series("a", 1.25)],
        "answer": {
            "at_ms": AT_MS,
            "name": "x",
            "known": True,
            "window_start_ms": found["answer"]["window_start_ms"],
            "window_end_ms": AT_MS,
            "raw_value": 7.25,
            "sigma": 0.0,
            "value": 7.25,
        },
        "told": {"value": 5.0, "metric_value": 5, "metric_value_float": 5.0, "active": True},
        "refused": None,
        "left_out": 0,
        "warnings": ["metadata key clampmin means nothing here, did you mean clampMin?"],
    }


async def test_post(client: HttpClient) -> None:
    """A form is read as a query string is."""
    parameters = {"metricQuery": "max(x)", "targetValue": "1"}
    posted = (await client.post(PATH, **parameters)).json["data"]
    assert posted == await client.data(PATH, **parameters)


@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({}, "metadata key targetValue: expected a number of at least 0.001, got nothing"),
        ({"metricQuery": "sum(", "targetValue": "1"}, "metadata key metricQuery: "),
        ({"queryRef": "nope"}, "metadata key queryRef: "),
    ],
    ids=["nothing", "bad query", "unknown reference"],
)
async def test_bad_question(client: HttpClient, parameters: dict[str, str], error: str) -> None:
    """Metadata that asks nothing is bad data, with every mistake."""
    answered = await client.get(PATH, **parameters)
    document = answered.json
    assert (answered.status, document["errorType"], error in document["error"]) == (
        400,
        "bad_data",
        True,
    )


async def test_unknown_name(client: HttpClient) -> None:
    """What KEDA would get as an error is explained, not an error itself."""
    found = await client.data(PATH, metricQuery="nope", targetValue="1")
    assert (found["refused"]["status"], found["told"], found["series"]) == ("not_found", None, [])


async def test_settling() -> None:
    """While settling, KEDA would get UNAVAILABLE whatever the windows hold."""
    async with http_client(WITH_REMOTE_WRITE, settle_for="70s") as client:
        await client.run.at(AT_MS)
        await client.write(SERIES)
        found = await client.data(PATH, metricQuery="sum(x)", targetValue="1")
    assert (found["refused"]["status"], found["answer"]["value"]) == ("unavailable", 7.25)


async def test_many_series(client: HttpClient) -> None:
    """Of very many series those with the largest parts are told, and how many are left out."""
    many: dict[Labels, list[tuple[int, float]]] = {
        (("__name__", "y"), ("n", str(n))): [(60_000, float(n))] for n in range(1_003)
    }
    await client.write(many)
    found = await client.data(PATH, metricQuery="sum(y)", targetValue="1")
    parts = [one["part"] for one in found["series"]]
    assert (parts[0], parts[-1], len(parts), found["left_out"]) == (1002.0, 3.0, 1000, 3)


async def say(capsys: pytest.CaptureFixture[str], *argv: str) -> tuple[int, str, str]:
    code = await asyncio.to_thread(main, ["explain", *argv])
    out, err = capsys.readouterr()
    return code, out, err


async def test_command(client: HttpClient, capsys: pytest.CaptureFixture[str]) -> None:
    """The command prints what the page tells in the words it has for recordings."""
    argv = ("--url", client.url, "--over-time", "last_one", "--metadata", "clampMax=5", "sum(x)")
    code, out, err = await say(capsys, *argv)
    assert (code, err) == (0, "")
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert [line for line in lines if line.startswith(("under", "series", "6", "KEDA", "ans"))] == [
        "understood sum(x)",
        "series: 2 match",
        '6 6 live {app="b"}',
        f"answer at 22:27:40.000 UTC, of {client.url}",
        "KEDA is told 5, clamped (metricValue 5, metricValueFloat 5), active",
    ]


async def test_command_json(client: HttpClient, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json the data are printed as they came."""
    code, out, err = await say(capsys, "--url", client.url, "--json", "sum(x)")
    assert (code, err, sorted(json.loads(out))) == (
        0,
        "",
        sorted(
            [
                "at_ms",
                "metadata",
                "query",
                "series",
                "answer",
                "told",
                "refused",
                "left_out",
                "warnings",
            ],
        ),
    )


async def test_command_check(client: HttpClient, capsys: pytest.CaptureFixture[str]) -> None:
    """What KEDA would get as an error fails under --check only."""
    codes = [
        (await say(capsys, "--url", client.url, *argv, "nope"))[0] for argv in ((), ("--check",))
    ]
    assert codes == [0, 1]


async def test_command_bad_question(client: HttpClient, capsys: pytest.CaptureFixture[str]) -> None:
    """The server's complaint is shown."""
    code, out, err = await say(capsys, "--url", client.url, "sum(")
    assert (code, out) == (1, "")
    assert err.startswith("tallyd explain: bad_data: metadata key metricQuery: ")


async def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    """An address where nobody listens is said."""
    code, out, err = await say(capsys, "--url", "http://127.0.0.1:1", "x")
    assert (code, out, err.startswith("tallyd explain: cannot ask http://127.0.0.1:1: ")) == (
        1,
        "",
        True,
    )
