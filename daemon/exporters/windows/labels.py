"""Attributes to labels, and how numbers are written in them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from daemon.config.windows import ALL_ATTRIBUTES, DEFAULT_RESOURCE_LABELS
from query.labels import METRIC_NAME, Labels, label_name
from receivers.model import AnyValue, Attributes

NO_RENAMES: Final[Mapping[str, str]] = MappingProxyType({})


def build_labels(
    name: str,
    attributes: Attributes,
    resource_attributes: Attributes,
    resource_labels: Sequence[str] = DEFAULT_RESOURCE_LABELS,
    renamed: Mapping[str, str] = NO_RENAMES,
) -> Labels:
    """Return the labels of a series: attributes, and those of the resource that are wanted, which win (DESIGN 3.4).

    Those in `renamed` are wanted always, under the name that stands there.
    """
    labels = {label_name(key): format_value(value) for key, value in attributes.items()}
    wanted = resource_attributes if ALL_ATTRIBUTES in resource_labels else resource_labels
    for key in wanted:
        if key in resource_attributes and key not in renamed:
            labels[label_name(key)] = format_value(resource_attributes[key])
    for key, label in renamed.items():
        if key in resource_attributes:
            labels[label] = format_value(resource_attributes[key])
    labels[METRIC_NAME] = name
    return tuple(sorted((key, value) for key, value in labels.items() if value))


def source_of(kind: object, attributes: Attributes) -> int:
    """Return what tells series apart that become equal by their labels.

    `a/b` and `a.b`, a point's own `host.name`, deltas and cumulative values: `kind` is what the sender calls the metric.
    """
    return hash((kind, frozenset((key, format_value(attributes[key])) for key in attributes)))


def format_value(value: AnyValue) -> str:
    """Return an attribute's value as a label value."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.hex()
    return str(value)


def format_bound(bound: float) -> str:
    """Return a bucket's bound, or a quantile, as the shortest decimal (otlp.md 3.1)."""
    if math.isinf(bound):
        return "+Inf" if bound > 0 else "-Inf"
    return str(int(bound)) if bound == int(bound) and abs(bound) < 1e15 else repr(bound)
