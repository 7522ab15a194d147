"""Resources, scopes and attributes as Prometheus' labels, the way remote write and the page want them (otlp.md 5.3)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, cast

from daemon.config.prometheusremotewrite_exporter import ResourceToTelemetryConfig
from daemon.ottl.errors import OttlEvaluationError
from daemon.ottl.functions.gotext import format_attribute
from daemon.ottl.values import Value
from query.labels import METRIC_NAME
from receivers.model import NO_ATTRIBUTES, AnyValue, Attributes, Resource, Scope

TARGET_INFO: Final = "target_info"

_NOT_IN_LABEL_NAME = re.compile(r"[^A-Za-z0-9]+")
_NAME, _NAMESPACE, _INSTANCE = "service.name", "service.namespace", "service.instance.id"
_SERVICE = frozenset({_NAME, _NAMESPACE, _INSTANCE})


@lru_cache(maxsize=4096)
def prometheus_label(key: str) -> str:
    """Return `key` as a label's name: runs of other characters are one `_`, and `key` stands before one in front."""
    name = _NOT_IN_LABEL_NAME.sub("_", key)
    if name[:1] == "_":
        return f"key{name}"
    return f"key_{name}" if name[:1].isdigit() else name


def label_text(value: AnyValue) -> str:
    """Return an attribute's value as a label's: lists and maps as JSON, bytes as base64."""
    if isinstance(value, str):
        return value
    try:
        return format_attribute(cast("Value", value))  # of which a telemetry value is one kind
    except OttlEvaluationError:  # a list that holds NaN, or nests without end
        return str(value)


def plain_labels(attributes: Attributes) -> dict[str, str]:
    """Return attributes as labels; values of keys that become one are joined in the order of their keys."""
    labels: dict[str, str] = {}
    for key in sorted(attributes):
        if key == METRIC_NAME:
            continue
        name, text = prometheus_label(key), label_text(attributes[key])
        labels[name] = f"{labels[name]};{text}" if name in labels else text
    return labels


def service_labels(resource: Resource) -> dict[str, str]:
    """Return `job` and `instance`, as far as the resource tells them."""
    attributes = resource.attributes
    labels = {}
    if name := label_text(attributes.get(_NAME)):
        namespace = label_text(attributes.get(_NAMESPACE))
        labels["job"] = f"{namespace}/{name}" if namespace else name
    if instance := label_text(attributes.get(_INSTANCE)):
        labels["instance"] = instance
    return labels


def target_labels(resource: Resource) -> dict[str, str]:
    """Return the labels of `target_info`; none if the resource has no job or instance, or nothing else."""
    service = service_labels(resource)
    others = {key: resource.attributes[key] for key in resource.attributes if key not in _SERVICE}
    return {**plain_labels(others), **service} if service and others else {}


@dataclass(frozen=True, slots=True)
class Frame:
    """What all series of one scope of one resource have in common."""

    resource_attributes: Attributes
    """Those that become labels, under their own keys; they win over a data point's."""
    fixed: Mapping[str, str]
    """Labels that win over attributes."""
    extra: Mapping[str, str]
    """Labels that attributes win over."""

    def labels(self, attributes: Attributes) -> dict[str, str]:
        """Return the labels of a series whose data points have `attributes`."""
        if self.resource_attributes:
            attributes = {**attributes, **self.resource_attributes}
        labels = plain_labels(attributes)
        labels.update(self.fixed)
        return {**self.extra, **labels} if self.extra else labels


def build_frame(
    resource: Resource,
    scope_labels: Mapping[str, str],
    conversion: ResourceToTelemetryConfig,
    extra: Mapping[str, str],
) -> Frame:
    """Return what the series of a scope have in common."""
    converted = NO_ATTRIBUTES
    if conversion.enabled:
        converted = resource.attributes
        if conversion.exclude_service_attributes:
            converted = {key: converted[key] for key in converted if key not in _SERVICE}
    return Frame(converted, {**scope_labels, **service_labels(resource)}, extra)


def told_scope_labels(scope: Scope) -> dict[str, str]:
    """Return name and version of a scope, as far as it has them."""
    labels = {"otel_scope_name": scope.name, "otel_scope_version": scope.version}
    return {name: value for name, value in labels.items() if value}


def format_number(value: float) -> str:
    """Return the shortest text of a bound or quantile: `1`, `2.5`, `+Inf`."""
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124  NaN is not itself
        return {float("inf"): "+Inf", float("-inf"): "-Inf"}.get(value, "NaN")
    if value == int(value) and abs(value) < 1e15:
        return str(int(value))
    return repr(value)
