"""Settings of the OTLP receiver: `receivers.otlp`, in the collector's own schema."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Annotated

from daemon.config.authentication import AuthConfig
from daemon.config.errors import KeyPath
from daemon.config.fields import Count, CountOrNone, DurationMs, Endpoint, SizeMiB, rejected, shown
from daemon.config.markers import BeforeValidator, Field
from daemon.config.server_tls import ServerTlsConfig

GRPC_ENDPOINT = "[::]:4317"
HTTP_ENDPOINT = "[::]:4319"
_MAX_BODY_BYTES = 1024 * 1024 * 1024
_ENCODINGS = ("", "gzip", "zstd", "zlib", "snappy", "deflate", "lz4", "x-snappy-framed")


def _parse_path(value: object) -> str:
    """Return a path of the URL; a leading slash is added, as in the collector."""
    if not isinstance(value, str) or not value or any(char.isspace() for char in value):
        raise rejected(f"expected a path such as /v1/metrics, got {shown(value)}")
    return value if value.startswith("/") else f"/{value}"


def _parse_encoding(value: object) -> object:
    """Return the name of a compression as the collector writes it."""
    if value not in _ENCODINGS:
        names = ", ".join(filter(None, _ENCODINGS))
        raise rejected(f'expected one of {names}, or "" for none, got {shown(value)}')
    return value


UrlPath = Annotated[str, BeforeValidator(_parse_path)]

Encoding = Annotated[str, BeforeValidator(_parse_encoding)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerParameters:
    """`keepalive.server_parameters`; 0 is for ever, of the first three."""

    max_connection_idle: DurationMs = 0
    max_connection_age: DurationMs = 0
    max_connection_age_grace: DurationMs = 0
    time: DurationMs = 30_000
    """A peer that is silent for so long is pinged."""
    timeout: DurationMs = 20_000
    """A peer that does not answer a ping for so long is gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EnforcementPolicy:
    """`keepalive.enforcement_policy`: what pings of peers are put up with."""

    min_time: DurationMs = 10_000
    permit_without_stream: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class KeepaliveConfig:
    """`keepalive` of gRPC."""

    server_parameters: ServerParameters = field(default_factory=ServerParameters)
    enforcement_policy: EnforcementPolicy = field(default_factory=EnforcementPolicy)


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpGrpcConfig:
    """`protocols.grpc`."""

    endpoint: Endpoint = GRPC_ENDPOINT
    max_recv_msg_size_mib: SizeMiB = 16
    """Larger messages are refused, judged by their size before and after decompression."""
    max_concurrent_streams: CountOrNone = 0
    """Calls at once of one connection; 0 is no limit."""
    include_metadata: bool = False
    """Whether processors may ask for the metadata of calls."""
    keepalive: KeepaliveConfig = field(default_factory=KeepaliveConfig)
    tls: ServerTlsConfig | None = None
    auth: AuthConfig | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpCorsConfig:
    """`cors`: whose pages in a browser may send."""

    allowed_origins: tuple[str, ...] = ()
    """Origins such as https://*.example.com, where `*` is any run of characters; none by default."""
    allowed_headers: tuple[str, ...] = ()
    """Request headers besides Accept, Content-Type, Origin and X-Requested-With; `*` for all."""
    max_age: CountOrNone = 0
    """Seconds for which a browser may remember the answer; 0 leaves it to the browser."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpHttpConfig:
    """`protocols.http`."""

    endpoint: Endpoint = HTTP_ENDPOINT
    metrics_url_path: UrlPath = "/v1/metrics"
    traces_url_path: UrlPath = "/v1/traces"
    logs_url_path: UrlPath = "/v1/logs"
    """Whoever sends traces or logs there is told 404, and the log says once who does."""
    max_request_body_size: Annotated[int, Field(ge=0, le=_MAX_BODY_BYTES)] = 16 * 1024 * 1024
    """Bytes of a body, before and after decompression; 0 is the default."""
    compression_algorithms: tuple[Encoding, ...] = _ENCODINGS
    """What Content-Encoding may say; "" is a body that is not compressed."""
    include_metadata: bool = False
    """Whether processors may ask for the headers of requests."""
    cors: OtlpCorsConfig = field(default_factory=OtlpCorsConfig)
    read_header_timeout: DurationMs = 10_000
    read_timeout: DurationMs = 30_000
    """How long a body may take."""
    idle_timeout: DurationMs = 60_000
    """How long a connection may wait for its next request."""
    max_connections: Count = 1_000
    """Open at once; further ones are closed."""
    tls: ServerTlsConfig | None = None
    auth: AuthConfig | None = None

    @property
    def max_body_bytes(self) -> int:
        """The limit of a body, the default filled in."""
        return self.max_request_body_size or 16 * 1024 * 1024


def _default_if_empty(value: object) -> object:
    """Return what `grpc:`, written without settings, stands for: the default; a protocol that is not written is off."""
    return {} if value is None else value


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpProtocols:
    """`protocols`: those that are written are served."""

    grpc: Annotated[OtlpGrpcConfig | None, BeforeValidator(_default_if_empty)] = None
    http: Annotated[OtlpHttpConfig | None, BeforeValidator(_default_if_empty)] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class OtlpConfig:
    """What users write below `receivers.otlp`."""

    protocols: Annotated[OtlpProtocols, BeforeValidator(_default_if_empty)] = field(
        default_factory=OtlpProtocols
    )

    def __post_init__(self) -> None:
        if self.protocols.grpc is None and self.protocols.http is None:
            raise rejected("expected protocols with at least one of grpc and http")

    def listeners(self) -> Iterator[tuple[KeyPath, str, str]]:
        """Yield for each protocol its path below the component, where it listens, and where unless told otherwise."""
        if self.protocols.grpc is not None:
            yield ("protocols", "grpc"), self.protocols.grpc.endpoint, GRPC_ENDPOINT
        if self.protocols.http is not None:
            yield ("protocols", "http"), self.protocols.http.endpoint, HTTP_ENDPOINT


BOTH_PROTOCOLS = OtlpConfig(protocols=OtlpProtocols(grpc=OtlpGrpcConfig(), http=OtlpHttpConfig()))
"""What runs if no receivers are configured (DESIGN 5)."""
