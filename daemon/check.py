"""A configuration file, checked whole: its form, and what only building its components brings to light."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

from daemon.authentication import AuthenticationError, build_authenticator
from daemon.certificates import CertificateError, Certificates
from daemon.config.errors import ConfigError
from daemon.config.keda_scaler import KedaScalerConfig
from daemon.config.load import LoadedConfig, load_config
from daemon.config.ports import component_ports
from daemon.config.prometheus_receiver import PrometheusReceiverConfig
from daemon.config.schema import AuthenticatorConfig, ComponentConfig, ProcessorConfig
from daemon.config.sending import ClientTlsConfig
from daemon.config.service import MetricsConfig
from daemon.config.windows import WindowsConfig
from daemon.pipeline import judge_processor
from daemon.scaler.decision import window_problem
from daemon.scaler.metadata import named_query_errors


def load_checked(source: Path | str | None, environ: Mapping[str, str]) -> LoadedConfig:
    """Return a configuration of which every part can be built; see `load_config`.

    Raises:
        InvalidConfigurationError: it cannot be read or is wrong; holds every mistake, with its position.
    """
    return load_config(source, environ, judge=_judge)


def _judge(
    component_id: str, config: ComponentConfig | MetricsConfig, windows: WindowsConfig | None
) -> Sequence[ConfigError]:
    """Return mistakes in processors, named queries, whose windows must fit the retention, certificates and users."""
    if isinstance(config, ProcessorConfig):
        return judge_processor(component_id, config)
    if isinstance(config, KedaScalerConfig):
        retention_ms = windows.retention if windows else 0
        fits = partial(window_problem, retention_ms=retention_ms)
        return [*named_query_errors(config.queries, fits), *_port_errors(component_id, config)]
    if isinstance(config, AuthenticatorConfig):
        return _authenticator_errors(component_id, config)
    if isinstance(config, PrometheusReceiverConfig):
        return _scrape_errors(config)
    tls = getattr(config, "tls", None)
    if isinstance(tls, ClientTlsConfig):
        return _tls_errors(tls)
    return _port_errors(component_id, config)


def _tls_errors(tls: ClientTlsConfig) -> Sequence[ConfigError]:
    if tls.ca_file is None and tls.cert_file is None:
        return ()
    from daemon.exporters.client_tls import judge_tls  # noqa: PLC0415  few send over TLS

    return [ConfigError(("tls", *error.path), error.expected) for error in judge_tls(tls)]


def _scrape_errors(config: PrometheusReceiverConfig) -> Sequence[ConfigError]:
    """Return which certificates of jobs cannot be used."""
    path = ("config", "scrape_configs")
    return [
        ConfigError((*path, at, "tls_config", *error.path[1:]), error.expected)
        for at, job in enumerate(config.config.scrape_configs)
        for error in _tls_errors(job.tls_config.as_client())
    ]


def _port_errors(
    component_id: str, config: ComponentConfig | MetricsConfig
) -> Sequence[ConfigError]:
    """Return what is wrong with the certificates of what listens."""
    errors = []
    for port in component_ports((component_id,), config):
        if port.tls is not None:
            try:
                Certificates(port.tls, "")
            except CertificateError as error:
                text = str(error).removeprefix(": ")
                errors.append(ConfigError((*port.path[1:], "tls"), text))
    return errors


def _authenticator_errors(component_id: str, config: AuthenticatorConfig) -> Sequence[ConfigError]:
    try:
        build_authenticator(component_id, config)
    except AuthenticationError as error:
        return [ConfigError((), str(error).removeprefix(f"{component_id}: "))]
    return ()
