"""Windows written by hand, for tests of the kernels that look through them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest

from query.evaluate.rates import Results
from query.evaluate.samples import Windows

Sample = tuple[float, float]
"""(seconds, value)"""


def build_windows(
    columns: Sequence[Sequence[Sample]], *, start_s: float, end_s: float, at_s: float | None = None
) -> Windows:
    """Return one window a column; behind each one's samples stands what must not be read."""
    depth = max(1, *(len(column) for column in columns))
    times_ms = np.full((depth, len(columns)), 7, dtype=np.int64)
    values = np.full((depth, len(columns)), -1e9)
    for i, column in enumerate(columns):
        for j, (second, value) in enumerate(column):
            times_ms[j, i], values[j, i] = round(second * 1000), value
    return Windows(
        times_ms=times_ms,
        values=values,
        counts=np.array([len(column) for column in columns], dtype=np.int64),
        start_ms=np.array([round(start_s * 1000)]),
        end_ms=np.array([round(end_s * 1000)]),
        at_ms=np.array([round((end_s if at_s is None else at_s) * 1000)]),
    )


def apply(kernel: Callable[[Windows], Results], windows: Windows) -> list[float | None]:
    """Return what a kernel makes of each window, None for nothing."""
    with np.errstate(all="ignore"):
        values, present = kernel(windows)
    return [v if p else None for v, p in zip(values.tolist(), present.tolist(), strict=True)]


def every_way(
    kernel: Callable[[Windows], Results],
    column: Sequence[Sample],
    *,
    start_s: float,
    end_s: float,
    at_s: float | None = None,
) -> float | None:
    """Return what a kernel makes of one window, the same alone and beside a longer one."""
    longer = [(start_s + (end_s - start_s) * i / 40, float(i)) for i in range(1, 41)]
    edges = {"start_s": start_s, "end_s": end_s, "at_s": at_s}
    (alone,) = apply(kernel, build_windows([column], **edges))  # type: ignore[arg-type] # at_s may be None
    beside, _ = apply(kernel, build_windows([column, longer], **edges))  # type: ignore[arg-type] # the same
    assert beside == (alone if alone is None else pytest.approx(alone, rel=1e-9, nan_ok=True))
    return alone
