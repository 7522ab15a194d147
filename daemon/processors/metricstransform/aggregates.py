"""One number out of several, by aggregation type (otlp.md 4.3)."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

Number = int | float
_MIN_INT64, _MAX_INT64 = -(2**63), 2**63 - 1


def aggregate(how: str, values: Sequence[Number]) -> Number:
    """Return the aggregate of at least one value; `how` is empty for the first.

    Whole numbers stay whole, mean and median cut towards zero. Differs from the collector, which counts the doubles of
    a group that begins with a whole number as 0 or cuts them: such a group is computed in doubles here. A count is as
    whole as the first value.
    """
    first = values[0]
    if not how:
        return first
    if how == "count":
        return len(values) if isinstance(first, int) else float(len(values))
    if all(isinstance(value, int) for value in values):
        return fit_int64(_WHOLE[how]([int(value) for value in values]))
    return _DOUBLES[how]([float(value) for value in values])


def fit_int64(number: int) -> Number:
    """Return a whole number as it is, or as a double where 64 bits do not hold it."""
    return number if _MIN_INT64 <= number <= _MAX_INT64 else float(number)


def cut(number: float) -> Number:
    """Return the whole part of a double; one that 64 bits do not hold stays a double."""
    if not math.isfinite(number):
        return number
    whole = math.trunc(number)
    return whole if _MIN_INT64 <= whole <= _MAX_INT64 else number


def _cut_quotient(dividend: int, divisor: int) -> int:
    quotient = abs(dividend) // divisor
    return quotient if dividend >= 0 else -quotient


def _whole_median(values: Sequence[int]) -> int:
    ordered, middle = sorted(values), len(values) // 2
    if len(values) % 2:
        return ordered[middle]
    return _cut_quotient(ordered[middle - 1] + ordered[middle], 2)


def _median(values: Sequence[float]) -> float:
    ordered, middle = sorted(values), len(values) // 2
    if len(values) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def _least(values: Sequence[float]) -> float:
    return math.nan if any(map(math.isnan, values)) else min(values)


def _most(values: Sequence[float]) -> float:
    return math.nan if any(map(math.isnan, values)) else max(values)


_WHOLE: Mapping[str, Callable[[Sequence[int]], int]] = MappingProxyType(
    {
        "sum": sum,
        "mean": lambda values: _cut_quotient(sum(values), len(values)),
        "min": min,
        "max": max,
        "median": _whole_median,
    }
)
_DOUBLES: Mapping[str, Callable[[Sequence[float]], float]] = MappingProxyType(
    {
        "sum": sum,
        "mean": lambda values: sum(values) / len(values),
        "min": _least,
        "max": _most,
        "median": _median,
    }
)
