"""How the fields that paths lead to are changed: one table for each context (spec/ottl.md 3.2, 6.3).

Resource, scope and header are shared: a new object takes their place. A field that the data point or metric at hand does
not have is left alone, as the collector does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from daemon.ottl.attributes import to_attribute, valid_text
from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.evaluation import EditContext
from daemon.ottl.functions.conversions import convert, kind_name
from daemon.ottl.functions.signature import ParamKind
from daemon.ottl.values import Opaque, Time, TypedSlice, Value
from receivers.model import (
    DataPoint,
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    MetricType,
    NumberDataPoint,
    SummaryDataPoint,
    Temporality,
)

# Any: each field holds a type of its own, which its `accept` makes sure of.
_Accept = Callable[[Value], Any]
_Store = Callable[[EditContext, Any], None]


@dataclass(frozen=True, slots=True)
class Writer:
    """How to change one field: `accept` makes of a value, never nil, what `store` puts there.

    `accept` raises OttlEvaluationError for a value of the wrong kind; neither changes what it is given.
    """

    accept: _Accept
    store: _Store


_WITH_TEMPORALITY = (MetricType.SUM, MetricType.HISTOGRAM, MetricType.EXPONENTIAL_HISTOGRAM)
_MAX_UINT64: Final = 2**64 - 1


def _text(value: Value) -> str:
    return valid_text(str(convert(ParamKind.STRING, value)))


def _map(value: Value) -> Value:
    return to_attribute(convert(ParamKind.MAP, value))


def _int(value: Value) -> int:
    return int(convert(ParamKind.INT, value))  # type: ignore[arg-type] # INT gives an int


def _float(value: Value) -> Value:
    return convert(ParamKind.FLOAT, value)


def _bool(value: Value) -> Value:
    return convert(ParamKind.BOOL, value)


def _unsigned(value: Value) -> int:
    number = _int(value)
    if number < 0:
        raise OttlEvaluationError(f"expected an int from 0 up, got {number}")
    return number


def _unsigned32(value: Value) -> int:
    number = _unsigned(value)
    if number >= 2**32:
        raise OttlEvaluationError(f"expected an int below 2^32, got {number}")
    return number


def _signed32(value: Value) -> int:
    number = _int(value)
    if not -(2**31) <= number < 2**31:
        raise OttlEvaluationError(f"expected an int of 32 bits, got {number}")
    return number


def _temporality(value: Value) -> Temporality:
    number = _int(value)
    if number not in tuple(Temporality):
        raise OttlEvaluationError(f"expected an AGGREGATION_TEMPORALITY_ value, got {number}")
    return Temporality(number)


def _unix_nano(value: Value) -> int:
    if not isinstance(value, Time):
        raise OttlEvaluationError(f"expected time, got {kind_name(value)}")
    if not 0 <= value.unix_nano <= _MAX_UINT64:
        raise OttlEvaluationError("expected a time from 1970 to 2554")
    return value.unix_nano


def _counts(value: Value) -> list[int]:
    items = value.items if isinstance(value, TypedSlice) else convert(ParamKind.LIST, value)
    return [_unsigned(item) for item in items]  # type: ignore[union-attr] # LIST gives a list


def _bounds(value: Value) -> list[Any]:  # Any: floats, as `convert` has made sure
    items = value.items if isinstance(value, TypedSlice) else convert(ParamKind.LIST, value)
    return [_float(item) for item in items]  # type: ignore[union-attr] # LIST gives a list


def _object(name: str, copy: Callable[[Any], object]) -> _Accept:  # Any: what `name` stands for
    def accept(value: Value) -> object:
        if not isinstance(value, Opaque) or value.name != name:
            raise OttlEvaluationError(f"expected {name}, got {kind_name(value)}")
        return copy(value.target)

    return accept


def _resource(field: str, accept: _Accept) -> Writer:
    def store(context: EditContext, value: Any) -> None:  # Any: see _Accept
        group = context.resource_metrics
        group.resource = context.replacements.replace(group.resource, field, value)

    return Writer(accept, store)


def _scope(field: str, accept: _Accept) -> Writer:
    def store(context: EditContext, value: Any) -> None:  # Any: see _Accept
        scoped = context.scope_metrics
        if scoped is not None:
            scoped.scope = context.replacements.replace(scoped.scope, field, value)

    return Writer(accept, store)


def _header(field: str, accept: _Accept, types: Sequence[MetricType] = tuple(MetricType)) -> Writer:
    def store(context: EditContext, value: Any) -> None:  # Any: see _Accept
        metric = context.metric
        if metric is not None and metric.header.type in types:
            metric.header = context.replacements.replace(metric.header, field, value)

    return Writer(accept, store)


def _point(field: str, accept: _Accept, *types: type) -> Writer:
    def store(context: EditContext, value: Any) -> None:  # Any: see _Accept
        if isinstance(context.data_point, types):
            setattr(context.data_point, field, value)

    return Writer(accept, store)


def _buckets(side: str, field: str, accept: _Accept) -> Writer:
    def store(context: EditContext, value: Any) -> None:  # Any: see _Accept
        point = context.data_point
        if isinstance(point, ExponentialHistogramDataPoint):
            setattr(point, side, replace(getattr(point, side), **{field: value}))

    return Writer(accept, store)


def _store_data_points(context: EditContext, value: list[DataPoint]) -> None:
    if context.metric is not None:
        context.metric.data_points = value


def _store_cache(context: EditContext, value: dict[str, Value]) -> None:
    # In place: groups may share one.
    context.cache.clear()
    context.cache.update(value)


def _store_nothing(_context: EditContext, _value: object) -> None:
    """Leave the type of a metric as it is, whatever is set (spec/ottl.md 6.3)."""


_CACHE = Writer(_map, _store_cache)

_N = NumberDataPoint
_H = HistogramDataPoint
_E = ExponentialHistogramDataPoint
_S = SummaryDataPoint
_ALL = (_N, _H, _E, _S)

_RESOURCE: Final[dict[str, Writer]] = {
    "attributes": _resource("attributes", _map),
    "dropped_attributes_count": _resource("dropped_attributes_count", _unsigned32),
    "schema_url": _resource("schema_url", _text),
    "cache": _CACHE,
}
_SCOPE: Final[dict[str, Writer]] = {
    "name": _scope("name", _text),
    "version": _scope("version", _text),
    "attributes": _scope("attributes", _map),
    "dropped_attributes_count": _scope("dropped_attributes_count", _unsigned32),
    "schema_url": _scope("schema_url", _text),
    "cache": _CACHE,
}
_METRIC: Final[dict[str, Writer]] = {
    "name": _header("name", _text),
    "description": _header("description", _text),
    "unit": _header("unit", _text),
    "type": Writer(lambda value: value, _store_nothing),
    "aggregation_temporality": _header("temporality", _temporality, _WITH_TEMPORALITY),
    "is_monotonic": _header("is_monotonic", _bool, (MetricType.SUM,)),
    "data_points": Writer(_object("data_points", list), _store_data_points),
    "metadata": _header("metadata", _map),
    "cache": _CACHE,
}
_DATA_POINT: Final[dict[str, Writer]] = {
    "attributes": _point("attributes", _map, *_ALL),
    "value_int": _point("value", _int, _N),
    "value_double": _point("value", _float, _N),
    "time_unix_nano": _point("time_unix_nano", _unsigned, *_ALL),
    "start_time_unix_nano": _point("start_time_unix_nano", _unsigned, *_ALL),
    "time": _point("time_unix_nano", _unix_nano, *_ALL),
    "start_time": _point("start_time_unix_nano", _unix_nano, *_ALL),
    "flags": _point("flags", _unsigned32, *_ALL),
    "exemplars": _point("exemplars", _object("exemplars", list), _N, _H, _E),
    "count": _point("count", _unsigned, _H, _E, _S),
    "sum": _point("sum", _float, _H, _E, _S),
    "bucket_counts": _point("bucket_counts", _counts, _H),
    "explicit_bounds": _point("explicit_bounds", _bounds, _H),
    "scale": _point("scale", _signed32, _E),
    "zero_count": _point("zero_count", _unsigned, _E),
    "positive": _point("positive", _object("buckets", replace), _E),
    "negative": _point("negative", _object("buckets", replace), _E),
    "quantile_values": _point("quantile_values", _object("quantile_values", list), _S),
    "cache": _CACHE,
    **{
        f"{side}.{field}": _buckets(side, field, accept)
        for side in ("positive", "negative")
        for field, accept in (("offset", _signed32), ("bucket_counts", _counts))
    },
}

WRITERS: Final[Mapping[str, Mapping[str, Writer]]] = {
    "resource": _RESOURCE,
    "scope": _SCOPE,
    "metric": _METRIC,
    "datapoint": _DATA_POINT,
    "otelcol": {},
}
"""Writers by the context they belong to and the field's name, as `fields.FIELDS` has the readers."""
