"""Receivers: settings to what listens."""

from __future__ import annotations

from daemon.components.part import MIB, Part, Runtime
from daemon.config.opencensus import OpenCensusConfig
from daemon.config.otlp import OtlpConfig
from receivers.consumer import Consumer
from receivers.opencensus.server import OpenCensusServer


def build_receiver(runtime: Runtime, component_id: str, consumer: Consumer) -> dict[str, Part]:
    """Return what listens for `component_id`, by names that the log shows; nothing if another port serves it."""
    config = runtime.config.receivers[component_id]
    if isinstance(config, OpenCensusConfig):
        return {component_id: _build_opencensus(runtime, component_id, config, consumer)}
    if isinstance(config, OtlpConfig):
        # Imported where it is used: the messages of OTLP take memory that a process without it need not have.
        from daemon.components.otlp import build_otlp  # noqa: PLC0415

        parts = build_otlp(runtime, component_id, config.protocols, consumer)
        return {f"{component_id}.protocols.{name}": part for name, part in parts.items()}
    return {}


def _build_opencensus(
    runtime: Runtime, component_id: str, config: OpenCensusConfig, consumer: Consumer
) -> OpenCensusServer:
    server = OpenCensusServer(
        config.endpoint,
        consumer,
        runtime.windows,
        runtime.clock,
        runtime.irregularities(component_id),
        max_recv_msg_size_bytes=config.max_recv_msg_size_mib * MIB,
        serving=runtime.serving,
        passed=runtime.passed(component_id, "grpc"),
    )
    runtime.metrics.gauge(
        "tallyd_receiver_streams",
        "Connected senders",
        lambda: server.active_streams,
        receiver=component_id,
    )
    return server
