"""What the memory guard does at which share of the limit, and that it comes back."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from daemon.memory_guard import Machine, MemoryGuard, Shortage
from query.store.store import Store, StoreSettings
from receivers.consumer import Batch, Sender
from receivers.errors import RetryableError

NOW_MS = 1_730_500_000_000
LIMIT = 1_000


@dataclass
class Stage:
    """A store behind a guard, on a machine whose figures are set by hand."""

    resident: int = 0
    limit: int | None = LIMIT
    soft: int = 75
    hard: int = 90

    def __post_init__(self) -> None:
        self.store = Store(StoreSettings(), lambda _event, _fields: None)
        machine = Machine(limit_bytes=lambda: self.limit, resident_bytes=lambda: self.resident)
        self.guard = MemoryGuard(
            self.store, soft_percentage=self.soft, hard_percentage=self.hard, machine=machine
        )

    def at(self, resident: int) -> Shortage:
        self.resident = resident
        self.guard.look()
        return self.guard.shortage

    def series(self, sender: str, number: int) -> bool:
        """Return whether a new series of `sender` is taken."""
        labels = (("__name__", "m"), ("n", str(number)))
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
    assert [stage.at(size).name for size in sizes] == [
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
    assert [stage.at(size).name for size in (800, 950)] == expected


def test_new_series_while_short() -> None:
    """New series and senders are refused, known ones go on, and who was refused most is told."""
    stage = Stage()
    stage.open("victim")
    assert stage.series("victim", 1)
    stage.at(800)
    stage.open("late")
    assert not stage.series("late", 1)
    assert [stage.series("victim", 2) for _ in range(3)] == [False] * 3
    assert stage.series("victim", 1)
    assert (stage.store.blamed(), stage.store.series_count) == ({"victim": 3}, 1)
    assert stage.guard.details()["memory"].endswith("most refused: victim")
    stage.at(100)
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
    stage.at(800)
    assert (stage.store.series_count, stage.store.counters["evicted_series"]) == (3, 3)
    assert [stage.series("stays", number) for number in range(10, 14)] == [True] * 3 + [False]


def test_who_is_refused() -> None:
    """Above the hard limit senders that can come back are told to; a sidecar's stream is never broken."""
    stage = Stage()
    protocols = ("opencensus", "otlp", "prometheusremotewrite")
    stage.at(800)
    assert [stage.retry_after_s(protocol) for protocol in protocols] == [None, None, None]
    stage.at(950)
    assert [stage.retry_after_s(protocol) for protocol in protocols] == [None, 5.0, 5.0]
    assert stage.guard.refused == 2
