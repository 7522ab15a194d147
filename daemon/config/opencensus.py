"""Settings of the OpenCensus receiver: `receivers.opencensus`."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.config.fields import Endpoint, SizeMiB


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenCensusConfig:
    """What users write below `receivers.opencensus`."""

    endpoint: Endpoint = "[::]:55678"
    """host:port to listen on."""
    max_recv_msg_size_mib: SizeMiB = 16
    """A sidecar whose report is larger never recovers (opencensus.md 4.10)."""
