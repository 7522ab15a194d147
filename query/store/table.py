"""Arrays that grow: of rows, and of the samples of many rows side by side."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from query.slices import Sliced

ScalarT = TypeVar("ScalarT", bound=np.generic)

_HUGE_PAGE_ELEMENTS = 2 * 1024 * 1024 // 8


class Table:
    """Room for samples of n rows, one column each; it grows as deeper rows come."""

    def __init__(self, number: int) -> None:
        self.times_ms = np.empty((0, number), dtype=np.int64)
        self.values = np.empty((0, number), dtype=np.float64)

    @property
    def room(self) -> int:
        """Lines there are."""
        return len(self.values)

    def deepened(self, depth: int, used: int) -> Sliced[None]:
        """Make room for `depth` lines and a few more; the first `used` columns are copied, line by line.

        The machine gives large arrays memory in pieces of 2 MB, each when it is first written to, which takes some
        milliseconds: that is done here bit by bit, and not in the one step that writes the first column of every line.
        """
        shape = (depth + depth // 4 + 2, self.values.shape[1])
        times_ms, values = np.empty(shape, dtype=np.int64), np.empty(shape, dtype=np.float64)
        for array in (times_ms, values):
            flat = array.reshape(-1)
            for at in range(0, flat.size, _HUGE_PAGE_ELEMENTS):
                flat[at] = 0
                yield 0
        for line in range(self.room if used else 0):
            times_ms[line, :used] = self.times_ms[line, :used]
            values[line, :used] = self.values[line, :used]
            yield 0
        self.times_ms, self.values = times_ms, values


def resized(array: npt.NDArray[ScalarT], length: int) -> npt.NDArray[ScalarT]:
    """Return `array` with room for at least `length` elements, doubled; new elements are undefined."""
    if length <= len(array):
        return array
    grown = np.empty(max(length, 2 * len(array)), dtype=array.dtype)
    grown[: len(array)] = array
    return grown
