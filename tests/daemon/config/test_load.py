"""Configuration files, good and bad, and what they become."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.config.errors import InvalidConfigurationError
from daemon.config.load import load_config, parse_config
from daemon.config.service import PipelineConfig

CASES = Path(__file__).parents[2] / "config"
ENVIRON = {"HOST": "127.0.0.1", "PORT": "4318", "LEVEL": "debug", "EMPTY": ""}
DEFAULT = load_config(None, {}).config


def problems(text: str) -> tuple[str, ...]:
    """Return what is wrong with `text`, without the file's name."""
    with pytest.raises(InvalidConfigurationError) as caught:
        parse_config(text, ENVIRON, name="f")
    return tuple(line.removeprefix("f:") for line in caught.value.lines)


@pytest.mark.parametrize("path", sorted(CASES.glob("*.good.yaml")), ids=lambda path: path.stem)
def test_good(path: Path) -> None:
    """Each good file loads without a warning."""
    assert load_config(path, ENVIRON).warnings == ()


@pytest.mark.parametrize("path", sorted(CASES.glob("*.bad.yaml")), ids=lambda path: path.stem)
def test_bad(path: Path) -> None:
    """Each bad file is refused with exactly the errors that its first lines announce."""
    announced = [
        line.removeprefix("# error: ")
        for line in path.read_text().splitlines()
        if line.startswith("# error: ")
    ]
    with pytest.raises(InvalidConfigurationError) as caught:
        load_config(path, ENVIRON)
    assert [line.removeprefix(f"{path}:") for line in caught.value.lines] == announced


def test_built_in() -> None:
    """Without a file there is one pipeline from the OpenCensus receiver to the windows."""
    assert (DEFAULT.service.pipelines, DEFAULT.service.extensions) == (
        {"metrics": PipelineConfig(receivers=("opencensus",), exporters=("windows",))},
        ("keda_scaler", "health_check"),
    )


@pytest.mark.parametrize(
    "text", ["", "# nothing\n", "{}", "receivers: {opencensus: }", "service: "]
)
def test_defaults(text: str) -> None:
    """What a file leaves out takes its default."""
    assert parse_config(text, {}).config == DEFAULT


def test_present_section_is_exact() -> None:
    """A section that is present means exactly what it says."""
    config = parse_config("extensions: {health_check: {endpoint: ':1'}}", {}).config
    assert (config.service.extensions, list(config.extensions)) == (
        ("health_check",),
        ["health_check"],
    )


def test_helm_values_are_the_configuration() -> None:
    """The walk-through's Helm values mean the same as the fragment inside them."""
    fragment = load_config(CASES / "walk-through.good.yaml", {})
    values = load_config(CASES / "walk-through-helm.good.yaml", {})
    assert values.config == fragment.config


def test_five_mistakes_at_once() -> None:
    """All mistakes of a file are reported in one go, in its order, with line and column."""
    text = (
        "receivers:\n"
        "  opencensus: {endpoint: 4317, max_size: 1}\n"
        "  zipkin:\n"
        "exporters: {windows: {retention: 5}}\n"
        "service: {pipelines: {metrics: {exporters: [nowhere/2]}}}\n"
    )
    assert problems(text) == (
        "2:26: receivers.opencensus.endpoint: expected host:port, got 4317",
        "2:32: receivers.opencensus.max_size: unknown key; expected one of endpoint, max_recv_msg_size_mib",
        "3:3: receivers.zipkin: tallyd has no receiver 'zipkin'; it has: opencensus",
        "4:34: exporters.windows.retention: expected a duration such as 5m or 90s, got 5",
        "5:45: service.pipelines.metrics.exporters[0]: tallyd has no exporter 'nowhere'; it has: windows",
    )
