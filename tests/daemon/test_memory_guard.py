"""What the memory guard does at which share of the limit, and that it comes back."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
import pytest
import structlog

from daemon.memory_guard import (
    ALLOWED_BYTES,
    REPEATED_EVERY_LOOKS,
    Machine,
    MemoryGuard,
    Shortage,
)
from query.labels import MatchOp
from query.regex import build_matcher
from query.store.store import Store, StoreSettings
from query.store.totals import Part
from receivers.consumer import Batch, Sender
from receivers.errors import RetryableError

NOW_MS = 1_730_500_000_000
KIB = 1_024
LIMIT = 1_000 * KIB


@dataclass
class Stage:
    """A store behind a guard, on a machine whose figures are set by hand."""

    resident: int = 0
    limit: int | None = LIMIT
    soft: int = 75
    hard: int = 90
    a_series: int = 0
    """What each series adds to the resident memory."""

    def __post_init__(self) -> None:
        self.store = Store(StoreSettings(), lambda _event, _fields: None)
        machine = Machine(limit_bytes=lambda: self.limit, used_bytes=self.used)
        self.guard = MemoryGuard(
            self.store, soft_percentage=self.soft, hard_percentage=self.hard, machine=machine
        )

    def used(self) -> int:
        return self.resident + self.a_series * self.store.series_count

    def at(self, resident: int) -> Shortage:
        self.resident = resident
        self.guard.look()
        return self.guard.shortage

    def series(self, sender: str, number: int, characters: int = 0) -> bool:
        """Return whether a new series of `sender`, with a label of so many characters, is taken."""
        labels = (("__name__", "m"), ("n", f"{number:0{characters}}"))
        found = self.store.series(sender, labels, start_ms=0, is_counter=True, at_ms=NOW_MS)
        if found is not None:
            self.store.append(sender, NOW_MS, [found], [NOW_MS], [1.0])
        return found is not None

    def open(self, sender: str) -> None:
        self.store.sender_opened(sender, NOW_MS, report_interval_ms=20_000)
        self.store.sender_reported(sender, NOW_MS)

    def retry_after_s(self, protocol: str) -> float | None:
        """Return after how long a sender is told to come back, None if its batch is taken."""
        try:
            self.guard.admit(Batch(Sender(protocol, "s"), NOW_MS, []))
        except RetryableError as error:
            return error.retry_after_s
        return None


def test_states() -> None:
    """A state begins at its share of the limit and ends 5 % of the limit below that."""
    stage = Stage()
    sizes = [749, 750, 899, 900, 851, 849, 701, 699]
    assert [stage.at(size * KIB).name for size in sizes] == [
        "NONE", "SOFT", "SOFT", "HARD", "HARD", "SOFT", "SOFT", "NONE",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("soft", "hard", "limit", "expected"),
    [
        pytest.param(0, 90, LIMIT, ["NONE", "HARD"], id="no soft limit"),
        pytest.param(75, 0, LIMIT, ["SOFT", "SOFT"], id="no hard limit"),
        pytest.param(0, 0, LIMIT, ["NONE", "NONE"], id="off"),
        pytest.param(75, 90, None, ["NONE", "NONE"], id="the machine does not tell"),
    ],
)
def test_what_is_not_set(soft: int, hard: int, limit: int | None, expected: list[str]) -> None:
    """A share of 0 is no limit, and nothing is guarded where the limit is not known."""
    stage = Stage(soft=soft, hard=hard, limit=limit)
    assert [stage.at(size * KIB).name for size in (800, 950)] == expected


def test_new_series_while_short() -> None:
    """New series and senders are refused, known ones go on, and who was refused most is told."""
    stage = Stage()
    stage.open("victim")
    assert stage.series("victim", 1)
    stage.at(800 * KIB)
    stage.open("late")
    assert not stage.series("late", 1)
    assert [stage.series("victim", 2) for _ in range(3)] == [False] * 3
    assert stage.series("victim", 1)
    assert (stage.store.blamed(), stage.store.series_count) == ({"victim": 3}, 1)
    assert stage.guard.details()["memory"].endswith("most refused: victim; most series: victim")
    stage.at(100 * KIB)
    assert stage.series("victim", 2)
    assert stage.guard.details() == {}


def test_series_of_ended_senders_go_first() -> None:
    """Series of ended senders are forgotten at once, and new ones take their places, as many as there were."""
    stage = Stage()
    for sender in ("gone", "stays"):
        stage.open(sender)
        assert all(stage.series(sender, number) for number in range(3))
    stage.store.sender_closed("gone", NOW_MS)
    stage.store.sender_reported("stays", NOW_MS + 40_000)
    stage.store.advance(NOW_MS + 50_000)
    stage.at(800 * KIB)
    assert (stage.store.series_count, stage.store.counters["evicted_series"]) == (3, 3)
    assert [stage.series("stays", number) for number in range(10, 14)] == [True] * 3 + [False]


def test_a_place_does_not_become_larger() -> None:
    """While memory is short, a place is not for a series with far longer labels."""
    stage = Stage()
    stage.open("gone")
    assert stage.series("gone", 1)
    stage.open("stays")
    stage.store.sender_closed("gone", NOW_MS)
    stage.store.sender_reported("stays", NOW_MS + 40_000)
    stage.store.advance(NOW_MS + 50_000)
    stage.at(800 * KIB)
    assert [stage.series("stays", 2, length) for length in (2_000, 100)] == [False, True]


def test_between_two_looks() -> None:
    """One message cannot take more than there is: new series ask for another look when they have used up their part."""
    stage = Stage(limit=100 << 20, a_series=1_500)
    stage.open("attacker")
    stage.at(58 << 20)
    taken = itertools.takewhile(lambda number: stage.series("attacker", number), range(100_000))
    assert sum(1 for _ in taken) * stage.a_series > ALLOWED_BYTES
    assert (stage.guard.shortage, stage.used() >> 20) == (Shortage.NONE, 74)
    assert stage.store.counters["refused_for_memory"] == 1


def test_limit_that_changes() -> None:
    """A container whose limit is raised while it runs is guarded at the new one."""
    stage = Stage()
    assert stage.at(800 * KIB) is Shortage.SOFT
    stage.limit = 2 * LIMIT
    assert stage.at(800 * KIB) is Shortage.NONE


@pytest.mark.parametrize("as_rows", [False, True], ids=["series", "rows"])
def test_samples_that_have_no_room(as_rows: bool) -> None:
    """Above the hard share series keep as many samples as they have room for, and who asks hears that some are missing."""
    stage = Stage()
    stage.open("fast")
    stage.at(950 * KIB)
    labels = (("__name__", "m"), ("n", "1"))
    stage.at(0)
    series = stage.store.series("fast", labels, start_ms=0, is_counter=True, at_ms=NOW_MS)
    assert series is not None
    stage.at(950 * KIB)
    matchers = [build_matcher("__name__", MatchOp.EQUAL, "m")]
    refused = []
    for second in range(17):
        at_ms = NOW_MS + 1_000 * second
        if as_rows:
            part = Part(np.array([series.row]), np.array([at_ms]), np.array([float(second)]))
            stage.store.append_rows("fast", at_ms, part, are_distinct=True)
        else:
            stage.store.append("fast", at_ms, [series], [at_ms], [float(second)])
        found = stage.store.select(matchers, start_ms=NOW_MS - 1, end_ms=at_ms)
        refused.append((int(found.counts[0]), found.refused_at_ms == at_ms))
    assert refused == [(count, False) for count in range(1, 17)] + [(16, True)]
    assert stage.store.counters["overwritten"] == 1


def test_the_log() -> None:
    """Each change of state is one line, which names who has most series; what lasts is told again each minute."""
    stage = Stage()
    stage.open("attacker")
    assert stage.series("attacker", 1)
    with structlog.testing.capture_logs() as lines:
        for resident in (800, 800, 950, 100):
            stage.at(resident * KIB)
        stage.at(800 * KIB)
        for _ in range(REPEATED_EVERY_LOOKS):
            stage.at(800 * KIB)
    assert [line["event"] for line in lines] == [
        "memory is short", "memory is short", "memory suffices", "memory is short", "memory is still short",
    ]  # fmt: skip
    assert {line["most_series"] for line in lines} == {"attacker"}


def test_who_is_refused() -> None:
    """Above the hard limit senders that can come back are told to; a sidecar's stream is never broken."""
    stage = Stage()
    protocols = ("opencensus", "otlp", "prometheusremotewrite")
    stage.at(800 * KIB)
    assert [stage.retry_after_s(protocol) for protocol in protocols] == [None, None, None]
    stage.at(950 * KIB)
    assert [stage.retry_after_s(protocol) for protocol in protocols] == [None, 5.0, 5.0]
    assert stage.guard.refused == 2
