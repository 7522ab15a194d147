"""Remote-written samples in the windows: the rules of promql.md 6.3 that the store decides."""

from __future__ import annotations

import math

import pytest

from daemon.exporters.windows import Windows
from query.labels import METRIC_NAME, MatchOp
from query.regex import build_matcher
from query.store.store import Store, StoreSettings
from receivers.prometheusremotewrite.receiver import RemoteWriteReceiver
from tests.query.store.support import STALE, samples
from tests.support.consumers import Counts
from tests.support.promtest.series import STALE_VALUE
from tests.support.remote_write import compressed, time_series, write_request
from tests.support.slices import result_of

NOW = 1_700_000_000_000
Samples = list[tuple[int, float | str]]


class Setup:
    """Receiver, windows and store in a row, as the daemon puts them."""

    def __init__(self) -> None:
        self.counts = Counts()
        self.now_ms = NOW
        self.store = Store(StoreSettings(retention_ms=0), lambda _event, _fields: None)
        windows = Windows(self.store, count=self.counts, on_append=lambda _names: None)
        self.receiver = RemoteWriteReceiver(windows, windows, lambda: self.now_ms, self.counts)

    def write(
        self,
        *written: tuple[int, float],
        labels: tuple[tuple[str, str], ...] = ((METRIC_NAME, "x"),),
        peer: str = "p",
    ) -> int:
        raw = write_request([time_series(labels, [(NOW + t, v) for t, v in written])])
        return result_of(self.receiver.receive(compressed(raw), peer=peer)).status

    def stored(self) -> list[tuple[dict[str, str], Samples]]:
        everything = build_matcher(METRIC_NAME, MatchOp.REGEX, ".+")
        found = self.store.select([everything], start_ms=-1, end_ms=2 * NOW)
        return [
            (dict(labels), [(t - NOW, v) for t, v in samples(found, row)])
            for row, labels in enumerate(found.labels)
        ]

    def counted(self) -> dict[str, int]:
        others = {k: v for k, v in self.store.counters.items() if v and k != "stored"}
        return {**others, **self.counts}


@pytest.mark.parametrize(
    ("requests", "stored", "counted"),
    [
        ([[(0, 1.0)], [(0, 1.0)]], [(0, 1.0)], {"duplicate": 1}),
        ([[(0, 1.0)], [(0, 2.0)]], [(0, 1.0)], {"late": 1}),
        ([[(10, 1.0)], [(0, 2.0)]], [(10, 1.0)], {"late": 1}),
        ([[(10, 1.0), (0, 2.0)]], [(0, 2.0), (10, 1.0)], {}),
        ([[(0, 1.0), (0, 2.0)]], [(0, 1.0)], {"late": 1}),
        ([[(0, 5.0)], [(10, 3.0)]], [(0, 5.0), (10, 3.0)], {}),
        ([[(0, 1.0)], [(10, STALE_VALUE)], [(20, 2.0)]], [(0, 1.0), (10, STALE), (20, 2.0)], {}),
        ([[(0, math.inf)], [(10, 2.0)]], [(0, math.inf), (10, 2.0)], {}),
        ([[(-(NOW), 1.0)], [(0, 2.0)]], [(-NOW, 1.0), (0, 2.0)], {}),
        ([[(600_000, 1.0)]], [(600_000, 1.0)], {}),
    ],
    ids=[
        "duplicate",
        "other value, same time",
        "older",
        "out of order in one request",
        "one time twice in one request",
        "a drop is no reset to zero",
        "stale marker",
        "infinity",
        "1970, then today",
        "10 min ahead",
    ],
)
def test_samples(
    requests: list[list[tuple[int, float]]], stored: Samples, counted: dict[str, int]
) -> None:
    """Duplicates and older samples are left out and counted; nothing is shifted, held or put in (6.3)."""
    setup = Setup()
    assert [setup.write(*written) for written in requests] == [204] * len(requests)
    assert (setup.stored(), setup.counted()) == ([({METRIC_NAME: "x"}, stored)], counted)


def test_labels() -> None:
    """Unsorted labels are sorted, empty ones dropped, names rewritten as DESIGN 3.4 says."""
    setup = Setup()
    odd = (("z", "1"), (METRIC_NAME, "a.b/c:d"), ("a-b", "2"), ("e", ""))
    assert setup.write((0, 1.0), labels=odd) == 204
    assert setup.stored() == [({METRIC_NAME: "a_b_c:d", "a_b": "2", "z": "1"}, [(0, 1.0)])]


def test_a_writer_that_catches_up_is_not_taken_for_a_wrong_clock() -> None:
    """Hours of old samples keep their times, and so does what follows them."""
    setup = Setup()
    for hour in range(-5, -1):
        setup.write(*((hour * 3_600_000 + i * 15_000, float(i)) for i in range(300)))
    ((_, stored),) = setup.stored()
    assert ([t for t, _ in stored[:3]], stored[-1][0]) == (
        [-18_000_000, -17_985_000, -17_970_000],
        -2 * 3_600_000 + 299 * 15_000,
    )
