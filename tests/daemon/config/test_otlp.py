"""Settings of the OTLP receiver, as the collector has them."""

from __future__ import annotations

import pytest

from daemon.config.load import parse_config
from daemon.config.otlp import BOTH_PROTOCOLS, OtlpConfig, OtlpGrpcConfig, OtlpHttpConfig
from tests.daemon.config.support import problems

NO_PROTOCOL = "receivers.otlp: expected protocols with at least one of grpc and http"


def otlp(text: str) -> OtlpConfig:
    config = parse_config(f"receivers: {{otlp: {text}}}", {}).config.receivers["otlp"]
    assert isinstance(config, OtlpConfig)
    return config


@pytest.mark.parametrize("text", ["", "{}", "{protocols: }", "{protocols: {}}"])
def test_no_protocol(text: str) -> None:
    """A receiver that would listen nowhere is a mistake."""
    assert problems(f"receivers: {{otlp: {text} }}") == [f"1:13: {NO_PROTOCOL}"]


def test_protocols() -> None:
    """A protocol that is written is served, one that is not is off; without receivers both are on."""
    assert otlp("{protocols: {grpc: }}").protocols.grpc == OtlpGrpcConfig()
    assert otlp("{protocols: {grpc: }}").protocols.http is None
    assert otlp("{protocols: {http: , grpc: {}}}") == BOTH_PROTOCOLS
    assert parse_config("", {}).config.receivers["otlp"] == BOTH_PROTOCOLS
    assert [endpoint for _, endpoint, _ in BOTH_PROTOCOLS.listeners()] == ["[::]:4317", "[::]:4319"]


@pytest.mark.parametrize(
    ("written", "expected"),
    [("custom/m", "/custom/m"), ("/v1/m", "/v1/m")],
)
def test_path(written: str, expected: str) -> None:
    """A path without a leading slash gets one."""
    http = otlp(f"{{protocols: {{http: {{metrics_url_path: {written}}}}}}}").protocols.http
    assert http is not None
    assert http.metrics_url_path == expected


def test_body_limit() -> None:
    """0 stands for the default."""
    assert OtlpHttpConfig(max_request_body_size=0).max_body_bytes == 16 * 1024 * 1024
    assert OtlpHttpConfig(max_request_body_size=5).max_body_bytes == 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{thrift: }", "1:32: receivers.otlp.protocols.thrift: unknown key; expected one of grpc, http"),
        (
            "{grpc: {transport: tcp}}",
            ("1:39: receivers.otlp.protocols.grpc.transport: unknown key; expected one of endpoint, "
            "max_recv_msg_size_mib, max_concurrent_streams, include_metadata, keepalive, tls, auth"),
        ),
        (
            "{http: {compression_algorithms: [br]}}",
            ("1:64: receivers.otlp.protocols.http.compression_algorithms[0]: "
            "expected one of gzip, zstd, zlib, snappy, deflate, lz4, x-snappy-framed, or \"\" for none, got 'br'"),
        ),
        (
            "{http: {metrics_url_path: ''}}",
            "1:57: receivers.otlp.protocols.http.metrics_url_path: expected a path such as /v1/metrics, got ''",
        ),
        (
            "{http: {max_connections: 0}}",
            "1:56: receivers.otlp.protocols.http.max_connections: expected at least 1, got 0",
        ),
        (
            "{http: {max_request_body_size: 5MB}}",
            "1:62: receivers.otlp.protocols.http.max_request_body_size: expected a whole number, got '5MB'",
        ),
    ],
)  # fmt: skip
def test_bad(text: str, expected: str) -> None:
    """Other protocols, unknown keys and senseless values are told with their place."""
    assert problems(f"receivers: {{otlp: {{protocols: {text}}}}}") == [expected]
