"""Settings of the OTLP exporters: `exporters.otlp` (gRPC) and `exporters.otlphttp`."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, Literal

from daemon.config.fields import CountOrNone, DurationMs, rejected, shown
from daemon.config.markers import BeforeValidator
from daemon.config.sending import (
    ClientTlsConfig,
    Headers,
    NoAuth,
    QueueConfig,
    RetryConfig,
    Url,
    refuse,
)

_TARGET = re.compile(
    r"(?:(?P<scheme>https?)://|dns:(?://[^/\s]*/)?)?(?P<host>\[[0-9A-Fa-f:.%]+\]|[^\[\]:/\s]+):(?P<port>[0-9]{1,5})/?\Z"
)
_UNIX = re.compile(r"unix:\S+\Z")
_GRPC_COMPRESSIONS = ("gzip", "none", "deflate")


def _parse_target(value: object) -> str:
    if isinstance(value, str):
        found = _TARGET.match(value)
        if (found and 0 < int(found["port"]) < 65536) or _UNIX.match(value):
            return value
    raise rejected(f"expected host:port, got {shown(value)}")


def _parse_grpc_compression(value: object) -> str:
    if value in {"snappy", "zstd"}:
        raise rejected(f"gRPC here has no {value}: expected gzip, deflate or none")
    if value in (None, ""):
        return "none"
    if value not in _GRPC_COMPRESSIONS:
        raise rejected(f"expected gzip, deflate or none, got {shown(value)}")
    return str(value)


def _parse_http_compression(value: object) -> object:
    return "none" if value in (None, "") else value


HttpCompression = Annotated[
    Literal["gzip", "none", "zstd", "snappy", "x-snappy-framed", "deflate", "zlib", "lz4"],
    BeforeValidator(_parse_http_compression),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepaliveConfig:
    """Pings to a backend: `keepalive`."""

    time: DurationMs = 10_000
    """After so long without traffic a ping is sent."""
    timeout: DurationMs = 10_000
    """How long its answer may take before the connection counts as dead."""
    permit_without_stream: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpExporterConfig:
    """What users write below `exporters.otlp`."""

    endpoint: Annotated[str, BeforeValidator(_parse_target)]
    """host:port, or a URL: http:// is without TLS, https:// with."""
    timeout: DurationMs = 5_000
    """Of one attempt; 0 is none."""
    compression: Annotated[str, BeforeValidator(_parse_grpc_compression)] = "gzip"
    headers: Headers = field(default_factory=dict)
    tls: ClientTlsConfig = field(default_factory=ClientTlsConfig)
    auth: NoAuth = None
    retry_on_failure: RetryConfig = field(default_factory=RetryConfig)
    sending_queue: QueueConfig = field(default_factory=QueueConfig)
    wait_for_ready: bool = False
    """Wait for the backend within `timeout` instead of failing at once."""
    balancer_name: Literal["round_robin", "pick_first"] = "round_robin"
    authority: str | None = None
    keepalive: KeepaliveConfig | None = None
    read_buffer_size: CountOrNone = 0
    """Without effect, like the next: gRPC here sizes its buffers itself."""
    write_buffer_size: CountOrNone = 524_288

    def __post_init__(self) -> None:
        """Refuse what gRPC here cannot do."""
        if self.tls.insecure_skip_verify and not self.tls.insecure:
            raise rejected(
                "gRPC here always looks at certificates: tls.insecure_skip_verify cannot be had; give tls.ca_file"
            )
        if self.tls.min_version == "1.3":
            raise rejected("gRPC here cannot be told tls.min_version 1.3; it takes 1.2 and 1.3")


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpHttpExporterConfig:
    """What users write below `exporters.otlphttp`."""

    endpoint: Url | None = None
    """Base URL; `/v1/metrics` is appended."""
    metrics_endpoint: Url | None = None
    """The whole URL, instead."""
    traces_endpoint: Url | None = None
    """Without effect, like the next two: tallyd sends metrics."""
    logs_endpoint: Url | None = None
    profiles_endpoint: Url | None = None
    timeout: DurationMs = 30_000
    """Of one attempt; 0 is none."""
    compression: HttpCompression = "gzip"
    encoding: Literal["proto", "json"] = "proto"
    headers: Headers = field(default_factory=dict)
    tls: ClientTlsConfig = field(default_factory=ClientTlsConfig)
    auth: NoAuth = None
    retry_on_failure: RetryConfig = field(default_factory=RetryConfig)
    sending_queue: QueueConfig = field(default_factory=QueueConfig)
    max_idle_conns: CountOrNone = 100
    """Connections at once; 0 is no limit."""
    idle_conn_timeout: DurationMs = 90_000
    """How long an idle connection is kept; 0 is 90 s."""
    disable_keep_alives: bool = False
    proxy_url: Url | None = None
    read_buffer_size: CountOrNone = 0
    """Without effect, like the next."""
    write_buffer_size: CountOrNone = 524_288
    middlewares: Annotated[None, refuse("tallyd has no middlewares")] = None

    def __post_init__(self) -> None:
        """Check that there is somewhere to send to."""
        if self.endpoint is None and self.metrics_endpoint is None:
            raise rejected("expected endpoint, the base URL to send to, or metrics_endpoint")

    @property
    def url(self) -> str:
        """Where metrics are sent."""
        if self.metrics_endpoint is not None:
            return self.metrics_endpoint
        return f"{(self.endpoint or '').rstrip('/')}/v1/metrics"
