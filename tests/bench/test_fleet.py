"""Many sidecars: connected, connecting at once, coming and going."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.bench.load import INTERVAL_S, Load, load
from tests.bench.process import FILTERED, STORED, Process, tallyd
from tests.bench.table import show

pytestmark = pytest.mark.bench

GENERATORS = 2
ROUNDS = 3
FORGOTTEN_S = 120.0


@contextmanager
def _sidecars(process: Process, number: int) -> Iterator[list[Load]]:
    with ExitStack() as stack:
        part = number // GENERATORS
        yield [
            stack.enter_context(load(process.ports["opencensus"], part, first=part * index))
            for index in range(GENERATORS)
        ]


def _pace(loads: list[Load], duration_s: float) -> float:
    """Let all report as in life; return how many streams were lost."""
    with ThreadPoolExecutor() as pool:
        done = pool.map(lambda one: one.pace(duration_s), loads)
        lost: float = sum([one["lost"] for one in done])
        return lost


@pytest.mark.parametrize(
    ("name", "number", "most_mib", "most_cpu"),
    [("filtered", 1_000, 219, 8), ("stored", 1_000, None, None), ("filtered", 5_000, 1_000, None)],
    ids=["1000", "1000-stored", "5000"],
)
def test_connected(
    name: str, number: int, most_mib: float | None, most_cpu: float | None, tmp_path: Path
) -> None:
    """No stream is lost, from a stampede to the third round of reports."""
    with tallyd({"filtered": FILTERED, "stored": STORED}[name], tmp_path) as process:
        began = time.monotonic()
        with _sidecars(process, number) as loads:
            took_s = time.monotonic() - began
            lost = _pace(loads, 2 * INTERVAL_S)
            before = process.cpu_s()
            lost += _pace(loads, INTERVAL_S)
            cpu = (process.cpu_s() - before) / INTERVAL_S * 100
            resident = process.rss_mib()
    show(f"{number:,} sidecars, {name}: time to connect all (generator too)", took_s, "s")
    show(f"{number:,} sidecars, {name}: streams lost", lost, "", at_most=0)
    show(f"{number:,} sidecars, {name}: CPU", cpu, "%", at_most=most_cpu)
    show(f"{number:,} sidecars, {name}: resident", resident, "MiB", at_most=most_mib)
    assert lost == 0


def test_come_and_go(tmp_path: Path) -> None:
    """Series that ended give their memory back: three rounds of 500 sidecars with new names take what one takes."""
    resident = []
    config = STORED.replace("settle_for: 0s", "settle_for: 0s, retention: 5s")
    with tallyd(config, tmp_path) as process:
        for generation in range(ROUNDS):
            port = process.ports["opencensus"]
            with load(port, 500, generation=generation, streams=3) as sidecars:
                sidecars.flood(2)
                process.until_quiet()
                most = process.metric("tallyd_windows_series")
            _until_forgotten(process)
            resident.append(process.rss_mib())
    first, *_, last = resident
    show("500 sidecars at once: series", most, "")
    show("500 sidecars came and went: resident", first, "MiB")
    show("three rounds of 500 sidecars: resident", last, "MiB", at_most=round(first * 1.15))
    assert last < 1.15 * first


def _until_forgotten(process: Process) -> None:
    """Wait until no series is left: senders end a report's interval and a bit after their stream."""
    deadline = time.monotonic() + FORGOTTEN_S
    while process.metric("tallyd_windows_series"):
        assert time.monotonic() < deadline, "series are still there"
        time.sleep(1)
