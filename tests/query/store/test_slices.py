"""A question that is asked bit by bit, while the store goes on: whole series, and never another's samples."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import TypeVar

import pytest

from query.labels import Labels
from query.queryable import Selection
from query.slices import Sliced, whole
from query.store import index, reading, ring, table
from tests.query.store.support import STALE, T0, Driver, differs, equal, labels, matches, samples

QUESTIONS = {
    "all": (equal("__name__", "m"),),
    "regex": (equal("__name__", "m"), matches("n", ".*")),
    "unwanted": (equal("__name__", "m"), differs("n", "nobody.*")),
}
T = TypeVar("T")
Log = dict[Labels, list[tuple[int, float]]]


@pytest.fixture(autouse=True)
def small_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pauses after every few rows."""
    for module, name, size in (
        (ring, "_BLOCK", 3),
        (ring, "_CELLS", 24),
        (ring, "_NEWEST_AT_ONCE", 3),
        (index, "_VALUES_AT_ONCE", 2),
        (reading, "_LABELS_AT_ONCE", 4),
        (table, "_HUGE_PAGE", 5),
    ):
        monkeypatch.setattr(module, name, size)


class Life:
    """Series that come, are pushed, begin anew, end and are forgotten; each has values of its own."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.driver = Driver(retention_ms=100_000)
        self.log: Log = defaultdict(list)
        self.now = 0
        self._born = 0
        self._reporting: dict[str, Labels] = {}
        self.settle()
        for _ in range(8):
            self.report()

    def settle(self) -> None:
        """Let there be some series that report."""
        while len(self._reporting) < 20:
            self.begin()
        self.report()

    def begin(self) -> None:
        """Let a sender of one series appear."""
        self._born += 1
        name = f"s{self._born}"
        self._reporting[name] = labels("m", n=str(self._born))
        self.driver.open(name, self.now)
        self.push(name)

    def push(self, name: str) -> None:
        key = self._reporting[name]
        self.now += 1
        number = int(dict(key)["n"])
        value = 1_000.0 * number + len(self.log[key]) % self.random.choice([5, 500])
        self.driver.report(name, self.now, (key, self.now, value))
        self.log[key].append((self.now, value))

    def report(self) -> None:
        """Let everybody report."""
        self.now += 3_000
        for name in self._reporting:
            self.push(name)

    def go_on(self) -> None:
        """Let one thing happen."""
        match self.random.randrange(6):
            case 0:
                self.begin()
            case 1 | 2:
                self.push(self.random.choice(list(self._reporting)))
            case 3:
                self.report()
            case 4 if len(self._reporting) > 5:
                gone = self.random.choice(list(self._reporting))
                del self._reporting[gone]
                self.driver.store.sender_closed(gone, T0 + self.now)
            case _:
                self.now += self.random.choice([1_000, 60_000])
                self.driver.store.advance(T0 + self.now)

    def check(self, found: Selection, before: dict[Labels, int], newest_only: bool) -> None:
        """Each series is one moment's: all it had at the beginning, and what came until some moment."""
        for row, key in enumerate(found.labels):
            got = [(time - T0, value) for time, value in samples(found, row) if value != STALE]
            log = self.log[key]
            if got:
                end = log.index(got[-1]) + 1  # type: ignore[arg-type]  # markers are left out
                assert end >= before.get(key, 0)
                assert got == (log[end - 1 : end] if newest_only else log[:end][-len(got) :])


@pytest.mark.parametrize("newest_only", [False, True], ids=["range", "newest"])
@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("seed", range(5))
def test_while_everything_changes(question: str, seed: int, newest_only: bool) -> None:
    """Pushes, new rings, ends, forgotten rows and rows given to others leave a question each series whole or out."""
    life = Life(seed)
    for _ in range(8):
        life.settle()
        before = {key: len(log) for key, log in life.log.items()}
        work = life.driver.store.selecting(
            QUESTIONS[question],
            start_ms=T0 - 10**9,
            end_ms=T0 + 10**9,
            newest_only=newest_only,
        )
        found, pauses = _meanwhile(work, life)
        life.check(found, before, newest_only)
        assert pauses > 3


@pytest.mark.parametrize("question", QUESTIONS)
def test_in_one_go(question: str) -> None:
    """Without a change in the pauses the answer is that of a question asked at once, and it is remembered."""
    life = Life(1)
    store, asked = life.driver.store, QUESTIONS[question]
    found, again = (whole(store.selecting(asked, start_ms=T0, end_ms=T0 + 10**9)) for _ in range(2))
    once = store.select(asked, start_ms=T0, end_ms=T0 + 10**9)
    assert found.labels is again.labels is once.labels
    assert [samples(found, row) for row in range(20)] == [samples(once, row) for row in range(20)]
    assert len(found.labels) == 20


def test_label_sets_of_rows_that_went_to_others() -> None:
    """A search for label sets never tells labels of a row that is another's by now."""
    life = Life(2)
    work = life.driver.store.label_sets(QUESTIONS["regex"], start_ms=0, end_ms=T0 + 10**9)
    before = set(life.log)
    found, _ = _meanwhile(work, life)
    assert set(found) <= before


def _meanwhile(work: Sliced[T], life: Life) -> tuple[T, int]:
    """Return the result of work in whose pauses life goes on, and how many there were."""
    pauses = 0
    while True:
        try:
            next(work)
        except StopIteration as done:
            return done.value, pauses
        pauses += 1
        for _ in range(life.random.randrange(3)):
            life.go_on()
