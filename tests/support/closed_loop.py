"""The walk-through in a loop: callers, pods, reports, a scaler and an HPA, event by event (keda.md 6.4)."""

from __future__ import annotations

import heapq
import itertools
import math
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Protocol

from daemon.demo.autoscaler import Autoscaler
from query.dialect import parse_metric_query, simple_form
from query.estimator import round_down
from query.scaling import Engine, Question
from query.store.store import Series, Store, StoreSettings
from query.values import OverTime
from receivers.opencensus.scraping import FRESH_INTERVALS, MADE_BEFORE_MS

SECOND = 1_000
BEGIN_MS = 1_700_000_000_000
REPORT_MS, BUNDLER_MS, READY_MS, SYNC_MS = 20 * SECOND, 2 * SECOND, 8 * SECOND, 15 * SECOND
BURST, BURST_MS = 100, 4_500
MAX_REPLICAS = 10
METRIC = "runtime_service_invocation_req_recv_total"


class Scaler(Protocol):
    """What receives the reports and is asked for the metric; `time_ms` is the sample's, `at_ms` its arrival."""

    def opened(self, pod: str, at_ms: int) -> None: ...

    def closed(self, pod: str, at_ms: int) -> None: ...

    def reported(
        self, pod: str, count: int, *, start_ms: int, time_ms: int, at_ms: int
    ) -> None: ...

    def value(self, at_ms: int) -> float: ...


class Tallyd:
    """The real store and engine, asked as the scaler asks them; a target of None leaves keda.md 6.3.8 out."""

    def __init__(self, *, target: float | None = 1.0, window_s: float = 60) -> None:
        self.store = Store(StoreSettings(), lambda event, fields: None)
        self.engine = Engine(self.store, lookback_ms=300 * SECOND)
        self.question = Question(
            query=simple_form(parse_metric_query(METRIC).expr, METRIC),
            over_time=OverTime.RATE,
            window_ms=round(window_s * SECOND),
            target=target,
        )
        self._series: dict[tuple[str, int], Series] = {}

    def opened(self, pod: str, at_ms: int) -> None:
        self.store.sender_opened(pod, at_ms, report_interval_ms=REPORT_MS)

    def closed(self, pod: str, at_ms: int) -> None:
        self.store.sender_closed(pod, at_ms)

    def reported(self, pod: str, count: int, *, start_ms: int, time_ms: int, at_ms: int) -> None:
        """Store one report; without calls the metric is there and the row is not, as daprd does."""
        self.store.advance(at_ms)
        self.store.sender_reported(pod, at_ms)
        self._take(pod, count, start_ms=start_ms, time_ms=time_ms, at_ms=at_ms)

    def sampled(self, pod: str, count: int, *, start_ms: int, at_ms: int) -> None:
        """Store what was read between two reports."""
        self.store.advance(at_ms)
        self.store.sender_reported(pod, at_ms, is_regular=False)
        self._take(pod, count, start_ms=start_ms, time_ms=at_ms, at_ms=at_ms)

    def heard(self, pod: str, at_ms: int) -> None:
        """Leave out a report whose values were sampled."""
        self.store.advance(at_ms)
        self.store.sender_heard(pod, at_ms)

    def _take(self, pod: str, count: int, *, start_ms: int, time_ms: int, at_ms: int) -> None:
        self.store.metrics_reported(pod, frozenset({METRIC}), at_ms)
        if count:
            series = self._series.get((pod, start_ms)) or self._new(pod, start_ms, at_ms)
            self.store.append(pod, at_ms, [series], [time_ms], [float(count)])

    def _new(self, pod: str, start_ms: int, at_ms: int) -> Series:
        labels = (("__name__", METRIC), ("app_id", "nodeapp"), ("host_name", pod))
        series = self.store.series(pod, labels, start_ms=start_ms, is_counter=True, at_ms=at_ms)
        assert series is not None
        self._series[pod, start_ms] = series
        return series

    def value(self, at_ms: int) -> float:
        self.store.advance(at_ms)
        return round_down(self.engine.answer(self.question, at_ms).value or 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """Callers change at 0 s; replicas begin at what `before` needs."""

    before: int
    after: int
    burst: bool = False
    down_window_s: int = 15
    calls_per_s: float = 0.987
    warm_up_s: int = 300
    phase_s: int = 600
    scrape_s: int = 0
    """Time between two readings of a pod's page, from its start on; 0 is none."""
    unread_share: float = 0.0
    """Of readings that fail."""


@dataclass(slots=True)
class Pod:
    name: str
    start_ms: int
    ready_ms: int
    count: int = 0
    gone: bool = False
    read_at_ms: int | None = None
    """When its page was read last."""
    unread: bool = False
    """It could not be, the last time."""


@dataclass(slots=True)
class Run:
    """What happened from 0 s on: (seconds, value) and (seconds, replicas) at each sync."""

    values: list[tuple[float, float]] = field(default_factory=list)
    replicas: list[tuple[float, int]] = field(default_factory=list)

    @property
    def highest_value(self) -> float:
        return max(value for _, value in self.values)

    @property
    def highest_replicas(self) -> int:
        return max(number for _, number in self.replicas)

    def first_at(self, number: int) -> float:
        """Seconds to the first sync that gives `number` replicas, or infinity."""
        return next((second for second, n in self.replicas if n == number), math.inf)

    def settled_at(self, number: int, *, last_s: float) -> bool:
        """Whether there were `number` replicas in all of the last `last_s` seconds."""
        end = self.replicas[-1][0]
        return all(n == number for second, n in self.replicas if second >= end - last_s)


class Loop:
    """One run of a scenario."""

    def __init__(self, scenario: Scenario, scaler: Scaler, seed: int) -> None:
        self._scenario = scenario
        self._scaler = scaler
        self._random = random.Random(seed)
        self._events: list[tuple[int, int, Callable[..., None], tuple[Any, ...]]] = []
        self._order = itertools.count()
        self._change_ms = BEGIN_MS + scenario.warm_up_s * SECOND
        self._pods: list[Pod] = []
        self._names = itertools.count()
        self._callers = 0
        self._hpa = Autoscaler(
            target=1.0,
            max_replicas=MAX_REPLICAS,
            stabilization_ms=scenario.down_window_s * SECOND,
            replicas=scenario.before,
        )
        self._run = Run()

    def run(self) -> Run:
        for _ in range(self._scenario.before):
            start_ms = BEGIN_MS - self._random.randrange(REPORT_MS)
            self._start_pod(start_ms, ready_ms=start_ms)
        self._at(BEGIN_MS, self._set_callers, self._scenario.before)
        self._at(self._change_ms, self._set_callers, self._scenario.after)
        if self._scenario.burst:
            for i in range(BURST):
                self._at(self._change_ms + BURST_MS * i // BURST, self._call)
        self._at(BEGIN_MS + self._random.randrange(SYNC_MS), self._sync)
        end_ms = self._change_ms + self._scenario.phase_s * SECOND
        while self._events[0][0] <= end_ms:
            at_ms, _, act, arguments = heapq.heappop(self._events)
            act(at_ms, *arguments)
        return self._run

    def _at(self, at_ms: int, act: Callable[..., None], *arguments: Any) -> None:
        heapq.heappush(self._events, (at_ms, next(self._order), act, arguments))

    def _set_callers(self, at_ms: int, number: int) -> None:
        period_ms = SECOND / self._scenario.calls_per_s
        for caller in range(self._callers, number):
            self._at(at_ms + round(self._random.random() * period_ms), self._calls, caller, 0.0)
        self._callers = number

    def _calls(self, at_ms: int, caller: int, rest_ms: float) -> None:
        if caller < self._callers:
            self._call(at_ms)
            rest_ms += SECOND / self._scenario.calls_per_s
            self._at(at_ms + int(rest_ms), self._calls, caller, rest_ms % 1)

    def _call(self, at_ms: int) -> None:
        ready = [pod for pod in self._pods if pod.ready_ms <= at_ms]
        if ready:
            self._random.choice(ready).count += 1

    def _start_pod(self, start_ms: int, *, ready_ms: int) -> None:
        pod = Pod(f"pod-{next(self._names)}", start_ms, ready_ms)
        self._pods.append(pod)
        self._scaler.opened(pod.name, start_ms)
        self._at(start_ms + REPORT_MS, self._report, pod)
        if self._scenario.scrape_s:
            phase_ms = self._random.randrange(self._scenario.scrape_s * SECOND)
            self._at(max(start_ms, BEGIN_MS) + phase_ms, self._read, pod)

    def _report(self, at_ms: int, pod: Pod) -> None:
        if not pod.gone:
            self._at(at_ms + BUNDLER_MS, self._arrive, pod, pod.count, at_ms)
            self._at(at_ms + REPORT_MS, self._report, pod)

    def _read(self, at_ms: int, pod: Pod) -> None:
        if pod.gone:
            return
        pod.unread = self._random.random() < self._scenario.unread_share
        if not pod.unread:
            assert isinstance(self._scaler, Tallyd)
            self._scaler.sampled(pod.name, pod.count, start_ms=pod.start_ms, at_ms=at_ms)
            pod.read_at_ms = at_ms
        self._at(at_ms + self._scenario.scrape_s * SECOND, self._read, pod)

    def _arrive(self, at_ms: int, pod: Pod, count: int, time_ms: int) -> None:
        if pod.gone:
            return
        if self._is_left_out(at_ms, pod):
            assert isinstance(self._scaler, Tallyd)
            self._scaler.heard(pod.name, at_ms)
        else:
            self._scaler.reported(
                pod.name, count, start_ms=pod.start_ms, time_ms=time_ms, at_ms=at_ms
            )

    def _is_left_out(self, at_ms: int, pod: Pod) -> bool:
        """Return whether the page has newer values than a report, as `receivers.opencensus.scraping` judges it."""
        if pod.read_at_ms is None:
            return False
        since_ms = at_ms - pod.read_at_ms
        fresh_ms = 0 if pod.unread else FRESH_INTERVALS * self._scenario.scrape_s * SECOND
        return since_ms < max(fresh_ms, MADE_BEFORE_MS)

    def _sync(self, at_ms: int) -> None:
        value = min(self._scaler.value(at_ms), float(MAX_REPLICAS))
        self._hpa.sync(value, at_ms)
        while len(self._pods) < self._hpa.replicas:
            self._start_pod(at_ms, ready_ms=at_ms + READY_MS)
        while len(self._pods) > self._hpa.replicas:
            pod = self._pods.pop()
            pod.gone = True
            self._scaler.closed(pod.name, at_ms)
        if at_ms >= self._change_ms:
            second = (at_ms - self._change_ms) / SECOND
            self._run.values.append((second, value))
            self._run.replicas.append((second, self._hpa.replicas))
        self._at(at_ms + SYNC_MS, self._sync)


def simulate(scenario: Scenario, scaler: Scaler, seed: int) -> Run:
    """Run a scenario from warm-up to end."""
    return Loop(scenario, scaler, seed).run()
