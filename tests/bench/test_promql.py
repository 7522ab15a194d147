"""PromQL over HTTP and remote write: what they cost, beside Debian's prometheus where that is installed (promql.md 5)."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import NamedTuple

import pytest

from tests.bench.promql_data import METRIC, ROUNDS, Data
from tests.bench.promql_server import Asked
from tests.support.promtest.servers import PrometheusServer, Server, TallydServer, prometheus_path

SLOWEST = 5
"""Prometheus takes at least so many times as long."""
RSS_MB = 200
WRITTEN_PER_S = 300_000

SUM_MS = {1_000: 1.2, 10_000: 4.0, 100_000: 35.0}
RATE_MS = {10_000: 25.0}
_RATE = f"rate({METRIC}[1m])"


class Row(NamedTuple):
    """A query, and in what time it is to be answered with so many series."""

    query: str
    budget_ms: dict[int, float]
    elements: int = 1


ROWS = (
    Row(f"sum({_RATE})", SUM_MS),
    Row(
        f'sum(rate({METRIC}{{app_id="nodeapp",src_app_id="pythonapp"}}[1m]))',
        {series: budget_ms / 2 for series, budget_ms in SUM_MS.items()},
    ),
    Row(f"sum by (app_id) ({_RATE})", SUM_MS, 51),
    Row(f"topk(5, {_RATE})", SUM_MS, 5),
    Row(f"sum(max_over_time({METRIC}[1m]))", SUM_MS),
    Row(_RATE, RATE_MS, 10_000),
)


class Servers(NamedTuple):
    """Both with the same samples; without Debian's prometheus only one."""

    tallyd: Asked
    prometheus: Asked | None
    data: Data
    write_cpu_s: float


@pytest.fixture(scope="module", params=SUM_MS, ids=lambda series: f"{series}-series")
def servers(request: pytest.FixtureRequest) -> Iterator[Servers]:
    data = Data(series=request.param, start_ms=int(time.time()) * 1000 - ROUNDS * 5_000)
    with ExitStack() as running:
        tallyd = _started(running, TallydServer())
        prometheus = _started(running, PrometheusServer()) if prometheus_path() else None
        write_cpu_s = 0.0
        for turn, bodies in enumerate(data.rounds()):
            took_s = tallyd.write(bodies)
            if turn:
                write_cpu_s += took_s
            if prometheus is not None:
                prometheus.write(bodies)
        yield Servers(tallyd, prometheus, data, write_cpu_s)


def _started(running: ExitStack, server: Server) -> Asked:
    asked = Asked(running.enter_context(server), server.start())
    running.callback(asked.close)
    return asked


@pytest.mark.bench
def test_queries(servers: Servers) -> None:
    """Every query is answered at least five times as fast as Prometheus answers it."""
    data = servers.data
    ratios = {}
    for query, budgets_ms, elements in ROWS:
        if data.series not in budgets_ms:
            continue
        assert servers.tallyd.elements(query, data.at_ms) == elements
        times = 20 if data.series == max(SUM_MS) else 60
        took_ms = servers.tallyd.median_ms(query, data.at_ms, times)
        _show(f"{data.series:>6} {query}", took_ms, "ms", at_most=budgets_ms[data.series])
        if servers.prometheus is not None:
            theirs_ms = servers.prometheus.median_ms(query, data.at_ms, times)
            ratios[query] = theirs_ms / took_ms
            print(f"  prometheus {theirs_ms:7.1f} ms, {ratios[query]:5.1f} times", end="")  # noqa: T201
    if servers.prometheus is None:
        pytest.skip("no ratios: Debian's prometheus is not installed")
    assert {query: ratio for query, ratio in ratios.items() if ratio < SLOWEST} == {}


@pytest.mark.bench
def test_memory(servers: Servers) -> None:
    """After its queries tallyd holds less than half of what Prometheus holds, where it is the series that count."""
    rss_mb = servers.tallyd.rss_mb()
    _show(f"{servers.data.series:>6} resident", rss_mb, "MB", at_most=RSS_MB)
    if servers.prometheus is None:
        pytest.skip("no ratio: Debian's prometheus is not installed")
    theirs_mb = servers.prometheus.rss_mb()
    print(f"  prometheus {theirs_mb:7.1f} MB, {theirs_mb / rss_mb:5.1f} times", end="")  # noqa: T201
    assert servers.data.series < max(SUM_MS) or rss_mb * 2 < theirs_mb


@pytest.mark.bench
def test_remote_write(servers: Servers) -> None:
    """Samples of known series are taken in, as many a second of one core's time as an operator may count on."""
    samples = servers.data.series * (ROUNDS - 1)
    per_s = samples / servers.write_cpu_s
    _show(
        f"{servers.data.series:>6} samples written",
        per_s / 1e6,
        "M/s",
        at_least=WRITTEN_PER_S / 1e6,
    )


def _show(
    figure: str,
    measured: float,
    unit: str,
    *,
    at_most: float | None = None,
    at_least: float | None = None,
) -> None:
    """Print a row; budgets are told, not asserted: machines differ."""
    good = (at_most is None or measured <= at_most) and (at_least is None or measured >= at_least)
    budget = f"<= {at_most:g}" if at_least is None else f">= {at_least:g}"
    verdict = "ok" if good else "OVER"
    print(f"\n  {figure:<70} {budget:>8} {measured:>8.3g} {unit:<3} {verdict:<4}", end="")  # noqa: T201
