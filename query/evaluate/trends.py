"""Straight lines through the samples of windows: deriv, predict_linear (promql.md 2.6)."""

from __future__ import annotations

import numpy as np

from query.evaluate.over_time import compensated_sum
from query.evaluate.rates import Results
from query.evaluate.samples import Windows
from query.queryable import Float64Array, Int64Array


def deriv(windows: Windows) -> Results:
    """Return the slope per second of the line through each window's samples."""
    slope, _ = _line(windows, windows.times_ms[0])
    return Results(slope, windows.counts >= 2)


def predict_linear(windows: Windows, ahead_s: Float64Array) -> Results:
    """Return where the line through each window's samples is `ahead_s` after the evaluation time."""
    slope, intercept = _line(windows, windows.at_ms)
    return Results(slope * ahead_s + intercept, windows.counts >= 2)


def _line(windows: Windows, origin_ms: Int64Array) -> tuple[Float64Array, Float64Array]:
    """Return slope and height at `origin_ms` of the least-squares line; equal values give a level one."""
    inside = windows.inside()
    y = np.where(inside, windows.values, 0.0)
    x = np.where(inside, (windows.times_ms - origin_ms) / 1000.0, 0.0)
    n = windows.counts.astype(np.float64)
    sum_x, sum_y = compensated_sum(x), compensated_sum(y)
    sum_xy, sum_xx = compensated_sum(x * y), compensated_sum(x * x)
    slope = (sum_xy - sum_x * sum_y / n) / (sum_xx - sum_x * sum_x / n)
    intercept = sum_y / n - slope * sum_x / n
    first = windows.values[0]
    level = (np.where(inside, windows.values, first) == first).all(axis=0)
    nothing = np.where(np.isinf(first), np.nan, 0.0)
    return np.where(level, nothing, slope), np.where(level, first + nothing, intercept)
