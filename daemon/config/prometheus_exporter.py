"""Settings of the page for Prometheus to scrape: `exporters.prometheus`."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated

from daemon.config.authentication import AuthConfig
from daemon.config.fields import Count, DurationMs, Endpoint, rejected, shown
from daemon.config.markers import BeforeValidator
from daemon.config.prometheusremotewrite_exporter import ResourceToTelemetryConfig
from daemon.config.server_tls import ServerTlsConfig


class TranslationStrategy(StrEnum):
    """How names become Prometheus'."""

    WITH_SUFFIXES = "UnderscoreEscapingWithSuffixes"
    WITHOUT_SUFFIXES = "UnderscoreEscapingWithoutSuffixes"


_UTF8 = ("NoUTF8EscapingWithSuffixes", "NoTranslation")


def _parse_strategy(value: object) -> TranslationStrategy | None:
    if value is None or isinstance(value, TranslationStrategy):
        return value
    if value in _UTF8:
        raise rejected(f"tallyd escapes names: expected one of {', '.join(TranslationStrategy)}")
    if value not in list(TranslationStrategy):
        raise rejected(f"expected one of {', '.join(TranslationStrategy)}, got {shown(value)}")
    return TranslationStrategy(str(value))


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusExporterConfig:
    """What users write below `exporters.prometheus`."""

    endpoint: Endpoint
    """host:port that answers `/metrics`."""
    namespace: str = ""
    """Stands in front of every metric name."""
    const_labels: dict[str, str] = field(default_factory=dict)
    """Labels of every series."""
    send_timestamps: bool = False
    metric_expiration: DurationMs = 300_000
    """How long a series stays that nobody reports any more; 0 is for ever."""
    enable_open_metrics: bool = False
    """Answer in OpenMetrics' format those who ask for it."""
    resource_to_telemetry_conversion: ResourceToTelemetryConfig = field(
        default_factory=ResourceToTelemetryConfig
    )
    add_metric_suffixes: bool = True
    """Names get their unit and `_total`; `translation_strategy` wins."""
    translation_strategy: Annotated[
        TranslationStrategy | None, BeforeValidator(_parse_strategy)
    ] = None
    without_scope_info: bool = False
    max_series: Count = 100_000
    """Series on the page; further ones are refused: tallyd's own."""
    tls: ServerTlsConfig | None = None
    auth: AuthConfig | None = None

    @property
    def with_suffixes(self) -> bool:
        """Whether names get unit and type suffixes."""
        if self.translation_strategy is None:
            return self.add_metric_suffixes
        return self.translation_strategy is TranslationStrategy.WITH_SUFFIXES
