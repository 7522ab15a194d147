"""Work that pauses, run without anything happening in the pauses."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")


def result_of(work: Generator[object, None, T]) -> T:
    """Return what `work` returns."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            result: T = done.value
            return result
