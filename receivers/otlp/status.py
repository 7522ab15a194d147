"""What becomes of errors: gRPC codes, HTTP statuses and google.rpc.Status, told retryable or not (otlp.md 1.5).

The one module that holds the table of the OTLP specification, "Failures" and "Failures" of OTLP/HTTP.
"""

from __future__ import annotations

import json
from enum import IntEnum
from typing import NamedTuple

from receivers.errors import RETRY_AFTER_S, ConsumeError, RetryableError


class Code(IntEnum):
    """The codes of google.rpc.Status, which are gRPC's."""

    CANCELLED = 1
    UNKNOWN = 2
    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    DATA_LOSS = 15
    UNAUTHENTICATED = 16


_HTTP_OF_CODE = {
    Code.CANCELLED: 503,
    Code.DEADLINE_EXCEEDED: 503,
    Code.ABORTED: 503,
    Code.OUT_OF_RANGE: 503,
    Code.UNAVAILABLE: 503,
    Code.DATA_LOSS: 503,
    Code.RESOURCE_EXHAUSTED: 429,
    Code.INVALID_ARGUMENT: 400,
    Code.UNAUTHENTICATED: 401,
    Code.PERMISSION_DENIED: 403,
    Code.UNIMPLEMENTED: 404,
}
"""All others are 500."""
_TELLS_RETRY = frozenset({429, 503})


class Failure(NamedTuple):
    """Why a request was not taken, in the sender's words."""

    code: Code
    message: str
    retry_after_s: float = 0.0
    """How long to wait before the next attempt; 0 says nothing of it."""

    @property
    def http_status(self) -> int:
        """The status that says the same over HTTP."""
        return _HTTP_OF_CODE.get(self.code, 500)

    @property
    def is_retryable(self) -> bool:
        """Whether a sender may send the same again; of RESOURCE_EXHAUSTED only if it was told when."""
        status = self.http_status
        return status == 503 or (status == 429 and self.retry_after_s > 0)

    @property
    def retry_after(self) -> str:
        """Return the value of `Retry-After`: whole seconds, rounded down; "" if the header must not be sent.

        Never 0: senders take that for "at once", six times within a fifth of a second (otlp.md 1.6).
        """
        if self.retry_after_s <= 0 or self.http_status not in _TELLS_RETRY:
            return ""
        return str(max(1, int(self.retry_after_s)))


SHUTTING_DOWN = Failure(Code.UNAVAILABLE, "tallyd is shutting down", RETRY_AFTER_S)


def failure_of(error: ConsumeError) -> Failure:
    """Return what a consumer's error means for the sender."""
    if isinstance(error, RetryableError):
        return Failure(Code.UNAVAILABLE, str(error), error.retry_after_s)
    return Failure(Code.INTERNAL, str(error))


def encode_status(failure: Failure) -> bytes:
    """Return `failure` as a google.rpc.Status on the wire, with RetryInfo if it says when to come again."""
    # Imported where they are used: only a sender that is refused needs them.
    from google.protobuf.any_pb2 import Any as Packed  # noqa: PLC0415
    from google.protobuf.duration_pb2 import Duration  # noqa: PLC0415
    from google.rpc.error_details_pb2 import RetryInfo  # noqa: PLC0415
    from google.rpc.status_pb2 import Status  # noqa: PLC0415

    status = Status(code=failure.code, message=_text(failure.message))
    if failure.retry_after_s > 0:
        nanos = round(failure.retry_after_s * 1e9)
        delay = Duration(seconds=nanos // 10**9, nanos=nanos % 10**9)
        details = Packed()
        details.Pack(RetryInfo(retry_delay=delay))
        status.details.append(details)
    encoded: bytes = status.SerializeToString()
    return encoded


def encode_status_json(failure: Failure) -> bytes:
    """Return the same as proto3 JSON."""
    status: dict[str, object] = {"code": int(failure.code), "message": _text(failure.message)}
    if failure.retry_after_s > 0:
        kind = "type.googleapis.com/google.rpc.RetryInfo"
        delay = f"{failure.retry_after_s:.9f}".rstrip("0").rstrip(".") + "s"
        status["details"] = [{"@type": kind, "retryDelay": delay}]
    return json.dumps(status, ensure_ascii=False).encode()


def _text(message: str) -> str:
    """Return the message as text that has a UTF-8 form: it may quote what the sender wrote."""
    return message.encode(errors="replace").decode()
