"""OpenTelemetry's SDK for Python pushes to a whole tallyd, and to the receiver alone what the windows need not know."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import numpy as np
import pytest

from query.labels import METRIC_NAME, MatchOp
from query.regex import build_matcher
from receivers.model import MetricType, Temporality
from tests.receivers.otlp.running import Kept, running_grpc, running_http
from tests.support.otlp_sdk import DELTA, SdkProcess, exporter
from tests.support.running_app import RunningApp, running_app

pytestmark = pytest.mark.integration

PROTOCOLS = ["grpc", "http", "http+gzip"]


@asynccontextmanager
async def sending(*args: Any, **kwargs: Any) -> AsyncIterator[SdkProcess]:
    process = SdkProcess(exporter(*args, **kwargs))
    try:
        yield process
    finally:
        await process.stop()


def last_values(run: RunningApp) -> dict[str, float]:
    """Return the newest value of each series, as `name{labels}`."""
    everything = [build_matcher(METRIC_NAME, MatchOp.REGEX, ".+")]
    now_ms = run.time.clock()
    found = run.app.store.select(everything, start_ms=now_ms - 300_000, end_ms=now_ms + 600_000)
    values = {}
    for i, labels in enumerate(found.labels):
        inner = ",".join(f"{key}={value}" for key, value in labels if key != METRIC_NAME)
        row = found.values[i, : found.counts[i]]
        values[f"{dict(labels)[METRIC_NAME]}{{{inner}}}"] = float(row[~np.isnan(row)][-1])
    return values


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("preferred", [None, DELTA], ids=["cumulative", "delta"])
async def test_to_the_windows(protocol: str, preferred: Any) -> None:
    """What the SDK records, in either temporality, stands in the windows under its names and labels, with the same values."""
    async with running_app(at_ms=time.time_ns() // 1_000_000) as run:
        port = run.app.ports[f"otlp.protocols.{protocol.partition('+')[0]}"]
        async with sending(protocol, port, preferred) as process:
            process.record()
            assert await process.report()
            process.requests.add(5, {"app.id": "a"})
            assert await process.report()
        values = last_values(run)
        who = "service_instance_id=pod-1"
        assert {
            f"requests{{app_id=a,{who}}}": 10.0,
            f"requests{{app_id=b,{who}}}": 1.5,
            f"open{{{who}}}": 2.0,
            f"latency_count{{{who}}}": 2.0,
            f"latency_sum{{{who}}}": 12_003.0,
            f"sizes_count{{{who}}}": 1.0,
            f"sizes_sum{{{who}}}": 3.0,
            f"depth{{{who}}}": 7.0,
            f"temperature{{{who}}}": 21.5,
            f"ticks{{{who}}}": 100.0,
            f"balance{{{who}}}": -3.0,
        }.items() <= values.items()
        page = run.page()
        transport = protocol.partition("+")[0]
        labels = f'receiver="otlp",transport="{transport}"'
        accepted = {name: value for name, value in page.items() if "accepted_metric_points" in name}
        assert [value > 15 for value in accepted.values()] == [True], labels
        assert not [name for name in page if name.startswith("tallyd_receiver_rejected")]


Serve = Callable[[], Any]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("temporality", [Temporality.CUMULATIVE, Temporality.DELTA])
async def test_every_instrument(protocol: str, temporality: Temporality) -> None:
    """Every instrument arrives as its kind, in the temporality that the SDK was told to use."""
    serve: Serve = running_grpc if protocol == "grpc" else running_http
    preferred = DELTA if temporality is Temporality.DELTA else None
    async with serve() as run:
        run.now_ms = time.time_ns() // 1_000_000
        async with sending(protocol, run.port, preferred) as process:
            process.record()
            assert await process.report()
        kept: Kept = run
        headers = {metric.header.name: metric.header for _, _, metric in kept.sink.metrics()}
        points = len(kept.sink.data_points())
    found = {name: (header.type, header.temporality) for name, header in headers.items()}
    none = Temporality.UNSPECIFIED
    # The SDK leaves out what has nothing to tell; shutting down it collects once more.
    assert found == {
        "requests": (MetricType.SUM, temporality),
        "open": (MetricType.SUM, temporality),
        "latency": (MetricType.HISTOGRAM, temporality),
        "sizes": (MetricType.EXPONENTIAL_HISTOGRAM, temporality),
        "depth": (MetricType.GAUGE, none),
        "temperature": (MetricType.GAUGE, none),
        "ticks": (MetricType.SUM, temporality),
        "balance": (MetricType.SUM, temporality),
    }
    assert points >= 9
    assert (kept.requests, kept.points) == ({}, {})
