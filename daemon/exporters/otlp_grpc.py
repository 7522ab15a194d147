"""OTLP over gRPC to a backend: one attempt in, one outcome out."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib.metadata import version
from typing import Any, Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status

from daemon.config.otlp_exporter import OtlpExporterConfig
from daemon.exporters.answers import judge_grpc, judge_response
from daemon.exporters.client_tls import build_credentials
from daemon.exporters.retry import Outcome

EXPORT: Final = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"
_SCHEME = re.compile(r"(https?)://")
_DETAILS: Final = "grpc-status-details-bin"
_COMPRESSIONS = {
    "gzip": grpc.Compression.Gzip,
    "deflate": grpc.Compression.Deflate,
    "none": grpc.Compression.NoCompression,
}
_CLOSING_S: Final = 0.5

Option = tuple[str, str | int]


class GrpcTransport:
    """Implements `daemon.exporters.shipping.Transport`; gRPC compresses by itself."""

    def __init__(self, config: OtlpExporterConfig) -> None:
        self._config = config
        self._metadata = tuple((name.lower(), value) for name, value in config.headers.items())
        self._channel: grpc.aio.Channel | None = None
        self._export: Any = None  # Any: grpc ships no types

    async def open(self) -> None:
        """Make the channel, which connects with the first attempt.

        Raises:
            OSError: a certificate cannot be read.
        """
        config = self._config
        scheme = _SCHEME.match(config.endpoint)
        target = _SCHEME.sub("", config.endpoint).rstrip("/")
        plain = scheme[1] == "http" if scheme else config.tls.insecure
        options, compression = list(_options(config)), _COMPRESSIONS[config.compression]
        if plain:
            self._channel = grpc.aio.insecure_channel(target, options, compression)
        else:
            credentials = build_credentials(config.tls)
            self._channel = grpc.aio.secure_channel(target, credentials, options, compression)
        self._export = self._channel.unary_unary(EXPORT)

    async def close(self) -> None:
        """Close the channel; safe twice and before `open`."""
        channel, self._channel = self._channel, None
        if channel is not None:
            await channel.close(_CLOSING_S)

    async def pack(self, body: bytes) -> bytes:
        """Return `body`."""
        return body

    async def attempt(self, packed: bytes) -> Outcome:
        """Call once."""
        try:
            answer = await self._export(
                packed,
                timeout=self._config.timeout / 1000 or None,
                metadata=self._metadata,
                wait_for_ready=self._config.wait_for_ready,
            )
        except grpc.aio.AioRpcError as error:
            text = error.details() or ""
            return judge_grpc(error.code(), text, _retry_after_s(error.trailing_metadata()))
        return judge_response(answer)


def _options(config: OtlpExporterConfig) -> Iterable[Option]:
    yield "grpc.primary_user_agent", f"tallyd/{version('tallyd')}"
    yield "grpc.max_send_message_length", -1
    yield "grpc.lb_policy_name", config.balancer_name
    # A channel that waits longer between its own attempts to connect would fail ours without trying.
    longest_ms = max(config.retry_on_failure.max_interval, 1_000)
    yield "grpc.min_reconnect_backoff_ms", 1_000
    yield "grpc.initial_reconnect_backoff_ms", 1_000
    yield "grpc.max_reconnect_backoff_ms", longest_ms
    if config.authority is not None:
        yield "grpc.default_authority", config.authority
    if config.tls.server_name_override is not None:
        yield "grpc.ssl_target_name_override", config.tls.server_name_override
    if config.keepalive is not None:
        yield "grpc.keepalive_time_ms", config.keepalive.time
        yield "grpc.keepalive_timeout_ms", config.keepalive.timeout
        yield (
            "grpc.keepalive_permit_without_calls",
            int(config.keepalive.permit_without_stream),
        )


def _retry_after_s(metadata: Any) -> float | None:  # Any: grpc ships no types
    """Return the delay in the status' RetryInfo; None without one."""
    for name, value in metadata or ():
        if name == _DETAILS:
            return _delay_s(value)
    return None


def _delay_s(details: bytes) -> float | None:
    try:
        status = Status.FromString(details)
        for detail in status.details:
            info = RetryInfo()
            if detail.Is(RetryInfo.DESCRIPTOR) and detail.Unpack(info):
                return float(info.retry_delay.seconds + info.retry_delay.nanos / 1e9)
    except DecodeError:
        return None
    return None
