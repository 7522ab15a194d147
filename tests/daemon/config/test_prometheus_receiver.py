"""Settings of the scraping receiver, as Prometheus and the collector have them."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.check import load_checked
from daemon.config.dump import format_config
from daemon.config.errors import InvalidConfigurationError
from daemon.config.load import parse_config
from daemon.config.prometheus_receiver import PrometheusReceiverConfig, ScrapeConfig
from tests.daemon.config.support import problems, warnings

FILE = "receivers: {{prometheus: {{config: {{scrape_configs: [{{job_name: a, {}}}]}}}}}}"
PATH = "receivers.prometheus.config.scrape_configs[0]"


def receiver(text: str) -> PrometheusReceiverConfig:
    config = parse_config(text, {}).config.receivers["prometheus"]
    assert isinstance(config, PrometheusReceiverConfig)
    return config


def job(text: str) -> ScrapeConfig:
    return receiver(FILE.format(text)).config.scrape_configs[0]


def without_place(lines: list[str]) -> list[str]:
    return [line.split(": ", 1)[1] for line in lines]


def test_a_whole_configuration() -> None:
    """What the collector's own documentation shows is read; `$$` is a dollar sign."""
    config = receiver(
        """
receivers:
  prometheus:
    config:
      global: {scrape_interval: 30s, scrape_timeout: 20s}
      scrape_configs:
        - job_name: otel
          scrape_interval: 5s
          params: {"match[]": ['{job="$$x"}']}
          static_configs:
            - targets: ["0.0.0.0:8888", "[::1]:80", "host"]
              labels: {zone: a, instance: me}
        - job_name: other
          scheme: https
          metrics_path: /federate
          basic_auth: {username: u, password: p}
          body_size_limit: 10MB
          static_configs: [{targets: ["x"]}]
"""
    ).config
    timing = [
        (one.job_name, interval_ms, timeout_ms) for one, interval_ms, timeout_ms in config.jobs()
    ]
    assert timing == [("otel", 5_000, 5_000), ("other", 30_000, 20_000)]
    first, second = config.scrape_configs
    assert first.params == {"match[]": ('{job="$x"}',)}
    assert (first.max_body_bytes, second.max_body_bytes) == (16 << 20, 10 << 20)


def test_defaults() -> None:
    """Every minute, for ten seconds at most, and never longer than the interval."""
    for text, expected in {
        "scheme: http": (60_000, 10_000),
        "scrape_interval: 5s": (5_000, 5_000),
        "scrape_timeout: 50s": (60_000, 50_000),
    }.items():
        [(_, *timing)] = receiver(FILE.format(text)).config.jobs()
        assert tuple(timing) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("0", 0), ("5B", 5), ("1KB", 1024), ("1.5MiB", 1_572_864), ("1GB", 1 << 30)],
)
def test_sizes(text: str, expected: int) -> None:
    """Powers of 1024, whatever the unit is called, as Prometheus reads them."""
    assert job(f"body_size_limit: {text}").body_size_limit == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "kubernetes_sd_configs: [{role: pod}]",
            ["{0}.kubernetes_sd_configs: tallyd discovers no targets: list them in static_configs"],
        ),
        (
            "file_sd_configs: [{files: [x]}]",
            ["{0}.file_sd_configs: tallyd discovers no targets: list them in static_configs"],
        ),
        (
            "relabel_configs: [{action: keep}]",
            [
                ("{0}.relabel_configs: tallyd has no relabelling: write labels into static_configs, and use the processors "
                "filter, attributes and transform")
            ],
        ),
        ("scrape_intervall: 5s", ["{0}.scrape_intervall: unknown key; did you mean 'scrape_interval'?"]),
        ("scheme: ftp", ["{0}.scheme: expected http or https, got 'ftp'"]),
        ("metrics_path: metrics", ["{0}.metrics_path: expected a path such as /metrics, got 'metrics'"]),
        ("scrape_interval: 0s", ["{0}.scrape_interval: expected more than 0"]),
        ("scrape_interval: 5", ["{0}.scrape_interval: expected a duration such as 5m or 90s, got 5: 5 has no unit: write 5s"]),
        (
            "scrape_interval: 5s, scrape_timeout: 6s",
            ["{0}: expected scrape_timeout not to be above scrape_interval"],
        ),
        ("body_size_limit: 10", ["{0}.body_size_limit: expected a size such as 10MB, got 10"]),
        ("body_size_limit: 2GB", ["{0}.body_size_limit: expected at most 1024MiB, got '2GB'"]),
        ("sample_limit: -1", ["{0}.sample_limit: expected at least 0, got -1"]),
        ("params: {a: b}", ["{0}.params.a: expected a list, got 'b'"]),
        (
            "static_configs: [{targets: ['http://h:1/metrics', 'h:99999', '']}]",
            [
                ("{0}.static_configs[0].targets[0]: expected host:port, got 'http://h:1/metrics'; the rest of a URL goes "
                "into scheme, metrics_path and params"),
                "{0}.static_configs[0].targets[1]: expected host:port, got 'h:99999'",
                "{0}.static_configs[0].targets[2]: expected host:port, got ''",
            ],
        ),
        ("static_configs: [{labels: {}}]", ["{0}.static_configs[0].targets: is required and missing"]),
        (
            "static_configs: [{targets: [h], labels: {a-b: c}}]",
            ["{0}.static_configs[0].labels: expected the name of a label, got 'a-b'"],
        ),
        (
            "static_configs: [{targets: [h], labels: {__scheme__: https}}]",
            [
                ("{0}.static_configs[0].labels: __scheme__ is for relabelling: use scheme, metrics_path, params, "
                "scrape_interval, scrape_timeout")
            ],
        ),
        (
            "bearer_token: t, basic_auth: {username: u}",
            ["{0}: expected one of basic_auth, authorization, bearer_token and bearer_token_file"],
        ),
        ("authorization: {type: Bearer}", ["{0}.authorization: expected one of credentials and credentials_file"]),
        ("basic_auth: {password: p, password_file: f}", ["{0}.basic_auth: expected one of password and password_file"]),
        ("tls_config: {cert_file: f}", ["{0}.tls_config: cert_file and key_file go together: one of them is missing"]),
        ("tls_config: {min_version: '1.2'}", ["{0}.tls_config.min_version: expected TLS10, TLS11, TLS12 or TLS13, got '1.2'"]),
    ],
)  # fmt: skip
def test_mistakes(text: str, expected: list[str]) -> None:
    """Each says where and what was expected; what tallyd does not have names what there is instead."""
    found = problems(FILE.format(text))
    assert without_place(found) == [one.replace("{0}", PATH) for one in expected]
    assert all(line.startswith("1:") for line in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("{}", "1:13: receivers.prometheus.config: is required and missing"),
        (
            "{config: {}}",
            "1:26: receivers.prometheus.config.scrape_configs: is required and missing",
        ),
        (
            "{config: {scrape_configs: [{job_name: a}, {job_name: a}]}}",
            "1:26: receivers.prometheus.config: there are two scrape_configs with job_name 'a'",
        ),
        (
            "{config: {global: {scrape_interval: 5s}, scrape_configs: [{job_name: a, scrape_timeout: 6s}]}}",
            "1:26: receivers.prometheus.config: expected scrape_timeout of 'a' not to be above its scrape_interval",
        ),
        (
            "{config: {global: {external_labels: {a: b}}, scrape_configs: []}}",
            "1:44: receivers.prometheus.config.global.external_labels: tallyd has none: write labels into static_configs",
        ),
        (
            "{config: {rule_files: [], scrape_configs: []}}",
            "1:35: receivers.prometheus.config.rule_files: unknown key; expected one of scrape_configs, global, scrape_config_files",
        ),
    ],
)
def test_mistakes_of_the_whole(text: str, expected: str) -> None:
    """What is missing, what stands there twice, what does not fit together."""
    assert problems(f"receivers: {{prometheus: {text}}}") == [expected]


def test_certificates_that_cannot_be_used(tmp_path: Path) -> None:
    """They are looked at before anything starts."""
    text = FILE.format(f"tls_config: {{ca_file: {tmp_path}/none}}")
    with pytest.raises(InvalidConfigurationError, match="none cannot be used: no such file"):
        load_checked(text, {})


def test_a_long_interval_is_odd() -> None:
    """The default minute leaves no two scrapes in KEDA's default window."""
    assert warnings(FILE.format("scrape_interval: 30s")) == []
    [told] = warnings(FILE.format("scrape_interval: 31s"))
    assert "a is scraped every 31s: KEDA's default window of 1m does not have two scrapes" in told


def test_secrets_are_not_shown() -> None:
    """The configuration in effect says that there are some."""
    text = "basic_auth: {username: u, password: sesame}, params: {token: [sesame]}"
    shown = format_config(parse_config(FILE.format(text), {}).config)
    assert "sesame" not in shown
    assert shown.count("[REDACTED]") == 2
    assert "global:" in shown
