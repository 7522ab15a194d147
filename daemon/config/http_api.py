"""Settings of the HTTP API: `extensions.http_api`."""

from __future__ import annotations

from dataclasses import dataclass, field

from daemon.config.authentication import AuthConfig
from daemon.config.fields import Count, DurationMs, Endpoint
from daemon.config.server_tls import ServerTlsConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class CorsConfig:
    """Whose pages in a browser may ask: `cors`."""

    allowed_origins: tuple[str, ...] = ()
    """Origins such as https://grafana.example.com, or `*` for all; none by default."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpApiConfig:
    """What users write below `extensions.http_api`."""

    endpoint: Endpoint = "[::]:9090"
    """host:port that answers Prometheus' HTTP API and the add-on's paths."""
    lookback: DurationMs = 0
    """How old a sample may be that an instant selector finds; 0 is as old as samples get, `windows.retention`.
    `lookback_delta` of a request says otherwise."""
    timeout: DurationMs = 120_000
    """How long one query may take; `timeout` of a request may ask for less."""
    max_samples: Count = 50_000_000
    """Samples and values that one query may hold in memory at once."""
    max_concurrency: Count = 20
    """Large queries that run or wait at once; further ones are refused."""
    max_inline_samples: Count = 100_000
    """Queries that read no more are answered between two messages; larger ones by a worker thread."""
    cors: CorsConfig = field(default_factory=CorsConfig)
    """Whose pages in a browser may ask."""
    tls: ServerTlsConfig | None = None
    auth: AuthConfig | None = None
    """Of every path but `/-/healthy` and `/-/ready`."""
