"""An answer as text: a table of values, or one small chart for each time series."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise

from daemon.query_command.client import Answer, Element
from query.printer import quote

MAX_CHARTS = 20
BARS, PLAIN_BARS = "▁▂▃▄▅▆▇█", "_.-=+*#@"
_NARROWEST = 10


def format_table(answer: Answer) -> Iterator[str]:
    """Yield one line for each value: series, value, and the time where there are several."""
    if answer.type in {"scalar", "string"}:
        yield from (value for element in answer.elements for _, value in element.points)
        return
    rows = [
        (format_series(element.labels), value, format_time(at) if answer.type == "matrix" else "")
        for element in sorted(answer.elements, key=lambda one: sorted(one.labels.items()))
        for at, value in element.points
    ]
    if not rows:
        yield "no series"
        return
    series_width, value_width = (max(len(row[column]) for row in rows) for column in (0, 1))
    for series, value, at in rows:
        yield f"{series:<{series_width}}  {value:>{value_width}}  {at}".rstrip()


def format_charts(answer: Answer, *, width: int, bars: str = BARS) -> Iterator[str]:
    """Yield a chart for each series, all on one scale and one time axis, `width` columns wide at most."""
    elements = list(answer.elements)
    points = [(at, float(value)) for element in elements for at, value in element.points]
    finite = [value for _, value in points if math.isfinite(value)]
    if not finite:
        yield "no series" if not points else "no finite values"
        return
    start, end = min(points)[0], max(points)[0]
    low, high = min(finite), max(finite)
    yield f"{format_time(start)} to {format_time(end)}, from {low:g} to {high:g}"
    number = _count_columns(elements, max(_NARROWEST, width - 2))
    for element in elements[:MAX_CHARTS]:
        yield format_series(element.labels)
        columns = _columns(element, start, end, number)
        yield f"  {''.join(_bar(value, low, high, bars) for value in columns)}".rstrip()
        values = [float(value) for _, value in element.points]
        known = [value for value in values if not math.isnan(value)] or values
        yield f"  last {values[-1]:g}  min {min(known):g}  max {max(known):g}"
    if len(elements) > MAX_CHARTS:
        yield f"... and {len(elements) - MAX_CHARTS} more series; --json shows all"


def format_series(labels: Mapping[str, str]) -> str:
    """Return a series as PromQL writes it."""
    pairs = ", ".join(
        f"{name}={quote(value)}" for name, value in sorted(labels.items()) if name != "__name__"
    )
    name = labels.get("__name__", "")
    return f"{name}{{{pairs}}}" if pairs or not name else name


def format_time(seconds: float) -> str:
    """Return a time in UTC, to the second or millisecond; far away ones as they came."""
    try:
        at = datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, ValueError, OSError):
        return f"{seconds:g}"
    whole = at.strftime("%Y-%m-%dT%H:%M:%S")
    return f"{whole}.{at.microsecond // 1000:03d}Z" if at.microsecond else f"{whole}Z"


def _count_columns(elements: Sequence[Element], width: int) -> int:
    """Return how many columns the charts have: one for each step if there is room."""
    times = sorted({at for element in elements for at, _ in element.points})
    gaps = [after - before for before, after in pairwise(times)]
    return min(width, round((times[-1] - times[0]) / min(gaps)) + 1) if gaps else 1


def _columns(element: Element, start: float, end: float, number: int) -> Sequence[float]:
    """Return the last value in each of `number` columns, NaN where there is none."""
    columns = [math.nan] * number
    for at, value in element.points:
        share = (at - start) / (end - start) if end > start else 0.0
        columns[int(share * (number - 1) + 0.5)] = float(value)
    return columns


def _bar(value: float, low: float, high: float, bars: str) -> str:
    if math.isnan(value):
        return " "
    if high <= low:
        return bars[len(bars) // 2]
    share = min(1.0, max(0.0, (value - low) / (high - low)))
    return bars[min(len(bars) - 1, int(share * len(bars)))]
