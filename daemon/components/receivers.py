"""Receivers: settings to what listens."""

from __future__ import annotations

from daemon.components.part import MIB, Part, Runtime
from daemon.config.opencensus import OpenCensusConfig
from receivers.consumer import Consumer
from receivers.opencensus.server import OpenCensusServer


def build_receiver(runtime: Runtime, component_id: str, consumer: Consumer) -> Part | None:
    """Return what listens for `component_id`, or None if another port serves it (remote write)."""
    config = runtime.config.receivers[component_id]
    if isinstance(config, OpenCensusConfig):
        return _build_opencensus(runtime, component_id, config, consumer)
    return None


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
    )
    runtime.metrics.gauge(
        "tallyd_receiver_streams",
        "Connected senders",
        lambda: server.active_streams,
        receiver=component_id,
    )
    return server
