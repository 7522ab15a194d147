"""What becomes of errors while conditions are evaluated (spec/ottl.md 5.4)."""

from __future__ import annotations

from dataclasses import dataclass, field

from daemon.config.filter import ErrorMode
from daemon.processors.complaints import Complaints
from daemon.processors.filter.verdicts import Verdict

MAX_TOLD = 10
"""Errors of one batch that the sender is told in full; the rest is counted."""


@dataclass(slots=True)
class Failures:
    """Errors of one batch that are to reach its sender: the first ones in full, all of them counted."""

    count: int = 0
    told: list[str] = field(default_factory=list)

    def add(self, condition: str, error: str) -> None:
        """Note one error."""
        self.count += 1
        if len(self.told) < MAX_TOLD:
            self.told.append(f"{condition}: {error}")

    def __str__(self) -> str:
        more = self.count - len(self.told)
        return "; ".join([*self.told, *([f"and {more} more"] if more else [])])


@dataclass(frozen=True, slots=True)
class ErrorHandler:
    """Acts on evaluation errors as the error mode says."""

    mode: ErrorMode
    complaints: Complaints

    @property
    def propagates(self) -> bool:
        """Whether the first error decides an item and fails the batch."""
        return self.mode is ErrorMode.PROPAGATE

    def handle(self, verdict: Verdict, failures: Failures) -> None:
        """Log, note or forget the errors that a verdict was reached with."""
        for condition, error in verdict.errors:
            if self.mode is ErrorMode.IGNORE:
                self.complaints.failed("condition", condition, error)
            elif self.mode is ErrorMode.PROPAGATE:
                failures.add(condition, error)
