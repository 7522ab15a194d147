"""`tallyd query`: what is asked, what is printed, and the exit code."""

from __future__ import annotations

import argparse
import asyncio
import json
import socket
import threading
from collections.abc import Sequence
from typing import Any

import pytest

from daemon.cli import main
from daemon.query_command.client import Answer, Element
from daemon.query_command.command import read_question, read_time
from daemon.query_command.text import format_charts, format_table
from daemon.web.client import AskError
from tests.support.http_api import START_MS, http_client

START_S = START_MS // 1000


def arguments(**given: Any) -> argparse.Namespace:
    return argparse.Namespace(**{"expr": "up", "at": None, "range": None, **given})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, ("query", {"query": "up"})),
        ({"at": "12.5"}, ("query", {"query": "up", "time": "12.5"})),
        ({"at": "-30s"}, ("query", {"query": "up", "time": "70.000"})),
        (
            {"range": "-1m, now ,15s"},
            ("query_range", {"query": "up", "start": "40.000", "end": "100.000", "step": "15s"}),
        ),
    ],
    ids=["now", "a time", "before now", "a range"],
)
def test_question(given: dict[str, str], expected: tuple[str, dict[str, str]]) -> None:
    """Times relative to now are worked out here, others are left to the server."""
    assert read_question(arguments(**given), 100.0) == expected


@pytest.mark.parametrize(
    ("given", "text"),
    [
        ({"at": "1", "range": "1,2,3"}, "--at and --range exclude each other"),
        ({"range": "1,2"}, "expected --range FROM,TO,STEP such as -5m,now,15s, got '1,2'"),
        ({"at": "-soon"}, "time '-soon': expected a duration such as 1m30s, got 'soon'"),
    ],
    ids=["both", "two parts", "no duration"],
)
def test_wrong_question(given: dict[str, str], text: str) -> None:
    """Wrong times are told before anybody is asked."""
    with pytest.raises(AskError) as caught:
        read_question(arguments(**given), 100.0)
    assert (str(caught.value), caught.value.is_bad_question) == (text, True)


def test_now() -> None:
    """`now` is the caller's clock."""
    assert read_time("now", 1.5) == "1.500"


def answer(kind: str, *elements: tuple[dict[str, str], Sequence[tuple[float, str]]]) -> Answer:
    listed = [Element(labels=labels, points=points) for labels, points in elements]
    return Answer(type=kind, elements=listed, document={})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (answer("scalar", ({}, [(1, "2")])), ["2"]),
        (answer("vector"), ["no series"]),
        (
            answer(
                "vector",
                ({"__name__": "up", "job": "b\n"}, [(1, "+Inf")]),
                ({"__name__": "up"}, [(1, "1.5")]),
                ({}, [(1, "NaN")]),
            ),
            ["{}              NaN", "up              1.5", 'up{job="b\\n"}  +Inf'],
        ),
        (
            answer("matrix", ({"a": "x"}, [(0, "1"), (0.5, "20")])),
            ['{a="x"}   1  1970-01-01T00:00:00Z', '{a="x"}  20  1970-01-01T00:00:00.500Z'],
        ),
    ],
    ids=["scalar", "nothing", "vector", "matrix"],
)
def test_table(given: Answer, expected: list[str]) -> None:
    """One aligned line for each value, sorted by series."""
    assert list(format_table(given)) == expected


def test_charts() -> None:
    """All series stand on one scale and one time axis; missing points are blanks."""
    given = answer(
        "matrix",
        ({"__name__": "x"}, [(0, "0"), (1, "5"), (2, "NaN"), (3, "10")]),
        ({"__name__": "y"}, [(3, "2.5")]),
    )
    assert list(format_charts(given, width=80)) == [
        "1970-01-01T00:00:00Z to 1970-01-01T00:00:03Z, from 0 to 10",
        "x",
        "  ▁▅ █",
        "  last 10  min 0  max 10",
        "y",
        "     ▃",
        "  last 2.5  min 2.5  max 2.5",
    ]


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (answer("matrix"), ["no series"]),
        (answer("matrix", ({}, [(0, "NaN")])), ["no finite values"]),
    ],
    ids=["nothing", "NaN"],
)
def test_nothing_to_draw(given: Answer, expected: list[str]) -> None:
    """Without numbers there is no chart, and it says why."""
    assert list(format_charts(given, width=80)) == expected


def test_wide_chart() -> None:
    """A chart is not wider than the terminal, and the last point is in its last column."""
    given = answer("matrix", ({}, [(at, str(at)) for at in range(1000)]))
    chart = list(format_charts(given, width=42, bars="_.-=+*#@"))[2]
    assert (len(chart), chart[2], chart[-1]) == (42, "_", "@")


def test_many_series() -> None:
    """Twenty series are drawn, the others counted."""
    given = answer("matrix", *(({"n": str(n)}, [(0, "1"), (1, "1")]) for n in range(25)))
    assert list(format_charts(given, width=80))[-1] == "... and 5 more series; --json shows all"


async def ask(url: str, *args: str) -> int:
    return await asyncio.to_thread(main, ["query", "--url", url, *args])


@pytest.mark.integration
async def test_running(capsys: pytest.CaptureFixture[str]) -> None:
    """A running tallyd is asked; infos go to standard error, a bad query exits with 2, a failing one with 1."""
    async with http_client() as client:
        await client.run.at(START_MS + 62_000)
        await client.write({(("__name__", "up"), ("a", "b")): [(50_000, 1.0), (60_000, 1.0)]})
        capsys.readouterr()
        codes = [await ask(client.url, 'sum by (a) (up{a="b"})')]
        table = capsys.readouterr()
        codes.append(await ask(client.url, "rate(up[1m])", "--json"))
        as_json = capsys.readouterr()
        codes.append(await ask(client.url, "up", "--range", f"{START_S + 60},{START_S + 62},1"))
        charts = capsys.readouterr().out
        codes.append(await ask(client.url, "sum(up"))
        bad = capsys.readouterr().err
        codes.append(await ask(client.url, "up + on (nothing) (up or up * 2)"))
    assert codes[:4] == [0, 0, 0, 2]
    assert table == ('{a="b"}  1\n', "")
    assert json.loads(as_json.out)["data"]["resultType"] == "vector"
    assert as_json.err.startswith("tallyd query: PromQL info: metric might not be a counter")
    assert charts.splitlines()[1:] == ['up{a="b"}', "  ▅▅▅", "  last 1  min 1  max 1"]
    assert bad.startswith('tallyd query: bad_data: invalid parameter "query": 1:7: parse error')


def test_nobody_there(capsys: pytest.CaptureFixture[str]) -> None:
    """Where nobody listens the text says so, exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    assert main(["query", "--url", url, "up"]) == 1
    assert capsys.readouterr().err == (
        f"tallyd query: cannot ask {url}: connection refused; is tallyd running there?\n"
    )


def test_no_http(capsys: pytest.CaptureFixture[str]) -> None:
    """A port where something else is spoken, such as KEDA's, is named as such, exit code 1."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]

        def settings_frame() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"\0\0\0\4\0\0\0\0\0")

        peer = threading.Thread(target=settings_frame)
        peer.start()
        url = f"http://127.0.0.1:{port}"
        assert main(["query", "--url", url, "up"]) == 1
        peer.join()
    assert capsys.readouterr().err == (
        f"tallyd query: cannot ask {url}: what came back is no HTTP: is it a gRPC port?\n"
    )


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("localhost:9090", "expected a URL such as http://localhost:9090, got 'localhost:9090'"),
        ("file:///etc/passwd", "expected a URL such as http://localhost:9090"),
        ("http://[::1", "expected a URL such as http://localhost:9090"),
        ("http://localhost:abc", "expected a URL such as http://localhost:9090"),
        ("http://local host:9090", "expected a URL such as http://localhost:9090"),
        ("http://", "expected a URL such as http://localhost:9090"),
    ],
)
def test_wrong_url(url: str, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A URL of another kind is a wrong argument."""
    assert main(["query", "--url", url, "up"]) == 2
    assert text in capsys.readouterr().err


@pytest.mark.parametrize("times", [("--at", "-30s"), ("--at=-30s",), ("--range", "-5m,now,15s")])
def test_times_before_now(times: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    """A time that begins with a minus is no option: the question is asked, here where nobody listens."""
    code = main(["query", "--url", "http://127.0.0.1:1", *times, "up"])
    assert (code, capsys.readouterr().err.startswith("tallyd query: cannot ask")) == (1, True)
