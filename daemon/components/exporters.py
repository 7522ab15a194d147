"""Exporters: settings to the ends of pipelines. Those that are a `Part` too are started and stopped with the process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daemon.components.part import Part, Runtime
from daemon.config.debug_exporter import DebugExporterConfig
from daemon.config.otlp_exporter import OtlpExporterConfig, OtlpHttpExporterConfig
from daemon.config.prometheus_exporter import PrometheusExporterConfig
from daemon.config.prometheusremotewrite_exporter import RemoteWriteExporterConfig
from daemon.config.sending import without_userinfo
from daemon.config.service import PushConfig
from daemon.telemetry import Counters
from receivers.consumer import Consumer

if TYPE_CHECKING:
    from daemon.exporters.counts import ExporterCounts
    from daemon.exporters.shipping import Encoder, Shipping, ShippingSettings, Transport

# Each of the others is imported where it is built: only some configurations have one, and they bring along the wire
# schema of OTLP and compressions, 7 MB together.


def build_exporter(runtime: Runtime, component_id: str) -> Consumer:
    """Return what takes the batches that reach `component_id`."""
    config = runtime.config.exporters[component_id]
    if isinstance(config, OtlpExporterConfig | OtlpHttpExporterConfig):
        return _build_otlp(runtime, component_id, config)
    if isinstance(config, RemoteWriteExporterConfig):
        return _build_remote_write(runtime, component_id, config)
    if isinstance(config, PrometheusExporterConfig):
        return _build_prometheus(runtime, component_id, config)
    if isinstance(config, DebugExporterConfig):
        return _build_debug(runtime, component_id, config)
    return runtime.windows


def _task_failures(runtime: Runtime) -> Counters:
    return runtime.metrics.counters(
        "tallyd_task_failures", "Tasks that failed and were begun again", label="task"
    )


def build_push(runtime: Runtime, name: str, config: PushConfig) -> Part:
    """Return what sends the self-metrics to a backend; it counts as an exporter called `name`."""
    from daemon.exporters.self_metrics import SelfMetricsPush  # noqa: PLC0415

    return SelfMetricsPush(
        f"{name} reader",
        runtime.metrics,
        _build_otlp(runtime, name, config.exporter),
        config.interval / 1000,
        count_failures=_task_failures(runtime),
        clock=runtime.clock,
        sleep=runtime.sleep,
    )


def _build_otlp(
    runtime: Runtime, component_id: str, config: OtlpExporterConfig | OtlpHttpExporterConfig
) -> Shipping:
    from daemon.exporters.counts import ExporterCounts  # noqa: PLC0415
    from daemon.exporters.otlp_encoder import OtlpEncoder  # noqa: PLC0415
    from daemon.exporters.shipping import ShippingSettings  # noqa: PLC0415

    counts = ExporterCounts(runtime.metrics, component_id)
    settings = ShippingSettings.of_otlp(component_id, config.retry_on_failure, config.sending_queue)
    return _ship(runtime, settings, OtlpEncoder(counts.refused), _otlp_transport(config), counts)


def _otlp_transport(config: OtlpExporterConfig | OtlpHttpExporterConfig) -> Transport:
    if isinstance(config, OtlpExporterConfig):
        from daemon.exporters.otlp_grpc import GrpcTransport  # noqa: PLC0415

        return GrpcTransport(config)
    from daemon.exporters.otlp_http import otlp_http_transport  # noqa: PLC0415

    return otlp_http_transport(config)


def _build_remote_write(
    runtime: Runtime, component_id: str, config: RemoteWriteExporterConfig
) -> Consumer:
    from daemon.exporters.counts import ExporterCounts  # noqa: PLC0415
    from daemon.exporters.remote_write.encoder import RemoteWriteEncoder  # noqa: PLC0415
    from daemon.exporters.remote_write.transport import (  # noqa: PLC0415
        RemoteWriteTransport,
        shipping_settings,
    )

    counts = ExporterCounts(runtime.metrics, component_id)
    series, batches = counts.of_remote_write(without_userinfo(config.endpoint))
    encoder = RemoteWriteEncoder(
        config, counts.refused, lambda _, count: series(component_id, count)
    )
    transport = RemoteWriteTransport(config, lambda: batches(component_id, 1))
    return _ship(runtime, shipping_settings(component_id, config), encoder, transport, counts)


def _ship(
    runtime: Runtime,
    settings: ShippingSettings,
    encoder: Encoder,
    transport: Transport,
    counts: ExporterCounts,
) -> Shipping:
    from daemon.exporters.shipping import Shipping  # noqa: PLC0415

    return Shipping(
        settings,
        encoder,
        transport,
        counts=counts,
        count_failures=_task_failures(runtime),
        clock=runtime.clock,
        sleep=runtime.sleep,
    )


def _build_prometheus(
    runtime: Runtime, component_id: str, config: PrometheusExporterConfig
) -> Consumer:
    from daemon.exporters.counts import ExporterCounts  # noqa: PLC0415
    from daemon.exporters.prometheus.exporter import PrometheusExporter  # noqa: PLC0415
    from daemon.web.scrape_page import ScrapePage  # noqa: PLC0415

    exporter = PrometheusExporter(
        component_id,
        config,
        counts=ExporterCounts(runtime.metrics, component_id),
        count_failures=_task_failures(runtime),
        clock=runtime.clock,
        sleep=runtime.sleep,
    )
    runtime.metrics.gauge(
        "tallyd_exporter_series",
        "Series on the page that Prometheus scrapes",
        lambda: exporter.series,
        exporter=component_id,
    )
    lock = runtime.security.lock(f"exporters.{component_id}", config.tls, config.auth)
    return ScrapePage(config.endpoint, exporter, context=lock.context, guard=lock.guard)


def _build_debug(runtime: Runtime, component_id: str, config: DebugExporterConfig) -> Consumer:
    from daemon.exporters.counts import ExporterCounts  # noqa: PLC0415
    from daemon.exporters.debug import Debug  # noqa: PLC0415

    return Debug(
        component_id,
        config,
        counts=ExporterCounts(runtime.metrics, component_id),
        count_failures=_task_failures(runtime),
        clock=runtime.clock,
        sleep=runtime.sleep,
    )
