"""How long KEDA and a writer wait while somebody else asks for much: at most a few steps of the event loop."""

from __future__ import annotations

import http.client
import multiprocessing
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from itertools import count, islice
from urllib.parse import urlencode

import grpc
import pytest

from daemon.scaler import schema
from tests.bench.process import STORED, Process, tallyd
from tests.bench.promql_data import Data, bodies_of_new
from tests.bench.table import show
from tests.support.keda_client import KEDA_2_17, WALKTHROUGH
from tests.support.remote_write import HEADERS, compressed, time_series, write_request

pytestmark = pytest.mark.bench

SERIES = 100_000
_SPAWN = multiprocessing.get_context("spawn")
PROBED_S = 3.0
MOST_MS = 20
CONFIG = STORED.replace("{opencensus:", "{prometheusremotewrite: , opencensus:").replace(
    "keda_scaler:", 'http_api: {endpoint: "127.0.0.1:0"}, keda_scaler:'
)
QUERY = "/api/v1/query"
HEAVY: dict[str, tuple[str, dict[str, str]]] = {
    "sum(rate)": (QUERY, {"query": "sum(rate(x[1m]))"}),
    "rate": (QUERY, {"query": "rate(x[1m])"}),
    "x[5m]": (QUERY, {"query": "x[5m]"}),
    "topk by": (QUERY, {"query": "topk by (app_id) (5, rate(x[1m]))"}),
    "sort_desc": (QUERY, {"query": "sort_desc(x)"}),
    "sum by": (QUERY, {"query": "sum by (pod) (x)"}),
    "binary": (QUERY, {"query": "sum(x / on(pod) x)"}),
    "label_replace": (QUERY, {"query": 'count(label_replace(x, "p", "$1", "pod", ".*-(.*)"))'}),
    "quantile_over_time": (QUERY, {"query": "sum(quantile_over_time(0.9, x[1m]))"}),
    "series": ("/api/v1/series", {"match[]": "x"}),
    "label values": ("/api/v1/label/pod/values", {}),
}


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Process, Data]]:
    with tallyd(CONFIG, tmp_path_factory.mktemp("latency")) as process:
        data = Data(series=SERIES, start_ms=int(time.time() - 80) * 1000)
        with _connected(process) as connection:
            for bodies in data.rounds():
                for body in bodies:
                    _ask(connection, "/api/v1/write", body)
        yield process, data


@pytest.mark.parametrize("case", [*HEAVY, "regex", "new series", "nothing"])
def test_waits(filled: tuple[Process, Data], case: str) -> None:
    """While heavy questions are asked without pause, KEDA and a writer are answered as if nobody else was there."""
    process, data = filled
    pestering = _SPAWN.Process(
        target=_pester, args=(process.ports["http_api"], data, case), daemon=True
    )
    with _probes(process) as probes:
        if case != "nothing":
            pestering.start()
            process.until_busy()
        waits = _waits_ms(probes)
        if case != "nothing":
            assert pestering.is_alive(), "nobody asked anything"
            pestering.kill()
            pestering.join()
    for who, took in waits.items():
        show(f"{case}: {who} p99", took[len(took) * 99 // 100], "ms", at_most=MOST_MS)
        show(f"{case}: {who} longest", took[-1], "ms", at_most=MOST_MS)


def _pester(port: int, data: Data, case: str) -> None:
    """Ask without pause; runs in a process of its own, whose reading must not hold the probes up."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    fresh = bodies_of_new(2_000, int(time.time() * 1000))
    ready = list(islice(fresh, 40)) if case == "new series" else []
    for number in count():
        if case == "new series":
            _ask(connection, "/api/v1/write", ready[number % len(ready)])
        elif case == "regex":
            query = f'count(x{{pod=~".*[0-9a-f]{number}[0-9]+$"}})'
            _ask(connection, QUERY, _form(data, {"query": query}))
        else:
            path, parameters = HEAVY[case]
            _ask(connection, path, _form(data, parameters))


@contextmanager
def _probes(process: Process) -> Iterator[dict[str, Callable[[], None]]]:
    with ExitStack() as stack:
        options = [("grpc.use_local_subchannel_pool", 1)]
        channel = stack.enter_context(
            grpc.insecure_channel(f"127.0.0.1:{process.ports['keda_scaler']}", options=options)
        )
        call = channel.unary_unary(f"/{schema.SERVICE}/GetMetrics")
        connection = stack.enter_context(_connected(process))
        number = [0]

        def keda() -> None:
            number[0] += 1
            ref = KEDA_2_17["ScaledObjectRef"](
                name=f"object-{number[0]}", namespace="default", scalerMetadata=dict(WALKTHROUGH)
            )
            request = KEDA_2_17["GetMetricsRequest"](scaledObjectRef=ref, metricName="m")
            with suppress(grpc.RpcError):  # an answer too: nobody ever reported it
                call(request.SerializeToString())

        def push() -> None:
            now_ms = int(time.time() * 1000)
            series = time_series([("__name__", "pushed")], [(now_ms, 1.0)])
            _ask(connection, "/api/v1/write", compressed(write_request([series])))

        probes = {"GetMetrics": keda, "push": push}
        for probe in probes.values():
            probe()  # connects
        yield probes


def _waits_ms(probes: dict[str, Callable[[], None]]) -> dict[str, list[float]]:
    """Return how long each probe took, in ascending order."""
    waits: dict[str, list[float]] = {name: [] for name in probes}
    until = time.monotonic() + PROBED_S
    while time.monotonic() < until:
        for name, probe in probes.items():
            began = time.perf_counter()
            probe()
            waits[name].append((time.perf_counter() - began) * 1e3)
            time.sleep(0.005)
    return {name: sorted(took) for name, took in waits.items()}


@contextmanager
def _connected(process: Process) -> Iterator[http.client.HTTPConnection]:
    connection = http.client.HTTPConnection("127.0.0.1", process.ports["http_api"], timeout=120)
    yield connection
    connection.close()


def _form(data: Data, parameters: dict[str, str]) -> bytes:
    return urlencode({"time": f"{data.at_ms / 1000:.3f}", **parameters}).encode()


def _ask(connection: http.client.HTTPConnection, path: str, body: bytes) -> None:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    method = "GET" if "/label/" in path else "POST"
    if path.endswith("/write"):
        headers = dict(HEADERS)
    connection.request(method, path, body=None if method == "GET" else body, headers=headers)
    response = connection.getresponse()
    text = response.read()
    assert response.status in {200, 204}, text[:500]
