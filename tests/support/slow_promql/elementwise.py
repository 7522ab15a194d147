"""Functions of one value: what each does to a single float (promql.md 2.7)."""

from __future__ import annotations

import math
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from tests.support.slow_promql.floats import guarded, logarithm, whole

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _sign(value: float) -> float:
    return value if value == 0 or math.isnan(value) else math.copysign(1.0, value)


def _atanh(value: float) -> float:
    return math.copysign(math.inf, value) if abs(value) == 1 else guarded(math.atanh)(value)


def _moment(value: float) -> datetime:
    return _EPOCH + timedelta(seconds=math.trunc(value))


def _days_in_month(value: float) -> float:
    first = _moment(value).replace(day=1)
    following = (first + timedelta(days=31)).replace(day=1)
    return float((following - first).days)


ELEMENTWISE: dict[str, Callable[[float], float]] = {
    "abs": abs,
    "ceil": whole(math.ceil),
    "floor": whole(math.floor),
    "sqrt": guarded(math.sqrt),
    "exp": guarded(math.exp),
    "ln": logarithm(math.log),
    "log2": logarithm(math.log2),
    "log10": logarithm(math.log10),
    "sgn": _sign,
    "sin": guarded(math.sin),
    "cos": guarded(math.cos),
    "tan": guarded(math.tan),
    "asin": guarded(math.asin),
    "acos": guarded(math.acos),
    "atan": math.atan,
    "sinh": guarded(math.sinh),
    "cosh": lambda value: abs(guarded(math.cosh)(value)),
    "tanh": math.tanh,
    "asinh": math.asinh,
    "acosh": guarded(math.acosh),
    "atanh": _atanh,
    "deg": lambda value: value * 180 / math.pi,
    "rad": lambda value: value * math.pi / 180,
}

CALENDAR: dict[str, Callable[[float], float]] = {
    "minute": lambda value: float(_moment(value).minute),
    "hour": lambda value: float(_moment(value).hour),
    "day_of_week": lambda value: float(_moment(value).isoweekday() % 7),
    "day_of_month": lambda value: float(_moment(value).day),
    "day_of_year": lambda value: float(_moment(value).timetuple().tm_yday),
    "days_in_month": _days_in_month,
    "month": lambda value: float(_moment(value).month),
    "year": lambda value: float(_moment(value).year),
}
