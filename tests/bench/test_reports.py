"""What one report of session `busy` costs the process, end to end over gRPC."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.bench.load import load
from tests.bench.process import FILTERED, STORED, Process, running, tallyd
from tests.bench.reports import busy_report
from tests.bench.table import show
from tests.support.opencensus_messages import Request

SENDERS = 100
REPORTS = 10
"""Of each sender in one round."""
ROUNDS = 4
"""The best one counts: what else runs on the machine only adds."""

pytestmark = pytest.mark.bench


def _cost_us(process: Process) -> float:
    """CPU time of the process for a report, with many senders at once that have reported before."""
    with load(process.ports["opencensus"], SENDERS, streams=1) as senders:
        # As many as make each ring grow to the size that it will keep; the rest fits in there.
        senders.flood(20)
        process.until_quiet()
        costs = []
        for _ in range(ROUNDS):
            before = process.cpu_s()
            senders.flood(REPORTS)
            process.until_quiet()
            costs.append(process.cpu_s() - before)
        return min(costs) / (SENDERS * REPORTS) * 1e6


@contextmanager
def _plain_server() -> Iterator[Process]:
    with running(["-m", "tests.bench.plain_server"]) as process:
        yield process


def _parse_whole_us() -> float:
    raw, times = busy_report(), 500
    began = time.perf_counter()
    for _ in range(times):
        for metric in Request.FromString(raw).metrics:
            for series in metric.timeseries:
                for point in series.points:
                    point.timestamp.seconds  # noqa: B018
    return (time.perf_counter() - began) / times * 1e6


def test_cost_of_a_report(tmp_path: Path) -> None:
    """A filtered report costs less than half of a stored one, and on top of gRPC less than to parse it whole."""
    with _plain_server() as process:
        plain = _cost_us(process)
    with tallyd(FILTERED, tmp_path) as process:
        filtered = _cost_us(process)
    with tallyd(STORED, tmp_path) as process:
        stored = _cost_us(process)
    whole = _parse_whole_us()
    show("CPU per report, received and dropped by a plain grpc.aio server", plain, "us")
    show("CPU per report, read whole with the official classes, no gRPC", whole, "us")
    show("CPU per report, filtered to one metric", filtered, "us", at_most=120)
    show("CPU per report, everything stored", stored, "us", at_most=450)
    assert filtered < stored / 2
    assert filtered - plain < whole
