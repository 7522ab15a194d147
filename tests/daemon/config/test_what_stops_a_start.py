"""What the collector refuses at start is refused here, where it stands (otlp.md 6.2); and what it takes is taken."""

from __future__ import annotations

import pytest

from daemon.config.load import parse_config
from tests.daemon.config.support import problems

RECEIVERS = "receivers: {otlp: {protocols: {grpc: }}}"
DEBUG = "exporters: {debug: }"
OTLP = "endpoint: 'h:1'"
HTTP = "endpoint: 'http://h:1'"


def pipeline(name: str = "metrics", **lists: str) -> str:
    """A configuration with one pipeline, of `otlp` to `debug` unless told otherwise."""
    whole = {"receivers": "[otlp]", "exporters": "[debug]"} | lists
    inner = ", ".join(f"{key}: {value}" for key, value in whole.items())
    batch = "processors: {batch: }"
    return f"{RECEIVERS}\n{DEBUG}\n{batch}\nservice: {{pipelines: {{{name}: {{{inner}}}}}}}"


def receiver(text: str) -> str:
    return f"receivers: {{{text}}}"


def exporter(kind: str, *settings: str) -> str:
    return f"{RECEIVERS}\nexporters: {{{kind}: {{{', '.join(settings)}}}}}"


def telemetry(text: str) -> str:
    return f"service: {{telemetry: {{{text}}}}}"


REFUSED = {
    receiver("zipkin: "): "receivers.zipkin: tallyd has no receiver 'zipkin'",
    receiver("'otlp/': "): "receivers.otlp/: expected type or type/name",
    receiver("OTLP: "): "receivers.OTLP: tallyd has no receiver",
    receiver("otlp: "): "receivers.otlp: expected protocols with at least one of grpc and http",
    receiver("otlp: {protocols: {}}"): "receivers.otlp: expected protocols with at least one",
    receiver("otlp: {protocols: {thrift: }}"): "receivers.otlp.protocols.thrift: unknown key",
    receiver("otlp: {protocols: {grpc: {x: 1}}}"): "receivers.otlp.protocols.grpc.x: unknown key",
    receiver("otlp: {protocols: {grpc: {endpoint: h}}}"): "grpc.endpoint: expected host:port",
    receiver("otlp: {protocols: {grpc: {endpoint: ':99999'}}}"): "endpoint: expected host:port",
    receiver("otlp: {protocols: {grpc: }}, otlp/2: {protocols: {grpc: }}"): "on port 4317",
    receiver("otlp: {protocols: {grpc: , http: {endpoint: ':4317'}}}"): "both listen on port 4317",
    "receivers: {}": "receivers: expected at least one",
    "exporters: {}": "exporters: expected at least one",
    "color: red": "color: unknown key",
    "service: {pipelines: {}}": "service.pipelines: expected a mapping of pipelines",
    "service: {extensions: [zpages]}": "service.extensions[0]: tallyd has no extension 'zpages'",
    pipeline(receivers="otlp"): "metrics.receivers: expected a list, got 'otlp'",
    pipeline(receivers="[otlp/2]"): "receivers[0]: receiver 'otlp/2' is not defined",
    pipeline(processors="[batch/2]"): "processors[0]: processor 'batch/2' is not defined",
    pipeline(exporters="[otlp]"): "exporters[0]: exporter 'otlp' is not defined",
    pipeline(processors="[batch, batch]"): "processors: 'batch' stands here 2 times",
    pipeline("metric"): "service.pipelines.metric: expected metrics or metrics/name",
    pipeline("'metrics/a b'"): "service.pipelines.metrics/a b: expected metrics or metrics/name",
    exporter("otlp"): "exporters.otlp.endpoint: is required and missing",
    exporter("otlp", "endpoint: h"): "exporters.otlp.endpoint: expected host:port",
    exporter("otlp", OTLP, "timeout: -1s"): "exporters.otlp.timeout: expected a duration",
    exporter("otlp", OTLP, "sending_queue: {queue_size: 0}"): "queue_size: expected at least 1",
    exporter("otlp", OTLP, "sending_queue: {num_consumers: 0}"): "num_consumers: expected at least",
    exporter("otlp", OTLP, "sending_queue: {sizer: rows}"): "sizer: expected requests, items or",
    exporter("otlp", OTLP, "sending_queue: {storage: file_storage}"): "storage: tallyd keeps",
    exporter("otlp", OTLP, "sending_queue: {block_on_overflow: true}"): "block_on_overflow: a full",
    exporter("otlp", OTLP, "sending_queue: {wait_for_result: true}"): "wait_for_result: senders",
    exporter(
        "otlp", OTLP, "retry_on_failure: {max_elapsed_time: 1s}"
    ): "max_elapsed_time not to be",
    exporter("otlp", OTLP, "retry_on_failure: {randomization_factor: 2}"): "expected at most 1",
    exporter("otlphttp"): "exporters.otlphttp: expected endpoint",
    exporter("otlphttp", OTLP): "exporters.otlphttp.endpoint: expected a URL",
    exporter("otlphttp", HTTP, "compression: lzma"): "compression: expected gzip",
    exporter("otlphttp", HTTP, "encoding: xml"): "encoding: expected proto or json",
    exporter("prometheus"): "exporters.prometheus.endpoint: is required and missing",
    exporter(
        "prometheus", "endpoint: ':9'", "translation_strategy: X"
    ): "translation_strategy: exp",
    exporter("debug", "verbosity: loud"): "verbosity: expected basic, normal or detailed",
    exporter("debug", "loglevel: debug"): "loglevel: write verbosity",
    exporter("prometheusremotewrite"): "prometheusremotewrite.endpoint: is required and missing",
    exporter("prometheusremotewrite", HTTP, "compression: gzip"): "compression: remote write is",
    exporter("prometheusremotewrite", HTTP, "remote_write_queue: {queue_size: 0}"): "at least 1",
    exporter(
        "prometheusremotewrite", HTTP, "external_labels: {a: ''}"
    ): "external_labels: expected",
    exporter(
        "prometheusremotewrite", HTTP, "resource_to_telemetry_conversion: true"
    ): "resource_to_telemetry_conversion: expected a mapping",
    telemetry("logs: {level: loud}"): "service.telemetry.logs.level: expected debug",
    telemetry(
        "metrics: {readers: []}"
    ): "service.telemetry.metrics.readers: expected a pull reader",
    telemetry("metrics: {color: 1}"): "service.telemetry.metrics.color: unknown key",
}


@pytest.mark.parametrize("text", REFUSED)
def test_refused(text: str) -> None:
    """One mistake is one line, which names where it stands."""
    [told] = problems(text)
    assert REFUSED[text] in told


@pytest.mark.parametrize(
    "text",
    [
        receiver("otlp/a/b: {protocols: {grpc: }}"),
        pipeline(),
        pipeline(receivers="[otlp, otlp]", exporters="[debug, debug]"),
        pipeline("metrics/a/b"),
        exporter("otlp", "endpoint: 'http://h:1'"),
        exporter("otlp", OTLP, "sending_queue: {sizer: items}"),
        telemetry("metrics: {address: ':8888'}"),
        telemetry("metrics: {level: detailed, readers: [{periodic: {}}, {pull: {exporter: {prometheus: {port: 1}}}}]}"),
        telemetry("logs: {level: info, encoding: json, disable_caller: true, sampling: {enabled: false}}"),
        telemetry("traces: {level: none, propagators: [b3]}, resource: {a: b, service.name: null}"),
    ],
)  # fmt: skip
def test_taken(text: str) -> None:
    """What stands in real files for the collector starts here too."""
    parse_config(text, {})
