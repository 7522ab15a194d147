"""What a trigger would be told by a tallyd that runs, and how it comes about (`tallyd explain --url`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Final

from daemon.clock import Clock
from daemon.scaler.asking import Asked, Engine, Outcome, ask, read_question
from daemon.scaler.decision import decide_settling
from daemon.scaler.document import Json, build_outcome, warnings_about
from daemon.scaler.keys import resolve

MAX_SERIES: Final = 1_000
"""Series told one by one, those with the largest parts; the others are counted."""


class Explainer:
    """Explains answers out of the live windows; values held over a restart, which belong to a scaled object, left aside."""

    def __init__(
        self,
        engine: Engine,
        clock: Clock,
        *,
        queries: Callable[[], Mapping[str, Mapping[str, str]]],
        retention_ms: int,
        settle_for_ms: int,
    ) -> None:
        """Explain what `engine` answers; `queries` returns the named ones in force; settling begins now."""
        self._engine = engine
        self._clock = clock
        self._queries = queries
        self._retention_ms = retention_ms
        self._settled_at_ms = clock() + settle_for_ms

    def settled(self) -> None:
        """Explain as after settling: what was remembered before the start is there."""
        self._settled_at_ms = self._clock()

    def explain(self, metadata: Mapping[str, str]) -> Callable[[], dict[str, Json]]:
        """Ask on the event loop, and return what describes the answer in any thread.

        Raises:
            BadQuestionError: the metadata asks nothing.
        """
        queries = self._queries()
        asked = read_question(metadata, queries)
        at_ms = self._clock()
        outcome = self._settling(
            asked,
            ask(asked, self._engine, at_ms=at_ms, retention_ms=self._retention_ms, most=MAX_SERIES),
        )
        written = resolve(metadata, queries).written
        proper: dict[str, Json] = {key: value.text for key, value in written.items()}
        return lambda: _document(asked, proper, outcome)

    def _settling(self, asked: Asked, outcome: Outcome) -> Outcome:
        left_ms = self._settled_at_ms - outcome.at_ms
        if left_ms <= 0:
            return outcome
        at_ms = outcome.at_ms
        decision = decide_settling(
            asked.trigger, outcome.decision, None, left_ms=left_ms, at_ms=at_ms, hold_for_ms=0
        )
        return replace(outcome, decision=decision)


def _document(asked: Asked, metadata: dict[str, Json], outcome: Outcome) -> dict[str, Json]:
    return {
        "at_ms": outcome.at_ms,
        "metadata": metadata,
        **build_outcome(asked, outcome),
        "left_out": outcome.left_out,
        "warnings": list(warnings_about(asked, outcome.answer)),
    }
