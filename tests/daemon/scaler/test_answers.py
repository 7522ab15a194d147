from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from structlog.testing import capture_logs

from daemon.scaler.answers import Answers, AnswerSettings, Ref, make_ref
from daemon.scaler.decision import Refusal, Refused, Told
from daemon.scaler.remembered import shown_values
from tests.support.scaler import NOW_MS, SetClock, SetEngine, metadata

SETTINGS: dict[str, int] = {
    "retention_ms": 300_000,
    "settle_for_ms": 65_000,
    "hold_for_ms": 60_000,
    "max_scaled_objects": 10,
}


@dataclass
class Set:
    """Answers with parts that the test moves."""

    answers: Answers
    engine: SetEngine
    clock: SetClock
    counts: Counter[str]


def build(
    *, queries: Mapping[str, Mapping[str, str]] | None = None, ready: bool = True, **settings: int
) -> Set:
    engine, clock, counts = SetEngine(), SetClock(), Counter[str]()
    answers = Answers(
        engine,
        AnswerSettings(**(SETTINGS | settings)),
        queries=queries or {},
        clock=clock,
        count=lambda name, amount: counts.update({name: amount}),
    )
    if ready:
        answers.become_ready(listening_since_ms=0, settled=True, held={})
    return Set(answers, engine, clock, counts)


def ref(name: str = "nodeapp", **keys: str) -> Ref:
    return make_ref("default", name, metadata(**keys))


def told(value: float) -> Told:
    return Told(value=value, active=value > 0, at_ms=NOW_MS)


def test_keys_of_a_ref() -> None:
    """State belongs to namespace, name and metadata, whatever order the metadata came in (keda.md 1.6)."""
    one = make_ref("a", "b", {"x": "1", "y": "2"})
    same = make_ref("a", "b", {"y": "2", "x": "1"})
    others = [
        make_ref("a", "c", {"x": "1", "y": "2"}),
        make_ref("ab", "", {"x": "1", "y": "2"}),
        make_ref("a", "b", {"x": "1', 'y': '2"}),
        make_ref("a", "b", {"x": "1"}),
    ]
    assert (one.key, one.metadata_key) == (same.key, same.metadata_key)
    assert len({one.key, *(other.key for other in others)}) == 5


def test_memo() -> None:
    """Within 100 ms the same is told without asking, unless the clock was set back or it must be fresh."""
    it = build()
    values: list[float] = []
    for moved_ms, fresh in ((0, False), (99, False), (1, False), (0, True), (-1, False)):
        it.clock.now_ms += moved_ms
        it.engine.set(float(len(values)))
        decision = it.answers.decision(ref(), fresh=fresh)
        assert isinstance(decision, Told)
        values.append(decision.value)
    assert values == [0.0, 0.0, 2.0, 3.0, 4.0]


def test_not_ready() -> None:
    """Before a snapshot is loaded targets are told and values are not; a loaded snapshot's values are held."""
    it = build(ready=False)
    assert it.answers.decision(ref()) == Refused(
        refusal=Refusal.UNAVAILABLE, text="starting, not ready to answer yet"
    )
    assert it.answers.trigger(ref()).target == 1.0
    it.clock.now_ms += 1_000
    held = {ref().key: told(5.0)}
    it.answers.become_ready(listening_since_ms=NOW_MS, settled=False, held=held)
    assert it.answers.decision(ref()) == told(5.0)


def test_settle_for_0() -> None:
    """`settle_for: 0` switches settling off."""
    it = build(ready=False, settle_for_ms=0)
    it.answers.become_ready(listening_since_ms=NOW_MS, settled=False, held={})
    assert it.answers.decision(ref()) == told(1.0)


def test_not_found_while_settling() -> None:
    """What stands in for an unknown name proves no activity before everybody has reported."""
    it = build(ready=False)
    it.answers.become_ready(listening_since_ms=NOW_MS, settled=False, held={})
    it.engine.set(None, known=False)
    asked = ref(ifNotFound="value", valueIfNotFound="7")
    decisions = [it.answers.decision(asked)]
    it.clock.now_ms += 65_000
    decisions.append(it.answers.decision(asked))
    assert [(type(one), one.active) for one in decisions] == [(Refused, False), (Told, True)]


def test_partial_values_are_not_held() -> None:
    """What the engine says while settling is never kept as an answer."""
    it = build(ready=False)
    it.answers.become_ready(listening_since_ms=NOW_MS, settled=False, held={})
    it.answers.decision(ref())
    assert it.answers.held() == {}
    it.clock.now_ms += 65_000
    decision = it.answers.decision(ref())
    assert it.answers.held() == {ref().key: decision}


def test_bounded() -> None:
    """More triggers than the limit cost no more memory; the oldest is forgotten and counted."""
    it = build(max_scaled_objects=10)
    for number in range(25):
        it.answers.decision(ref(f"app{number}"))
    assert (len(it.answers.held()), it.counts["forgotten_triggers"]) == (10, 15)
    it.answers.decision(ref("app15"))
    it.answers.decision(ref("app25"))
    assert ref("app15").key in it.answers.held()
    assert ref("app16").key not in it.answers.held()


def test_reload() -> None:
    """Other named queries hold from the next call on."""
    it = build(queries={"q": {"targetValue": "2"}})
    named = make_ref("default", "nodeapp", {"queryRef": "q"})
    targets = [it.answers.trigger(named).target]
    assert isinstance(it.answers.decision(named), Refused)
    it.answers.reload({"q": metadata(targetValue="3")})
    targets.append(it.answers.trigger(named).target)
    assert targets == [2.0, 3.0]
    assert it.answers.decision(named) == told(1.0)


def events(logs: list[Any]) -> list[tuple[str, str, str | None]]:
    return [(entry["log_level"], entry["event"], entry.get("status")) for entry in logs]


def test_one_line_per_change() -> None:
    """The log tells that a value became known or unknown, not each call."""
    it = build()
    with capture_logs() as logs:
        for value, known in ((1.0, True), (2.0, True), (None, False), (None, False), (0.0, True)):
            it.clock.now_ms += 1_000
            it.engine.set(value, known=known)
            it.answers.decision(ref())
    assert events(logs) == [
        ("info", "metric value known", None),
        ("warning", "metric value not known", "not_found"),
        ("info", "metric value known", None),
    ]
    assert (logs[1]["namespace"], logs[1]["scaled_object"]) == ("default", "nodeapp")


def test_no_series_fits() -> None:
    """A known name without a fitting series is told once as a doubt, and once as an end if there was one before."""
    it = build()
    with capture_logs() as logs:
        for newest_ms in (None, None, NOW_MS, None, None):
            it.clock.now_ms += 1_000
            it.engine.set(None if newest_ms is None else 1.0, newest_sample_ms=newest_ms)
            it.answers.decision(ref(operationOverTime="rate"))
    assert [(entry["log_level"], entry["event"], entry["query"]) for entry in logs] == [
        (
            "warning",
            "no series fits the query: its value is 0; check the labels with tallyd explain",
            "sum(rate(requests[1m]))",
        ),
        ("info", "metric value known", "sum(rate(requests[1m]))"),
        (
            "info",
            "no series fits the query any more: its value is 0",
            "sum(rate(requests[1m]))",
        ),
    ]


def test_values_for_the_self_metrics() -> None:
    """What each trigger was last told, for ten minutes; of equal names the newest, nothing where nothing is known."""
    it = build()
    for value, known, query, clamp in (
        (1.0, True, "sum(a)", "9"),
        (2.0, True, "sum(b)", "9"),
        (3.0, True, "sum(b)", "8"),
        (None, False, "sum(c)", "9"),
    ):
        it.clock.now_ms += 1_000
        it.engine.set(value, known=known)
        it.answers.decision(ref(metricQuery=query, clampMax=clamp))

    def shown() -> dict[str, float]:
        assert all(
            (named["namespace"], named["scaled_object"]) == ("default", "nodeapp")
            for named, _ in shown_values(it.answers.conditions())
        )
        return {named["query"]: value for named, value in shown_values(it.answers.conditions())}

    at_once = shown()
    it.clock.now_ms += 598_000
    assert (at_once, shown()) == ({"sum(a)": 1.0, "sum(b)": 3.0}, {"sum(b)": 3.0})


def test_log_tells_triggers_apart() -> None:
    """Each line about a value names the query, as PromQL or as written where it cannot be read."""
    it = build()
    with capture_logs() as logs:
        for query in ("sum(a)", "b{c='d'}", "sum(e"):
            it.answers.decision(ref(metricQuery=query))
    assert [entry["query"] for entry in logs] == ["sum(a)", 'sum(b{c="d"})', "sum(e"]


def test_unknown_keys_and_warnings_once() -> None:
    """Unknown keys and doubts about a query are told once."""
    it = build()
    it.engine.set(1.0, warnings=("window of 5 s is shorter than two report intervals of 20 s",))
    with capture_logs() as logs:
        for _ in range(3):
            it.clock.now_ms += 1_000
            it.answers.decision(ref(clampMaxx="1"))
    assert [entry["event"] for entry in logs] == [
        "unknown metadata keys",
        "doubtful query",
        "metric value known",
    ]
    assert logs[0]["keys"] == {"clampMaxx": "did you mean clampMax?"}


def test_log_is_bounded() -> None:
    """A flood of different triggers writes 50 lines a minute, the rest is counted."""
    it = build()
    with capture_logs() as logs:
        for number in range(80):
            it.answers.decision(ref(f"app{number}"))
        it.clock.now_ms += 60_000
        it.answers.decision(ref("last"))
    assert (len(logs), it.counts["suppressed_log_lines"]) == (51, 30)
