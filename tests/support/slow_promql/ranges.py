"""Functions of one series' samples in a window (promql.md 2.5, 2.6); None stands for no result."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

from query.syntax import Reach
from tests.support.slow_promql.floats import highest, lowest, mean, regression, total, variance

Samples = Sequence[tuple[int, float]]
"""(time in ms, value), ascending, no stale markers, at least one."""
Window = tuple[int, int]
"""(start, end] in ms."""


def extrapolated(
    samples: Samples, window: Window, *, is_counter: bool, is_rate: bool
) -> float | None:
    """rate, increase and delta, step by step as promql.md 2.5 has them."""
    if len(samples) < 2:
        return None
    difference = samples[-1][1] - samples[0][1]
    if is_counter:
        for (_, before), (_, after) in pairwise(samples):
            if after < before:
                difference += before
    span = (samples[-1][0] - samples[0][0]) / 1000
    average = span / (len(samples) - 1)
    to_start = (samples[0][0] - window[0]) / 1000
    to_end = (window[1] - samples[-1][0]) / 1000
    if to_start >= 1.1 * average:
        to_start = average / 2
    if is_counter and difference > 0 and samples[0][1] >= 0:
        to_start = min(to_start, span * (samples[0][1] / difference))
    if to_end >= 1.1 * average:
        to_end = average / 2
    result = difference * ((span + to_start + to_end) / span)
    return result / ((window[1] - window[0]) / 1000) if is_rate else result


def last_two(samples: Samples, *, is_rate: bool) -> float | None:
    if len(samples) < 2:
        return None
    (before_ms, before), (after_ms, after) = samples[-2:]
    if not is_rate:
        return after - before
    return (after if after < before else after - before) / ((after_ms - before_ms) / 1000)


def slope(samples: Samples) -> float | None:
    if len(samples) < 2:
        return None
    origin = samples[0][0]
    return regression([((time - origin) / 1000, value) for time, value in samples])[0]


def predicted(samples: Samples, at_ms: int, seconds: float) -> float | None:
    if len(samples) < 2:
        return None
    rise, level = regression([((time - at_ms) / 1000, value) for time, value in samples])
    return rise * seconds + level


def changed(before: float, after: float) -> bool:
    return before != after and not (math.isnan(before) and math.isnan(after))


def _values(samples: Samples) -> list[float]:
    return [value for _, value in samples]


OVER_TIME: dict[str, Callable[[Samples], float]] = {
    "sum_over_time": lambda samples: total(_values(samples)),
    "avg_over_time": lambda samples: mean(_values(samples)),
    "min_over_time": lambda samples: lowest(_values(samples)),
    "max_over_time": lambda samples: highest(_values(samples)),
    "count_over_time": lambda samples: float(len(samples)),
    "present_over_time": lambda _: 1.0,
    "last_over_time": lambda samples: samples[-1][1],
    "first_over_time": lambda samples: samples[0][1],
    "stddev_over_time": lambda samples: math.sqrt(variance(_values(samples))),
    "stdvar_over_time": lambda samples: variance(_values(samples)),
    "resets": lambda samples: float(sum(b < a for a, b in pairwise(_values(samples)))),
    "changes": lambda samples: float(sum(changed(a, b) for a, b in pairwise(_values(samples)))),
}
"""What needs nothing but the samples and always has a result."""

KEEPS_NAME = frozenset({"last_over_time", "first_over_time"})

REACHING = {
    Reach.ANCHORED: frozenset({"rate", "increase", "delta", "resets", "changes"}),
    Reach.SMOOTHED: frozenset({"rate", "increase", "delta"}),
}
"""What `anchored` and `smoothed` go with."""


def reaching(name: str, reach: Reach, samples: Samples, window: Window) -> float | None:
    """Functions over a window whose edges lie between samples; `samples` reach beyond it."""
    start_ms, end_ms = window
    before = [sample for sample in samples if sample[0] <= start_ms][-1:]
    chain = before + [sample for sample in samples if start_ms < sample[0] <= end_ms]
    if name in {"resets", "changes"}:
        inside = bool(chain) and chain[-1][0] > start_ms
        return OVER_TIME[name](chain) if inside else None
    after = [sample for sample in samples if sample[0] >= end_ms and sample not in chain][:1]
    near = chain + after if reach is Reach.SMOOTHED else chain
    rising = near if name == "delta" else unwrapped(near)
    if not samples or samples[-1][0] <= start_ms or samples[0][0] > end_ms:
        return None
    if reach is Reach.ANCHORED:
        if not chain or chain[-1][0] <= start_ms:
            return None
        values = dict(rising)
        change = values[chain[-1][0]] - values[chain[0][0]]
    else:
        change = value_at(rising, end_ms) - value_at(rising, start_ms)
    return change / ((end_ms - start_ms) / 1000) if name == "rate" else change


def unwrapped(samples: Samples) -> list[tuple[int, float]]:
    """A counter as it would be without resets."""
    result, before, lost = [], -math.inf, 0.0
    for time, value in samples:
        lost += before if value < before else 0.0
        before = value
        result.append((time, value + lost))
    return result


def value_at(samples: Samples, at_ms: int) -> float:
    """The value on the line between the samples around a time; beyond the first and the last theirs."""
    earlier = [sample for sample in samples if sample[0] <= at_ms]
    later = [sample for sample in samples if sample[0] > at_ms]
    if not earlier:
        return later[0][1]
    if not later or earlier[-1][0] == at_ms:
        return earlier[-1][1]
    (t0, v0), (t1, v1) = earlier[-1], later[0]
    return v0 + (v1 - v0) * (at_ms - t0) / (t1 - t0)
