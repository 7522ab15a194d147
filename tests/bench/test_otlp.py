"""What a data point of an OTLP request costs the process, from the socket to its window, against the plain way to read it."""

from __future__ import annotations

import http.client
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from typing import Any, NamedTuple

import grpc
import pytest

from receivers.otlp.grpc_server import METRICS_SERVICE
from tests.bench.otlp_requests import export, walk
from tests.bench.process import Process, running, tallyd
from tests.bench.table import show
from tests.support.otlp_messages import to_json

REQUESTS = 40
"""Of one round."""
ROUNDS = 3
"""The best one counts: what else runs on the machine only adds."""
JSON_REQUESTS = 8
MOST_JSON_TIMES = 8
"""What JSON costs, in times of what the official classes take to read the binary form."""
JSON = "application/json"
CONFIG = """
receivers: {otlp: {protocols: {grpc: {endpoint: "127.0.0.1:0"}, http: {endpoint: "127.0.0.1:0"}}}}
extensions: {health_check: {endpoint: "127.0.0.1:0"}}
exporters: {windows: {settle_for: 0s}}
"""
TELEMETRY = 'telemetry: {metrics: {address: "127.0.0.1:0"}}'
STORING = f"{CONFIG}service: {{{TELEMETRY}}}"
DROPPING = (
    CONFIG
    + f"""
processors: {{filter: {{metrics: {{metric: ['not IsMatch(name, "^kept")']}}}}}}
service: {{{TELEMETRY}, pipelines: {{metrics: {{processors: [filter]}}}}}}
"""
)

pytestmark = pytest.mark.bench

Send = Callable[[bytes], None]


class Shape(NamedTuple):
    """How many metrics a request has, of how many series each.

    The plain way to read it takes so many times as long, at least, as what storing and dropping it cost on top of a
    request with nothing in it. These are lone requests: nothing of tallyd is in the processor's caches when one comes.
    """

    metrics: int
    series: int
    stored: float
    dropped: float


SHAPES = (Shape(1, 100, 1.3, 2), Shape(20, 5, 1.2, 2), Shape(100, 1, 1.2, 1), Shape(20, 100, 8, 8))


@contextmanager
def _grpc(process: Process, component: str = "otlp.protocols.grpc") -> Iterator[Send]:
    with grpc.insecure_channel(f"127.0.0.1:{process.ports[component]}") as channel:
        call = channel.unary_unary(f"/{METRICS_SERVICE}/Export")
        yield call


@contextmanager
def _http(process: Process, content_type: str = "application/x-protobuf") -> Iterator[Send]:
    connection = http.client.HTTPConnection(
        "127.0.0.1", process.ports["otlp.protocols.http"], timeout=60
    )

    def send(body: bytes) -> None:
        connection.request("POST", "/v1/metrics", body, {"Content-Type": content_type})
        answer = connection.getresponse()
        assert answer.read() in {b"", b"{}"}
        assert answer.status == 200

    yield send
    connection.close()


class Costs:
    """Measures requests of one shape; their times go on from one measurement to the next."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._at_s = time.time() - 60
        self._numbers = count()

    def of(self, process: Process, send: Send, *, as_json: bool = False) -> float:
        """Return the process's CPU time for a request, in microseconds."""
        requests = JSON_REQUESTS if as_json else REQUESTS
        costs = []
        # The first round makes series and lets rings grow to the size that they will keep.
        for _ in range(ROUNDS + 1):
            messages = [self._message() for _ in range(requests)]
            bodies = [to_json(one) if as_json else one.SerializeToString() for one in messages]
            costs.append(_sent_us(process, send, bodies))
        return min(costs[1:])

    def plain(self) -> float:
        """Return what reading one the plain way costs."""
        raw = self._message().SerializeToString()
        costs = []
        for _ in range(ROUNDS):
            began_s = time.process_time()
            for _ in range(REQUESTS):
                walk(raw)
            costs.append(time.process_time() - began_s)
        return min(costs) / REQUESTS * 1e6

    def _message(self) -> Any:
        return export(self._shape.metrics, self._shape.series, self._at_s, next(self._numbers))


def _empty_us(process: Process, send: Send) -> float:
    """What a request with nothing in it costs: the transport's part."""
    return min(_sent_us(process, send, [b""] * REQUESTS) for _ in range(ROUNDS + 1))


def _sent_us(process: Process, send: Send, bodies: list[bytes]) -> float:
    before_s = process.cpu_s()
    for body in bodies:
        send(body)
    return (process.cpu_s() - before_s) / len(bodies) * 1e6


@pytest.fixture(scope="module")
def processes(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[Process, Process, Process]]:
    """One that stores, one that drops all by name, and the least that a Python server can do."""
    with ExitStack() as stack:
        yield (
            stack.enter_context(tallyd(STORING, tmp_path_factory.mktemp("storing"))),
            stack.enter_context(tallyd(DROPPING, tmp_path_factory.mktemp("dropping"))),
            stack.enter_context(running(["-m", "tests.bench.plain_server"])),
        )


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: f"{shape.metrics}x{shape.series}")
def test_cost_of_a_point(processes: tuple[Process, Process, Process], shape: Shape) -> None:
    """What a request costs on top of an empty one is bounded by what the official classes take to read it."""
    storing, dropping, plain_server = processes
    costs, points = Costs(shape), shape.metrics * shape.series
    plain = costs.plain()
    with _grpc(storing) as send:
        by_call, stored = _empty_us(storing, send), costs.of(storing, send)
    with _grpc(plain_server, "opencensus") as send:
        floor = costs.of(plain_server, send)
    with _http(storing) as send:
        by_post, over_http = _empty_us(storing, send), costs.of(storing, send)
    with _http(storing, JSON) as send:
        as_json = costs.of(storing, send, as_json=True)
    with _http(dropping) as send:
        dropped = costs.of(dropping, send)
    title = f"{shape.metrics} metrics of {shape.series} series"
    show(f"{title}: empty request, gRPC", by_call, "us")
    show(f"{title}: empty request, HTTP", by_post, "us")
    show(f"{title}: request that grpc.aio takes in and drops", floor, "us")
    for what, cost, empty, budget_us in (
        ("stored, gRPC", stored, by_call, 2.5),
        ("stored, HTTP", over_http, by_post, 2.5),
        ("stored, HTTP, JSON", as_json, by_post, 25),
        ("dropped by name, HTTP", dropped, by_post, 0.3),
    ):
        show(f"{title}: CPU per point, {what}", cost / points, "us", at_most=budget_us)
        show("  official classes / this on top of empty", plain / (cost - empty), "")
    # What gRPC's own part of a lone call costs depends on how busy the machine is: it is told, not asserted.
    assert (over_http - by_post) * shape.stored < plain
    assert (dropped - by_post) * shape.dropped < plain
    assert as_json < MOST_JSON_TIMES * plain
