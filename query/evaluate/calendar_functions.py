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
MOST_SECONDS = 2.0**63
"""What is further from the epoch, infinite or NaN is no 64-bit integer: Prometheus takes it for this many seconds."""

Field = Callable[[Int64Array, Int64Array], Int64Array]
"""Days since the epoch and seconds of the day to a field of the date or time."""


def _calendar(field: Field) -> InstantFunction:
    """Return the function that yields `field` of each value, or of the evaluation time without an argument."""

    def function(context: Context, _: Call, arguments: Sequence[Argument]) -> StepVector:
        if not arguments:
            return single_element(_values(field, context.times_ms / 1000.0))
        vector = vector_argument(arguments, 0)
        return context.without_name(replace(vector, values=_values(field, vector.values)))

    return function


def _values(field: Field, seconds: Float64Array) -> Float64Array:
    is_time = np.abs(seconds) < MOST_SECONDS
    whole = np.where(is_time, seconds, 0.0).astype(np.int64)
    days, of_day = np.divmod(whole, DAY_S)
    last_day, last_second = divmod(int(MOST_SECONDS), DAY_S)
    values = field(
        np.where(is_time, days, last_day),
        np.where(is_time, of_day, last_second),
    )
    return values.astype(np.float64)


def _hour(_: Int64Array, of_day: Int64Array) -> Int64Array:
    return of_day // 3600


def _minute(_: Int64Array, of_day: Int64Array) -> Int64Array:
    return of_day % 3600 // 60


def _day_of_week(days: Int64Array, _: Int64Array) -> Int64Array:
    """Return 0 for Sunday; the epoch was a Thursday."""
    return (days + 4) % 7


def _day_of_month(days: Int64Array, _: Int64Array) -> Int64Array:
    return days - _number(_date(days, "M").astype("datetime64[D]")) + 1


def _day_of_year(days: Int64Array, _: Int64Array) -> Int64Array:
    return days - _number(_date(days, "Y").astype("datetime64[D]")) + 1


def _days_in_month(days: Int64Array, _: Int64Array) -> Int64Array:
    month = _date(days, "M")
    begin, end = (_number(date.astype("datetime64[D]")) for date in (month, month + 1))
    return end - begin


def _month(days: Int64Array, _: Int64Array) -> Int64Array:
    return _number(_date(days, "M")) % 12 + 1


def _year(days: Int64Array, _: Int64Array) -> Int64Array:
    return _number(_date(days, "Y")) + 1970


Dates = np.ndarray[tuple[int, ...], np.dtype[np.datetime64]]


def _date(days: Int64Array, unit: str) -> Dates:
    return days.astype("datetime64[D]").astype(f"datetime64[{unit}]")


def _number(dates: Dates) -> Int64Array:
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
