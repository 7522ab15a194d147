"""Settings of the filter processor: `processors.filter` (spec/ottl.md 5.1).

What users write is kept as written, a text where a list is meant included; building the filter reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any

from daemon.config.fields import rejected
from daemon.config.markers import AfterValidator, BeforeValidator


class ErrorMode(Enum):
    """What an error while a condition is evaluated leads to (spec/ottl.md 5.4)."""

    IGNORE = "ignore"
    SILENT = "silent"
    PROPAGATE = "propagate"


def _lower_case(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _condition_text(value: object) -> object:
    """Return a YAML item as the text of a condition: null is the empty text, true and false are conditions."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return "" if value is None else value


def _of_one_kind(
    value: tuple[str | ConditionGroup, ...],
) -> tuple[str | ConditionGroup, ...]:
    if len({isinstance(item, str) for item in value}) > 1:
        raise rejected(
            "expected either conditions or objects with conditions, not both in one list"
        )
    return value


AnyErrorMode = Annotated[ErrorMode, BeforeValidator(_lower_case)]
"""An error mode in any letter case."""

ConditionText = Annotated[str, BeforeValidator(_condition_text)]

TextList = str | tuple[str, ...]
"""A list of texts; a single text is a list separated by commas."""

ConditionList = str | tuple[ConditionText, ...]
"""A list of conditions; a single text is a list separated by commas."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegexpConfig:
    """The collector's cache of regular expressions: accepted, without effect."""

    cacheenabled: bool = False
    cachemaxnumentries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeMatchConfig:
    """One resource attribute that must have this value, or any value where none is given."""

    key: str = ""
    value: Any = None  # Any: every kind of YAML value can be asked for


@dataclass(frozen=True, slots=True, kw_only=True)
class MatchConfig:
    """Legacy `include` or `exclude` (spec/ottl.md 5.6)."""

    match_type: str | None = None
    metric_names: TextList | None = None
    expressions: TextList | None = None
    resource_attributes: tuple[AttributeMatchConfig, ...] | None = None
    regexp: RegexpConfig | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricFiltersConfig:
    """`metrics`: conditions for each context, or legacy matchers."""

    resource: ConditionList | None = None
    metric: ConditionList | None = None
    datapoint: ConditionList | None = None
    include: MatchConfig | None = None
    exclude: MatchConfig | None = None
    regexp: RegexpConfig | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ConditionGroup:
    """One object of `metric_conditions`: a pass of its own."""

    context: str | None = None
    error_mode: AnyErrorMode | None = None
    conditions: ConditionList | None = None


ConditionGroups = Annotated[
    tuple[str | ConditionGroup, ...],
    AfterValidator(_of_one_kind),
]
"""A list of conditions, or one of objects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TraceFiltersConfig:
    """`traces`: without effect on metrics, but checked."""

    resource: ConditionList | None = None
    span: ConditionList | None = None
    spanevent: ConditionList | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFiltersConfig:
    """`logs`: without effect on metrics, but checked."""

    resource: ConditionList | None = None
    log_record: ConditionList | None = None
    include: Mapping[str, Any] | None = None  # Any: legacy matchers of logs are not looked into
    exclude: Mapping[str, Any] | None = None  # Any: see above


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanFiltersConfig:
    """`spans`: legacy matchers without effect on metrics."""

    include: Mapping[str, Any] | None = None  # Any: legacy matchers of spans are not looked into
    exclude: Mapping[str, Any] | None = None  # Any: see above


@dataclass(frozen=True, slots=True, kw_only=True)
class ProfileFiltersConfig:
    """`profiles`: without effect on metrics, but checked."""

    resource: ConditionList | None = None
    profile: ConditionList | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterConfig:
    """What users write below `processors.filter`."""

    error_mode: AnyErrorMode = ErrorMode.IGNORE
    metrics: MetricFiltersConfig | None = None
    metric_conditions: ConditionGroups | None = None
    traces: TraceFiltersConfig | None = None
    logs: LogFiltersConfig | None = None
    spans: SpanFiltersConfig | None = None
    profiles: ProfileFiltersConfig | None = None
    trace_conditions: ConditionGroups | None = None
    log_conditions: ConditionGroups | None = None
    profile_conditions: ConditionGroups | None = None
