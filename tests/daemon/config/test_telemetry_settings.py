"""`service.telemetry` as the collector has it."""

from __future__ import annotations

import pytest

from daemon.config.load import parse_config
from daemon.config.service import LogsConfig, MetricsConfig, TelemetryConfig
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
                "1:33: service.telemetry.metrics.readers: expected a pull reader; level: none switches the metrics off"
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
        (
            "{metrics: {readers: [{periodic: {interval: 1}}, {pull: {exporter: {prometheus: {}}}}]}}",
            [
                "1:43: service.telemetry.metrics.readers[0]: has no effect here: only pull readers have"
            ],
        ),
    ],
)
def test_without_effect(text: str, expected: list[str]) -> None:
    """What the collector takes and tallyd does not act on is taken and said once."""
    assert warnings(inside(text)) == expected
