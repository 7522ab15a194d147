"""What a data point of an OTLP request costs to decode, as CPU time of the process, against the plain way."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from receivers.otlp.decode import Decoder
from receivers.otlp.json_body import transcode_json
from receivers.otlp.request import ExportRequest
from tests.bench.otlp_requests import export, walk
from tests.bench.table import show
from tests.support.otlp_messages import to_json

SERIES = 100
REQUESTS = 100
ROUNDS = 7
"""The best one counts: what else runs on the machine only adds."""
AT_S = 1_700_000_600

pytestmark = pytest.mark.bench


def _cost_us(bodies: list[bytes], take: Callable[[bytes], object]) -> float:
    """CPU time for a point."""
    costs = []
    for _ in range(ROUNDS):
        began = time.process_time()
        for body in bodies:
            take(body)
        costs.append(time.process_time() - began)
    return min(costs) / len(bodies) / SERIES * 1e6


def _read_rows(request: ExportRequest) -> None:
    for _, batch in request.batches:
        for resource in batch:
            for scope in resource.scope_metrics:
                for metric in scope.metrics:
                    encoded = metric.encoded
                    assert encoded is not None
                    assert encoded.rows()


@pytest.mark.parametrize(
    ("metrics", "rows_in", "dropped_in"), [(1, 4, 20), (20, 3, 8), (100, 1.6, 3)]
)
def test_cost_of_a_point(metrics: int, rows_in: float, dropped_in: float) -> None:
    """Rows of known series cost a third of the plain way, what a filter drops by name an eighth; one in a metric, more."""
    messages = [export(metrics, SERIES // metrics, AT_S, number) for number in range(REQUESTS)]
    bodies = [message.SerializeToString() for message in messages]
    documents = [to_json(message) for message in messages[:10]]
    decoder = Decoder(lambda _reason, _points: None)

    def decode(raw: bytes) -> ExportRequest:
        return decoder.decode(raw, peer="10.0.0.1", at_ms=AT_S * 1000)

    plain = _cost_us(bodies, walk)
    dropped = _cost_us(bodies, decode)
    rows = _cost_us(bodies, lambda raw: _read_rows(decode(raw)))
    json_rows = _cost_us(documents, lambda body: _read_rows(decode(transcode_json(body))))
    title = f"CPU per point, {metrics} metrics with {SERIES} series"
    show(f"{title}, official classes", plain, "us")
    show(f"{title}, dropped by name", dropped, "us", at_most=0.3)
    show(f"{title}, rows", rows, "us", at_most=1.2)
    show(f"{title}, rows from JSON", json_rows, "us", at_most=25)
    assert rows < plain / rows_in
    assert dropped < plain / dropped_in
    assert json_rows < 6 * plain
