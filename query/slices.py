"""Long work in slices, between which whoever runs it may turn to something else."""

from __future__ import annotations

from collections.abc import Generator
from typing import TypeAlias, TypeVar

T = TypeVar("T")

Sliced: TypeAlias = Generator[int, None, T]
"""Work that pauses about every half millisecond, telling how many samples it has copied since it paused last.

Whatever it reads may change while it pauses: who writes a function of this type says what that means for its result.
"""


def whole(work: Sliced[T]) -> T:
    """Return the result of `work`, done in one go."""
    while True:
        try:
            next(work)
        except StopIteration as done:
            result: T = done.value
            return result
