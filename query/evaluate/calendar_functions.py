"""Functions of the calendar, in UTC: values are Unix seconds (promql.md 2.7)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from query.evaluate.arguments import vector_argument
from query.evaluate.context import Argument, Context, InstantFunction
from query.evaluate.conversions import single_element
from query.evaluate.stepped import StepVector
from query.queryable import Float64Array, Int64Array
from query.syntax import Call

DAY_S = 86_400
MOST_SECONDS = 2.0**62
"""Times further from the epoch, NaN and infinities are in no year."""


def _calendar(field: Callable[[Int64Array], Int64Array]) -> InstantFunction:
    """Return the function that yields `field` of each value, or of the evaluation time without an argument."""

    def function(context: Context, _: Call, arguments: Sequence[Argument]) -> StepVector:
        if not arguments:
            return single_element(_field(field, context.times_ms / 1000.0))
        vector = vector_argument(arguments, 0)
        return context.without_name(replace(vector, values=_field(field, vector.values)))

    return function


def _field(field: Callable[[Int64Array], Int64Array], seconds: Float64Array) -> Float64Array:
    is_time = np.abs(seconds) < MOST_SECONDS
    whole = np.trunc(np.where(is_time, seconds, 0.0)).astype(np.int64)
    return np.where(is_time, field(whole), np.nan)


def _hour(seconds: Int64Array) -> Int64Array:
    return seconds % DAY_S // 3600


def _minute(seconds: Int64Array) -> Int64Array:
    return seconds % 3600 // 60


def _day_of_week(seconds: Int64Array) -> Int64Array:
    """Return 0 for Sunday; the epoch was a Thursday."""
    return (seconds // DAY_S + 4) % 7


def _day_of_month(seconds: Int64Array) -> Int64Array:
    days = _date(seconds, "D")
    return _number(days - days.astype("datetime64[M]").astype("datetime64[D]")) + 1


def _day_of_year(seconds: Int64Array) -> Int64Array:
    days = _date(seconds, "D")
    return _number(days - days.astype("datetime64[Y]").astype("datetime64[D]")) + 1


def _days_in_month(seconds: Int64Array) -> Int64Array:
    month = _date(seconds, "M")
    return _number((month + 1).astype("datetime64[D]") - month.astype("datetime64[D]"))


def _month(seconds: Int64Array) -> Int64Array:
    return _number(_date(seconds, "M")) % 12 + 1


def _year(seconds: Int64Array) -> Int64Array:
    return _number(_date(seconds, "Y")) + 1970


Dates = np.ndarray[tuple[int, ...], np.dtype[np.datetime64]]


def _date(seconds: Int64Array, unit: str) -> Dates:
    return (seconds // DAY_S).astype("datetime64[D]").astype(f"datetime64[{unit}]")


def _number(
    dates: Dates | np.ndarray[tuple[int, ...], np.dtype[np.timedelta64]],
) -> Int64Array:
    return dates.astype(np.int64)


CALENDAR_FUNCTIONS: dict[str, InstantFunction] = {
    name: _calendar(field)
    for name, field in {
        "day_of_month": _day_of_month,
        "day_of_week": _day_of_week,
        "day_of_year": _day_of_year,
        "days_in_month": _days_in_month,
        "hour": _hour,
        "minute": _minute,
        "month": _month,
        "year": _year,
    }.items()
}
