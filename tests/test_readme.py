"""The README is true: its blocks are run or parsed, its tables are compared with the code."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml

from daemon.check import load_checked
from daemon.cli import main
from daemon.config.load import load_config
from daemon.config.opencensus import OpenCensusConfig
from daemon.config.otlp import BOTH_PROTOCOLS
from daemon.config.ports import ports_of
from daemon.config.schema import COMPONENTS, Config
from daemon.scaler.keys import KEYS
from daemon.scaler.metadata import parse_metadata

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def table(header: str) -> list[list[str]]:
    """Return the rows below the table header that begins with `header`, cells stripped."""
    after = README.split(f"| {header}", 1)[1]
    rows = []
    for line in after.splitlines()[2:]:
        if not line.startswith("|"):
            break
        rows.append([cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]])
    return rows


def default_config() -> Config:
    return load_checked(None, {}).config


def opencensus() -> OpenCensusConfig:
    receiver = default_config().receivers["opencensus"]
    assert isinstance(receiver, OpenCensusConfig)
    return receiver


def test_the_configuration_block_is_a_whole_file() -> None:
    """The fragment loads as it is written."""
    (fragment,) = [block for block in blocks("yaml") if "processors:\n" in block]
    loaded = load_checked(fragment, {})
    assert loaded.warnings == ()
    assert loaded.config.service.pipelines["metrics"].processors == ("filter/dapr",)


def test_the_locked_configuration_is_understood() -> None:
    """The block of locks is a configuration; every port in it that has a lock names files below the mounts."""
    (text,) = [block for block in blocks("yaml") if "bearertokenauth:\n" in block]
    config = load_config(text, {}).config
    locked = [port for port in ports_of(config) if port.tls is not None]
    assert [port.name for port in locked] == [
        "receivers.otlp.protocols.grpc",
        "extensions.keda_scaler",
        "extensions.http_api",
    ]
    (mounting,) = [block for block in blocks("yaml") if "volumeMounts" in block]
    (mount,) = yaml.safe_load(mounting)["spec"]["containers"][0]["volumeMounts"]
    assert {str(Path(port.tls.cert_file).parent) for port in locked if port.tls} == {
        mount["mountPath"]
    }


def test_the_scraping_configuration_is_understood() -> None:
    """The block that scrapes is a configuration, and not even odd."""
    (text,) = [block for block in blocks("yaml") if "scrape_configs:\n" in block]
    loaded = load_checked(text, {})
    assert loaded.warnings == ()
    assert set(loaded.config.receivers) == {"opencensus", "prometheus"}


def test_what_keda_is_given() -> None:
    """The parameters of the TriggerAuthentication are keys that tallyd knows to be KEDA's own."""
    (text,) = [block for block in blocks("yaml") if "kind: TriggerAuthentication" in block]
    given = {one["parameter"] for one in yaml.safe_load(text)["spec"]["secretTargetRef"]}
    metadata = {"metricQuery": "m", "targetValue": "1", **dict.fromkeys(given, "x")}
    assert given == {"caCert", "tlsClientCert", "tlsClientKey"}
    assert parse_metadata(metadata, {}).unknown_keys == ()


def test_the_scaled_object_is_understood() -> None:
    """Its metadata have no problem and no unknown key."""
    (text,) = [block for block in blocks("yaml") if "ScaledObject" in block]
    (trigger,) = yaml.safe_load(text)["spec"]["triggers"]
    assert trigger["type"] == "external"
    parsed = parse_metadata(trigger["metadata"], {})
    assert (parsed.problems, parsed.unknown_keys) == ((), ())


def test_the_annotations_point_to_the_receiver() -> None:
    """The sidecar's annotation names the port that the built-in configuration listens on."""
    (text,) = [block for block in blocks("yaml") if "dapr.io" in block]
    annotations = yaml.safe_load(text)["metadata"]["annotations"]
    port = annotations["dapr.io/metrics-push-endpoint"].rpartition(":")[2]
    assert opencensus().endpoint.endswith(f":{port}")


def test_make_targets_exist() -> None:
    """Every `make` that the README shows is a target."""
    makefile = (ROOT / "Makefile").read_text()
    shown = re.findall(r"make ((?:[a-z]+ ?)+)", README.replace("make are all", ""))
    targets = {target for line in shown for target in line.split()}
    known = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    assert targets - known == set()


def test_commands_are_accepted(capsys: pytest.CaptureFixture[str]) -> None:
    """Every `tallyd` command that the README shows is one, with these options."""
    shown = set(re.findall(r"`(?:\.venv/bin/)?tallyd (\w+)[^`]*`", README))
    assert shown >= {"run", "validate", "explain"}
    for name in shown:
        with pytest.raises(SystemExit) as ended:
            main([name, "--help"])
        assert ended.value.code == 0
        text = capsys.readouterr().out
        for option in re.findall(rf"tallyd {name}[^`\n]*?(--\w+)", README):
            assert option in text


def test_ports() -> None:
    """The table of ports is the built-in configuration."""
    config = default_config()
    endpoints = {
        "receivers.opencensus.endpoint": opencensus().endpoint,
        **{
            ".".join(("receivers", "otlp", *map(str, path), "endpoint")): endpoint
            for path, endpoint, _ in BOTH_PROTOCOLS.listeners()
        },
        **{
            f"extensions.{name}.endpoint": getattr(one, "endpoint", "")
            for name, one in config.extensions.items()
        },
        "service.telemetry.metrics": config.service.telemetry.metrics.endpoint,
    }
    shown = {setting.strip("`"): f"[::]:{port}" for port, _, setting in table("port ")}
    assert shown == endpoints


def test_metadata_keys() -> None:
    """The table of a trigger's keys names every key and nothing else."""
    shown = {name for row in table("key ") for name in re.findall(r"`(\w+)`", row[0] + row[2])}
    keys = {name for row in table("key ") for name in re.findall(r"`(\w+)`", row[0])}
    assert keys - set(KEYS) == set()
    assert set(KEYS) - shown == set()


@pytest.mark.parametrize("section", ["receivers", "processors", "exporters", "extensions"])
def test_components(section: str) -> None:
    """The table of components is what this release has."""
    (row,) = [row for row in table("part ") if row[0] == section]
    assert set(re.findall(r"`(\w+)`", row[1])) == set(COMPONENTS[section])
    assert set(re.findall(r"`(\w+)`", row[2])) & set(COMPONENTS[section]) == set()


def test_shell_blocks_parse() -> None:
    """Every line of the shell blocks splits into words as a shell would split it."""
    for block in blocks("sh"):
        for line in block.splitlines():
            assert shlex.split(line, comments=True)
