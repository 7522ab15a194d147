"""Who listens, where, and behind which locks: TLS, and who may send and ask."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import fields
from typing import Final, NamedTuple

from daemon.config.authentication import AuthConfig
from daemon.config.components import Components
from daemon.config.errors import KeyPath
from daemon.config.fields import shown, split_endpoint
from daemon.config.findings import Findings
from daemon.config.keda_scaler import KedaScalerConfig
from daemon.config.opencensus import OpenCensusConfig
from daemon.config.otlp import OtlpConfig
from daemon.config.otlp_exporter import OtlpExporterConfig, OtlpHttpExporterConfig
from daemon.config.prometheusremotewrite_exporter import RemoteWriteExporterConfig
from daemon.config.schema import AuthenticatorConfig, ComponentConfig, Config, component_type
from daemon.config.server_tls import OPENSSL_NAMES, ServerTlsConfig
from daemon.config.service import MetricsConfig, ServiceConfig

TELEMETRY: Final[KeyPath] = ("service", "telemetry", "metrics")
_ANY_ADDRESS = frozenset({"", "::", "0.0.0.0"})  # noqa: S104  compared with, not bound to
_SENDS = (OtlpExporterConfig, OtlpHttpExporterConfig, RemoteWriteExporterConfig)
"""Their endpoint is somebody else's."""
_SPEAKS_GRPC = (OpenCensusConfig, KedaScalerConfig)
_AUTHENTICATORS = ("bearertokenauth", "basicauth")


class Port(NamedTuple):
    """One that is listened on."""

    path: KeyPath
    """Of the block with its settings."""
    endpoint: str
    usual: str | None
    """Where it is unless told otherwise."""
    tls: ServerTlsConfig | None
    auth: AuthConfig | None
    speaks_grpc: bool

    @property
    def name(self) -> str:
        """The block's key path, as messages and metrics have it."""
        return ".".join(map(str, self.path))


def ports_of(config: Config) -> Iterator[Port]:
    """Yield the ports of all that runs."""
    sections = {
        "receivers": config.receivers,
        "exporters": config.exporters,
        "extensions": config.extensions,
    }
    return _ports(config.service, sections)


def component_ports(path: KeyPath, config: ComponentConfig | MetricsConfig) -> Iterator[Port]:
    """Yield the ports of one component, whose block is at `path`."""
    if isinstance(config, OtlpConfig):
        for below, endpoint, usual in config.listeners():
            name = below[-1]
            one = config.protocols.grpc if name == "grpc" else config.protocols.http
            if one is not None:
                yield Port((*path, *below), endpoint, usual, one.tls, one.auth, name == "grpc")
        return
    where = getattr(config, "endpoint", None)
    if where is not None and not isinstance(config, _SENDS):
        yield Port(
            path,
            where,
            _default_endpoint(type(config)),
            getattr(config, "tls", None),
            getattr(config, "auth", None),
            isinstance(config, _SPEAKS_GRPC),
        )


def used(service: ServiceConfig, section: str) -> Iterator[str]:
    """Yield the components of a section that run."""
    if section == "extensions":
        yield from service.extensions
        return
    for pipeline in service.pipelines.values():
        yield from getattr(pipeline, section)


def check_ports(
    service: ServiceConfig, defined: Mapping[str, Components], findings: Findings
) -> None:
    """Note each port that two parts would listen on, and locks that cannot be had."""
    sections = {section: part.configs for section, part in defined.items()}
    ports = list(_ports(service, sections))
    _check_taken(ports, findings)
    for port in ports:
        _check_authenticator(port, service, defined["extensions"], findings)
        if port.speaks_grpc and port.tls is not None and port.tls.min_version == "1.3":
            findings.mistake(
                (*port.path, "tls", "min_version"),
                "gRPC ports speak TLS 1.2 and 1.3, and the library cannot switch 1.2 off: expected 1.2, or no such key",
            )
    _check_cipher_suites([port for port in ports if port.speaks_grpc], findings)


def _ports(
    service: ServiceConfig, sections: Mapping[str, Mapping[str, ComponentConfig]]
) -> Iterator[Port]:
    for section in ("receivers", "exporters", "extensions"):
        for component_id in dict.fromkeys(used(service, section)):
            config = sections[section].get(component_id)
            if config is not None:
                yield from component_ports((section, component_id), config)
    yield from component_ports(TELEMETRY, service.telemetry.metrics)


def _check_taken(ports: list[Port], findings: Findings) -> None:
    """Note each port that two parts would listen on; port 0 means any free one."""
    taken: list[tuple[str, int, str]] = []
    for one in ports:
        host, port = split_endpoint(one.endpoint)
        name = one.name + (" (its default)" if one.endpoint == one.usual else "")
        for other_host, other_port, other in taken:
            if port == other_port != 0 and (
                host == other_host or {host, other_host} & _ANY_ADDRESS
            ):
                at = one.path if one.path[0] == "service" else (*one.path, "endpoint")
                findings.mistake(at, f"{other} and {name} both listen on port {port}")
        taken.append((host, port, name))


def _check_authenticator(
    port: Port, service: ServiceConfig, extensions: Components, findings: Findings
) -> None:
    if port.auth is None:
        return
    named, path = port.auth.authenticator, (*port.path, "auth", "authenticator")
    if component_type(named) not in _AUTHENTICATORS:
        expected = " or ".join(_AUTHENTICATORS)
        findings.mistake(path, f"expected the id of an extension {expected}, got {shown(named)}")
    elif named not in extensions.ids:
        known = ", ".join(extensions.ids) or "none"
        findings.mistake(path, f"extension {shown(named)} is not defined; defined: {known}")
    elif named not in service.extensions:
        findings.mistake(
            path, f"extension {shown(named)} does not run: add it to service.extensions"
        )


def _check_cipher_suites(ports: list[Port], findings: Findings) -> None:
    """Note a second choice: gRPC's library takes one for the whole process."""
    choosing = [port for port in ports if port.tls is not None and port.tls.cipher_suites]
    for port in choosing[1:]:
        first = choosing[0]
        if port.tls and first.tls and port.tls.cipher_suites != first.tls.cipher_suites:
            findings.mistake(
                (*port.path, "tls", "cipher_suites"),
                f"gRPC ports have their cipher suites in common: expected those of {first.name}.tls",
            )


def grpc_environment(config: Config) -> Mapping[str, str]:
    """Return the environment variables that gRPC's library must find when it is first used."""
    choices = (port.tls.cipher_suites for port in ports_of(config) if port.speaks_grpc and port.tls)
    suites = next((one for one in choices if one), ())
    names = ":".join(OPENSSL_NAMES[suite] for suite in suites)
    return {"GRPC_SSL_CIPHER_SUITES": names} if names else {}


def authenticators_of(config: Config) -> Mapping[str, AuthenticatorConfig]:
    """Return the extensions that run and decide who is served, by id."""
    running = ((name, config.extensions[name]) for name in config.service.extensions)
    return {name: one for name, one in running if isinstance(one, AuthenticatorConfig)}


def _default_endpoint(kind: type[ComponentConfig | MetricsConfig]) -> str | None:
    default = next(one.default for one in fields(kind) if one.name == "endpoint")
    return default if isinstance(default, str) else None
