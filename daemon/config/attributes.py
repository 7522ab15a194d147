"""Settings of the attributes processor: `processors.attributes` and `processors.resource` (otlp.md 4.1, 4.2).

What an action needs and what it must not have depends on its kind: building it checks that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from daemon.config.fields import rejected
from daemon.config.filter import RegexpConfig, TextList
from daemon.config.markers import BeforeValidator

ActionKind = Literal["insert", "update", "upsert", "delete", "hash", "extract", "convert"]


def _lower_case(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _no_resources(_value: object) -> object:
    raise rejected(
        "resources decide nothing about metrics in the collector: use metric_names, or the processor transform with a "
        "where clause on resource.attributes"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionConfig:
    """One action: what happens to one attribute, or to those that `pattern` finds."""

    key: str = ""
    action: Annotated[ActionKind, BeforeValidator(_lower_case)]
    """In any letter case."""
    value: Any = None  # Any: every kind of YAML value can be an attribute's
    from_attribute: str = ""
    from_context: str = ""
    default_value: Any = None  # Any: see above
    pattern: str = ""
    converted_type: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricMatchConfig:
    """`include` or `exclude`: metrics by name."""

    match_type: Literal["strict", "regexp"]
    metric_names: TextList
    regexp: RegexpConfig | None = None
    resources: Annotated[Any, BeforeValidator(_no_resources)] = None  # Any: refused whatever it is


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributesConfig:
    """What users write below `processors.attributes`."""

    actions: tuple[ActionConfig, ...] = ()
    """On each data point, in order; there must be one."""
    include: MetricMatchConfig | None = None
    exclude: MetricMatchConfig | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceConfig:
    """What users write below `processors.resource`."""

    attributes: tuple[ActionConfig, ...] = ()
    """Actions on each resource, in order; there must be one."""
