"""The OTLP receiver's two servers: settings to what listens, and what they count."""

from __future__ import annotations

from functools import partial

from daemon.components.part import MIB, Part, Runtime
from daemon.config.otlp import OtlpGrpcConfig, OtlpHttpConfig, OtlpProtocols
from receivers.consumer import Consumer
from receivers.otlp.cors import CorsSettings
from receivers.otlp.grpc_server import GrpcSettings, OtlpGrpcServer
from receivers.otlp.http_connections import ConnectionLimits
from receivers.otlp.http_server import HttpSettings, OtlpHttpServer
from receivers.otlp.receiver import OtlpReceiver, Tallies


def build_otlp(
    runtime: Runtime, component_id: str, protocols: OtlpProtocols, consumer: Consumer
) -> dict[str, Part]:
    """Return the server of each protocol that is configured; each has a receiver of its own, for it counts apart."""
    parts: dict[str, Part] = {}
    name = f"receivers.{component_id}.protocols"
    if protocols.grpc is not None:
        receiver = _receiver(runtime, component_id, "grpc", consumer)
        lock = runtime.security.lock(f"{name}.grpc", protocols.grpc.tls, protocols.grpc.auth)
        parts["grpc"] = OtlpGrpcServer(
            protocols.grpc.endpoint,
            receiver,
            _grpc_settings(protocols.grpc),
            credentials=lock.credentials,
            serving=runtime.serving,
            guard=lock.guard,
        )
    if protocols.http is not None:
        receiver = _receiver(runtime, component_id, "http", consumer)
        lock = runtime.security.lock(f"{name}.http", protocols.http.tls, protocols.http.auth)
        server = OtlpHttpServer(
            protocols.http.endpoint,
            receiver,
            _http_settings(protocols.http),
            context=lock.context,
            guard=lock.guard,
        )
        runtime.metrics.gauge(
            "tallyd_receiver_connections",
            "Open connections of HTTP receivers",
            lambda: server.connections,
            receiver=component_id,
        )
        parts["http"] = server
    return parts


def _receiver(
    runtime: Runtime, component_id: str, transport: str, consumer: Consumer
) -> OtlpReceiver:
    labels = {"receiver": component_id, "transport": transport}
    requests = runtime.metrics.counters(
        "tallyd_receiver_rejected_requests", "Requests that were not taken, by reason", **labels
    )
    points = runtime.metrics.counters(
        "tallyd_receiver_rejected_points",
        "Data points that were rejected out of requests that were taken, and what else a receiver noticed, by reason",
        **labels,
    )
    passed = runtime.passed(component_id, transport)
    took = runtime.metrics.histograms(
        "tallyd_receiver_request_seconds",
        "Time that requests took to be decoded and stored; their number",
        label="transport",
        receiver=component_id,
    )
    tallies = Tallies(requests, points, *passed, took=partial(took, transport))
    return OtlpReceiver(consumer, runtime.windows, runtime.clock, tallies, runtime.room)


def _grpc_settings(config: OtlpGrpcConfig) -> GrpcSettings:
    server, policy = config.keepalive.server_parameters, config.keepalive.enforcement_policy
    return GrpcSettings(
        max_recv_msg_size_bytes=config.max_recv_msg_size_mib * MIB,
        max_concurrent_streams=config.max_concurrent_streams,
        include_metadata=config.include_metadata,
        keepalive_time_ms=server.time,
        keepalive_timeout_ms=server.timeout,
        max_connection_idle_ms=server.max_connection_idle,
        max_connection_age_ms=server.max_connection_age,
        max_connection_age_grace_ms=server.max_connection_age_grace,
        min_ping_interval_ms=policy.min_time,
        pings_without_stream=policy.permit_without_stream,
    )


def _http_settings(config: OtlpHttpConfig) -> HttpSettings:
    cors = config.cors
    return HttpSettings(
        metrics_path=config.metrics_url_path,
        other_paths={config.traces_url_path: "traces", config.logs_url_path: "logs"},
        max_body_bytes=config.max_body_bytes,
        encodings=config.compression_algorithms,
        cors=CorsSettings(
            allowed_origins=cors.allowed_origins,
            allowed_headers=cors.allowed_headers,
            max_age_s=cors.max_age,
        ),
        include_metadata=config.include_metadata,
        limits=ConnectionLimits(
            max_connections=config.max_connections,
            header_timeout_s=config.read_header_timeout / 1000,
            body_timeout_s=config.read_timeout / 1000,
            idle_timeout_s=config.idle_timeout / 1000,
        ),
    )
