"""`service.telemetry` as the collector has it, read down to what has an effect here (otlp.md 6.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from daemon.config.authentication import AuthConfig
from daemon.config.document import Value
from daemon.config.errors import KeyPath
from daemon.config.fields import Endpoint, shown
from daemon.config.findings import Findings
from daemon.config.periodic import Periodic, read_periodic
from daemon.config.server_tls import ServerTlsConfig
from daemon.config.service import LogsConfig, MetricsConfig, PushConfig, TelemetryConfig
from daemon.config.validation import unknown_key, validate

_WITHOUT_EFFECT = {
    "logs": frozenset(
        {
            *("development", "disable_caller", "disable_stacktrace", "sampling", "output_paths"),
            *("error_output_paths", "initial_fields", "processors"),
        }
    ),
    "metrics": frozenset({"views"}),
    "traces": frozenset(),
    "resource": frozenset(),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Prometheus:
    host: str = "[::]"
    port: int = 8888
    without_type_suffix: bool = False
    without_units: bool = False
    without_scope_info: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _PullExporter:
    prometheus: _Prometheus


@dataclass(frozen=True, slots=True, kw_only=True)
class _Pull:
    exporter: _PullExporter


@dataclass(frozen=True, slots=True, kw_only=True)
class _Reader:
    pull: _Pull | None = None
    periodic: Periodic | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Metrics:
    level: Literal["none", "basic", "normal", "detailed"] = "normal"
    address: Endpoint | None = None
    readers: tuple[_Reader, ...] | None = None
    tls: ServerTlsConfig | None = None
    auth: AuthConfig | None = None


def read_telemetry(written: Value, path: KeyPath, findings: Findings) -> TelemetryConfig:
    """Return what the process is to say about itself."""
    if written is None:
        return TelemetryConfig()
    if not isinstance(written, dict):
        findings.mistake(path, f"expected a mapping, got {shown(written)}")
        return TelemetryConfig()
    for key in written:
        if key not in _WITHOUT_EFFECT:
            findings.mistakes.append(unknown_key((*path, key), list(_WITHOUT_EFFECT)))
        elif key in {"traces", "resource"}:
            findings.warn((*path, key), "has no effect here")
    logs = _effective("logs", written, path, findings)
    metrics = _effective("metrics", written, path, findings)
    return TelemetryConfig(
        logs=validate(LogsConfig, logs, (*path, "logs"), findings.mistakes) or LogsConfig(),
        metrics=_read_metrics(metrics, (*path, "metrics"), findings),
    )


def _effective(part: str, written: dict[str, Value], path: KeyPath, findings: Findings) -> Value:
    """Return one part without the collector's keys that have no effect here, each warned of."""
    settings = written.get(part)
    if settings is None:
        return {}
    if not isinstance(settings, dict):
        return settings
    for key in settings.keys() & _WITHOUT_EFFECT[part]:
        findings.warn((*path, part, key), "has no effect here")
    return {key: value for key, value in settings.items() if key not in _WITHOUT_EFFECT[part]}


def _read_metrics(settings: Value, path: KeyPath, findings: Findings) -> MetricsConfig:
    metrics = validate(_Metrics, settings, path, findings.mistakes)
    if metrics is None:
        return MetricsConfig()
    if metrics.level == "none":
        return MetricsConfig(endpoint=None)
    endpoint: str | None = metrics.address or MetricsConfig().endpoint
    push: tuple[PushConfig, ...] = ()
    if metrics.readers is not None:
        endpoint, push = _read_readers(metrics.readers, metrics.address, path, findings)
    return MetricsConfig(endpoint=endpoint, tls=metrics.tls, auth=metrics.auth, push=push)


def _read_readers(
    readers: tuple[_Reader, ...], address: str | None, path: KeyPath, findings: Findings
) -> tuple[str | None, tuple[PushConfig, ...]]:
    """Return where the page is served, None for nowhere, and who is sent the metrics."""
    endpoints = [address] if address else []
    push: list[PushConfig] = []
    for index, reader in enumerate(readers):
        if reader.periodic is not None:
            push += read_periodic(reader.periodic, (*path, "readers", index, "periodic"), findings)
        if reader.pull is not None:
            endpoints.append(_endpoint(reader.pull.exporter.prometheus))
    if not readers:
        findings.mistake(
            (*path, "readers"), "expected a reader; level: none switches the metrics off"
        )
    if len(endpoints) > 1:
        findings.mistake((*path, "readers"), "expected one pull reader: the page is served once")
    return endpoints[0] if endpoints else None, tuple(push)


def _endpoint(prometheus: _Prometheus) -> str:
    host = prometheus.host
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"{host}:{prometheus.port}"
