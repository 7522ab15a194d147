"""What each trigger was last told: compiled metadata, the memo of one instant, answers held over a restart."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final, NamedTuple, Protocol

import structlog

from daemon.scaler.decision import (
    Decision,
    Refusal,
    Refused,
    Told,
    decide,
    decide_settling,
    refuse_metadata,
)
from daemon.scaler.keys import MetadataError
from daemon.scaler.metadata import Trigger, parse_metadata
from daemon.scaler.remembered import Condition, Lru, Remembered
from query.errors import QueryError
from query.scaling import Answer, Question

MEMO_MS: Final = 100
"""GetMetrics and IsActive of one poll come about 1 ms apart and speak of one instant (keda.md 6.5.10)."""
CEILING_MS: Final = 250
"""KEDA sets no deadline and waits for ever; an answer that took longer is given up (DESIGN 4.1)."""
LOG_LINES: Final = 50
"""Changes of state told per minute; beyond that they are counted."""
_MINUTE_MS: Final = 60_000
MAX_NAME_LENGTH: Final = 253
"""Characters of a name in the log: Kubernetes allows no more."""
MAX_REASON_LENGTH: Final = 1000
VALUE_SHOWN_FOR_MS: Final = 600_000
"""How long the self-metrics show what a trigger was told: nobody asks for one that was changed or deleted."""
NO_SERIES: Final = "no series fits the query: its value is 0; check the labels with tallyd explain"
NO_SERIES_LEFT: Final = "no series fits the query any more: its value is 0"

log = structlog.get_logger(__name__)


class Engine(Protocol):
    """Whoever answers questions: `query.scaling.Engine`."""

    def answer(self, question: Question, at_ms: int) -> Answer:
        """Return the answer at `at_ms`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerSettings:
    """The rules of keda.md 6.3.6 in figures."""

    retention_ms: int
    """`windows.retention`; 0 keeps by count only."""
    settle_for_ms: int
    """`windows.settle_for`; 0 switches settling off."""
    hold_for_ms: int
    max_scaled_objects: int


class Ref(NamedTuple):
    """One trigger of one scaled object, as KEDA names it with every call (keda.md 1.1)."""

    namespace: str
    name: str
    metadata: Mapping[str, str]
    metadata_key: str
    """Equal for equal metadata."""
    key: str
    """Equal for equal triggers of one scaled object; the metric name would not do (keda.md 1.6)."""

    @property
    def metric_name(self) -> str:
        """The add-on's name, so that the HPA stays as it is on migration (keda.md 1.6)."""
        return f"{self.namespace}-{self.name}"


def make_ref(namespace: str, name: str, metadata: Mapping[str, str]) -> Ref:
    """Return the trigger with its keys, which are the same in every process."""
    metadata_key = _digest(sorted(metadata.items()))
    return Ref(namespace, name, metadata, metadata_key, _digest((namespace, name, metadata_key)))


class Answers:
    """Answers for all triggers; everything in it is touched by the event loop alone."""

    def __init__(
        self,
        engine: Engine,
        settings: AnswerSettings,
        *,
        queries: Mapping[str, Mapping[str, str]],
        clock: Callable[[], int],
        count: Callable[[str, int], None],
    ) -> None:
        self._engine = engine
        self._settings = settings
        self._queries = queries
        self._clock = clock
        self._count = count
        self._settled_at_ms: int | None = None

        def forgot() -> None:
            count("forgotten_triggers", 1)

        self._triggers: Lru[str, Trigger] = Lru(settings.max_scaled_objects, lambda: None)
        self._remembered: Lru[str, Remembered] = Lru(settings.max_scaled_objects, forgot)
        self._log_window_ms = 0
        self._logged = 0

    def become_ready(
        self, *, listening_since_ms: int, settled: bool, held: Mapping[str, Told]
    ) -> None:
        """Begin to answer; until then every value is UNAVAILABLE. `held` is what the last process told."""
        settle_for_ms = 0 if settled else self._settings.settle_for_ms
        self._settled_at_ms = listening_since_ms + settle_for_ms
        for key, told in held.items():
            self._remembered.put(key, Remembered(told=told))

    def trigger(self, ref: Ref) -> Trigger:
        """Return the compiled metadata of `ref`.

        Raises:
            MetadataError: it gives no target.
        """
        trigger = self._triggers.get(ref.metadata_key)
        if trigger is None:
            trigger = parse_metadata(ref.metadata, self._queries)
            self._triggers.put(ref.metadata_key, trigger)
            self._tell_unknown_keys(ref, trigger)
        return trigger

    def metric_names(self, ref: Ref) -> frozenset[str]:
        """Return the names whose samples may change what `ref` is told; none without a target."""
        try:
            return self.trigger(ref).metric_names
        except MetadataError:
            return frozenset()

    def decision(self, ref: Ref, *, fresh: bool = False) -> Decision:
        """Return what `ref` is told now, which for `MEMO_MS` is the same unless `fresh` is asked for."""
        now_ms = self._clock()
        remembered = self._remembered.get(ref.key)
        if remembered is None:
            remembered = Remembered()
            self._remembered.put(ref.key, remembered)
        age_ms = now_ms - remembered.decided_at_ms
        if remembered.decision is not None and not fresh and 0 <= age_ms < MEMO_MS:
            return remembered.decision
        if not remembered.named:
            remembered.named = {**_named(ref), "query": self._query(ref)}
        decision = self._decide(ref, remembered, now_ms)
        remembered.decision = decision
        remembered.decided_at_ms = now_ms
        self._tell_change(remembered, decision)
        return decision

    def held(self) -> dict[str, Told]:
        """Return the last value of each trigger, for the snapshot; the keys mean nothing outside."""
        return {key: kept.told for key, kept in self._remembered.items() if kept.told is not None}

    def conditions(self) -> list[Condition]:
        """Return how each trigger fares that was asked for in the last 10 minutes.

        Of triggers that differ in other keys than those shown only the one that was asked for last.
        """
        now_ms = self._clock()
        recent = [
            kept
            for kept in self._remembered.values()
            if kept.decision is not None and 0 <= now_ms - kept.decided_at_ms < VALUE_SHOWN_FOR_MS
        ]
        recent.sort(key=lambda kept: kept.decided_at_ms)
        by_name = {tuple(kept.named.items()): kept for kept in recent}
        return [kept.condition(now_ms) for kept in by_name.values()]

    @property
    def settled_at_ms(self) -> int | None:
        """When settling ends or ended; None before `become_ready`."""
        return self._settled_at_ms

    def reload(self, queries: Mapping[str, Mapping[str, str]]) -> None:
        """Take other named queries."""
        self._queries = queries
        self._triggers.clear()
        for remembered in self._remembered.values():
            remembered.decision = None
            remembered.named = {}

    def _decide(self, ref: Ref, remembered: Remembered, now_ms: int) -> Decision:
        if self._settled_at_ms is None:
            return Refused(refusal=Refusal.UNAVAILABLE, text="starting, not ready to answer yet")
        try:
            trigger = self.trigger(ref)
        except MetadataError as error:
            return Refused(refusal=Refusal.INVALID_ARGUMENT, text=str(error))
        remembered.target = trigger.target
        refused = refuse_metadata(trigger, retention_ms=self._settings.retention_ms)
        if refused is not None:
            return refused
        left_ms = self._settled_at_ms - now_ms
        if left_ms > 0:  # who has not reported yet is not proven absent
            trigger = replace(trigger, value_if_not_found=None)
        decision = self._ask(trigger, remembered, now_ms)
        if left_ms <= 0:
            if isinstance(decision, Told):
                remembered.told = decision
            return decision
        remembered.fits = True  # what is held tells nothing of the series
        return decide_settling(
            trigger,
            decision,
            remembered.told,
            left_ms=left_ms,
            at_ms=now_ms,
            hold_for_ms=self._settings.hold_for_ms,
        )

    def _ask(self, trigger: Trigger, remembered: Remembered, now_ms: int) -> Decision:
        self._count("evaluations", 1)
        try:
            answer = self._engine.answer(trigger.asked, now_ms)
        except QueryError as error:
            text = f"metadata key metricQuery: {error}"
            return Refused(refusal=Refusal.INVALID_ARGUMENT, text=text)
        took_ms = self._clock() - now_ms
        if took_ms > CEILING_MS:
            return Refused(
                refusal=Refusal.DEADLINE_EXCEEDED,
                text=f"the answer took {took_ms} ms, expected at most {CEILING_MS} ms: select fewer series",
            )
        remembered.fits = not answer.known or answer.newest_sample_ms is not None
        remembered.has_fitted |= answer.newest_sample_ms is not None
        remembered.newest_sample_ms = answer.newest_sample_ms
        remembered.name, remembered.warnings = answer.name, answer.warnings
        if answer.warnings and not remembered.warned and self._may_log():
            remembered.warned = True
            log.warning("doubtful query", **remembered.named, warnings=answer.warnings)
        return decide(trigger, answer, at_ms=now_ms)

    def _tell_change(self, remembered: Remembered, decision: Decision) -> None:
        """Log that the value of a trigger became known, or unknown for another reason; never each call."""
        known = "known" if remembered.fits else NO_SERIES
        state = decision.refusal.value if isinstance(decision, Refused) else known
        if state == remembered.state or not self._may_log():
            return
        remembered.state = state
        fields = remembered.named
        if isinstance(decision, Refused):
            reason = decision.text[:MAX_REASON_LENGTH]
            log.warning("metric value not known", **fields, status=state, reason=reason)
        elif remembered.fits:
            value, active = decision.value, decision.active
            log.info("metric value known", **fields, value=value, active=active)
        elif remembered.has_fitted:  # as when an application was scaled to nothing
            log.info(NO_SERIES_LEFT, **fields)
        else:
            log.warning(NO_SERIES, **fields)

    def _query(self, ref: Ref) -> str:
        """Return the query of `ref` as PromQL, or as written where it cannot be read."""
        with suppress(MetadataError):
            if canonical := self.trigger(ref).canonical:
                return canonical[:MAX_REASON_LENGTH]
        return ref.metadata.get("metricQuery", "")[:MAX_REASON_LENGTH]

    def _tell_unknown_keys(self, ref: Ref, trigger: Trigger) -> None:
        if trigger.unknown_keys and self._may_log():
            keys = {
                key: f"did you mean {near}?" if near else "" for key, near in trigger.unknown_keys
            }
            log.warning("unknown metadata keys", **_named(ref), keys=keys)

    def _may_log(self) -> bool:
        now_ms = self._clock()
        if not 0 <= now_ms - self._log_window_ms < _MINUTE_MS:
            self._log_window_ms = now_ms
            self._logged = 0
        self._logged += 1
        if self._logged > LOG_LINES:
            self._count("suppressed_log_lines", 1)
            return False
        return True


def _named(ref: Ref) -> dict[str, str]:
    return {
        "namespace": ref.namespace[:MAX_NAME_LENGTH],
        "scaled_object": ref.name[:MAX_NAME_LENGTH],
    }


def _digest(value: object) -> str:
    return hashlib.sha256(repr(value).encode()).hexdigest()
