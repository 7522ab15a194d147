"""Editors that merge data points with equal attributes (spec/ottl.md 6.4)."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from statistics import median
from typing import Final

from daemon.ottl.editors.headers import here, metric_editor
from daemon.ottl.editors.merging import merge_exponential, merge_histograms
from daemon.ottl.editors.signature import Arguments, Editor
from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.evaluation import Edit, EditContext
from daemon.ottl.functions.conversions import wrap_int64
from daemon.ottl.functions.signature import Param, ParamKind
from daemon.ottl.replacements import freeze
from daemon.ottl.values import Value
from receivers.model import (
    AnyValue,
    DataPoint,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    Metric,
    MetricType,
    NumberDataPoint,
    Temporality,
)

_Numbers = Sequence[int | float]
_FUNCTIONS: Final[Mapping[str, Callable[[_Numbers], int | float]]] = {
    "sum": sum,
    "max": max,
    "min": min,
    "mean": lambda numbers: sum(numbers) / len(numbers),
    "median": median,
    "count": len,
}
_AGGREGATED: Final = (
    MetricType.GAUGE,
    MetricType.SUM,
    MetricType.HISTOGRAM,
    MetricType.EXPONENTIAL_HISTOGRAM,
)
_Attributes = dict[str, AnyValue]


def _bind_on_attributes(arguments: Arguments) -> Edit:
    function = arguments.choice("function", *_FUNCTIONS)
    read = arguments.read("attributes")

    def edit(context: EditContext) -> None:
        kept = read(context)
        if isinstance(kept, list):
            names = [str(name) for name in kept]
            _aggregate(context, function, lambda attributes: _only(attributes, names))
        else:
            _aggregate(context, function, lambda attributes: attributes)

    return edit


def _only(attributes: _Attributes, names: Sequence[str]) -> _Attributes:
    return {name: value for name, value in attributes.items() if name in names}


def _bind_on_attribute_value(arguments: Arguments) -> Edit:
    function = arguments.choice("function", *_FUNCTIONS)
    attribute, new_value = arguments.text("attribute"), arguments.text("new_value")
    listed = arguments.literals.get("values")
    values: list[Value] = listed if isinstance(listed, list) else []

    def rewritten(attributes: _Attributes) -> _Attributes:
        value = attributes.get(attribute)
        if isinstance(value, str) and value in values:
            return {**attributes, attribute: new_value}
        return attributes

    return lambda context: _aggregate(context, function, rewritten)


def _aggregate(
    context: EditContext, function: str, attributes_of: Callable[[_Attributes], _Attributes]
) -> None:
    """Change the attributes of all points of the metric and merge those that are then equal."""
    _, metric = here(context)
    header = metric.header
    if header.type not in _AGGREGATED:
        raise OttlEvaluationError(f"cannot aggregate a {header.type.name}")
    groups: dict[Hashable, list[DataPoint]] = {}
    for point in metric.data_points:
        moved = copy.copy(point)
        moved.attributes = attributes_of(point.attributes)
        groups.setdefault(_key(metric, moved), []).append(moved)
    metric.data_points = [_merged(points, function) for points in groups.values()]


def _key(metric: Metric, point: DataPoint) -> Hashable:
    """Return what points that merge have in common."""
    attributes = frozenset((name, freeze(value)) for name, value in point.attributes.items())
    is_delta = metric.header.temporality is Temporality.DELTA
    start = point.start_time_unix_nano if is_delta else 0
    shape: Hashable = None
    if isinstance(point, HistogramDataPoint):
        shape = (tuple(point.explicit_bounds), len(point.bucket_counts))
    elif isinstance(point, ExponentialHistogramDataPoint):
        shape = (point.scale, point.zero_threshold)
    return (attributes, point.time_unix_nano, start, shape)


def _merged(points: Sequence[DataPoint], function: str) -> DataPoint:
    """Return one point for all: numbers by the function, histograms by their sum."""
    merged = points[0]
    starts = [point.start_time_unix_nano for point in points if point.start_time_unix_nano]
    merged.start_time_unix_nano = min(starts, default=0)
    match merged:
        case NumberDataPoint():
            numbers = [point for point in points if isinstance(point, NumberDataPoint)]
            _merge_numbers(merged, numbers, function)
        case HistogramDataPoint():
            merge_histograms(merged, [p for p in points if isinstance(p, HistogramDataPoint)])
        case ExponentialHistogramDataPoint():
            merge_exponential(
                merged, [p for p in points if isinstance(p, ExponentialHistogramDataPoint)]
            )
    return merged


def _merge_numbers(
    merged: NumberDataPoint, points: Sequence[NumberDataPoint], function: str
) -> None:
    """Merge values; points without one take no part, and of nothing but these one is left as it is."""
    told = [point for point in points if point.value is not None]
    if told:
        values = [point.value for point in told if point.value is not None]
        merged.value = _calculate(function, values)
        merged.flags = told[0].flags
        merged.exemplars = [exemplar for point in told for exemplar in point.exemplars]


def _calculate(function: str, values: _Numbers) -> int | float:
    """Return the function of the values: an int where all are, truncated."""
    whole = all(isinstance(value, int) for value in values)
    numbers = values if whole else [float(value) for value in values]
    if whole and function == "mean":
        total = int(sum(numbers))
        share = abs(total) // len(numbers)
        return share if total >= 0 else -share
    result = _FUNCTIONS[function](numbers)
    if not whole:
        return float(result)
    return wrap_int64(result if isinstance(result, int) else math.trunc(result))


_FUNCTION: Final = Param("function", ParamKind.LITERAL_STRING)

EDITORS: Final[tuple[Editor, ...]] = (
    metric_editor(
        "aggregate_on_attributes",
        _bind_on_attributes,
        _FUNCTION,
        Param("attributes", ParamKind.STRING, many=True, optional=True),
    ),
    metric_editor(
        "aggregate_on_attribute_value",
        _bind_on_attribute_value,
        _FUNCTION,
        Param("attribute", ParamKind.LITERAL_STRING),
        Param("values", ParamKind.LITERAL_STRING, many=True),
        Param("new_value", ParamKind.LITERAL_STRING),
    ),
)
