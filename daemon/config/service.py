"""Settings of `service`: what runs, and what the process says about itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from daemon.config.authentication import AuthConfig
from daemon.config.fields import DurationMs, Endpoint
from daemon.config.markers import BeforeValidator
from daemon.config.otlp_exporter import OtlpExporterConfig, OtlpHttpExporterConfig
from daemon.config.server_tls import ServerTlsConfig

LogLevel = Literal["debug", "info", "warn", "error"]


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


@dataclass(frozen=True, slots=True, kw_only=True)
class PipelineConfig:
    """One pipeline: component ids in the order in which data passes them."""

    receivers: tuple[str, ...]
    processors: tuple[str, ...] = ()
    exporters: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsConfig:
    """What is written to standard error."""

    level: Annotated[LogLevel, BeforeValidator(_lower)] = "info"
    encoding: Literal["console", "json"] | None = None
    """None means console on a terminal and json elsewhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushConfig:
    """A backend that is sent the self-metrics over OTLP: a periodic reader."""

    interval: DurationMs = 60_000
    exporter: OtlpExporterConfig | OtlpHttpExporterConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricsConfig:
    """The page of self-metrics, and who is sent them."""

    endpoint: Endpoint | None = "[::]:8888"
    """host:port that answers `/metrics`; None where there is no page."""
    tls: ServerTlsConfig | None = None
    auth: AuthConfig | None = None
    push: tuple[PushConfig, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TelemetryConfig:
    """What the process says about itself."""

    logs: LogsConfig = field(default_factory=LogsConfig)
    metrics: MetricsConfig = field(default_factory=MetricsConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceConfig:
    """What runs: pipelines by id, extensions in the order of their start."""

    pipelines: Mapping[str, PipelineConfig]
    extensions: tuple[str, ...]
    telemetry: TelemetryConfig = field(default_factory=TelemetryConfig)
