"""The fields that paths lead to: one table for each context (spec/ottl.md 3.2) and the enum symbols (3.4)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from typing import Any, Final

from daemon.ottl.evaluation import EvaluationContext, Read
from daemon.ottl.functions.conversions import wrap_int64
from daemon.ottl.values import Opaque, Time, TypedSlice, Value
from receivers.model import (
    ExponentialHistogramDataPoint,
    HistogramDataPoint,
    MetricType,
    NumberDataPoint,
    SummaryDataPoint,
)

PREFIXES: Final[Mapping[str, tuple[str, ...]]] = {
    "resource": ("resource", "otelcol"),
    "scope": ("scope", "instrumentation_scope", "resource", "otelcol"),
    "metric": ("metric", "scope", "instrumentation_scope", "resource", "otelcol"),
    "datapoint": (
        "datapoint",
        "metric",
        "scope",
        "instrumentation_scope",
        "resource",
        "otelcol",
    ),
}
"""The contexts, and the context names that paths may begin with in each."""

_METRIC_ENUMS = {
    "AGGREGATION_TEMPORALITY_UNSPECIFIED": 0,
    "AGGREGATION_TEMPORALITY_DELTA": 1,
    "AGGREGATION_TEMPORALITY_CUMULATIVE": 2,
    **{f"METRIC_DATA_TYPE_{kind.name}": int(kind) for kind in MetricType},
}
ENUMS: Final[Mapping[str, Mapping[str, int]]] = {
    "resource": {},
    "scope": {},
    "metric": _METRIC_ENUMS,
    "datapoint": {**_METRIC_ENUMS, "FLAG_NONE": 0, "FLAG_NO_RECORDED_VALUE": 1},
}


Attributes = Mapping[
    str, Any
]  # Any: the model's AnyValue and OTTL's Value, whose lists the type checker keeps apart


@dataclass(frozen=True, slots=True)
class Field:
    """One field: how to read it. With `attributes` it is a map that takes keys.

    `remembered` says that the answer depends on nothing but metric header, resource and scope.
    """

    read: Read
    attributes: Callable[[EvaluationContext], Attributes] | None = None
    remembered: bool = True


def _map(read: Callable[[EvaluationContext], Attributes], *, remembered: bool = True) -> Field:
    def whole(context: EvaluationContext) -> Value:
        attributes = read(context)
        return attributes if isinstance(attributes, dict) else dict(attributes)

    return Field(whole, read, remembered)


# Any: which of the levels below the context are there is the context's contract, not in its types.
def _scope(context: EvaluationContext) -> Any:
    return context.scope_metrics.scope  # type: ignore[union-attr] # see above


def _header(context: EvaluationContext) -> Any:
    return context.metric.header  # type: ignore[union-attr] # see above


def _temporality(context: EvaluationContext) -> Value:
    header = _header(context)
    if header.type in (
        MetricType.SUM,
        MetricType.HISTOGRAM,
        MetricType.EXPONENTIAL_HISTOGRAM,
    ):
        return int(header.temporality)
    return None


def _is_monotonic(context: EvaluationContext) -> Value:
    header = _header(context)
    return bool(header.is_monotonic) if header.type is MetricType.SUM else None


def _data_points(context: EvaluationContext) -> Value:
    metric = context.metric
    if metric is None or metric.header.type is MetricType.NONE:
        return None
    return Opaque("data_points", metric.data_points)


_CACHE = _map(lambda context: context.cache, remembered=False)

_RESOURCE = {
    "attributes": _map(lambda context: context.resource_metrics.resource.attributes),
    "dropped_attributes_count": Field(
        lambda context: context.resource_metrics.resource.dropped_attributes_count
    ),
    "schema_url": Field(lambda context: context.resource_metrics.resource.schema_url),
    "cache": _CACHE,
}
_SCOPE = {
    "name": Field(lambda context: _scope(context).name),
    "version": Field(lambda context: _scope(context).version),
    "attributes": _map(lambda context: _scope(context).attributes),
    "dropped_attributes_count": Field(lambda context: _scope(context).dropped_attributes_count),
    "schema_url": Field(lambda context: _scope(context).schema_url),
    "cache": _CACHE,
}
_METRIC = {
    "name": Field(lambda context: _header(context).name),
    "description": Field(lambda context: _header(context).description),
    "unit": Field(lambda context: _header(context).unit),
    "type": Field(lambda context: int(_header(context).type)),
    "aggregation_temporality": Field(_temporality),
    "is_monotonic": Field(_is_monotonic),
    "data_points": Field(_data_points, remembered=False),
    "metadata": _map(lambda context: _header(context).metadata),
    "cache": _CACHE,
}

_N = NumberDataPoint
_H = HistogramDataPoint
_E = ExponentialHistogramDataPoint
_S = SummaryDataPoint
_ALL = (_N, _H, _E, _S)


# Any: `types` says which fields the point has.
def _point(types: tuple[type, ...], read: Callable[[Any], Value]) -> Field:
    def read_point(context: EvaluationContext) -> Value:
        point = context.data_point
        return read(point) if isinstance(point, types) else None

    return Field(read_point, remembered=False)


def _value_int(point: NumberDataPoint) -> Value:
    return point.value if isinstance(point.value, int) else 0


def _value_double(point: NumberDataPoint) -> Value:
    return point.value if isinstance(point.value, float) else 0.0


_DATA_POINT = {
    # Every point has attributes; the context holds one whenever a data point condition runs.
    "attributes": _map(
        lambda context: context.data_point.attributes,  # type: ignore[union-attr] # see above
        remembered=False,
    ),
    "value_int": _point((_N,), _value_int),
    "value_double": _point((_N,), _value_double),
    "time_unix_nano": _point(_ALL, lambda point: wrap_int64(point.time_unix_nano)),
    "start_time_unix_nano": _point(_ALL, lambda point: wrap_int64(point.start_time_unix_nano)),
    "time": _point(_ALL, lambda point: Time(point.time_unix_nano, UTC)),
    "start_time": _point(_ALL, lambda point: Time(point.start_time_unix_nano, UTC)),
    "flags": _point(_ALL, lambda point: point.flags),
    "exemplars": _point((_N, _H, _E), lambda point: Opaque("exemplars", point.exemplars)),
    "count": _point((_H, _E, _S), lambda point: wrap_int64(point.count)),
    "sum": _point((_H, _E, _S), lambda point: point.sum or 0.0),
    "bucket_counts": _point((_H,), lambda point: _counts(point.bucket_counts)),
    "explicit_bounds": _point(
        (_H,), lambda point: TypedSlice("float64", tuple(point.explicit_bounds))
    ),
    "scale": _point((_E,), lambda point: point.scale),
    "zero_count": _point((_E,), lambda point: wrap_int64(point.zero_count)),
    "positive": _point((_E,), lambda point: Opaque("buckets", point.positive)),
    "negative": _point((_E,), lambda point: Opaque("buckets", point.negative)),
    "positive.offset": _point((_E,), lambda point: point.positive.offset),
    "negative.offset": _point((_E,), lambda point: point.negative.offset),
    "positive.bucket_counts": _point((_E,), lambda point: _counts(point.positive.bucket_counts)),
    "negative.bucket_counts": _point((_E,), lambda point: _counts(point.negative.bucket_counts)),
    "quantile_values": _point(
        (_S,), lambda point: Opaque("quantile_values", point.quantile_values)
    ),
    "cache": _CACHE,
}


def _counts(counts: list[int]) -> TypedSlice:
    return TypedSlice("uint64", tuple(counts))


# What a receiver attached about its client: tallyd attaches nothing, so the maps are empty and everything else is nil.
_NIL = Field(lambda _context: None)
_NIL_MAP = Field(lambda _context: None, lambda _context: {})
_OTELCOL = {
    "client.addr": _NIL,
    "client.metadata": _NIL_MAP,
    "client.auth.attributes": _NIL_MAP,
    "grpc.metadata": _NIL_MAP,
}

FIELDS: Final[Mapping[str, Mapping[str, Field]]] = {
    "resource": _RESOURCE,
    "scope": _SCOPE,
    "metric": _METRIC,
    "datapoint": _DATA_POINT,
    "otelcol": _OTELCOL,
}
"""Fields by the context they belong to, segments joined by dots."""
