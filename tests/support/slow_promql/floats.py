"""Arithmetic on single floats as IEEE 754 and Go have it: nothing raises."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from decimal import Decimal
from fractions import Fraction


class RefusedError(Exception):
    """The query is refused while it is evaluated."""


def divide(a: float, b: float) -> float:
    if b != 0:
        return a / b
    if a == 0 or math.isnan(a) or math.isnan(b):
        return math.nan
    return math.copysign(math.inf, a) * math.copysign(1.0, b)


def modulo(a: float, b: float) -> float:
    return math.nan if b == 0 or math.isinf(a) else math.fmod(a, b)


def power(a: float, b: float) -> float:
    odd = not math.isinf(b) and not math.isnan(b) and b % 2 == 1
    try:
        return math.pow(a, b)
    except OverflowError:
        return -math.inf if a < 0 and odd else math.inf
    except ValueError:
        if a != 0:
            return math.nan
        return -math.inf if math.copysign(1.0, a) < 0 and odd else math.inf


def guarded(
    function: Callable[[float], float], overflow: float = math.inf
) -> Callable[[float], float]:
    """Return `function` with NaN outside its domain and `overflow`, with the sign of the argument, beyond floats."""

    def call(value: float) -> float:
        try:
            return function(value)
        except ValueError:
            return math.nan
        except OverflowError:
            return math.copysign(overflow, value)

    return call


def logarithm(function: Callable[[float], float]) -> Callable[[float], float]:
    return lambda value: -math.inf if value == 0 else guarded(function)(value)


def whole(function: Callable[[float], float]) -> Callable[[float], float]:
    """`math.floor` or `math.ceil` for every float; the sign of zero stays."""

    def call(value: float) -> float:
        if not math.isfinite(value):
            return value
        result = float(function(value))
        return math.copysign(0.0, value) if result == 0 else result

    return call


def round_to(value: float, nearest: float) -> float:
    inverse = divide(1.0, nearest)
    return divide(whole(math.floor)(value * inverse + 0.5), inverse)


def smaller(a: float, b: float) -> float:
    """Go's math.Min: -Inf wins over NaN, NaN over all else."""
    if -math.inf in {a, b}:
        return -math.inf
    return math.nan if math.isnan(a) or math.isnan(b) else min(a, b)


def larger(a: float, b: float) -> float:
    """Go's math.Max."""
    return -smaller(-a, -b)


def total(values: Sequence[float]) -> float:
    infinite = {value for value in values if math.isinf(value)}
    if any(math.isnan(value) for value in values) or len(infinite) == 2:
        return math.nan
    if infinite:
        return infinite.pop()
    try:
        return math.fsum(values)
    except OverflowError:
        return sum(values)


def mean(values: Sequence[float]) -> float:
    everything = total(values)
    if math.isinf(everything) and not any(math.isinf(value) for value in values):
        return math.fsum(value / len(values) for value in values)
    return everything / len(values)


def variance(values: Sequence[float]) -> float:
    if not all(math.isfinite(value) for value in values):
        return math.nan
    exact = [Fraction(value) for value in values]
    middle = sum(exact, Fraction(0)) / len(exact)
    squares = sum(((value - middle) ** 2 for value in exact), Fraction(0)) / len(exact)
    try:
        return float(squares)
    except OverflowError:
        return math.inf


def lowest(values: Sequence[float]) -> float:
    numbers = [value for value in values if not math.isnan(value)]
    return min(numbers, default=math.nan)


def highest(values: Sequence[float]) -> float:
    numbers = [value for value in values if not math.isnan(value)]
    return max(numbers, default=math.nan)


def quantile(q: float, values: Sequence[float]) -> float:
    if math.isnan(q) or not values:
        return math.nan
    if q < 0:
        return -math.inf
    if q > 1:
        return math.inf
    ordered = sorted(
        values, key=lambda value: (not math.isnan(value), 0 if math.isnan(value) else value)
    )
    rank = q * (len(ordered) - 1)
    low = max(0, math.floor(rank))
    high = min(len(ordered) - 1, low + 1)
    weight = rank - math.floor(rank)
    return ordered[low] * (1 - weight) + ordered[high] * weight


def regression(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Least squares: slope and the value at x = 0."""
    first = points[0][1]
    if all(y == first for _, y in points):
        return (math.nan, math.nan) if math.isinf(first) else (0.0, first)
    n = float(len(points))
    sx, sy = total([x for x, _ in points]), total([y for _, y in points])
    sxy, sxx = total([x * y for x, y in points]), total([x * x for x, _ in points])
    slope = divide(sxy - sx * sy / n, sxx - sx * sx / n)
    return slope, sy / n - slope * sx / n


def plain(value: float) -> str:
    """The shortest decimal without exponent: what count_values puts into a label."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = format(Decimal(repr(value)), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
