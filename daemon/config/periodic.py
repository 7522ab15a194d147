"""Periodic readers of `service.telemetry.metrics`: the OpenTelemetry configuration's form to an OTLP exporter's settings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from typing import Annotated, Literal

from daemon.config.document import Value
from daemon.config.errors import KeyPath
from daemon.config.fields import parse_duration, rejected
from daemon.config.findings import Findings
from daemon.config.markers import BeforeValidator
from daemon.config.otlp_exporter import OtlpExporterConfig, OtlpHttpExporterConfig
from daemon.config.sending import ClientTlsConfig, Headers, refuse, without_userinfo
from daemon.config.service import PushConfig
from daemon.config.validation import validate

_WITH_PATH = re.compile(r"https?://[^/]+/+[^/]")
"""A URL that is not only a base."""


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
    if not all(_is_header(one) for one in value):
        raise rejected("expected a mapping, or a list of name and value")
    return {one["name"]: one["value"] for one in value}


def _is_header(value: object) -> bool:
    return (
        isinstance(value, dict)
        and value.keys() == {"name", "value"}
        and isinstance(value["name"], str)
    )


def _parse_header_list(value: object) -> object:
    """Return `name=value,name=value` as a mapping."""
    if value is None:
        return {}
    pairs = [one.partition("=") for one in value.split(",")] if isinstance(value, str) else []
    if not pairs or not all(equals for _, equals, _ in pairs):
        raise rejected("expected name=value, several with commas between them")
    return {name.strip(): text.strip() for name, _, text in pairs}


Milliseconds = Annotated[int, BeforeValidator(_parse_milliseconds)]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Otlp:
    protocol: Literal["grpc", "http/protobuf"] = "http/protobuf"
    endpoint: str
    headers: Annotated[Headers, BeforeValidator(_parse_headers)] = field(default_factory=dict)
    headers_list: Annotated[Headers, BeforeValidator(_parse_header_list)] = field(
        default_factory=dict
    )
    compression: Literal["gzip", "none"] = "none"
    timeout: Milliseconds | None = None
    insecure: bool = False
    certificate: str | None = None
    """What `tls.ca_file` says elsewhere; the next two are its `cert_file` and `key_file`."""
    client_certificate: str | None = None
    client_key: str | None = None
    tls: ClientTlsConfig = field(default_factory=ClientTlsConfig)
    temporality_preference: Literal["cumulative"] = "cumulative"
    default_histogram_aggregation: Literal["explicit_bucket_histogram"] = (
        "explicit_bucket_histogram"
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Exporter:
    otlp: _Otlp
    console: Annotated[None, refuse("tallyd writes no metrics to its output: expected otlp")] = None


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
        "headers": {**otlp.headers_list, **otlp.headers},
        "compression": otlp.compression,
        "timeout": f"{otlp.timeout or periodic.timeout}ms",
        "tls": {**_trust(otlp), **_tls(otlp.tls), "insecure": otlp.insecure or otlp.tls.insecure},
    }
    where = (*path, "exporter", "otlp")
    exporter: OtlpExporterConfig | OtlpHttpExporterConfig | None
    if otlp.protocol == "grpc":
        exporter = validate(OtlpExporterConfig, settings, where, findings.mistakes)
    else:
        if _WITH_PATH.match(otlp.endpoint):
            settings["metrics_endpoint"] = settings.pop("endpoint")
        exporter = validate(OtlpHttpExporterConfig, settings, where, findings.mistakes)
    if exporter is not None:
        yield PushConfig(interval=periodic.interval, exporter=exporter)


def _trust(otlp: _Otlp) -> dict[str, Value]:
    files = (otlp.certificate, otlp.client_certificate, otlp.client_key)
    named = zip(("ca_file", "cert_file", "key_file"), files, strict=True)
    return {name: path for name, path in named if path is not None}


def write_periodic(push: PushConfig) -> dict[str, Value]:
    """Return the reader that says the same."""
    exporter = push.exporter
    is_grpc = isinstance(exporter, OtlpExporterConfig)
    endpoint = exporter.endpoint or ""
    if isinstance(exporter, OtlpHttpExporterConfig):
        endpoint = without_userinfo(exporter.metrics_endpoint or endpoint)
    otlp: dict[str, Value] = {
        "protocol": "grpc" if is_grpc else "http/protobuf",
        "endpoint": endpoint,
        "headers": dict.fromkeys(exporter.headers, "[REDACTED]"),
        "compression": exporter.compression,
        "timeout": exporter.timeout,
        "tls": _tls(exporter.tls),
    }
    return {"periodic": {"interval": push.interval, "exporter": {"otlp": otlp}}}


def _tls(config: ClientTlsConfig) -> dict[str, Value]:
    return {name: value for name, value in asdict(config).items() if value is not None}
