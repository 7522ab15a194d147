"""A whole explanation as one value: play the session, judge its last report, ask the question."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from daemon.app import App
from daemon.config.load import LoadedConfig
from daemon.config.windows import WindowsConfig
from daemon.explain.absence import why_nothing
from daemon.explain.playing import Player
from daemon.explain.verdicts import Verdict, judge_report, receiver_of
from daemon.pipeline import build_pipelines
from daemon.processors.build import ProcessorSettings
from daemon.recording import Event
from daemon.scaler.asking import Asked, Outcome, ask, read_question
from daemon.scaler.decision import Refusal, Refused
from query.store.store import Store
from receivers.consumer import Batch

SETTLING = "settling"
"""UNAVAILABLE, until every sender must have reported to a tallyd that starts with the session."""


class Moment(NamedTuple):
    """What KEDA would have been told right after one report; `value` is None where it would have got an error."""

    at_ms: int
    value: float | None
    status: str | None
    """Why there is no value: `SETTLING`, or the error's gRPC status in lower case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Explanation:
    """What a configuration and a trigger make of a session."""

    session: str
    begin_ms: int
    end_ms: int
    senders: tuple[str, ...]
    verdicts: tuple[Verdict, ...]
    """Of the session's last report."""
    asked: Asked
    outcome: Outcome
    """At the end of the session."""
    history: tuple[Moment, ...]
    """After each report."""
    why: tuple[str, ...]
    """Why no series took part in the answer; empty if one did."""
    irregularities: Mapping[str, int]
    """What the receiver did not hand on as it came."""
    refusals: tuple[str, ...]
    """What the pipeline said of reports that it did not take."""
    settling: bool
    """Whether the session ends before a tallyd that starts with it has settled; the outcome leaves that aside."""


def explain(
    loaded: LoadedConfig, events: Sequence[Event], metadata: Mapping[str, str]
) -> Explanation:
    """Return what becomes of a session under a configuration, and of a trigger's question at its end.

    Raises:
        BadQuestionError: the metadata asks nothing.
        NothingReceivesError: no pipeline takes what sidecars send.
        InvalidConfigurationError: parts of the configuration cannot be built.
    """
    asked = read_question(metadata, loaded.config.named_queries)
    receiver = receiver_of(loaded.config)
    app = App(loaded)
    name = asked.trigger.asked.query.selector.name
    if name is not None:
        app.windows.asked(name)  # as the scaler does, so that the buckets of a histogram are kept
    exporters = dict.fromkeys(loaded.config.exporters, app.windows)
    consumer = build_pipelines(loaded.config, exporters, ProcessorSettings())[receiver]
    player = Player(app, consumer)
    windows = _windows_config(loaded)
    settled_at_ms = events[0].at_ms + windows.settle_for
    history: list[Moment] = []
    senders: dict[str, None] = {}
    verdicts: list[Verdict] = []
    reports = deque[Batch](maxlen=1)
    for report in player.play(events):
        reports.append(report)
        senders[str(report.sender)] = None
        outcome = ask(asked, app.engine, at_ms=player.now_ms, retention_ms=windows.retention)
        history.append(_moment(outcome, settled_at_ms))
    outcome = ask(asked, app.engine, at_ms=player.now_ms, retention_ms=windows.retention)
    for report in reports:
        verdicts = judge_report(loaded, report)
    return Explanation(
        session=events[0].session,
        begin_ms=events[0].at_ms,
        end_ms=player.now_ms,
        senders=tuple(senders),
        verdicts=tuple(verdicts),
        asked=asked,
        outcome=outcome,
        history=tuple(history),
        why=_why(asked, outcome, app.store, verdicts, windows),
        irregularities=dict(sorted(player.irregularities.items())),
        refusals=tuple(player.refusals),
        settling=player.now_ms < settled_at_ms,
    )


def _why(
    asked: Asked,
    outcome: Outcome,
    store: Store,
    verdicts: Sequence[Verdict],
    windows: WindowsConfig,
) -> tuple[str, ...]:
    selector = asked.trigger.asked.query.selector
    lines = why_nothing(outcome, selector, store, verdicts, lookback_ms=windows.retention)
    return tuple(lines)


def _moment(outcome: Outcome, settled_at_ms: int) -> Moment:
    decision = outcome.decision
    if isinstance(decision, Refused) and decision.refusal is Refusal.INVALID_ARGUMENT:
        return Moment(outcome.at_ms, None, decision.refusal.value)
    if outcome.at_ms < settled_at_ms:
        return Moment(outcome.at_ms, None, SETTLING)
    if isinstance(decision, Refused):
        return Moment(outcome.at_ms, None, decision.refusal.value)
    return Moment(outcome.at_ms, decision.value, None)


def _windows_config(loaded: LoadedConfig) -> WindowsConfig:
    return next(iter(loaded.config.exporters.values()), WindowsConfig())
