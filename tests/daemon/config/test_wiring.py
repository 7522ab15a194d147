"""Pipelines, extensions and ports."""

from __future__ import annotations

import pytest

from daemon.config.load import parse_config
from daemon.config.service import PipelineConfig
from tests.daemon.config.support import problems, warnings

FILTERS = "processors: {filter: , filter/b: }\n"


def pipelines(text: str) -> dict[str, PipelineConfig]:
    return dict(parse_config(text, {}).config.service.pipelines)


def pipeline(
    *processors: str, receivers: tuple[str, ...] = ("opencensus", "otlp")
) -> PipelineConfig:
    return PipelineConfig(receivers=receivers, processors=processors, exporters=("windows",))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("service: {pipelines: {metrics: }}", {"metrics": pipeline()}),
        ("service: {pipelines: {metrics: {receivers: }}}", {"metrics": pipeline()}),
        ("service: {pipelines: {metrics: {receivers: []}}}", {"metrics": pipeline()}),
        (
            "service: {pipelines: {metrics: {receivers: [opencensus, opencensus], exporters: [windows]}}}",
            {"metrics": pipeline(receivers=("opencensus",))},
        ),
        (
            FILTERS
            + "service: {pipelines: {metrics: {processors: [filter/b, filter]}, metrics/2: }}",
            {"metrics": pipeline("filter/b", "filter"), "metrics/2": pipeline()},
        ),
    ],
)
def test_pipelines(text: str, expected: dict[str, PipelineConfig]) -> None:
    """A pipeline without receivers or exporters uses all that are defined; one named twice counts once."""
    assert pipelines(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("service: 5", ["1:10: service: expected a mapping, got 5"]),
        (
            "service: {pipeline: {}}",
            ["1:11: service.pipeline: unknown key; did you mean 'pipelines'?"],
        ),
        (
            "service: {pipelines: {}}",
            ["1:11: service.pipelines: expected a mapping of pipelines, got an empty one"],
        ),
        (
            "service: {pipelines: {traces: , logs/x: }}",
            [
                "1:23: service.pipelines.traces: tallyd takes metrics only: remove the pipeline traces",
                "1:33: service.pipelines.logs/x: tallyd takes metrics only: remove the pipeline logs/x",
            ],
        ),
        (
            "service: {pipelines: {metric: , 'metrics/': , 'metrics/a b': , x: }}",
            [
                "1:23: service.pipelines.metric: expected metrics or metrics/name, got 'metric'; did you mean 'metrics'?",
                "1:33: service.pipelines.metrics/: expected metrics or metrics/name, got 'metrics/'",
                "1:47: service.pipelines.metrics/a b: expected metrics or metrics/name, got 'metrics/a b'",
                "1:64: service.pipelines.x: expected metrics or metrics/name, got 'x'",
            ],
        ),
        (
            "service: {pipelines: {metrics: {receiver: [opencensus]}}}",
            ["1:33: service.pipelines.metrics.receiver: unknown key; did you mean 'receivers'?"],
        ),
        (
            "service: {pipelines: {metrics: {receivers: opencensus}}}",
            ["1:44: service.pipelines.metrics.receivers: expected a list, got 'opencensus'"],
        ),
        (
            "service: {pipelines: {metrics: {receivers: [opencensus, zipkin], exporters: [otlp/a, windows/b]}}}",
            [
                "1:57: service.pipelines.metrics.receivers[1]: tallyd has no receiver 'zipkin'; it has: opencensus, otlp, prometheus, prometheusremotewrite",
                (
                    "1:78: service.pipelines.metrics.exporters[0]: exporter 'otlp/a' is not defined; defined: windows"
                ),
                "1:86: service.pipelines.metrics.exporters[1]: exporter 'windows/b' is not defined; defined: windows",
            ],
        ),
        (
            "service: {pipelines: {metrics: {processors: [filter]}}}",
            [
                "1:46: service.pipelines.metrics.processors[0]: processor 'filter' is not defined; defined: none"
            ],
        ),
        (
            FILTERS + "service: {pipelines: {metrics: {processors: [filter, filter/b, filter]}}}",
            ["2:33: service.pipelines.metrics.processors: 'filter' stands here 2 times"],
        ),
        (
            "service: {extensions: [health_check, zpages]}",
            [
                "1:38: service.extensions[1]: tallyd has no extension 'zpages'; it has: keda_scaler, http_api, health_check, snapshot, bearertokenauth, basicauth"
            ],
        ),
        (
            "service: {extensions: health_check}",
            ["1:23: service.extensions: expected a list of extension ids, got 'health_check'"],
        ),
    ],
)
def test_bad(text: str, expected: list[str]) -> None:
    """Whatever runs must be defined, and be there at all."""
    assert problems(text) == expected


def test_extensions() -> None:
    """Listed extensions run, in that order; without a list all that are defined."""
    text = "service: {extensions: [health_check, keda_scaler, health_check]}"
    assert parse_config(text, {}).config.service.extensions == ("health_check", "keda_scaler")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("extensions: {keda_scaler: , health_check: }\nprocessors: ", []),
        (
            FILTERS,
            [
                "1:14: processors.filter: is defined but not used in any pipeline",
                "1:24: processors.filter/b: is defined but not used in any pipeline",
            ],
        ),
        (
            "extensions: {health_check: , keda_scaler: }\nservice: {extensions: [keda_scaler]}",
            ["1:14: extensions.health_check: is defined but not used in service.extensions"],
        ),
    ],
)
def test_unused(text: str, expected: list[str]) -> None:
    """What is defined and runs nowhere is warned of."""
    assert warnings(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "extensions: {keda_scaler: {endpoint: ':55678'}}",
            [
                (
                    "1:38: extensions.keda_scaler.endpoint: "
                    "receivers.opencensus (its default) and extensions.keda_scaler both listen on port 55678"
                )
            ],
        ),
        (
            "extensions: {health_check: {endpoint: '127.0.0.1:8888'}}",
            [
                (
                    "1:1: service.telemetry.metrics: "
                    "extensions.health_check and service.telemetry.metrics (its default) both listen on port 8888"
                )
            ],
        ),
        (
            "extensions: {keda_scaler: {endpoint: ':4317'}}",
            [
                (
                    "1:38: extensions.keda_scaler.endpoint: "
                    "receivers.otlp.protocols.grpc (its default) and extensions.keda_scaler both listen on port 4317"
                )
            ],
        ),
        (
            "receivers: {otlp: {protocols: {grpc: {endpoint: ':5'}, http: {endpoint: '[::1]:5'}}}}",
            [
                (
                    "1:73: receivers.otlp.protocols.http.endpoint: "
                    "receivers.otlp.protocols.grpc and receivers.otlp.protocols.http both listen on port 5"
                )
            ],
        ),
        (
            "receivers: {opencensus: {endpoint: 'a:1'}, opencensus/b: {endpoint: 'a:1'}}",
            [
                (
                    "1:69: receivers.opencensus/b.endpoint: "
                    "receivers.opencensus and receivers.opencensus/b both listen on port 1"
                )
            ],
        ),
    ],
)
def test_one_port_twice(text: str, expected: list[str]) -> None:
    """Two components on one port are an error that names both."""
    assert problems(text) == expected


@pytest.mark.parametrize(
    "text",
    [
        "receivers: {opencensus: {endpoint: 'a:0'}, opencensus/b: {endpoint: 'a:0'}}",
        "receivers: {opencensus: {endpoint: 'a:1'}, opencensus/b: {endpoint: 'b:1'}}",
        "extensions: {health_check: {endpoint: ':8888'}}\nservice: {telemetry: {metrics: {level: none}}}",
        "extensions: {health_check: {endpoint: ':4318'}, keda_scaler: }\nservice: {extensions: [keda_scaler]}",
    ],
)
def test_different_listeners(text: str) -> None:
    """Any free port, other addresses and what does not run are in nobody's way."""
    parse_config(text, {})
