"""What is done to the daemon and its senders, round by round, and what must hold in the end."""

from __future__ import annotations

import asyncio
import random
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.asking import Asked, Keda
from tests.chaos.census import Census, Fleet
from tests.chaos.fleet import FEWEST, MOST
from tests.chaos.liars import COUNTERS, Liars
from tests.chaos.victim import Victim

WINDOW_INTERVALS = 4
QUIET_INTERVALS = 5
"""A pause is out of the last five report intervals by then."""
CHECKS = 5
POLLERS = 3
BASE_RSS_MB, RSS_MB_PER_SENDER = 220.0, 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """How long and how large."""

    seed: int
    senders: int
    interval_s: float
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """All that was seen."""

    plan: Plan
    done: Counter[str]
    asked: Asked
    counters: dict[str, float]
    rss_mb: list[tuple[float, float]]
    sent_lies: dict[str, int]
    exit_code: int
    log: str

    def faults(self) -> list[str]:
        """Return everything that must not be."""
        limit_mb = BASE_RSS_MB + RSS_MB_PER_SENDER * self.plan.senders
        full = self.plan.senders * (FEWEST + MOST) / 2 / self.plan.interval_s
        peak_mb = max(mb for _, mb in self.rss_mb)
        silent = [
            kind
            for kind, sent in self.sent_lies.items()
            if sent and not any(v for name, v in self.counters.items() if COUNTERS[kind] in name)
        ]
        failures = [name for name, v in self.counters.items() if v and _is_failure(name)]
        faults = {
            f"exit code {self.exit_code}": self.exit_code != 0,
            "a traceback in the log": "Traceback" in self.log or '"exception"' in self.log,
            f"resident {peak_mb:.0f} MB, over {limit_mb:.0f}": peak_mb > limit_mb,
            f"lies without a counter: {silent}": bool(silent),
            f"failures counted: {failures}": bool(failures),
            f"told {self.asked.least}, less than the unharmed half": self.asked.least
            < 0.8 * full / 2,
            f"told {self.asked.most}, more than all": self.asked.most > 1.25 * full,
        }
        return [fault for fault, holds in faults.items() if holds]


def _is_failure(name: str) -> bool:
    """Whether a counter is one of failures; reloads fail here because they are given a bad file."""
    return "fail" in name and not name.startswith("tallyd_config_reloads")


class Story:
    """One run; use `tell`."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self._plan = plan
        self._rng = random.Random(plan.seed)
        self._victim = Victim(folder, senders=plan.senders)
        self._liars = Liars(self._victim.ports["opencensus"], random.Random(plan.seed + 1))
        self._window_s = WINDOW_INTERVALS * plan.interval_s
        self._keda = Keda(self._victim.ports["keda_scaler"], round(self._window_s * 1000))
        self._census = Census()
        self._fleets: list[Fleet] = []
        self._begun = 0
        self._done: Counter[str] = Counter()
        self._tasks: asyncio.TaskGroup

    async def tell(self) -> Outcome:
        """Run all of it.

        Raises:
            AssertionError: an answer in quiet times is not the slow model's, or one is of no known kind.
        """
        await self._victim.start()
        try:
            async with asyncio.TaskGroup() as self._tasks:
                background = [self._tasks.create_task(self._measure())]
                await self._play(background)
                for task in background:
                    task.cancel()
                counters = await self._victim.counters()
                self._end_fleets()
            code = await asyncio.to_thread(self._victim.end)
        finally:
            self._end_fleets()
            self._victim.end()
        return Outcome(
            plan=self._plan,
            done=self._done,
            asked=self._keda.asked,
            counters=counters,
            rss_mb=self._victim.rss_mb,
            sent_lies=self._liars.sent,
            exit_code=code,
            log=self._victim.log(),
        )

    async def _play(self, background: list[asyncio.Task[None]]) -> None:
        ends = time.monotonic() + self._plan.duration_s
        # Half of all senders are left alone, so that no answer may ever be small.
        self._begin(self._plan.senders // 2)
        for _ in range(3):
            self._begin(self._plan.senders // 6)
        await self._quiet()
        background += [self._tasks.create_task(self._keda.poll()) for _ in range(POLLERS)]
        background += [self._tasks.create_task(self._keda.subscribe()) for _ in range(2)]
        await self._check()
        while True:
            await self._round()
            if time.monotonic() > ends:
                return

    def _begin(self, senders: int) -> Fleet:
        fleet = Fleet(
            f"fleet-{self._begun}",
            port=self._victim.ports["opencensus"],
            senders=max(1, senders),
            interval_s=self._plan.interval_s,
            seed=self._plan.seed + self._begun,
        )
        self._begun += 1
        self._fleets.append(fleet)
        self._tasks.create_task(fleet.listen(self._census))
        return fleet

    async def _round(self) -> None:
        """Do everything once, in an order of chance, then be quiet and check."""
        acts: list[Callable[[], Awaitable[None]]] = [
            self._kill_senders,
            self._freeze_senders,
            self._half_open,
            self._kill_daemon,
            self._freeze_daemon,
            self._reload,
        ]
        self._rng.shuffle(acts)
        for act in acts:
            self._done[act.__name__.strip("_").replace("_", " ")] += 1
            lying = self._tasks.create_task(self._liars.round())
            await act()
            await lying
        # One round more, so that counters of it survive: what is counted when the daemon is killed is lost.
        await self._liars.round()
        while len(self._fleets) < 4:
            self._begin(self._plan.senders // 6)
        await self._quiet()
        await self._check()

    async def _quiet(self) -> None:
        await asyncio.sleep(self._window_s + QUIET_INTERVALS * self._plan.interval_s)

    async def _check(self) -> None:
        """Hold answers to the model while a sidecar ends cleanly and another begins."""
        for number in range(CHECKS):
            await self._keda.check(self._census)
            if number == 1:
                self._done["clean close and new sender"] += 1
                self._fleets[0].replace_one()
            await asyncio.sleep(self._plan.interval_s * self._rng.uniform(0.3, 0.8))

    async def _kill_senders(self) -> None:
        self._fleets.pop(1).end()

    async def _half_open(self) -> None:
        """Nothing comes any more, and no end of the connection either; it is killed at the end of all."""
        fleet = self._fleets.pop(1)
        fleet.signal(signal.SIGSTOP)
        self._tasks.create_task(self._bury(fleet))

    async def _bury(self, fleet: Fleet) -> None:
        await asyncio.sleep(2 * self._window_s)
        fleet.end()

    async def _freeze_senders(self) -> None:
        fleet = self._fleets[1]
        fleet.signal(signal.SIGSTOP)
        await asyncio.sleep(2 * self._plan.interval_s)
        fleet.signal(signal.SIGCONT)

    async def _kill_daemon(self) -> None:
        await self._victim.kill()
        await self._victim.start()

    async def _freeze_daemon(self) -> None:
        self._victim.signal(signal.SIGSTOP)
        await asyncio.sleep(self._plan.interval_s)
        self._victim.signal(signal.SIGCONT)

    async def _reload(self) -> None:
        await self._victim.reload()

    async def _measure(self) -> None:
        while True:
            self._victim.measure()
            await asyncio.sleep(0.5)

    def _end_fleets(self) -> None:
        while self._fleets:
            self._fleets.pop().end()
