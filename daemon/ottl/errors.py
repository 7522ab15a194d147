"""Errors of OTTL.

OttlError
  OttlBuildError         start-up: text that is no condition, an unknown path, function, enum or wrong argument
  OttlEvaluationError    run time: this value cannot be had from this data
"""

from __future__ import annotations


class OttlError(Exception):
    """Root of all errors that `daemon.ottl` raises."""


class OttlBuildError(OttlError):
    """A condition that cannot be built; `offset` is the character where the mistake begins, if known."""

    def __init__(self, message: str, offset: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.offset = offset


class OttlEvaluationError(OttlError):
    """A condition that cannot be judged on this data."""
