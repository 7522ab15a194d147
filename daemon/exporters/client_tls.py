"""TLS towards backends: settings to contexts and credentials."""

from __future__ import annotations

import ssl
from pathlib import Path

import grpc

from daemon.config.errors import ConfigError
from daemon.config.sending import ClientTlsConfig

_VERSIONS = {
    "1.0": ssl.TLSVersion.TLSv1,
    "1.1": ssl.TLSVersion.TLSv1_1,
    "1.2": ssl.TLSVersion.TLSv1_2,
    "1.3": ssl.TLSVersion.TLSv1_3,
}


def judge_tls(config: ClientTlsConfig) -> list[ConfigError]:
    """Return what is wrong with the files that `config` names, at paths below `tls`."""
    mistakes = []
    try:
        if config.ca_file is not None:
            ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(config.ca_file)
    except OSError as error:
        mistakes.append(ConfigError(("ca_file",), _cannot_be_read(config.ca_file, error)))
    try:
        if config.cert_file is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.load_cert_chain(config.cert_file, config.key_file)
    except OSError as error:
        mistakes.append(ConfigError(("cert_file",), _cannot_be_read(config.cert_file, error)))
    return mistakes


def build_ssl_context(config: ClientTlsConfig) -> ssl.SSLContext:
    """Return what connections to an https URL are made with.

    Raises:
        OSError: a file cannot be read, or holds no certificate.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if config.ca_file is not None:
        context.load_verify_locations(config.ca_file)
    if config.ca_file is None or config.include_system_ca_certs_pool:
        context.load_default_certs()
    if config.cert_file is not None:
        context.load_cert_chain(config.cert_file, config.key_file)
    if config.min_version not in {"1.0", "1.1"}:  # the library's own bound is 1.2
        context.minimum_version = _VERSIONS[config.min_version]
    if config.insecure_skip_verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def build_credentials(config: ClientTlsConfig) -> grpc.ChannelCredentials:
    """Return what a gRPC channel is made with.

    Raises:
        OSError: a file cannot be read.
    """
    roots = _read(config.ca_file)
    return grpc.ssl_channel_credentials(roots, _read(config.key_file), _read(config.cert_file))


def _read(path: str | None) -> bytes | None:
    return None if path is None else Path(path).read_bytes()


def _cannot_be_read(path: str | None, error: OSError) -> str:
    return f"{path} cannot be used: {(error.strerror or str(error)).lower()}"
