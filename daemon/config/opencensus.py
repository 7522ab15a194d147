"""Settings of the OpenCensus receiver: `receivers.opencensus`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from daemon.config.fields import DurationMs, Endpoint, SizeMiB, rejected
from daemon.config.markers import AfterValidator, BeforeValidator, Field
from daemon.config.sending import refuse
from daemon.config.server_tls import ServerTlsConfig

_INTERVALS_MS: Final = (1_000, 20_000)
"""More often is for nobody, less often than sidecars report is for nothing."""


def _parse_interval(value: int) -> int:
    if not _INTERVALS_MS[0] <= value <= _INTERVALS_MS[1]:
        raise rejected("expected 1s to 20s, the time between two reports of a sidecar")
    return value


@dataclass(frozen=True, slots=True, kw_only=True)
class ScrapeSendersConfig:
    """What users write below `scrape_senders`."""

    port: Annotated[int, Field(ge=1, le=65_535)] = 9090
    """`dapr.io/metrics-port`."""
    interval: Annotated[DurationMs, AfterValidator(_parse_interval)] = 5_000
    """Between two readings of one sidecar's page."""


def _default_if_empty(value: object) -> object:
    """Return the defaults for `scrape_senders:` with nothing behind it: naming it switches it on."""
    return {} if value is None else value


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCensusConfig:
    """What users write below `receivers.opencensus`."""

    endpoint: Endpoint = "[::]:55678"
    """host:port to listen on."""
    max_recv_msg_size_mib: SizeMiB = 16
    """A sidecar whose report is larger never recovers (opencensus.md 4.10)."""
    scrape_senders: Annotated[ScrapeSendersConfig | None, BeforeValidator(_default_if_empty)] = None
    """Read the metrics page of each connected sidecar between its reports."""
    tls: ServerTlsConfig | None = None
    auth: Annotated[
        None,
        refuse(
            "a sidecar's exporter sends no credentials: let tls.client_ca_file say who may connect"
        ),
    ] = None
