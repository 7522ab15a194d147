"""Periodic readers of `service.telemetry.metrics`: the OpenTelemetry configuration's form to an OTLP exporter's settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Annotated, Literal
from urllib.parse import urlsplit

from daemon.config.document import Value
from daemon.config.errors import KeyPath
from daemon.config.fields import parse_duration, rejected
from daemon.config.findings import Findings
from daemon.config.markers import BeforeValidator
from daemon.config.otlp_exporter import OtlpExporterConfig, OtlpHttpExporterConfig
from daemon.config.sending import ClientTlsConfig, Headers, without_userinfo
from daemon.config.service import PushConfig
from daemon.config.validation import validate


def _parse_milliseconds(value: object) -> int:
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return value
    parsed = parse_duration(value)
    if not parsed:
        raise rejected("expected milliseconds or a duration such as 60s, more than 0")
    return parsed


def _parse_headers(value: object) -> object:
    """Return headers as a mapping; the OpenTelemetry configuration has a list of names and values."""
    if not isinstance(value, list):
        return value
    if not all(isinstance(one, dict) and one.keys() == {"name", "value"} for one in value):
        raise rejected("expected a mapping, or a list of name and value")
    return {one["name"]: one["value"] for one in value}


Milliseconds = Annotated[int, BeforeValidator(_parse_milliseconds)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Otlp:
    protocol: Literal["grpc", "http/protobuf"] = "http/protobuf"
    endpoint: str
    headers: Annotated[Headers, BeforeValidator(_parse_headers)] = field(default_factory=dict)
    compression: Literal["gzip", "none"] = "none"
    timeout: Milliseconds | None = None
    insecure: bool = False
    tls: ClientTlsConfig = field(default_factory=ClientTlsConfig)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Exporter:
    otlp: _Otlp


@dataclass(frozen=True, slots=True, kw_only=True)
class Periodic:
    """What users write below `periodic`."""

    interval: Milliseconds = 60_000
    timeout: Milliseconds = 30_000
    exporter: _Exporter


def read_periodic(periodic: Periodic, path: KeyPath, findings: Findings) -> Iterator[PushConfig]:
    """Yield what it asks for, unless a mistake in it is noted."""
    otlp = periodic.exporter.otlp
    settings: dict[str, Value] = {
        "endpoint": otlp.endpoint,
        "headers": dict(otlp.headers),
        "compression": otlp.compression,
        "timeout": f"{otlp.timeout or periodic.timeout}ms",
        "tls": {**_tls(otlp.tls), "insecure": otlp.insecure or otlp.tls.insecure},
    }
    where = (*path, "exporter", "otlp")
    exporter: OtlpExporterConfig | OtlpHttpExporterConfig | None
    if otlp.protocol == "grpc":
        exporter = validate(OtlpExporterConfig, settings, where, findings.mistakes)
    else:
        if urlsplit(otlp.endpoint).path.strip("/"):
            settings["metrics_endpoint"] = settings.pop("endpoint")
        exporter = validate(OtlpHttpExporterConfig, settings, where, findings.mistakes)
    if exporter is not None:
        yield PushConfig(interval=periodic.interval, exporter=exporter)


def write_periodic(push: PushConfig) -> dict[str, Value]:
    """Return the reader that says the same."""
    exporter = push.exporter
    is_grpc = isinstance(exporter, OtlpExporterConfig)
    endpoint = exporter.endpoint if isinstance(exporter, OtlpExporterConfig) else exporter.url
    otlp: dict[str, Value] = {
        "protocol": "grpc" if is_grpc else "http/protobuf",
        "endpoint": endpoint if is_grpc else without_userinfo(endpoint),
        "headers": dict.fromkeys(exporter.headers, "[REDACTED]"),
        "compression": exporter.compression,
        "timeout": exporter.timeout,
        "tls": _tls(exporter.tls),
    }
    return {"periodic": {"interval": push.interval, "exporter": {"otlp": otlp}}}


def _tls(config: ClientTlsConfig) -> dict[str, Value]:
    return {name: value for name, value in asdict(config).items() if value is not None}
