"""What conditions and statements are evaluated on, and what compiled parts look like."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from daemon.ottl.replacements import Replacements
from daemon.ottl.values import Value
from receivers.model import DataPoint, Metric, ResourceMetrics, ScopeMetrics


@dataclass(slots=True)
class EvaluationContext:
    """One place in a batch; what lies below the condition's own context is None.

    One object serves a whole walk over a batch: the walker moves it from item to item.
    """

    resource_metrics: ResourceMetrics
    scope_metrics: ScopeMetrics | None = None
    metric: Metric | None = None
    data_point: DataPoint | None = None
    now_unix_nano: int = 0
    """What `Now` says: when the batch was received, so that evaluation reads no clock."""
    cache: dict[str, Value] = field(default_factory=dict)


@dataclass(slots=True)
class EditContext(EvaluationContext):
    """One place in a batch that statements may change."""

    replacements: Replacements = field(default_factory=Replacements)
    appended: int = 0
    """Metrics that statements have added to the scope at hand."""


Read = Callable[[EvaluationContext], Value]
"""Yields a value; raises OttlEvaluationError."""

Test = Callable[[EvaluationContext], bool]
"""Judges; raises OttlEvaluationError."""

Edit = Callable[[EditContext], None]
"""Changes what is at hand; raises OttlEvaluationError."""


class NotLiteral:
    """Stands for the value of what has none before it is read."""


NOT_LITERAL: Final = NotLiteral()


@dataclass(frozen=True, slots=True)
class Operand:
    """A compiled value: how to read it, and its value if it is known at start-up."""

    read: Read
    literal: Value | NotLiteral = NOT_LITERAL

    @classmethod
    def known(cls, value: Value) -> Operand:
        """Return the operand whose value is known at start-up."""
        return cls(lambda _context: value, value)
