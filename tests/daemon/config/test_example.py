"""`config.example.yaml`: it loads, its figures are the defaults, and it leaves no setting out."""

from __future__ import annotations

import re
from dataclasses import fields, replace
from pathlib import Path

import pytest
import yaml

from daemon.check import load_checked
from daemon.config.document import Value
from daemon.config.errors import ConfigError
from daemon.config.keda_scaler import KedaScalerConfig
from daemon.config.load import load_config
from daemon.config.ports import ports_of
from daemon.config.prometheus_receiver import ScrapeConfig, StaticConfig
from daemon.config.schema import COMPONENTS
from daemon.config.scrape_access import ScrapeTlsConfig
from daemon.config.service import LogsConfig
from daemon.config.transform import TransformConfig
from daemon.config.validation import validate

EXAMPLE = Path(__file__).parents[3] / "config.example.yaml"
WITHOUT_EFFECT = {
    "traces",
    "logs",
    "spans",
    "profiles",
    "trace_conditions",
    "log_conditions",
    "profile_conditions",
    "trace_statements",
    "log_statements",
    "profile_statements",
    "auth",
    "client_auth",
    "loglevel",
    "middlewares",
    "wal",
    "traces_endpoint",
    "logs_endpoint",
    "profiles_endpoint",
    "read_buffer_size",
    "write_buffer_size",
    "max_batch_request_parallelism",
    "protobuf_message",
}
"""Settings that are taken and do nothing, or only refused in good words: nothing to teach."""
EXPORTERS = re.compile(
    r"^  # (?P<id>(?P<type>[a-z]+)/[a-z]+):\n(?P<block>(?:  #   .*\n)+)", re.MULTILINE
)


def test_loads() -> None:
    """The example is good, down to its conditions and queries, and not even odd."""
    assert load_checked(EXAMPLE, {}).warnings == ()


def test_commented_transform(tmp_path: Path) -> None:
    """The transform in it is good once its comment signs are gone, in its longer and in its shorter form."""
    lines = EXAMPLE.read_text().splitlines()
    begin = lines.index("  # transform:")
    block = [line.replace("# ", "", 1) for line in lines[begin : lines.index("", begin)]]
    flat = [line.replace("# ", "", 1) for line in block]
    pipeline = "service: {pipelines: {metrics: {processors: [transform]}}}"
    for shown in (block, flat[:1] + flat[-2:]):
        path = tmp_path / "transform.yaml"
        path.write_text("\n".join(["processors:", *shown, pipeline]))
        config = load_checked(path, {}).config.processors["transform"]
        assert isinstance(config, TransformConfig)
        assert config.metric_statements


def test_commented_scrapes(tmp_path: Path) -> None:
    """The receiver that scrapes is good once its comment signs are gone, and what is no example is the default."""
    lines = EXAMPLE.read_text().splitlines()
    begin = lines.index("  # prometheus:")
    block = [line.replace("# ", "", 1) for line in lines[begin : lines.index("", begin)]]
    path = tmp_path / "scrapes.yaml"
    path.write_text("\n".join(["receivers:", *block]))
    shown = load_checked(path, {}).config.receivers["prometheus"]
    plain = "{config: {scrape_configs: [{job_name: app, scrape_interval: 15s, scrape_timeout: 10s, static_configs: ["
    plain += "{targets: ['app-0.app:9100', 'app-1.app:9100'], labels: {zone: a}}]}], global: {scrape_timeout: 10s}}}"
    default = load_config(f"receivers: {{prometheus: {plain}}}", {}).config.receivers["prometheus"]
    assert shown == default


def test_every_setting_of_a_scrape_is_shown() -> None:
    """But those that are only refused in good words; of a token only that it may be in a file."""
    text = EXAMPLE.read_text()
    without_effect = {
        "enable_http2",
        "bearer_token",
        "relabel_configs",
        "metric_relabel_configs",
        "max_version",
    }
    for kind in (ScrapeConfig, ScrapeTlsConfig, StaticConfig):
        names = {field.name for field in fields(kind)} - without_effect
        missing = {name for name in names if f"{name}:" not in text}
        assert {
            name for name in missing if "_sd_configs" not in name and "histograms" not in name
        } == set()


def test_commented_locks() -> None:
    """TLS and credentials of every port in it are good once their comment signs are gone."""
    lines: list[str] = []
    depth = None  # of the block that is being taken
    for line in EXAMPLE.read_text().splitlines():
        indent, sign, rest = line.partition("# ")
        inside = depth == len(indent) and rest.startswith("  ")
        if not indent.strip() and sign and (inside or rest.startswith(("tls:", "auth:"))):
            depth = len(indent)
            lines.append(f"{indent}{rest}")
        else:
            depth = None
            lines.append(line)
    text = "\n".join(lines).replace(
        "\n  health_check:\n", "\n  bearertokenauth: {token: t}\n  health_check:\n"
    )
    text = text.replace("[keda_scaler, http_api,", "[bearertokenauth, keda_scaler, http_api,")
    ports = list(ports_of(load_config(text, {}).config))
    without_auth = {"receivers.opencensus", "extensions.keda_scaler", "extensions.health_check"}
    assert [port.name for port in ports if port.tls is None] == []
    assert {port.name for port in ports if port.auth is None} == without_auth


def test_commented_readers() -> None:
    """The reader in it is good once its comment signs are gone; beside it the page stays."""
    lines = EXAMPLE.read_text().splitlines()
    begin = lines.index("      # readers:")
    block = lines[
        begin : next(n for n in range(begin, len(lines)) if "tls: { cert_file" in lines[n])
    ]
    text = "\n".join([*lines[:begin], *(line.replace("# ", "", 1) for line in block)])
    metrics = load_config(text, {}).config.service.telemetry.metrics
    (push,) = metrics.push
    assert (metrics.endpoint, push.interval) == ("[::]:8888", 60_000)
    assert push.exporter.headers == {"Authorization": "Bearer none"}


def test_shows_the_defaults() -> None:
    """Without the parts that are marked as examples it is the built-in configuration."""
    config = load_config(EXAMPLE, {}).config
    scaler = config.extensions["keda_scaler"]
    assert isinstance(scaler, KedaScalerConfig)
    pipeline = replace(config.service.pipelines["metrics"], processors=())
    without_examples = replace(
        config,
        processors={},
        extensions={**config.extensions, "keda_scaler": replace(scaler, queries={})},
        service=replace(config.service, pipelines={"metrics": pipeline}),
    )
    assert without_examples == load_config(None, {}).config


@pytest.mark.parametrize(
    "kind",
    [kind for kinds in COMPONENTS.values() for kind in kinds.values()] + [LogsConfig],
    ids=lambda kind: kind.__name__,
)
def test_leaves_nothing_out(kind: type) -> None:
    """Every setting of every component is in it."""
    text = EXAMPLE.read_text()
    names = {field.name for field in fields(kind)} - WITHOUT_EFFECT
    assert {name for name in names if f"{name}:" not in text} == set()


@pytest.mark.parametrize(
    "found", list(EXPORTERS.finditer(EXAMPLE.read_text())), ids=lambda one: one["id"]
)
def test_exporters(found: re.Match[str]) -> None:
    """The exporters in its comments are good, and what is not marked as an example is the default."""
    lines = found["block"].replace("  #   ", "", 1).replace("\n  #   ", "\n").splitlines()
    kind = COMPONENTS["exporters"][found["type"]]
    mistakes: list[ConfigError] = []
    shown = validate(kind, _parsed("\n".join(lines)), (), mistakes)
    needed = [line for line in lines if "# example" in line and line.startswith("endpoint")]
    default = validate(kind, _parsed("\n".join(needed)), (), mistakes)
    plain = [line for line in lines if "# example" not in line]
    without_examples = validate(kind, _parsed("\n".join([*needed, *plain])), (), mistakes)
    assert mistakes == []
    assert shown is not None
    assert without_examples == default


def _parsed(text: str) -> dict[str, Value]:
    value: dict[str, Value] = yaml.safe_load(text) or {}
    return value
