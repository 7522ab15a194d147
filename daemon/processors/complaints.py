"""Log lines of processors about what fails on many reports: one a minute for each cause."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

log = structlog.get_logger(__name__)

_QUIET_S = 60.0
_EVENTS = {"condition": "failed to eval condition", "statement": "failed to execute statement"}
_REFUSED = {
    "condition": "refused a batch: conditions failed on it",
    "statement": "refused a batch: a statement failed on it",
}


@dataclass(slots=True)
class _Silence:
    """What was complained about lately."""

    until_s: float
    suppressed: int = 0


@dataclass(slots=True)
class Complaints:
    """Logs the errors of each condition or statement, and refused batches, at most once a minute."""

    component_id: str
    clock: Callable[[], float]
    """Returns a monotonic time in seconds."""
    _silenced: dict[str, _Silence] = field(default_factory=dict)

    def failed(self, kind: str, text: str, error: str) -> None:
        """Log that a text of this kind (condition, statement) failed, unless that was logged within the last minute."""
        suppressed = self._suppressed(text)
        if suppressed is not None:
            log.warning(
                _EVENTS[kind],
                component=self.component_id,
                error=error,
                suppressed=suppressed,
                **{kind: text},
            )

    def refused(self, kind: str, error: str) -> None:
        """Log that a batch was refused because such texts failed on it, unless that was logged within the last minute."""
        suppressed = self._suppressed("")
        if suppressed is not None:
            log.error(
                _REFUSED[kind],
                component=self.component_id,
                error=error,
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
