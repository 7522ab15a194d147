"""Messages that look alike are written as arrays, and the store holds what it would hold without."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

import daemon.exporters.windows.plans as module
from daemon.config.windows import HistogramBuckets
from daemon.exporters.windows import Windows
from query.labels import METRIC_NAME, MatchOp
from query.regex import build_matcher
from query.store.store import Store, StoreSettings
from receivers.consumer import Batch, Sender
from receivers.otlp.decode import Decoder
from tests.support.consumers import Counts
from tests.support.otlp_messages import request_bytes
from tests.support.payloads import EPOCH_S, payload

NOW_MS = EPOCH_S * 1000
EVERY_MS = 10_000
ALL = [build_matcher(METRIC_NAME, MatchOp.REGEX, ".+")]


class Side:
    """A decoder and windows over a store; `knowing` or not what requests look like."""

    def __init__(self, *, knowing: bool, max_series: int = 1000) -> None:
        self.knowing = knowing
        self.counts = Counts()
        self.store = Store(
            StoreSettings(max_series=max_series, retention_ms=60_000), lambda _event, _fields: None
        )
        self.told: list[set[str]] = []
        self.windows = Windows(
            self.store,
            buckets=HistogramBuckets.AUTO,
            count=self.counts,
            on_append=lambda names: self.told.append(set(names)),
        )
        self.decoder = Decoder(self.counts)
        self.as_arrays = 0

    def take(self, raw: bytes, at_ms: int, change: Callable[[Batch], None] | None = None) -> None:
        """Receive one request, which `change` changes on the way."""
        self.store.advance(at_ms)
        request = self.decoder.decode(raw, peer="10.0.0.1", at_ms=at_ms)
        columns = request.columns if self.knowing else None
        for sender, groups in request.unread() if self.knowing else request.batches:
            batch = Batch(sender, at_ms, groups, columns=columns)
            if change is not None:
                change(batch)
            self.as_arrays += columns is not None
            self.windows.reported(sender, at_ms)
            self.windows.consume(batch)

    def content(self, at_ms: int) -> object:
        """Return everything that the store tells."""
        found = self.store.select(ALL, start_ms=at_ms - 60_000, end_ms=at_ms)
        series = {
            labels: list(
                zip(
                    found.times_ms[i, : found.counts[i]].tolist(),
                    map(str, found.values[i, : found.counts[i]].tolist()),
                    strict=True,
                )
            )
            for i, labels in enumerate(found.labels)
        }
        return series, self.store.known_names(), dict(self.store.counters), self.told


class Process:
    """A process that reports counters, gauges and histograms, and is restarted now and then."""

    def __init__(self, seed: int, name: str) -> None:
        self._random = random.Random(seed)
        self._name = name
        self._start = 0
        self._total = 1
        self._series = 4
        self._bounds = "1,2.5"

    def report(self, at: int) -> bytes:
        """Return its report at `at` seconds."""
        odd = self._random.random()
        if odd < 0.04:
            self._start, self._total = at, 1
        elif odd < 0.08:
            self._series = self._random.randrange(3, 6)
        elif odd < 0.1:
            self._bounds = self._random.choice(["1,2.5", "1,3.5"])
        self._total += self._random.randrange(1, 9)
        if odd > 0.97:
            self._total = max(1, self._total - 5)
        total, start = self._total, self._start
        late = at - 20 if 0.9 < odd < 0.95 else at
        which = range(self._series)
        counters = [f"{total + n}{{k={n}}}@{late}^{start}" for n in which]
        gauges = [f"{self._random.choice([-2.5, 7.5])}{{k={n}}}@{at}" for n in which]
        twice = [f"{total}{{same/k=1}}@{at}^{start}", f"{total + 1}{{same.k=1}}@{at}^{start}"]
        buckets = [
            f"h({total + n};{total}.5;{self._bounds};1,1,{total + n}){{k={n}}}@{at}^{start}"
            for n in which
        ]
        text = (
            f"R{{service.instance.id={self._name}}} S s csum calls [{', '.join(counters)}]"
            f" gauge level [{', '.join(gauges)}] csum twice [{', '.join(twice)}]"
            f" chist latency [{', '.join(buckets)}] chist other [{buckets[0]}] gauge none []"
        )
        return request_bytes(payload(text))


@pytest.mark.parametrize("seed", range(8))
def test_stores_the_same(seed: int) -> None:
    """Through restarts, new series, late and repeated points, limits and questions for buckets nothing differs."""
    limit = 1000 if seed % 3 else 30
    sides = [Side(knowing=True, max_series=limit), Side(knowing=False, max_series=limit)]
    processes = [Process(seed * 2 + n, f"p{n}") for n in range(2)]
    chances = random.Random(seed)
    at_ms = NOW_MS
    for _ in range(150):
        step = chances.random()
        at_ms += 120_000 if step < 0.02 else EVERY_MS
        for process in processes:
            raw = process.report((at_ms - NOW_MS) // 1000)
            for side in sides:
                side.take(raw, at_ms)
        if step > 0.98:
            for side in sides:
                side.windows.asked("latency_bucket")
        assert sides[0].content(at_ms) == sides[1].content(at_ms)
    assert sides[0].as_arrays > 50


def usual(at: int, value: int) -> bytes:
    points = ", ".join(f"{value + n}{{k={n}}}@{at}^0" for n in range(8))
    return request_bytes(
        payload(f"R{{service.instance.id=a}} S s csum calls [{points}] gauge level [{value}@{at}]")
    )


def run(side: Side, change: Callable[[Batch], None] | None = None, *, times: int = 6) -> None:
    for n in range(times):
        at_ms = NOW_MS + n * EVERY_MS
        side.take(usual(n * EVERY_MS // 1000, n), at_ms, change)


def _drop_one(batch: Batch) -> None:
    batch.resource_metrics[0].scope_metrics[0].metrics.pop()


def _turn_around(batch: Batch) -> None:
    batch.resource_metrics[0].scope_metrics[0].metrics.reverse()


def _change_points(batch: Batch) -> None:
    for point in batch.resource_metrics[0].scope_metrics[0].metrics[0].data_points:
        point.attributes["new"] = "x"


def _rename(batch: Batch) -> None:
    metric = batch.resource_metrics[0].scope_metrics[0].metrics[0]
    metric.header = replace(metric.header, name="renamed")


def _relabel(batch: Batch) -> None:
    group = batch.resource_metrics[0]
    group.resource = replace(group.resource, attributes={"k8s.pod.name": "new"})


CHANGES: Sequence[Callable[[Batch], None]] = (
    _drop_one,
    _turn_around,
    _change_points,
    _rename,
    _relabel,
)


@pytest.mark.parametrize("change", CHANGES)
def test_what_a_processor_changed(change: Callable[[Batch], None]) -> None:
    """A batch that something was taken out of or changed in on the way is stored as it is then."""
    knowing, other = Side(knowing=True), Side(knowing=False)
    for side in (knowing, other):
        run(side)
        run(side, change)
    at_ms = NOW_MS + 5 * EVERY_MS
    assert knowing.content(at_ms) == other.content(at_ms)


def test_counts_what_was_read() -> None:
    """The receiver hears of every point that was stored as an array."""
    side = Side(knowing=True)
    run(side)
    request = side.decoder.decode(usual(60, 6), peer="10.0.0.1", at_ms=NOW_MS + 60_000)
    assert request.columns is not None
    batch = Batch(request.columns.sender, NOW_MS + 60_000, None, columns=request.columns)
    side.windows.consume(batch)
    assert request.rejections.kept == 9
    for metric in request.columns.metrics:  # which another consumer reads too
        assert metric.data_points
    assert request.rejections.kept == 9


def test_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Plans begin anew when they are too large together, and are gone with their sender."""
    monkeypatch.setattr(module, "MAX_PLANNED", 10)
    side = Side(knowing=True)
    run(side)
    plans = side.windows._plans
    assert plans.size == 9
    other = usual(0, 1).replace(b"\x01a", b"\x01b")
    for _ in range(3):
        side.take(other, NOW_MS)
    assert plans.size == 9
    request = side.decoder.decode(other, peer="10.0.0.1", at_ms=NOW_MS)
    side.windows.closed(request.batches[0][0], NOW_MS)
    assert plans.size == 0


def test_tries_less_often() -> None:
    """Where no plan can be made, because a limit refuses some series, it is tried the first time, the second, the fourth."""
    side = Side(knowing=True, max_series=5)
    plans = side.windows._plans
    due: list[bool] = []
    asked = plans.is_due

    def is_due(sender: Sender, shape: int) -> bool:
        due.append(asked(sender, shape))
        return due[-1]

    plans.is_due = is_due  # type: ignore[method-assign]
    run(side, times=11)
    assert due == [True, True, False, True, False, False, False, True, False]


def test_failures_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What could not be planned is forgotten when there is too much of it."""
    monkeypatch.setattr(module, "MAX_FAILURES", 2)
    plans, sender = module.Plans(Side(knowing=True).store), Sender("otlp", "a")
    assert [plans.is_due(sender, shape) for shape in (1, 2, 3, 3, 3)] == [True] * 4 + [False]
