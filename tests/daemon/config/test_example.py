"""`config.example.yaml`: it loads, its figures are the defaults, and it leaves no setting out."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

import pytest

from daemon.check import load_checked
from daemon.config.keda_scaler import KedaScalerConfig
from daemon.config.load import load_config
from daemon.config.schema import COMPONENTS
from daemon.config.service import LogsConfig
from daemon.config.transform import TransformConfig

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
}
"""Settings of processors that are taken and do nothing: nothing to teach."""


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
