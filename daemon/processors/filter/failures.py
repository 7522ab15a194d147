"""What becomes of errors while conditions are evaluated (spec/ottl.md 5.4)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from daemon.config.filter import ErrorMode
from daemon.processors.filter.verdicts import Verdict

log = structlog.get_logger(__name__)

MAX_TOLD = 10
"""Errors of one batch that the sender is told in full; the rest is counted."""
_QUIET_S = 60.0


@dataclass(slots=True)
class _Silence:
    """A condition that was complained about lately."""

    until_s: float
    suppressed: int = 0


@dataclass(slots=True)
class Complaints:
    """Logs the errors of each condition, and failed batches, at most once a minute."""

    component_id: str
    clock: Callable[[], float]
    """Returns a monotonic time in seconds."""
    _silenced: dict[str, _Silence] = field(default_factory=dict)

    def condition_failed(self, condition: str, error: str) -> None:
        """Log that a condition could not be evaluated, unless that was logged within the last minute."""
        suppressed = self._suppressed(condition)
        if suppressed is not None:
            log.warning(
                "failed to eval condition",
                component=self.component_id,
                condition=condition,
                error=error,
                suppressed=suppressed,
            )

    def batch_failed(self, failures: Failures) -> None:
        """Log that a batch was refused, unless that was logged within the last minute."""
        suppressed = self._suppressed("")
        if suppressed is not None:
            log.error(
                "refused a batch: conditions failed on it",
                component=self.component_id,
                error=str(failures),
                suppressed=suppressed,
            )

    def _suppressed(self, key: str) -> int | None:
        """Return how often `key` was held back since its last line, or None to hold it back again."""
        now_s = self.clock()
        silence = self._silenced.get(key)
        if silence is not None and now_s < silence.until_s:
            silence.suppressed += 1
            return None
        self._silenced[key] = _Silence(now_s + _QUIET_S)
        return silence.suppressed if silence else 0


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
                self.complaints.condition_failed(condition, error)
            elif self.mode is ErrorMode.PROPAGATE:
                failures.add(condition, error)
