"""Settings of the metricstransform processor: `processors.metricstransform` (otlp.md 4.3).

Which settings an action needs is checked when it is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

from daemon.config.fields import rejected, shown
from daemon.config.markers import BeforeValidator


def _one_of(*words: str) -> BeforeValidator:
    """Return the check for a text that is one of `words`, or empty as if it were not set."""

    def check(value: object) -> object:
        if value is None or value == "":
            return ""
        if value not in words:
            listed = f"{', '.join(words[:-1])} or {words[-1]}"
            raise rejected(f"expected {listed}, got {shown(value)}")
        return value

    return BeforeValidator(check)


Aggregation = Annotated[str, _one_of("sum", "mean", "min", "max", "median", "count")]
"""The empty one keeps the first data point of each group."""
MatchType = Annotated[str, _one_of("strict", "regexp")]
"""The empty one is strict."""
Case = Annotated[str, _one_of("lower", "upper")]
"""The empty one leaves letters as they are."""

OperationKind = Literal[
    "add_label",
    "update_label",
    "delete_label_value",
    "aggregate_labels",
    "aggregate_label_values",
    "experimental_scale_value",
    "toggle_scalar_data_type",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueActionConfig:
    """One value of a label that becomes another."""

    value: str
    new_value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class OperationConfig:
    """One operation on the data points of a metric."""

    action: OperationKind
    label: str = ""
    new_label: str = ""
    new_value: str = ""
    label_value: str = ""
    label_set: tuple[str, ...] = ()
    aggregation_type: Aggregation = ""
    aggregated_values: tuple[str, ...] = ()
    value_actions: tuple[ValueActionConfig, ...] = ()
    experimental_scale: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformConfig:
    """One transform: which metrics, what becomes of them."""

    include: str
    match_type: MatchType = "strict"
    experimental_match_labels: Mapping[str, str] | None = None
    action: Literal["update", "insert", "combine", "group"]
    new_name: str = ""
    aggregation_type: Aggregation = ""
    submatch_case: Case = ""
    group_resource_labels: Mapping[str, str] | None = None
    operations: tuple[OperationConfig, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsTransformConfig:
    """What users write below `processors.metricstransform`."""

    transforms: tuple[TransformConfig, ...] = ()
