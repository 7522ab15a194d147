"""otlp.md 1.5: what becomes of an error over gRPC and over HTTP."""

from __future__ import annotations

import json

import pytest
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from receivers.errors import ConsumeError, PermanentError, RetryableError
from receivers.otlp.status import Code, Failure, encode_status, encode_status_json, failure_of

RETRYABLE = {
    Code.CANCELLED: 503,
    Code.DEADLINE_EXCEEDED: 503,
    Code.ABORTED: 503,
    Code.OUT_OF_RANGE: 503,
    Code.UNAVAILABLE: 503,
    Code.DATA_LOSS: 503,
}
PERMANENT = {
    Code.INVALID_ARGUMENT: 400,
    Code.UNAUTHENTICATED: 401,
    Code.PERMISSION_DENIED: 403,
    Code.UNIMPLEMENTED: 404,
    Code.UNKNOWN: 500,
    Code.NOT_FOUND: 500,
    Code.ALREADY_EXISTS: 500,
    Code.FAILED_PRECONDITION: 500,
    Code.INTERNAL: 500,
}


@pytest.mark.parametrize("code", Code)
def test_table(code: Code) -> None:
    """Every code has its HTTP status, and is retryable or not."""
    failure = Failure(code, "x")
    if code is Code.RESOURCE_EXHAUSTED:
        assert (failure.http_status, failure.is_retryable) == (429, False)
        assert Failure(code, "x", 1.0).is_retryable
    else:
        expected = RETRYABLE.get(code) or PERMANENT[code]
        assert (failure.http_status, failure.is_retryable) == (expected, code in RETRYABLE)


@pytest.mark.parametrize(
    ("code", "retry_after_s", "expected"),
    [
        (Code.UNAVAILABLE, 5.0, "5"),
        (Code.UNAVAILABLE, 1.5, "1"),
        (Code.UNAVAILABLE, 0.2, "1"),
        (Code.UNAVAILABLE, 0.0, ""),
        (Code.RESOURCE_EXHAUSTED, 2.0, "2"),
        (Code.INVALID_ARGUMENT, 2.0, ""),
    ],
)
def test_retry_after(code: Code, retry_after_s: float, expected: str) -> None:
    """Whole seconds rounded down, on 429 and 503 only, and never 0: senders would come at once."""
    assert Failure(code, "x", retry_after_s).retry_after == expected


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (RetryableError("later", 5.0), Failure(Code.UNAVAILABLE, "later", 5.0)),
        (RetryableError("later"), Failure(Code.UNAVAILABLE, "later")),
        (PermanentError("never"), Failure(Code.INTERNAL, "never")),
        (ConsumeError("no"), Failure(Code.INTERNAL, "no")),
    ],
)
def test_consumers_errors(error: ConsumeError, expected: Failure) -> None:
    """An error without status is UNAVAILABLE if it may be tried again, else INTERNAL."""
    assert failure_of(error) == expected


def test_encoding() -> None:
    """google.rpc.Status with RetryInfo, as protobuf and as JSON; text without a UTF-8 form is told all the same."""
    failure = Failure(Code.UNAVAILABLE, "busy \udcff", 1.5)
    status = Status.FromString(encode_status(failure))
    retry = RetryInfo()
    assert status.details[0].Unpack(retry)
    assert (status.code, status.message) == (14, "busy ?")
    assert retry.retry_delay.ToMilliseconds() == 1500
    assert json.loads(encode_status_json(failure)) == {
        "code": 14,
        "message": "busy ?",
        "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "1.5s"}],
    }
    assert encode_status_json(Failure(Code.INVALID_ARGUMENT, "x")) == b'{"code": 3, "message": "x"}'
    assert encode_status(Failure(Code.INVALID_ARGUMENT, "x")) == b"\x08\x03\x12\x01x"
