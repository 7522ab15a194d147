"""`service.telemetry` as the collector has it."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.config.dump import format_config
from daemon.config.errors import InvalidConfigurationError
from daemon.config.load import parse_config
from daemon.config.otlp_exporter import OtlpExporterConfig, OtlpHttpExporterConfig
from daemon.config.sending import ClientTlsConfig
from daemon.config.service import LogsConfig, MetricsConfig, PushConfig, TelemetryConfig
from tests.daemon.config.support import problems, warnings


def inside(text: str) -> str:
    return f"service: {{telemetry: {text}}}"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", TelemetryConfig()),
        ("{logs: , metrics: }", TelemetryConfig()),
        (
            "{logs: {level: DEBUG, encoding: json}}",
            TelemetryConfig(logs=LogsConfig(level="debug", encoding="json")),
        ),
        ("{metrics: {level: none}}", TelemetryConfig(metrics=MetricsConfig(endpoint=None))),
        ("{metrics: {level: detailed}}", TelemetryConfig()),
        ("{metrics: {address: ':1'}}", TelemetryConfig(metrics=MetricsConfig(endpoint="[::]:1"))),
        (
            "{metrics: {readers: [{pull: {exporter: {prometheus: {host: 0.0.0.0, port: 1, without_units: true}}}}]}}",
            TelemetryConfig(metrics=MetricsConfig(endpoint="0.0.0.0:1")),
        ),
        (
            "{metrics: {readers: [{pull: {exporter: {prometheus: {host: '::1'}}}}]}}",
            TelemetryConfig(metrics=MetricsConfig(endpoint="[::1]:8888")),
        ),
    ],
)
def test_good(text: str, expected: TelemetryConfig) -> None:
    """Level, encoding and address have an effect, in the old form and the new."""
    assert parse_config(inside(text), {}).config.service.telemetry == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("5", ["1:22: service.telemetry: expected a mapping, got 5"]),
        ("{log: {}}", ["1:23: service.telemetry.log: unknown key; did you mean 'logs'?"]),
        (
            "{logs: {level: loud}}",
            ["1:37: service.telemetry.logs.level: expected debug, info, warn or error, got 'loud'"],
        ),
        (
            "{logs: {encoding: xml}}",
            ["1:40: service.telemetry.logs.encoding: expected console or json, got 'xml'"],
        ),
        ("{logs: 5}", ["1:29: service.telemetry.logs: expected a mapping, got 5"]),
        (
            "{metrics: {readers: []}}",
            [
                "1:33: service.telemetry.metrics.readers: expected a reader; level: none switches the metrics off"
            ],
        ),
        (
            "{metrics: {level: some}}",
            [
                "1:40: service.telemetry.metrics.level: expected none, basic, normal or detailed, got 'some'"
            ],
        ),
        (
            "{metrics: {readers: [{pull: {exporter: {prometheus: }}}]}}",
            [
                "1:62: service.telemetry.metrics.readers[0].pull.exporter.prometheus: expected a mapping, got nothing"
            ],
        ),
    ],
)
def test_bad(text: str, expected: list[str]) -> None:
    """Unknown keys and values are refused, as the collector does."""
    assert problems(inside(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "{logs: {development: true}}",
            ["1:43: service.telemetry.logs.development: has no effect here"],
        ),
        ("{traces: {level: none}}", ["1:23: service.telemetry.traces: has no effect here"]),
        ("{resource: {a: b}}", ["1:23: service.telemetry.resource: has no effect here"]),
    ],
)
def test_without_effect(text: str, expected: list[str]) -> None:
    """What the collector takes and tallyd does not act on is taken and said once."""
    assert warnings(inside(text)) == expected


GRPC = OtlpExporterConfig(endpoint="backend:4317", compression="none", timeout=30_000)
HTTP = OtlpHttpExporterConfig(endpoint="http://backend:4318", compression="none")


def periodic(otlp: str, more: str = "") -> str:
    return inside(f"{{metrics: {{readers: [{{periodic: {{{more}exporter: {{otlp: {otlp}}}}}}}]}}}}")


@pytest.mark.parametrize(
    ("otlp", "more", "expected"),
    [
        ("{protocol: grpc, endpoint: 'backend:4317'}", "", PushConfig(exporter=GRPC)),
        (
            "{protocol: grpc, endpoint: 'http://backend:4317', compression: gzip, insecure: true}",
            "interval: 5000, timeout: 1000, ",
            PushConfig(
                interval=5_000,
                exporter=OtlpExporterConfig(
                    endpoint="http://backend:4317",
                    timeout=1_000,
                    tls=ClientTlsConfig(insecure=True),
                ),
            ),
        ),
        ("{endpoint: 'http://backend:4318'}", "", PushConfig(exporter=HTTP)),
        (
            "{endpoint: 'http://backend:4318'}",
            "interval: 10s, ",
            PushConfig(interval=10_000, exporter=HTTP),
        ),
        (
            (
                "{protocol: http/protobuf, endpoint: 'https://b/own/path', timeout: 2s, headers_list: 'a=1, b=x=y', "
                "headers: [{name: a, value: '2'}], certificate: ca, client_certificate: me, client_key: key}"
            ),
            "",
            PushConfig(
                exporter=OtlpHttpExporterConfig(
                    metrics_endpoint="https://b/own/path",
                    compression="none",
                    timeout=2_000,
                    headers={"a": "2", "b": "x=y"},
                    tls=ClientTlsConfig(ca_file="ca", cert_file="me", key_file="key"),
                )
            ),
        ),
    ],
)
def test_periodic(otlp: str, more: str, expected: PushConfig) -> None:
    """A periodic reader is an OTLP exporter and an interval; with readers alone there is no page."""
    metrics = parse_config(periodic(otlp, more), {}).config.service.telemetry.metrics
    assert metrics == MetricsConfig(endpoint=None, push=(expected,))


def test_push_and_page() -> None:
    """Both kinds of reader go together; so do an address and a periodic reader."""
    push = "{periodic: {exporter: {otlp: {endpoint: 'http://backend:4318'}}}}"
    pull = "{pull: {exporter: {prometheus: {}}}}"
    for text in (f"readers: [{push}, {pull}]", f"address: ':8888', readers: [{push}]"):
        metrics = parse_config(
            inside(f"{{metrics: {{{text}}}}}"), {}
        ).config.service.telemetry.metrics
        assert (metrics.endpoint, [one.exporter for one in metrics.push]) == ("[::]:8888", [HTTP])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("interval: 1", ".exporter: is required and missing"),
        (
            "exporter: {otlp: {protocol: grpc, endpoint: backend}}",
            ".exporter.otlp.endpoint: expected host:port, got 'backend'",
        ),
        (
            "exporter: {otlp: {endpoint: 'backend:4318'}}",
            (
                ".exporter.otlp.endpoint: expected a URL such as http://host:4318, got 'backend:4318'; "
                "write 'http://backend:4318' or 'https://backend:4318'"
            ),
        ),
        (
            "exporter: {otlp: {endpoint: 'backend:4318/v1/metrics'}}",
            (
                ".exporter.otlp.endpoint: expected a URL such as http://host:4318, got 'backend:4318/v1/metrics'; "
                "write 'http://backend:4318/v1/metrics' or 'https://backend:4318/v1/metrics'"
            ),
        ),
        (
            "interval: 0, exporter: {otlp: {endpoint: 'http://b'}}",
            ".interval: expected milliseconds or a duration such as 60s, more than 0",
        ),
        (
            "exporter: {otlp: {endpoint: 'http://b', temporality_preference: delta}}",
            ".exporter.otlp.temporality_preference: expected cumulative, got 'delta'",
        ),
        (
            "exporter: {otlp: {endpoint: 'http://b', headers: [a]}}",
            ".exporter.otlp.headers: expected a mapping, or a list of name and value",
        ),
        (
            "exporter: {otlp: {endpoint: 'http://b', headers: [{name: [], value: a}]}}",
            ".exporter.otlp.headers: expected a mapping, or a list of name and value",
        ),
        (
            "exporter: {otlp: {endpoint: 'http://b', headers_list: a}}",
            ".exporter.otlp.headers_list: expected name=value, several with commas between them",
        ),
        (
            "exporter: {otlp: {endpoint: 'http://b', client_certificate: me}}",
            ".exporter.otlp.tls: cert_file and key_file go together: one of them is missing",
        ),
    ],
)
def test_bad_periodic(text: str, expected: str) -> None:
    """A mistake in a periodic reader is found at the start, where it was written."""
    (problem,) = problems(inside(f"{{metrics: {{readers: [{{periodic: {{{text}}}}}]}}}}"))
    position, _, what = problem.partition(": service.telemetry.metrics.readers[0].periodic")
    assert (position[:2], what) == ("1:", expected)


@pytest.mark.parametrize(
    "otlp",
    [
        "{protocol: grpc, endpoint: 'backend:4317', tls: {ca_file: ca}}",
        "{endpoint: 'http://backend:4318'}",
        "{endpoint: 'https://backend/own/path', timeout: 2s}",
    ],
)
def test_periodic_written(otlp: str) -> None:
    """What is shown of a configuration has the reader, in the form it can be read in."""
    config = parse_config(periodic(otlp), {}).config
    assert parse_config(format_config(config), {}).config == config


def test_secrets_are_not_written() -> None:
    """Values of headers and a password in the URL are shown nowhere."""
    config = parse_config(periodic("{endpoint: 'http://me:sesame@b', headers: {a: sesame}}"), {})
    assert "sesame" not in format_config(config.config)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=9)
    | st.sampled_from(["http://b", "b:1", "5s"]),
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(
            st.sampled_from(
                [
                    "interval",
                    "timeout",
                    "exporter",
                    "otlp",
                    "endpoint",
                    "protocol",
                    "headers",
                    "headers_list",
                    "tls",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@given(JSON, JSON)
def test_any_periodic(otlp: object, other: object) -> None:
    """Whatever stands there is taken or is a mistake at its place, nothing else."""
    for periodic_ in (other, {"exporter": {"otlp": otlp}}):
        text = json.dumps(
            {"service": {"telemetry": {"metrics": {"readers": [{"periodic": periodic_}]}}}}
        )
        with suppress(InvalidConfigurationError):
            parse_config(text, {})
