"""The sections of components."""

from __future__ import annotations

import pytest

from daemon.config.load import parse_config
from daemon.config.schema import COMPONENTS
from tests.daemon.config.support import problems


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "receivers:",
            "1:1: receivers: expected at least one; remove the key to get opencensus and otlp",
        ),
        ("exporters: {}", "1:1: exporters: expected at least one; remove the key to get windows"),
        ("extensions: [a]", "1:1: extensions: expected a mapping of component ids, got a list"),
        (
            "receivers: {zipkin: {}}",
            "1:13: receivers.zipkin: tallyd has no receiver 'zipkin'; it has: opencensus, otlp, prometheus, prometheusremotewrite",
        ),
        (
            "receivers: {opencensis: {}}",
            "1:13: receivers.opencensis: tallyd has no receiver 'opencensis'; it has: opencensus, otlp, prometheus, prometheusremotewrite; did you mean 'opencensus'?",
        ),
        (
            "exporters: {windows: {}, kafka/x: {}}",
            (
                "1:26: exporters.kafka/x: tallyd has no exporter 'kafka'; it has: windows, otlp, otlp_grpc, otlphttp, "
                "otlp_http, prometheusremotewrite, prometheus, debug"
            ),
        ),
        (
            "extensions: {'health_check/': }",
            "1:14: extensions.health_check/: expected type or type/name, got 'health_check/'",
        ),
        (
            "extensions: {'health_check/a b': }",
            "1:14: extensions.health_check/a b: expected type or type/name, got 'health_check/a b'",
        ),
        (
            "extensions: {health_check: 5}",
            "1:28: extensions.health_check: expected a mapping, got 5",
        ),
        (
            "connectors: {}",
            "1:1: connectors: unknown key; expected one of receivers, processors, exporters, extensions, service",
        ),
        (
            "- a",
            "1:1: expected a mapping with receivers, processors, exporters, extensions, service, got a list",
        ),
    ],
)
def test_bad(text: str, expected: str) -> None:
    """A component that is not there is an error that lists what is, and says what to do if it can."""
    assert problems(text) == [expected]


@pytest.mark.parametrize(
    ("section", "kind"),
    [(section, kind) for section, kinds in COMPONENTS.items() for kind in kinds],
)
def test_every_component_refuses_unknown_keys(section: str, kind: str) -> None:
    """No component takes a key that it does not know."""
    told = "\n".join(problems(f"{section}: {{{kind}: {{no_such_key: 1}}}}"))
    assert f"{section}.{kind}.no_such_key: unknown key" in told


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "exporters: {windows: , windows/b: }",
            "1:24: exporters.windows/b: there is one windows in a process: 'windows' is it already",
        ),
        (
            "extensions: {keda_scaler/a: , keda_scaler: {endpoint: ':1'}}",
            "1:31: extensions.keda_scaler: there is one keda_scaler in a process: 'keda_scaler/a' is it already",
        ),
    ],
)
def test_once(text: str, expected: str) -> None:
    """Of what a process has one of, a second is refused instead of ignored."""
    assert problems(text) == [expected]


def test_empty_component_takes_defaults() -> None:
    """A component without settings is the built-in one; several of a type are told apart by name."""
    config = parse_config(
        "extensions: {health_check: , health_check/b: {endpoint: 'h:1'}}", {}
    ).config
    assert [getattr(extension, "endpoint", None) for extension in config.extensions.values()] == [
        "[::]:13133",
        "h:1",
    ]
