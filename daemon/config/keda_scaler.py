"""Settings of the KEDA scaler: `extensions.keda_scaler`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from daemon.config.fields import Count, DurationMs, Endpoint, rejected, shown
from daemon.config.markers import BeforeValidator
from daemon.config.sending import refuse
from daemon.config.server_tls import ServerTlsConfig


def _parse_text(value: object) -> str:
    """Return a metadata value as Kubernetes would hold it: text, for which YAML needs no quotes here."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (str, int, float)):
        return str(value)
    raise rejected(f"expected text, got {shown(value)}")


MetadataText = Annotated[str, BeforeValidator(_parse_text)]
"""The value of one metadata key; numbers and true or false may be written bare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KedaScalerConfig:
    """What users write below `extensions.keda_scaler`."""

    endpoint: Endpoint = "[::]:4318"
    """host:port that KEDA's `scalerAddress` points to (keda.md 0.8)."""
    hold_for: DurationMs = 60_000
    """While settling, an answer from before the restart is repeated until it is this old (keda.md 6.3.6)."""
    queries: Mapping[str, Mapping[str, MetadataText]] = field(default_factory=dict)
    """Named queries: any of a trigger's metadata keys, which `queryRef: NAME` refers to (keda.md 0.4)."""
    max_streams: Count = 10_000
    """StreamIsActive and StreamMetricSpec calls open at once; further ones are refused and counted."""
    max_scaled_objects: Count = 10_000
    """Triggers remembered at once: compiled metadata and last answers; the one not asked for longest goes first."""
    tls: ServerTlsConfig | None = None
    auth: Annotated[
        None,
        refuse(
            "KEDA sends no credentials but a certificate: let tls.client_ca_file say who may connect"
        ),
    ] = None
