"""Converters that look at the metric around the condition (spec/ottl.md 4.3)."""

from __future__ import annotations

from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.evaluation import EvaluationContext
from daemon.ottl.functions.signature import Converter, Param, ParamKind
from receivers.model import DataPoint, MetricType

_METRIC_ONLY = frozenset({"metric"})


def _data_points(context: EvaluationContext) -> list[DataPoint]:
    metric = context.metric
    if metric is None or metric.header.type is MetricType.NONE:
        raise OttlEvaluationError("the metric has no data, so no data points to look at")
    return metric.data_points


def _has_attribute_key(context: EvaluationContext, key: str) -> bool:
    return any(key in point.attributes for point in _data_points(context))


def _has_attribute(context: EvaluationContext, key: str, wanted: str) -> bool:
    """The first point that has the key decides; an attribute that is no string counts as empty."""
    for point in _data_points(context):
        if key in point.attributes:
            value = point.attributes[key]
            return (value if isinstance(value, str) else "") == wanted
    return False


CONVERTERS = (
    Converter(
        name="HasAttrKeyOnDatapoint",
        params=(Param("key", ParamKind.LITERAL_STRING),),
        bind=lambda _literals: _has_attribute_key,
        needs_context=True,
        contexts=_METRIC_ONLY,
    ),
    Converter(
        name="HasAttrOnDatapoint",
        params=(
            Param("key", ParamKind.LITERAL_STRING),
            Param("value", ParamKind.LITERAL_STRING),
        ),
        bind=lambda _literals: _has_attribute,
        needs_context=True,
        contexts=_METRIC_ONLY,
    ),
)
