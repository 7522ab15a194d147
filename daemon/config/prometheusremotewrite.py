"""Settings of the remote write receiver: `receivers.prometheusremotewrite`."""

from __future__ import annotations

from dataclasses import dataclass

from daemon.config.fields import SizeMiB


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusRemoteWriteConfig:
    """What users write below `receivers.prometheusremotewrite`; it is served by `http_api` as /api/v1/write."""

    max_recv_msg_size_mib: SizeMiB = 16
    """Larger requests are refused, judged by their size before and after decompression."""
