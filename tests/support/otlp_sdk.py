"""OpenTelemetry's SDK for Python as a real sender: every instrument, both temporalities, both protocols."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import (
    OTLPMetricExporter as GrpcExporter,
)
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.metric_exporter import (
    OTLPMetricExporter as HttpExporter,
)
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk.metrics import (
    Counter,
    Histogram,
    MeterProvider,
    ObservableCounter,
    ObservableUpDownCounter,
    UpDownCounter,
)
from opentelemetry.sdk.metrics.export import (
    AggregationTemporality,
    MetricExporter,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource

KINDS = (
    Counter,
    UpDownCounter,
    Histogram,
    ObservableCounter,
    ObservableUpDownCounter,
)
DELTA: dict[type, AggregationTemporality] = dict.fromkeys(KINDS, AggregationTemporality.DELTA)
_NEVER_MS = 1e9
_TIMEOUT_S = 5


def exporter(protocol: str, port: int, temporality: Any = None) -> MetricExporter:
    """The exporter of "grpc", "http" or "http+gzip" that a user would configure."""
    if protocol == "grpc":
        return GrpcExporter(
            f"http://127.0.0.1:{port}",
            insecure=True,
            timeout=_TIMEOUT_S,
            preferred_temporality=temporality,
        )
    return HttpExporter(
        f"http://127.0.0.1:{port}/v1/metrics",
        compression=Compression.Gzip if protocol.endswith("gzip") else None,
        timeout=_TIMEOUT_S,
        preferred_temporality=temporality,
    )


class SdkProcess:
    """A process that records; `report` sends what it has, as its periodic reader would."""

    def __init__(self, export: MetricExporter, instance: str = "pod-1") -> None:
        reader = PeriodicExportingMetricReader(export, export_interval_millis=_NEVER_MS)
        exponential = View(
            instrument_name="sizes", aggregation=ExponentialBucketHistogramAggregation()
        )
        self._provider = MeterProvider(
            metric_readers=[reader],
            resource=Resource.create({"service.name": "shop", "service.instance.id": instance}),
            shutdown_on_exit=False,
            views=[exponential],
        )
        meter = self._provider.get_meter("shop", "1.0")
        self.requests = meter.create_counter("requests")
        self.open = meter.create_up_down_counter("open")
        self.latency = meter.create_histogram("latency", unit="ms")
        self.sizes = meter.create_histogram("sizes")
        self.depth = meter.create_gauge("depth")
        meter.create_observable_gauge("temperature", [_observe(21.5)])
        meter.create_observable_counter("ticks", [_observe(100)])
        meter.create_observable_up_down_counter("balance", [_observe(-3)])

    def record(self) -> None:
        """Use every instrument."""
        self.requests.add(5, {"app.id": "a"})
        self.requests.add(1.5, {"app.id": "b"})
        self.open.add(3)
        self.open.add(-1)
        self.latency.record(3.0)
        self.latency.record(12_000)
        self.sizes.record(3.0)
        self.depth.set(7)

    async def report(self) -> bool:
        """Send; return whether it went."""
        return await asyncio.to_thread(self._provider.force_flush, _TIMEOUT_S * 1000)

    async def stop(self) -> None:
        await asyncio.to_thread(self._provider.shutdown)


def _observe(value: float) -> Any:
    def callback(_options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(value)]

    return callback
