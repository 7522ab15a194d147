"""How long one step of the event loop lasts, in processor time, while somebody asks for very much."""

from __future__ import annotations

import asyncio
import gc
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from daemon.exporters.windows import Windows
from daemon.web.asking import Asking, AskingSettings, Wish
from daemon.web.turns import stepwise
from query.labels import METRIC_NAME, MatchOp
from query.regex import build_matcher
from query.store.store import Store, StoreSettings
from receivers.prometheusremotewrite.receiver import RemoteWriteReceiver
from tests.bench.promql_data import Data, bodies_of_new
from tests.bench.table import show
from tests.support.slices import result_of

pytestmark = pytest.mark.bench

SERIES = 100_000
AT_MS = 1_730_500_000_000
MOST_MS = 5.0
RATIO = 2
"""The longest step is shorter than all of the work on the loop by this factor at least."""
QUERIES = {
    "sum(rate)": "sum(rate(x[1m]))",
    "x[5m]": "x[5m]",
    "topk by": "topk by (app_id) (5, rate(x[1m]))",
    "sort_desc": "sort_desc(x)",
    "regex": 'count(x{pod=~".*[0-9a-f]7[0-9]+$"})',
    "many selectors": "sum(x) + sum(rate(x[1m])) + sum(x offset 30s)",
}


class MeasuredLoop(asyncio.SelectorEventLoop):
    """Notes how much processor time each of its rounds took its thread."""

    def __init__(self) -> None:
        super().__init__()
        self.rounds_ms: list[float] = []

    def _run_once(self) -> None:
        began_s = time.thread_time()
        super()._run_once()  # type: ignore[misc]  # not in the type stubs
        self.rounds_ms.append((time.thread_time() - began_s) * 1e3)


class Stage:
    """A store with very many series, in front of it all that asks and writes."""

    def __init__(self) -> None:
        self.store = Store(StoreSettings(max_series=10**6), lambda _event, _fields: None)
        windows = Windows(self.store, count=lambda _r, _n: None, on_append=lambda _names: None)
        self.receiver = RemoteWriteReceiver(
            windows, windows, lambda: AT_MS, lambda _reason, _number: None
        )
        self.data = Data(series=SERIES, start_ms=AT_MS - 80_000)
        for bodies in self.data.rounds():
            for body in bodies:
                result_of(self.receiver.receive(body, peer="p"))
        gc.freeze()  # as the daemon does once it has settled

    def asking(self) -> Asking:
        """Return what asks, remembering nothing of earlier questions."""
        settings = AskingSettings(
            lookback_ms=300_000,
            timeout_s=60,
            max_samples=10**8,
            max_concurrency=2,
            max_inline_samples=100_000,
        )
        worker = ThreadPoolExecutor(max_workers=1)
        return Asking(self.store, settings, worker, lambda: AT_MS, asked=lambda _name: None)

    def churn(self) -> None:
        """Let a series come, so that nothing the store remembers of questions holds any more."""
        result_of(self.receiver.receive(next(self._fresh), peer="p"))

    _fresh = bodies_of_new(1, AT_MS)


@pytest.fixture(scope="module")
def stage() -> Stage:
    return Stage()


def _rounds_ms(work: Callable[[], Any]) -> list[float]:
    loop = MeasuredLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        runner.run(work())
    return sorted(loop.rounds_ms)


@pytest.mark.parametrize("case", QUERIES)
def test_queries(stage: Stage, case: str) -> None:
    """A query's work on the loop comes in steps that are a small part of it, also when nothing is remembered."""
    asking = stage.asking()
    rounds_ms = []
    for _ in range(3):
        stage.churn()
        rounds_ms += _rounds_ms(lambda: asking.instant(QUERIES[case], stage.data.at_ms, Wish()))
    _check(case, rounds_ms, asked=3)


def test_label_sets(stage: Stage) -> None:
    """So does a search for all label sets."""
    stage.churn()
    matchers = [build_matcher(METRIC_NAME, MatchOp.REGEX, "x.*")]
    found = stage.store.label_sets(matchers, start_ms=0, end_ms=2 * AT_MS)
    _check("label sets", _rounds_ms(lambda: stepwise(found)), asked=1, ratio=1.5)


def test_new_series(stage: Stage) -> None:
    """So does a request of 2,000 series that nobody has seen."""
    body = next(bodies_of_new(2_000, AT_MS + 1))
    _check(
        "2,000 new series",
        _rounds_ms(lambda: stepwise(stage.receiver.receive(body, peer="new"))),
        asked=1,
    )


def _check(case: str, rounds_ms: list[float], *, asked: int, ratio: float = RATIO) -> None:
    rounds_ms = sorted(rounds_ms)
    show(f"{case}: longest step of the loop", rounds_ms[-1], "ms", at_most=MOST_MS)
    show(f"{case}: all of them", sum(rounds_ms) / asked, "ms")
    assert rounds_ms[-1] * ratio < sum(rounds_ms) / asked
