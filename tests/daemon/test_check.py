"""A configuration file checked whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.check import load_checked
from daemon.config.errors import InvalidConfigurationError

BAD = """\
processors:
  filter:
    metrics:
      metric: ['nome == 1', 'name == ']
  filter/unused:
    metrics:
      metric:
        - |
          name == "a" and
          Nix(name)
extensions:
  keda_scaler:
    queries:
      calls: {metricQuery: 'sum(x', targetValue: 1}
exporters:
  windows: {retentoin: 5m}
service: {pipelines: {metrics: {processors: [filter]}}}
"""


def test_every_mistake_at_once() -> None:
    """Conditions, named queries and settings are told together, each with its place."""
    with pytest.raises(InvalidConfigurationError) as caught:
        load_checked(BAD, {})
    assert [line.split(": ")[:2] for line in caught.value.lines] == [
        ["configuration:4:17", "processors.filter.metrics.metric[0]"],
        ["configuration:4:37", "processors.filter.metrics.metric[1]"],
        ["configuration:10:11", "processors.filter/unused.metrics.metric[0]"],
        ["configuration:14:34", "extensions.keda_scaler.queries.calls.metricQuery"],
        ["configuration:16:13", "exporters.windows.retentoin"],
    ]


HOLES = """\
processors:
  filter/a:
    metrics:
      metric: ["nam == 1", 42]
  filter/b:
    metrics:
      metrics: ["name == 1"]
      exclude: {match_type: regexp, metric_names: ["("]}
service:
  pipelines:
    metrics:
      exporter: [windows]
      processors: [filter/dpar]
"""


def test_a_mistake_hides_no_other() -> None:
    """What stands beside a mistake is judged too, in its own place."""
    with pytest.raises(InvalidConfigurationError) as caught:
        load_checked(HOLES, {})
    assert [line.split(": ")[:2] for line in caught.value.lines] == [
        ["configuration:4:17", "processors.filter/a.metrics.metric[0]"],
        ["configuration:4:28", "processors.filter/a.metrics.metric[1]"],
        ["configuration:7:7", "processors.filter/b.metrics.metrics"],
        ["configuration:8:53", "processors.filter/b.metrics.exclude.metric_names[0]"],
        ["configuration:12:7", "service.pipelines.metrics.exporter"],
        ["configuration:13:20", "service.pipelines.metrics.processors[0]"],
    ]


QUERIES = """\
exporters: {windows: {retention: %s}}
extensions:
  health_check:
  keda_scaler:
    queries:
      long: {metricQuery: x, operationOverTime: rate, window: 5m}
      newest: {metricQuery: x, window: 5m}
      default: {metricQuery: x, operationOverTime: rate}
"""


@pytest.mark.parametrize(
    ("retention", "expected"),
    [
        ("0", []),
        ("380s", []),
        (
            "379s",
            [
                (
                    "configuration:6:63: extensions.keda_scaler.queries.long.window: expected at most 4m59s, which is "
                    "exporters.windows.retention (6m19s) less 4 report intervals, got 5m: "
                    "raise the retention or shorten the window"
                )
            ],
        ),
        ("x", ["configuration:1:34: exporters.windows.retention: expected a duration"]),
    ],
)
def test_windows_of_named_queries(retention: str, expected: list[str]) -> None:
    """A named query whose window the retention does not hold is a mistake, as it is in a trigger."""
    lines: tuple[str, ...] = ()
    try:
        load_checked(QUERIES % retention, {})
    except InvalidConfigurationError as error:
        lines = error.lines
    assert len(lines) == len(expected)
    assert all(line.startswith(start) for line, start in zip(lines, expected, strict=True))


def test_the_built_in_configuration_is_good() -> None:
    """What runs without a file has no mistake."""
    assert load_checked(None, {}).warnings == ()


def test_certificates(tmp_path: Path) -> None:
    """Files of certificates are looked at before anything listens."""
    (tmp_path / "empty.pem").touch()
    text = f"""\
exporters:
  windows:
  otlp:
    endpoint: backend:4317
    tls: {{ca_file: {tmp_path}/none.pem, cert_file: {tmp_path}/empty.pem, key_file: {tmp_path}/empty.pem}}
"""
    with pytest.raises(InvalidConfigurationError) as caught:
        load_checked(text, {})
    ca, cert = [line.partition("exporters.")[2] for line in caught.value.lines]
    assert ca == f"otlp.tls.ca_file: {tmp_path}/none.pem cannot be used: no such file or directory"
    assert cert.startswith(f"otlp.tls.cert_file: {tmp_path}/empty.pem cannot be used: ")


def test_every_processor() -> None:
    """A file with every action and operation of every processor can be built."""
    path = Path(__file__).parents[1] / "config" / "processors.good.yaml"
    assert load_checked(path, {}).warnings == ()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            "receivers: {otlp: {protocols: {http: {tls: {cert_file: nix.crt, key_file: nix.key}}}}}",
            "receivers.otlp.protocols.http.tls: cannot use cert_file nix.crt, key_file nix.key: No such file or "
            "directory",
            id="receiver",
        ),
        pytest.param(
            "extensions: {keda_scaler: {tls: {cert_file: nix.crt, key_file: nix.key}}}",
            "extensions.keda_scaler.tls: cannot use cert_file nix.crt, key_file nix.key: No such file or directory",
            id="scaler",
        ),
        pytest.param(
            "service: {telemetry: {metrics: {tls: {cert_file: nix.crt, key_file: nix.key}}}}",
            "service.telemetry.metrics.tls: cannot use cert_file nix.crt, key_file nix.key: No such file or "
            "directory",
            id="self-metrics",
        ),
        pytest.param(
            "extensions: {bearertokenauth: {filename: nix}}",
            "extensions.bearertokenauth: cannot read nix: No such file or directory",
            id="tokens",
        ),
        pytest.param(
            "extensions: {basicauth: {htpasswd: {file: nix}}}",
            "extensions.basicauth: cannot read nix: No such file or directory",
            id="users",
        ),
    ],
)
def test_files_of_locks(text: str, expected: str) -> None:
    """Certificates, tokens and users that cannot be read are mistakes of the file, each at its block."""
    with pytest.raises(InvalidConfigurationError) as caught:
        load_checked(text, {})
    assert [line.partition(": ")[2] for line in caught.value.lines] == [expected]
