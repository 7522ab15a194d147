"""Answers of backends to outcomes: the tables of otlp.md 5.2, values in, values out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final, NamedTuple

import grpc
from google.protobuf.message import DecodeError
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceResponse,
)

from daemon.exporters.retry import Failed, Outcome, Sent

MAX_TEXT: Final = 200
"""Characters of a backend's words that are repeated."""

_OTLP_AGAIN = frozenset({429, 502, 503, 504})
_OTLP_SAYS_WHEN = frozenset({429, 503})
_GRPC_AGAIN = frozenset(
    {
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.OUT_OF_RANGE,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)


class HttpAnswer(NamedTuple):
    """What matters of an HTTP response."""

    status: int
    content_type: str = ""
    retry_after: str = ""
    body: bytes = b""


def judge_otlp_http(answer: HttpAnswer, now_s: float) -> Outcome:
    """Return what an OTLP/HTTP backend's answer means; `now_s` is Unix seconds, for a date in Retry-After."""
    if 200 <= answer.status < 300:
        return _judge_success(answer)
    after_s = _after_s(answer.retry_after, now_s) if answer.status in _OTLP_SAYS_WHEN else 0.0
    return _failed(answer, answer.status in _OTLP_AGAIN, after_s)


def judge_remote_write(answer: HttpAnswer, now_s: float) -> Outcome:
    """Return what a remote write backend's answer means.

    Differs from the collector: 429 is worth another attempt, and Retry-After is obeyed.
    """
    if 200 <= answer.status < 300:
        return Sent()
    again = answer.status == 429 or answer.status >= 500
    return _failed(answer, again, _after_s(answer.retry_after, now_s) if again else 0.0)


def judge_grpc(code: grpc.StatusCode, text: str, retry_after_s: float | None) -> Failed:
    """Return what a status other than OK means; `retry_after_s` is from its RetryInfo, None without one."""
    again = code in _GRPC_AGAIN or (
        code is grpc.StatusCode.RESOURCE_EXHAUSTED and retry_after_s is not None
    )
    after_s = max(retry_after_s or 0.0, 0.0) if again else 0.0
    return Failed(code.name, f"{code.name}: {text[:MAX_TEXT]}", again, after_s)


def judge_response(body: bytes) -> Outcome:
    """Return what an ExportMetricsServiceResponse means; one that cannot be decoded is no answer."""
    try:
        response = ExportMetricsServiceResponse.FromString(body)
    except DecodeError as error:
        return Failed("bad_response", f"the answer cannot be decoded: {error}", again=True)
    part = response.partial_success
    return _partial(part.rejected_data_points, part.error_message)


def _judge_success(answer: HttpAnswer) -> Outcome:
    kind = answer.content_type.partition(";")[0].strip().lower()
    if kind == "application/x-protobuf":
        return judge_response(answer.body)
    if kind == "application/json":
        return _judge_json(answer.body)
    return Sent()


def _judge_json(body: bytes) -> Outcome:
    try:
        part = json.loads(body or b"{}").get("partialSuccess") or {}
        return _partial(int(part.get("rejectedDataPoints") or 0), str(part.get("errorMessage", "")))
    except (ValueError, AttributeError, TypeError, RecursionError):
        return Sent()


def _partial(rejected: int, text: str) -> Sent:
    if not rejected and not text:
        return Sent()
    return Sent(f"{rejected} data points rejected: {text[:MAX_TEXT]}")


def _failed(answer: HttpAnswer, again: bool, after_s: float) -> Failed:
    said = answer.body[:MAX_TEXT].decode("utf-8", "replace").strip()
    text = f"HTTP {answer.status}" + (f": {said}" if said and said.isprintable() else "")
    return Failed(str(answer.status), text, again, after_s)


def _after_s(text: str, now_s: float) -> float:
    """Return the seconds that Retry-After asks for; 0 where it says nothing of use."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return float(text) if len(text) < 10 else 1e9
    try:
        date = parsedate_to_datetime(text)
    except (ValueError, TypeError, OverflowError):
        return 0.0
    if date.tzinfo is None:
        date = date.replace(tzinfo=UTC)
    return max((date - datetime.fromtimestamp(now_s, UTC)).total_seconds(), 0.0)
