"""Configuration files, good and bad, and what they become."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from daemon.config.errors import ConfigError, InvalidConfigurationError
from daemon.config.keda_scaler import KedaScalerConfig
from daemon.config.load import load_config, parse_config
from daemon.config.schema import COMPONENTS
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
    """Without a file there is one pipeline from the receivers of OpenCensus and OTLP to the windows."""
    assert (DEFAULT.service.pipelines, DEFAULT.service.extensions) == (
        {"metrics": PipelineConfig(receivers=("opencensus", "otlp"), exporters=("windows",))},
        ("keda_scaler", "http_api", "health_check"),
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n",
        "{}",
        "receivers: {opencensus: , otlp: {protocols: {grpc: , http: }}}",
        "service: ",
    ],
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


def test_text() -> None:
    """A text is a configuration as well as a file."""
    assert load_config("extensions: {}", {}).config.extensions == {}


@pytest.mark.parametrize(
    "endpoint", ["${vault:port}", "${file:/no/such/file}", "${env:a-b}"], ids=lambda text: text[:7]
)
def test_a_failed_reference_is_told_once(endpoint: str) -> None:
    """What a reference should have given is missing: that it is missing is no second mistake."""
    [line] = problems(f"exporters: {{windows: {{retention: '{endpoint}'}}}}")
    assert line.startswith("1:35: exporters.windows.retention: ")
    assert "got nothing" not in line


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
        "2:26: receivers.opencensus.endpoint: expected host:port, got 4317; write '[::]:4317'",
        "2:32: receivers.opencensus.max_size: unknown key; expected one of endpoint, max_recv_msg_size_mib, scrape_senders, tls, auth",
        "3:3: receivers.zipkin: tallyd has no receiver 'zipkin'; it has: opencensus, otlp, prometheus, prometheusremotewrite",
        "4:34: exporters.windows.retention: expected a duration such as 5m or 90s, got 5: 5 has no unit: write 5s",
        (
            "5:45: service.pipelines.metrics.exporters[0]: tallyd has no exporter 'nowhere'; it has: windows, otlp, "
            "otlp_grpc, otlphttp, otlp_http, prometheusremotewrite, prometheus, debug"
        ),
    )


def test_empty_variable_is_named() -> None:
    """A mistake that comes from an unset variable names the variable."""
    assert problems("extensions: {health_check: {endpoint: '${env:NOPE}'}}") == (
        (
            "1:39: extensions.health_check.endpoint: expected host:port, got nothing"
            " (environment variable NOPE is not set: taken as empty)"
        ),
    )


def test_environment() -> None:
    """References take part in settings of every type."""
    text = (
        "extensions: {keda_scaler: {endpoint: '${env:HOST}:${env:PORT}', max_streams: '${env:PORT}'}}\n"
        "service: {telemetry: {logs: {level: '${env:LEVEL}'}}}"
    )
    config = parse_config(text, ENVIRON).config
    scaler = config.extensions["keda_scaler"]
    assert isinstance(scaler, KedaScalerConfig)
    assert (scaler.endpoint, scaler.max_streams, config.service.telemetry.logs.level) == (
        "127.0.0.1:4318",
        4318,
        "debug",
    )


def test_other_helm_values_are_warned_of() -> None:
    """Helm values beside the configuration have no effect, which is said once."""
    text = "settings: {}\nopentelemetry-collector: {image: x, alternateConfig: {}}"
    assert parse_config(text, {}, name="f").warnings == (
        (
            "f:2:37: Helm values have no effect here but opentelemetry-collector.alternateConfig:"
            " opentelemetry-collector.image, settings"
        ),
    )


def test_positions_in_helm_values() -> None:
    """In Helm values paths begin at the configuration, positions are those of the file."""
    text = "opentelemetry-collector:\n  alternateConfig:\n    receivers: {opencensus: {endpoint: x, endpoint: y}}"
    assert problems(text) == ("3:43: receivers.opencensus.endpoint: this key stands here twice",)


def test_invalid() -> None:
    """What building components brings to light gets its place in the file, inside a condition too."""

    def judge(component_id: str, *_: object) -> list[ConfigError]:
        wrong = ConfigError(("metrics", "metric", 0), "unknown name", 55)
        return [wrong] if component_id == "filter/dapr" else []

    with pytest.raises(InvalidConfigurationError) as caught:
        load_config(CASES / "walk-through.good.yaml", {}, judge=judge)
    assert [line.rpartition("walk-through.good.yaml")[2] for line in caught.value.lines] == [
        ":8:15: processors.filter/dapr.metrics.metric[0]: unknown name"
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, ": cannot be read: No such file or directory"),
        (b"a: \xff", ":1: expected UTF-8 text"),
        (b"\xef\xbb\xbfa: b: c", ":1:5: not YAML: mapping values are not allowed here"),
        (b"x" * 5_000_000, ": larger than 1 MiB"),
    ],
    ids=["missing", "bytes", "byte order mark", "large"],
)
def test_unreadable(tmp_path: Path, content: bytes | None, expected: str) -> None:
    """A file that cannot be read as YAML is refused in the same form."""
    path = tmp_path / "tallyd.yaml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InvalidConfigurationError) as caught:
        load_config(path, {})
    assert caught.value.lines == (f"{path}{expected}",)


KEYS = st.sampled_from(
    [
        *COMPONENTS,
        "service",
        "pipelines",
        "metrics",
        "opencensus",
        "windows",
        "filter/x",
        "endpoint",
        "queries",
        "x",
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["5m", ":1", "opencensus"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=20,
)


@settings(max_examples=200)
@given(st.text() | VALUES.map(json.dumps) | st.dictionaries(KEYS, VALUES).map(json.dumps))
def test_any_text(text: str) -> None:
    """Any text is a configuration or refused with at least one mistake."""
    try:
        loaded = parse_config(text, {})
    except InvalidConfigurationError as error:
        assert error.lines  # noqa: PT017  either outcome is right
    else:
        assert loaded.config.service.pipelines
