"""Settings of the transform processor: `processors.transform` (spec/ottl.md 6.2)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from daemon.config.fields import rejected
from daemon.config.filter import AnyErrorMode, ConditionList, ErrorMode
from daemon.config.markers import AfterValidator


@dataclass(frozen=True, slots=True, kw_only=True)
class StatementGroup:
    """One object of `metric_statements`: statements that run one after the other on each item of a context."""

    context: str | None = None
    error_mode: AnyErrorMode | None = None
    conditions: ConditionList | None = None
    statements: tuple[str, ...] | None = None
    shared_cache: bool = False


def _of_one_kind(value: tuple[str | StatementGroup, ...]) -> tuple[str | StatementGroup, ...]:
    if len({isinstance(item, str) for item in value}) > 1:
        raise rejected(
            "expected either statements or objects with statements, not both in one list"
        )
    return value


StatementGroups = Annotated[tuple[str | StatementGroup, ...], AfterValidator(_of_one_kind)]
"""A list of statements, which is one group, or a list of groups."""

OtherGroups = tuple[Any, ...]  # Any: statements of other signals are not looked into


@dataclass(frozen=True, slots=True, kw_only=True)
class TransformConfig:
    """What users write below `processors.transform`; statements of other signals have no effect on metrics."""

    error_mode: AnyErrorMode = ErrorMode.IGNORE
    metric_statements: StatementGroups | None = None
    trace_statements: OtherGroups | None = None
    log_statements: OtherGroups | None = None
    profile_statements: OtherGroups | None = None
