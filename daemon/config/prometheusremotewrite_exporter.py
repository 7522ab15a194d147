"""Settings of the remote write exporter: `exporters.prometheusremotewrite`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, Literal

from daemon.config.fields import Count, CountOrNone, DurationMs, SizeMiB, rejected, shown
from daemon.config.markers import AfterValidator, BeforeValidator, Field
from daemon.config.sending import (
    ClientTlsConfig,
    Headers,
    NoAuth,
    RetryConfig,
    Url,
    refuse,
)


def _check_labels(labels: dict[str, str]) -> dict[str, str]:
    for name, value in labels.items():
        if not name or not value:
            raise rejected(f"expected a name and a value, got {shown(name)}: {shown(value)}")
    return labels


def _parse_compression(value: object) -> object:
    if value not in (None, "snappy"):
        raise rejected(f"remote write is snappy by its standard, got {shown(value)}")
    return "snappy"


ExternalLabels = Annotated[dict[str, str], AfterValidator(_check_labels)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ResourceToTelemetryConfig:
    """Whether attributes of the resource become labels: `resource_to_telemetry_conversion`."""

    enabled: bool = False
    exclude_service_attributes: bool = False
    """Leave out service.name, service.namespace and service.instance.id: job and instance hold them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteWriteQueueConfig:
    """Requests that wait for the backend: `remote_write_queue`."""

    enabled: bool = True
    """Without a queue one request per consumer is sent, and one may wait."""
    queue_size: Count = 10_000
    """Requests that wait or are under way; at the limit the oldest is dropped."""
    num_consumers: Annotated[int, Field(ge=1, le=1000)] = 5
    """Requests under way at once; those of one sender go one after the other."""
    max_size_mib: SizeMiB = 64
    """The same limit in bytes: tallyd's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteWriteRetryConfig(RetryConfig):
    """What happens to a request that the backend did not take for now: `retry_on_failure`."""

    initial_interval: DurationMs = 50
    """The pause before the second attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetInfoConfig:
    """Whether resources are told: `target_info`."""

    enabled: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoteWriteExporterConfig:
    """What users write below `exporters.prometheusremotewrite`."""

    endpoint: Url
    """The whole URL, such as http://prometheus:9090/api/v1/write."""
    timeout: DurationMs = 5_000
    """Of one attempt; 0 is none."""
    compression: Annotated[Literal["snappy"], BeforeValidator(_parse_compression)] = "snappy"
    headers: Headers = field(default_factory=dict)
    tls: ClientTlsConfig = field(default_factory=ClientTlsConfig)
    auth: NoAuth = None
    retry_on_failure: RemoteWriteRetryConfig = field(default_factory=RemoteWriteRetryConfig)
    remote_write_queue: RemoteWriteQueueConfig = field(default_factory=RemoteWriteQueueConfig)
    external_labels: ExternalLabels = field(default_factory=dict)
    """Labels of every series, unless it has one of that name."""
    namespace: str = ""
    """Stands in front of every metric name."""
    add_metric_suffixes: bool = True
    """Names get their unit and `_total`."""
    send_metadata: bool = False
    """Send type, unit and description too, in requests of their own."""
    resource_to_telemetry_conversion: ResourceToTelemetryConfig = field(
        default_factory=ResourceToTelemetryConfig
    )
    target_info: TargetInfoConfig = field(default_factory=TargetInfoConfig)
    disable_scope_info: bool = False
    max_batch_size_bytes: Annotated[int, Field(ge=1_000, le=1_000_000_000)] = 3_000_000
    """Of a request before compression."""
    max_batch_request_parallelism: CountOrNone = 0
    """Without effect: `remote_write_queue.num_consumers` says it."""
    max_delta_series: Count = 100_000
    """Delta series whose running totals are kept, the ones longest silent are forgotten first: tallyd's own."""
    protobuf_message: Literal["prometheus.WriteRequest"] = "prometheus.WriteRequest"
    max_idle_conns: CountOrNone = 100
    """Connections at once; 0 is no limit."""
    idle_conn_timeout: DurationMs = 90_000
    """How long an idle connection is kept; 0 is 90 s."""
    proxy_url: Url | None = None
    read_buffer_size: CountOrNone = 0
    """Without effect, like the next."""
    write_buffer_size: CountOrNone = 524_288
    wal: Annotated[None, refuse("tallyd keeps queues in memory only")] = None
