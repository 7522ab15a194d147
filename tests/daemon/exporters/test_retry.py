"""What becomes of a request after an attempt."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import grpc
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceResponse,
)

from daemon.config.sending import RetryConfig
from daemon.exporters.answers import (
    HttpAnswer,
    judge_grpc,
    judge_otlp_http,
    judge_remote_write,
    judge_response,
)
from daemon.exporters.retry import SHORTEST_PAUSE_S, Backoff, Failed, Outcome, Sent

NOW_S = 1_700_000_000.0
PROTOBUF = "application/x-protobuf"
PARTIAL = ExportMetricsServiceResponse(
    partial_success=ExportMetricsPartialSuccess(rejected_data_points=2, error_message="too old")
).SerializeToString()
TEXT_ONLY = ExportMetricsServiceResponse(
    partial_success=ExportMetricsPartialSuccess(error_message="slow down")
).SerializeToString()


def kind(outcome: Outcome) -> str:
    if isinstance(outcome, Sent):
        return f"sent, {outcome.warning}" if outcome.warning else "sent"
    if not outcome.again:
        return "dropped"
    return f"again after {outcome.after_s:g}" if outcome.after_s else "again"


ROWS = [
    *[(HttpAnswer(status), "sent", "sent") for status in (200, 202, 204)],
    (HttpAnswer(200, "text/html", "", b"<hello>"), "sent", "sent"),
    (HttpAnswer(200, PROTOBUF, "", PARTIAL), "sent, 2 data points rejected: too old", "sent"),
    (HttpAnswer(200, PROTOBUF, "", TEXT_ONLY), "sent, 0 data points rejected: slow down", "sent"),
    (HttpAnswer(200, PROTOBUF, "", b"\xff"), "again", "sent"),
    (HttpAnswer(200, "application/json", "", b"no json"), "sent", "sent"),
    (
        HttpAnswer(
            200, "application/json; x=y", "", b'{"partialSuccess":{"rejectedDataPoints":"3"}}'
        ),
        "sent, 3 data points rejected: ",
        "sent",
    ),
    (HttpAnswer(302), "dropped", "dropped"),
    *[
        (HttpAnswer(status), "dropped", "dropped")
        for status in (400, 401, 403, 404, 405, 408, 409, 413, 415, 422)
    ],
    (HttpAnswer(429), "again", "again"),
    *[(HttpAnswer(status), "dropped", "again") for status in (500, 501, 505, 507, 599)],
    *[(HttpAnswer(status), "again", "again") for status in (502, 503, 504)],
    *[(HttpAnswer(status, "", "7"), "again after 7", "again after 7") for status in (429, 503)],
    (HttpAnswer(502, "", "7"), "again", "again after 7"),
    (
        HttpAnswer(503, "", "Tue, 14 Nov 2023 22:13:30 GMT"),
        "again after 10",
        "again after 10",
    ),
    (HttpAnswer(503, "", "Mon, 13 Nov 2023 22:13:30 GMT"), "again", "again"),
    *[(HttpAnswer(503, "", text), "again", "again") for text in ("0", "-5", "soon", "1.5", "²")],
]


@pytest.mark.parametrize(("answer", "otlp", "remote_write"), ROWS)
def test_http(answer: HttpAnswer, otlp: str, remote_write: str) -> None:
    """Each answer over HTTP is taken as the collector takes it; remote write repeats 429 and obeys Retry-After too."""
    assert kind(judge_otlp_http(answer, NOW_S)) == otlp
    assert kind(judge_remote_write(answer, NOW_S)) == remote_write


AGAIN = {"CANCELLED", "DEADLINE_EXCEEDED", "ABORTED", "OUT_OF_RANGE", "UNAVAILABLE", "DATA_LOSS"}


@pytest.mark.parametrize("code", grpc.StatusCode)
def test_grpc(code: grpc.StatusCode) -> None:
    """Six codes are worth another attempt, RESOURCE_EXHAUSTED with RetryInfo only."""
    again = code.name in AGAIN
    assert kind(judge_grpc(code, "", None)) == ("again" if again else "dropped")
    again = again or code is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert kind(judge_grpc(code, "", 3.0)) == ("again after 3" if again else "dropped")
    assert kind(judge_grpc(code, "", 0.0)) == ("again" if again else "dropped")


def test_grpc_partial_success() -> None:
    """OK with a partial success is sent, with a warning."""
    assert kind(judge_response(PARTIAL)) == "sent, 2 data points rejected: too old"
    assert kind(judge_response(b"")) == "sent"


AGAIN_PLEASE = Failed("503", "", again=True)


def pauses(random: Callable[[], float] = lambda: 0.5, **settings: Any) -> list[float]:
    """The pauses until the request is given up, at most 20."""
    now = [0.0]
    backoff = Backoff(RetryConfig(**settings), random, lambda: now[0])
    told: list[float] = []
    while len(told) < 20 and (pause_s := backoff.pause_s(AGAIN_PLEASE)) is not None:
        told.append(round(pause_s, 3))
        now[0] += pause_s
    return told


def test_pauses() -> None:
    """Each pause is longer by the multiplier, up to the largest, until the time is over."""
    assert pauses(
        initial_interval=1000, multiplier=2, max_interval=5000, max_elapsed_time=14000
    ) == [1, 2, 4, 5]
    assert len(pauses(initial_interval=1000, max_elapsed_time=0)) == 20
    assert pauses(enabled=False) == []


def test_randomized() -> None:
    """A random factor spreads the pauses on both sides, beyond the largest too."""
    settings = {"initial_interval": 1000, "max_interval": 1000, "max_elapsed_time": 2000}
    assert pauses(lambda: 0.0, **settings) == [0.5, 0.5, 0.5, 0.5]
    assert pauses(lambda: 0.999999, **settings) == [1.5]


def test_never_without_a_pause() -> None:
    """An interval of 0 is not a busy loop."""
    assert pauses(initial_interval=0, max_interval=0, max_elapsed_time=25) == [SHORTEST_PAUSE_S] * 2


def test_after() -> None:
    """The backend's own wish counts if it is longer; if it passes the whole time the request is given up at once."""
    config = RetryConfig(initial_interval=1000, max_interval=1000, max_elapsed_time=10_000)
    for after_s, expected in ((5.0, 5.0), (0.1, 1.0), (11.0, None)):
        backoff = Backoff(config, lambda: 0.5, lambda: 0.0)
        assert backoff.pause_s(Failed("503", "", again=True, after_s=after_s)) == expected


def test_permanent() -> None:
    """What another attempt cannot help gets none."""
    backoff = Backoff(RetryConfig(), lambda: 0.5, lambda: 0.0)
    assert backoff.pause_s(Failed("400", "", again=False)) is None
