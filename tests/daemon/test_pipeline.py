"""Chains of consumers."""

from __future__ import annotations

import pytest

from daemon.config.errors import ConfigError
from daemon.config.load import parse_config
from daemon.pipeline import build_pipelines, copy_batch, judge_processor
from daemon.processors.build import ProcessorSettings
from daemon.processors.filter import Filter
from receivers.consumer import Batch, Consumer, Sender
from receivers.errors import ConsumeError, PermanentError, RetryableError
from receivers.model import (
    Metric,
    MetricHeader,
    MetricType,
    NumberDataPoint,
    Resource,
    ResourceMetrics,
    Scope,
    ScopeMetrics,
)
from tests.support.consumers import ErrorConsumer, SinkConsumer

DROP_A = "processors: {filter: {metrics: {metric: ['name == \"a\"']}}}\n"


def build(text: str, **exporters: Consumer) -> dict[str, Consumer]:
    return build_pipelines(parse_config(text, {}).config, exporters, ProcessorSettings())


def batch(*names: str) -> Batch:
    metrics = [
        Metric(
            MetricHeader(name=name, type=MetricType.GAUGE), data_points=[NumberDataPoint(value=1)]
        )
        for name in names
    ]
    group = ResourceMetrics(Resource(), [ScopeMetrics(Scope(), metrics)])
    return Batch(Sender("test", "a"), 0, [group])


def names(sink: SinkConsumer) -> list[str]:
    return [metric.header.name for _, _, metric in sink.metrics()]


def test_alone_is_unwrapped() -> None:
    """A pipeline of nothing but one exporter is that exporter: no wrapper, no cost."""
    sink = SinkConsumer()
    assert build("", windows=sink) == {"opencensus": sink, "otlp": sink}


def test_processors_in_order() -> None:
    """A pipeline begins with its first processor."""
    text = (
        "processors: {filter: {metrics: {metric: ['name == \"a\"']}}, filter/b: }\n"
        "service: {pipelines: {metrics: {processors: [filter, filter/b]}}}"
    )
    sink = SinkConsumer()
    head = build(text, windows=sink)["opencensus"]
    assert isinstance(head, Filter)
    head.consume(batch("a", "b"))
    assert names(sink) == ["b"]


def test_branches_do_not_see_each_other() -> None:
    """Of two pipelines of one receiver one drops what the other keeps, and the batch stays one piece of work."""
    text = DROP_A + "service: {pipelines: {metrics: {processors: [filter]}, metrics/all: }}"
    sink = SinkConsumer()
    build(text, windows=sink)["opencensus"].consume(batch("a", "b"))
    assert [names_of(each) for each in sink.batches] == [["b"], ["a", "b"]]


def names_of(batch: Batch) -> list[str]:
    scoped = batch.resource_metrics[0].scope_metrics[0]
    return [metric.header.name for metric in scoped.metrics]


def test_last_changing_branch_gets_the_original() -> None:
    """With processors in every branch one copy less is made than there are branches."""
    text = (
        DROP_A
        + "service: {pipelines: {metrics: {processors: [filter]}, metrics/2: {processors: [filter]}}}"
    )
    sink = SinkConsumer()
    original = batch("a", "b")
    build(text, windows=sink)["opencensus"].consume(original)
    assert [each is original for each in sink.batches] == [False, True]


def test_receiver_without_pipeline() -> None:
    """A receiver that is in no pipeline gets no consumer."""
    text = (
        "receivers: {opencensus: , opencensus/b: {endpoint: ':1'}}\n"
        "service: {pipelines: {metrics: {receivers: [opencensus]}}}"
    )
    assert list(build(text, windows=SinkConsumer())) == ["opencensus"]


RETRYABLE, PERMANENT = RetryableError("later", 5.0), PermanentError("never")


@pytest.mark.parametrize(
    ("errors", "expected"),
    [
        ((None, PERMANENT), (PermanentError, "never")),
        ((RETRYABLE, None), (RetryableError, "later")),
        ((RETRYABLE, PERMANENT), (RetryableError, "later; never")),
        ((PERMANENT, RETRYABLE), (PermanentError, "never; later")),
        ((ConsumeError("x"), ConsumeError("y")), (ConsumeError, "x; y")),
    ],
)
def test_errors_of_branches(
    errors: tuple[ConsumeError | None, ...], expected: tuple[type[ConsumeError], str]
) -> None:
    """Every branch gets the batch; the sender gets all errors, retryable or not as the first of them."""
    calls = iter(errors)
    end = ErrorConsumer(lambda _: next(calls))
    text = "service: {pipelines: {metrics: , metrics/2: }}"
    with pytest.raises(ConsumeError) as caught:
        build(text, windows=end)["opencensus"].consume(batch("a"))
    assert (type(caught.value), str(caught.value)) == expected
    assert len(end.refused) + len(end.taken) == 2


def test_mistakes_of_all_processors() -> None:
    """Every mistake of every processor comes to light at once, of those in no pipeline too."""
    text = (
        "processors:\n"
        "  filter: {metrics: {metric: ['nome == 1', 'name == ']}}\n"
        "  filter/unused: {metrics: {metric: ['Nix()']}}\n"
        "service: {pipelines: {metrics: {processors: [filter]}, metrics/2: {processors: [filter]}}}"
    )
    config = parse_config(text, {}).config
    found = [
        (component_id, *error.path, error.offset)
        for component_id, settings in config.processors.items()
        for error in judge_processor(component_id, settings)
    ]
    assert found == [
        ("filter", "metrics", "metric", 0, 0),
        ("filter", "metrics", "metric", 1, 8),
        ("filter/unused", "metrics", "metric", 0, 0),
    ]
    with pytest.raises(ExceptionGroup) as caught:
        build_pipelines(config, {"windows": SinkConsumer()}, ProcessorSettings())
    assert caught.group_contains(ConfigError)


class OnTheWire:
    """Encoded points that count how often they are decoded."""

    def __init__(self) -> None:
        self.decoded = 0

    def decode(self) -> list[NumberDataPoint]:
        self.decoded += 1
        return [NumberDataPoint(value=1)]

    def rows(self) -> list[object]:
        return []

    def describe(self, key: object) -> tuple[dict[str, object], int]:
        return {}, 0


def test_copy() -> None:
    """A copy can be changed at any depth without a trace in the original; points on the wire stay there."""
    wire = OnTheWire()
    original = batch("a")
    scoped = original.resource_metrics[0].scope_metrics[0]
    scoped.metrics.append(Metric(MetricHeader(name="b"), wire))  # type: ignore[arg-type]  # a double
    original.times_are_ours = True
    copied = copy_batch(original)
    assert copied.times_are_ours
    target = copied.resource_metrics[0].scope_metrics[0].metrics
    target[0].data_points[0].attributes["k"] = "v"
    target.pop()
    assert (names_of(original), scoped.metrics[0].data_points[0].attributes, wire.decoded) == (
        ["a", "b"],
        {},
        0,
    )
