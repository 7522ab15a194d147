"""Errors of the receiving side.

ReceiverError
  DecodeError            bytes that are not what their protocol says
  ConsumeError           a consumer did not take a batch
    PermanentError       sending the same batch again cannot help
    RetryableError       the same batch may be taken later
"""

from __future__ import annotations

from typing import Final

RETRY_AFTER_S: Final = 5.0
"""What a sender is told to wait while memory is short or the process shuts down (otlp.md 1.5)."""


class ReceiverError(Exception):
    """Root of all errors that `receivers` raises."""


class DecodeError(ReceiverError):
    """Bytes that are not what their protocol says; `what` names the part that failed."""

    def __init__(self, what: str, cause: str) -> None:
        super().__init__(what, cause)
        self.what = what
        self.cause = cause

    def __str__(self) -> str:
        return f"cannot decode {self.what}: {self.cause}"


class ConsumeError(ReceiverError):
    """A consumer did not take a batch."""


class PermanentError(ConsumeError):
    """Sending the same batch again cannot help."""


class RetryableError(ConsumeError):
    """The same batch may be taken after `retry_after_s` seconds."""

    def __init__(self, message: str, retry_after_s: float = 0.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
