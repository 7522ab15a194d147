"""Settings of the exporters that send or show."""

from __future__ import annotations

import dataclasses

import pytest

from daemon.config.debug_exporter import DebugExporterConfig
from daemon.config.dump import format_config
from daemon.config.load import parse_config
from daemon.config.otlp_exporter import OtlpExporterConfig, OtlpHttpExporterConfig
from daemon.config.prometheus_exporter import PrometheusExporterConfig
from daemon.config.prometheusremotewrite_exporter import RemoteWriteExporterConfig
from daemon.config.schema import ExporterConfig
from daemon.config.sending import ClientTlsConfig, QueueConfig, RetryConfig
from tests.daemon.config.support import problems, warnings


def read(text: str) -> ExporterConfig:
    """The one exporter that `text` defines."""
    (config,) = parse_config(f"exporters: {{{text}}}", {}).config.exporters.values()
    return config


@pytest.mark.parametrize("kind", ["otlp", "otlp_grpc"])
@pytest.mark.parametrize(
    "endpoint",
    ["h:1", "http://h:1", "https://h:4317", "dns:///h:1", "[::1]:4317", "unix:/run/a.sock"],
)
def test_otlp(kind: str, endpoint: str) -> None:
    """Everything but the endpoint has a default: the collector's."""
    assert read(f"{kind}: {{endpoint: '{endpoint}'}}") == OtlpExporterConfig(endpoint=endpoint)


def test_defaults() -> None:
    """Defaults are those that the collector prints."""
    config = OtlpExporterConfig(endpoint="h:1")
    assert (config.timeout, config.compression) == (5_000, "gzip")
    assert config.retry_on_failure == RetryConfig(
        initial_interval=5_000,
        randomization_factor=0.5,
        multiplier=1.5,
        max_interval=30_000,
        max_elapsed_time=300_000,
    )
    assert config.sending_queue == QueueConfig(num_consumers=10, queue_size=1_000)
    assert OtlpHttpExporterConfig(endpoint="http://h").timeout == 30_000
    write = RemoteWriteExporterConfig(endpoint="http://h")
    assert (write.retry_on_failure.initial_interval, write.remote_write_queue.queue_size) == (
        50,
        10_000,
    )
    partly = read(
        "prometheusremotewrite: {endpoint: 'http://h', retry_on_failure: {enabled: true}}"
    )
    assert partly == write
    assert PrometheusExporterConfig(endpoint=":1").metric_expiration == 300_000
    assert read("debug: ") == DebugExporterConfig()


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("endpoint: 'http://h:4318'", "http://h:4318/v1/metrics"),
        ("endpoint: 'http://h/otlp/'", "http://h/otlp/v1/metrics"),
        ("metrics_endpoint: 'http://h/x', endpoint: 'http://i'", "http://h/x"),
    ],
)
def test_url(text: str, url: str) -> None:
    """`/v1/metrics` is appended to the base URL, nothing to the whole one."""
    config = read(f"otlphttp: {{{text}}}")
    assert isinstance(config, OtlpHttpExporterConfig)
    assert config.url == url


REFUSED = {
    "otlp: ": "otlp.endpoint: is required and missing",
    "otlp: {endpoint: h}": "otlp.endpoint: expected host:port, got 'h'",
    "otlp: {endpoint: 'h:99999'}": "otlp.endpoint: expected host:port, got 'h:99999'",
    "otlp: {endpoint: 'h:1', timeout: -1s}": "otlp.timeout: expected a duration such as 1m30s, got '-1s'",
    "otlp: {endpoint: 'h:1', compression: lzma}": "otlp.compression: expected gzip, deflate or none, got 'lzma'",
    "otlp: {endpoint: 'h:1', compression: zstd}": "otlp.compression: gRPC here has no zstd: expected gzip, deflate or none",
    "otlp: {endpoint: 'h:1', auth: {authenticator: oidc}}": (
        "otlp.auth: tallyd has no authenticators for clients; send a header instead"
    ),
    "otlp: {endpoint: 'h:1', headers: {'a b': c}}": "otlp.headers: expected the name of a header, got 'a b'",
    'otlp: {endpoint: "h:1", headers: {a: "b\\nc"}}': (
        "otlp.headers: the value of the header a holds a character that none may hold"
    ),
    "otlp: {endpoint: 'h:1', tls: {insecure_skip_verify: true}}": (
        "otlp: gRPC here always looks at certificates: tls.insecure_skip_verify cannot be had; give tls.ca_file"
    ),
    "otlp: {endpoint: 'h:1', tls: {min_version: '1.3'}}": (
        "otlp: gRPC here cannot be told tls.min_version 1.3; it takes 1.2 and 1.3"
    ),
    "otlp: {endpoint: 'h:1', tls: {cert_file: a}}": (
        "otlp.tls: cert_file and key_file go together: one of them is missing"
    ),
    "otlp: {endpoint: 'h:1', tls: {reload_interval: 1h}}": (
        "otlp.tls.reload_interval: tallyd reads certificates at its start: remove this key"
    ),
    "otlp: {endpoint: 'h:1', sending_queue: {queue_size: 0}}": (
        "otlp.sending_queue.queue_size: expected at least 1, got 0"
    ),
    "otlp: {endpoint: 'h:1', sending_queue: {num_consumers: 0}}": (
        "otlp.sending_queue.num_consumers: expected at least 1, got 0"
    ),
    "otlp: {endpoint: 'h:1', sending_queue: {sizer: rows}}": (
        "otlp.sending_queue.sizer: expected requests, items or bytes, got 'rows'"
    ),
    "otlp: {endpoint: 'h:1', sending_queue: {storage: file_storage}}": (
        "otlp.sending_queue.storage: tallyd keeps queues in memory only"
    ),
    "otlp: {endpoint: 'h:1', sending_queue: {block_on_overflow: true}}": (
        "otlp.sending_queue.block_on_overflow: a full queue drops its oldest request: senders never wait for a backend"
    ),
    "otlp: {endpoint: 'h:1', sending_queue: {wait_for_result: true}}": (
        "otlp.sending_queue.wait_for_result: senders never wait for a backend"
    ),
    "otlp: {endpoint: 'h:1', sending_queue: {batch: {min_size: 1}}}": (
        "otlp.sending_queue.batch: requests that wait are sent together without it: remove it"
    ),
    "otlp: {endpoint: 'h:1', retry_on_failure: {max_elapsed_time: 1s}}": (
        "otlp.retry_on_failure: expected max_elapsed_time not to be below initial_interval"
    ),
    "otlp: {endpoint: 'h:1', retry_on_failure: {max_elapsed_time: 10s}}": (
        "otlp.retry_on_failure: expected max_elapsed_time not to be below max_interval"
    ),
    "otlp: {endpoint: 'h:1', retry_on_failure: {randomization_factor: 2}}": (
        "otlp.retry_on_failure.randomization_factor: expected at most 1, got 2.0"
    ),
    "otlphttp: ": "otlphttp: expected endpoint, the base URL to send to, or metrics_endpoint",
    "otlphttp: {endpoint: 'h:1'}": (
        "otlphttp.endpoint: expected a URL such as http://host:4318, got 'h:1'; write 'http://h:1' or 'https://h:1'"
    ),
    "otlphttp: {endpoint: 'http://h:99999'}": (
        "otlphttp.endpoint: expected a URL such as http://host:4318, got 'http://h:99999'"
    ),
    "otlphttp: {endpoint: 'http://h', encoding: xml}": "otlphttp.encoding: expected proto or json, got 'xml'",
    "prometheusremotewrite: ": "prometheusremotewrite.endpoint: is required and missing",
    "prometheusremotewrite: {endpoint: 'http://h', compression: gzip}": (
        "prometheusremotewrite.compression: remote write is snappy by its standard, got 'gzip'"
    ),
    "prometheusremotewrite: {endpoint: 'http://h', remote_write_queue: {queue_size: 0}}": (
        "prometheusremotewrite.remote_write_queue.queue_size: expected at least 1, got 0"
    ),
    "prometheusremotewrite: {endpoint: 'http://h', external_labels: {a: ''}}": (
        "prometheusremotewrite.external_labels: expected a name and a value, got 'a': ''"
    ),
    "prometheusremotewrite: {endpoint: 'http://h', resource_to_telemetry_conversion: true}": (
        "prometheusremotewrite.resource_to_telemetry_conversion: expected a mapping, got true"
    ),
    "prometheusremotewrite: {endpoint: 'http://h', wal: {directory: a}}": (
        "prometheusremotewrite.wal: tallyd keeps queues in memory only"
    ),
    "prometheus: ": "prometheus.endpoint: is required and missing",
    "prometheus: {endpoint: ':1', translation_strategy: NoTranslation}": (
        "prometheus.translation_strategy: tallyd escapes names: expected one of UnderscoreEscapingWithSuffixes, "
        "UnderscoreEscapingWithoutSuffixes"
    ),
    "prometheus: {endpoint: ':1', translation_strategy: None}": (
        "prometheus.translation_strategy: expected one of UnderscoreEscapingWithSuffixes, "
        "UnderscoreEscapingWithoutSuffixes, got 'None'"
    ),
    "debug: {verbosity: loud}": "debug.verbosity: expected basic, normal or detailed, got 'loud'",
    "debug: {loglevel: debug}": "debug.loglevel: write verbosity: basic, normal or detailed",
    "debug: {output_paths: [/var/log/x]}": (
        "debug.output_paths: expected stdout and stderr only: tallyd writes no files"
    ),
}


@pytest.mark.parametrize(("text", "expected"), REFUSED.items())
def test_refused(text: str, expected: str) -> None:
    """What cannot work, or what tallyd does not have, stops the start by name."""
    (problem,) = problems(f"exporters: {{{text}}}")
    assert problem.partition(" exporters.")[2] == expected


@pytest.mark.parametrize(
    ("strategy", "suffixes", "expected"),
    [(None, True, True), (None, False, False), ("UnderscoreEscapingWithoutSuffixes", True, False)],
)
def test_translation_strategy(strategy: str | None, suffixes: bool, expected: bool) -> None:
    """The strategy wins over the older setting."""
    more = f", translation_strategy: {strategy}" if strategy else ""
    config = read(
        f"prometheus: {{endpoint: ':1', add_metric_suffixes: {str(suffixes).lower()}{more}}}"
    )
    assert isinstance(config, PrometheusExporterConfig)
    assert config.with_suffixes is expected


def test_ports() -> None:
    """The page's port must be free; a backend's endpoint is none of ours."""
    assert problems(
        "exporters: {windows: , prometheus: {endpoint: ':9090'}, otlp: {endpoint: 'h:4318'}}"
    ) == [
        "1:1: extensions.http_api.endpoint: exporters.prometheus and extensions.http_api (its default) both listen on port 9090"
    ]


def test_without_windows() -> None:
    """A configuration may do without windows, but then KEDA gets nothing, and that is said."""
    told = "1:1: exporters: no pipeline ends in windows: KEDA can only get what windows hold"
    assert warnings("exporters: {otlp: {endpoint: 'h:1'}}") == [told]
    assert warnings("exporters: {windows: , otlp: {endpoint: 'h:1'}}") == []


def test_no_queue() -> None:
    """Without a queue only what is under way has room, and the newest."""
    assert QueueConfig(enabled=False, num_consumers=4).capacity == 4
    assert QueueConfig().capacity == 1_000


def test_secrets_are_not_shown() -> None:
    """Values of headers, and name and password in a URL, are not in the configuration that tallyd shows."""
    text = "exporters: {otlphttp: {endpoint: 'http://me:secret@h:1', headers: {Authorization: Bearer secret}}}"
    shown = format_config(parse_config(text, {}).config)
    assert "secret" not in shown
    assert "Authorization: '[REDACTED]'" in shown
    assert "endpoint: http://h:1" in shown


@pytest.mark.parametrize("kind", [ClientTlsConfig, RetryConfig, QueueConfig])
def test_all_have_defaults(kind: type) -> None:
    """Blocks that exporters share may be left out."""
    assert dataclasses.is_dataclass(kind())
