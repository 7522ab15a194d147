"""Locks of ports: what the settings must have in common with others."""

from __future__ import annotations

import pytest

from daemon.config.errors import InvalidConfigurationError
from daemon.config.load import load_config
from daemon.config.ports import grpc_environment, ports_of

TLS = "cert_file: c, key_file: k"
SUITE = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256"
OTHER = "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384"


def problems(text: str) -> list[str]:
    try:
        load_config(text, {})
    except InvalidConfigurationError as error:
        return [line.partition(": ")[2] for line in error.lines]
    return []


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            f"extensions: {{keda_scaler: {{tls: {{{TLS}, min_version: '1.3'}}}}}}",
            "extensions.keda_scaler.tls.min_version: gRPC ports speak TLS 1.2 and 1.3, and the library cannot switch "
            "1.2 off: expected 1.2, or no such key",
            id="1.3 alone over gRPC",
        ),
        pytest.param(
            f"receivers: {{opencensus: {{tls: {{{TLS}, cipher_suites: [{SUITE}]}}}}}}\n"
            f"extensions: {{keda_scaler: {{tls: {{{TLS}, cipher_suites: [{OTHER}]}}}}}}",
            "extensions.keda_scaler.tls.cipher_suites: gRPC ports have their cipher suites in common: expected those of "
            "receivers.opencensus.tls",
            id="two choices of suites over gRPC",
        ),
        pytest.param(
            "extensions: {http_api: {auth: {authenticator: bearertokenauth}}}",
            "extensions.http_api.auth.authenticator: extension 'bearertokenauth' is not defined; defined: http_api",
            id="nobody of that name",
        ),
        pytest.param(
            "extensions: {http_api: {auth: {authenticator: http_api}}}",
            "extensions.http_api.auth.authenticator: expected the id of an extension bearertokenauth or basicauth, got "
            "'http_api'",
            id="no authenticator",
        ),
        pytest.param(
            "extensions: {health_check: , bearertokenauth/x: {token: t}}\n"
            "receivers: {otlp: {protocols: {grpc: {auth: {authenticator: bearertokenauth/x}}}}}\n"
            "service: {extensions: [health_check]}",
            "receivers.otlp.protocols.grpc.auth.authenticator: extension 'bearertokenauth/x' does not run: add it to "
            "service.extensions",
            id="one that does not run",
        ),
        pytest.param(
            "service: {telemetry: {metrics: {auth: {authenticator: oidc}}}}",
            "service.telemetry.metrics.auth.authenticator: expected the id of an extension bearertokenauth or basicauth, "
            "got 'oidc'",
            id="another of the collector's",
        ),
        pytest.param(
            "receivers: {opencensus: {auth: {authenticator: bearertokenauth}}}",
            "receivers.opencensus.auth: a sidecar's exporter sends no credentials: let tls.client_ca_file say who may "
            "connect",
            id="credentials of sidecars",
        ),
        pytest.param(
            "extensions: {keda_scaler: {auth: {authenticator: bearertokenauth}}}",
            "extensions.keda_scaler.auth: KEDA sends no credentials but a certificate: let tls.client_ca_file say who "
            "may connect",
            id="credentials of KEDA",
        ),
        pytest.param(
            "extensions: {health_check: {tls: {cert_file: c}}}",
            "extensions.health_check.tls.key_file: is required and missing",
            id="no key",
        ),
    ],
)
def test_bad(text: str, expected: str) -> None:
    """Each lock that cannot be had is a mistake that says why."""
    assert expected in problems(text)


def test_http_ports_may_have_1_3_alone() -> None:
    """Over HTTP the lowest version may be 1.3, and each port has suites of its own."""
    text = (
        f"extensions: {{http_api: {{tls: {{{TLS}, min_version: '1.3', cipher_suites: [{SUITE}]}}}}, "
        f"health_check: {{tls: {{{TLS}, cipher_suites: [{OTHER}]}}}}}}"
    )
    assert problems(text) == []


def test_the_page_of_self_metrics() -> None:
    """Its locks stand beside its address, or beside the collector's readers."""
    reader = "readers: [{pull: {exporter: {prometheus: {host: '::1', port: 1}}}}]"
    for where, endpoint in (("address: '[::1]:1'", "[::1]:1"), (reader, "[::1]:1")):
        text = (
            "extensions: {basicauth: {htpasswd: {inline: 'a:b'}}}\n"
            f"service: {{telemetry: {{metrics: {{{where}, tls: {{{TLS}}}, auth: {{authenticator: basicauth}}}}}}}}"
        )
        [page] = [
            port for port in ports_of(load_config(text, {}).config) if port.path[0] == "service"
        ]
        assert (page.endpoint, page.tls is not None, page.auth is not None) == (
            endpoint,
            True,
            True,
        )


def test_suites_that_agree() -> None:
    """One choice of gRPC ports is what the library is told; without any it is told nothing."""
    text = (
        f"receivers: {{opencensus: {{tls: {{{TLS}, cipher_suites: [{SUITE}, {OTHER}]}}}}}}\n"
        f"extensions: {{keda_scaler: {{tls: {{{TLS}, cipher_suites: [{SUITE}, {OTHER}]}}}}}}"
    )
    names = "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384"
    assert grpc_environment(load_config(text, {}).config) == {"GRPC_SSL_CIPHER_SUITES": names}
    assert grpc_environment(load_config(None, {}).config) == {}
