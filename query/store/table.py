"""Arrays that grow: of rows, and of the samples of many rows side by side."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from query.slices import Sliced

ScalarT = TypeVar("ScalarT", bound=np.generic)

_HUGE_PAGE = 2**21 // 8
"""Elements of one huge page, which numpy asks for from 4 MiB on; to clear one takes up to 2.5 ms on a virtual machine."""


class Table:
    """Room for samples of n rows, one column each; it grows as deeper rows come."""

    def __init__(self, number: int) -> None:
        self.times_ms = np.empty((0, number), dtype=np.int64)
        self.values = np.empty((0, number), dtype=np.float64)

    @property
    def room(self) -> int:
        """Lines there are."""
        return len(self.values)

    def deepened(self, depth: int, used: int) -> Sliced[bool]:
        """Make room for `depth` lines and a few more, which cost nothing until they are written to.

        The first `used` columns are copied, line by line. The lines that are wanted get their memory page by page: a
        block of columns touches most pages of a large table, and to clear them all took 27 ms in one step.

        Returns:
            Whether it has paused.
        """
        shape = (depth + depth // 4 + 2, self.values.shape[1])
        times_ms, values = np.empty(shape, dtype=np.int64), np.empty(shape, dtype=np.float64)
        paused = False
        for column in (times_ms[:depth].reshape(-1), values[:depth].reshape(-1)):
            for first in range(_HUGE_PAGE, len(column), _HUGE_PAGE):
                column[first] = 0
                paused = True
                yield 0
        for line in range(self.room if used else 0):
            times_ms[line, :used] = self.times_ms[line, :used]
            values[line, :used] = self.values[line, :used]
            paused = True
            yield 0
        self.times_ms, self.values = times_ms, values
        return paused


def resized(array: npt.NDArray[ScalarT], length: int) -> npt.NDArray[ScalarT]:
    """Return `array` with room for at least `length` elements, doubled; new elements are undefined."""
    if length <= len(array):
        return array
    grown = np.empty(max(length, 2 * len(array)), dtype=array.dtype)
    grown[: len(array)] = array
    return grown
