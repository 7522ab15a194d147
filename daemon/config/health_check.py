"""Settings of the health check: `extensions.health_check`."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.config.fields import Endpoint
from daemon.config.server_tls import ServerTlsConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthCheckConfig:
    """What users write below `extensions.health_check`."""

    endpoint: Endpoint = "[::]:13133"
    """host:port that answers `/healthz` and `/readyz`."""
    tls: ServerTlsConfig | None = None
