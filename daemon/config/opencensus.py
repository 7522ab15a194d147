"""Settings of the OpenCensus receiver: `receivers.opencensus`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from daemon.config.fields import Endpoint, SizeMiB
from daemon.config.sending import refuse
from daemon.config.server_tls import ServerTlsConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCensusConfig:
    """What users write below `receivers.opencensus`."""

    endpoint: Endpoint = "[::]:55678"
    """host:port to listen on."""
    max_recv_msg_size_mib: SizeMiB = 16
    """A sidecar whose report is larger never recovers (opencensus.md 4.10)."""
    tls: ServerTlsConfig | None = None
    auth: Annotated[
        None,
        refuse(
            "a sidecar's exporter sends no credentials: let tls.client_ca_file say who may connect"
        ),
    ] = None
