"""What a transform does to the data points of a metric, one operation after the other (otlp.md 4.3)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version

from daemon.config.metricstransform import OperationConfig
from daemon.processors.metricstransform.matching import MetricFilter
from daemon.processors.metricstransform.merging import merge_points
from daemon.processors.metricstransform.scaling import scale_point, toggle_point
from receivers.model import DataPoint, Metric, MetricType

_NUMBERS = frozenset({MetricType.GAUGE, MetricType.SUM})
_VERSION = "{{version}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A change of a metric; a `whole` one is made only where the whole metric matches."""

    apply: Callable[[Metric, MetricFilter], None]
    whole: bool = True


def build_operation(config: OperationConfig) -> Operation:
    """Return the operation that checked settings describe."""
    match config.action:
        case "add_label":
            return Operation(apply=_adder(config))
        case "update_label":
            return Operation(apply=_label_updater(config), whole=False)
        case "delete_label_value":
            return Operation(apply=_deleter(config))
        case "aggregate_labels":
            return Operation(apply=_label_aggregator(config))
        case "aggregate_label_values":
            return Operation(apply=_value_aggregator(config))
        case "experimental_scale_value":
            factor = config.experimental_scale
            return Operation(apply=_for_each(lambda p: scale_point(p, factor)), whole=False)
        case "toggle_scalar_data_type":
            return Operation(apply=_for_each(toggle_point, _NUMBERS), whole=False)


def _for_each(
    change: Callable[[DataPoint], None], kinds: frozenset[MetricType] = frozenset(MetricType)
) -> Callable[[Metric, MetricFilter], None]:
    """Return an operation on each data point that matches."""

    def apply(metric: Metric, matching: MetricFilter) -> None:
        if metric.header.type in kinds:
            for point in metric.data_points:
                if matching.matches_point(point.attributes):
                    change(point)

    return apply


def _adder(config: OperationConfig) -> Callable[[Metric, MetricFilter], None]:
    label, value = config.new_label, config.new_value
    if _VERSION in value:
        value = value.replace(_VERSION, version("tallyd"))

    def add(metric: Metric, _matching: MetricFilter) -> None:
        for point in metric.data_points:
            point.attributes.setdefault(label, value)

    return add


def _label_updater(config: OperationConfig) -> Callable[[Metric, MetricFilter], None]:
    old, new = config.label, config.new_label or config.label
    values = {action.value: action.new_value for action in config.value_actions}

    def update(point: DataPoint) -> None:
        if old not in point.attributes:
            return
        value = point.attributes.pop(old)
        point.attributes[new] = values.get(value, value) if isinstance(value, str) else value

    return _for_each(update)


def _deleter(config: OperationConfig) -> Callable[[Metric, MetricFilter], None]:
    label, value = config.label, config.label_value

    def delete(metric: Metric, _matching: MetricFilter) -> None:
        metric.data_points = [
            point for point in metric.data_points if point.attributes.get(label) != value
        ]

    return delete


def _label_aggregator(config: OperationConfig) -> Callable[[Metric, MetricFilter], None]:
    kept, how = frozenset(config.label_set), config.aggregation_type

    def aggregate(metric: Metric, _matching: MetricFilter) -> None:
        for point in metric.data_points:
            point.attributes = {k: v for k, v in point.attributes.items() if k in kept}
        metric.data_points = merge_points(metric.header, metric.data_points, how)

    return aggregate


def _value_aggregator(config: OperationConfig) -> Callable[[Metric, MetricFilter], None]:
    label, new_value, how = config.label, config.new_value, config.aggregation_type
    values = frozenset(config.aggregated_values)

    def aggregate(metric: Metric, _matching: MetricFilter) -> None:
        for point in metric.data_points:
            value = point.attributes.get(label)
            if isinstance(value, str) and value in values:
                point.attributes[label] = new_value
        metric.data_points = merge_points(metric.header, metric.data_points, how)

    return aggregate
