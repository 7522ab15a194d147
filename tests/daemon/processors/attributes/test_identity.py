"""What stays undecoded, what is shared, what is remembered: the processors attributes and resource."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from daemon.processors.attributes.values import to_double, to_int, to_text
from receivers.consumer import RequestContext
from receivers.model import AnyValue, DataPoint, Metric, MetricHeader, MetricType, ResourceMetrics
from tests.support import strategies
from tests.support.consumers import SinkConsumer
from tests.support.payloads import batch, payload
from tests.support.processing import build


class Undecodable:
    """Data points that nobody may decode."""

    def decode(self) -> list[DataPoint]:
        raise AssertionError("decoded")

    def rows(self) -> list[object]:
        raise AssertionError("read")

    def describe(self, key: object) -> tuple[dict[str, AnyValue], int]:
        raise AssertionError(f"described {key}")

    def point_count(self) -> int:
        return 7


def encoded(name: str) -> Metric:
    return Metric(MetricHeader(name=name, type=MetricType.GAUGE), Undecodable())  # type: ignore[arg-type]  # never read


def test_others_stay_on_the_wire() -> None:
    """A metric that include leaves alone is not decoded, and neither is one whose resource changes."""
    taken = batch("gauge m1 [1]")
    metric = encoded("other")
    taken.resource_metrics[0].scope_metrics[0].metrics.append(metric)
    sink = SinkConsumer()
    chain = build("resource", "attributes: [{key: a, value: 1, action: insert}]", sink)
    include = "include: {match_type: strict, metric_names: [m1]}"
    actions = "actions: [{key: a, value: 1, action: insert}]"
    build("attributes", f"{include}\n{actions}", chain).consume(taken)
    assert metric.encoded is not None
    assert [m.point_count() for _, _, m in sink.metrics()] == [1, 7]


def test_the_same_resource_becomes_the_same() -> None:
    """Windows know a resource by its identity: what it became once it becomes again; another context, another one."""
    sink = SinkConsumer()
    component = build("resource", "attributes: [{key: a, from_context: x, action: upsert}]", sink)
    resource = payload("R{host=a}")[0].resource
    contexts = [RequestContext("", {"x": (text,)}) for text in ("1", "1", "2")]
    for context in contexts:
        taken = batch("R{}", context=context)
        taken.resource_metrics[0].resource = resource
        component.consume(taken)
    first, second, third = (taken.resource_metrics[0].resource for taken in sink.batches)
    assert first is second
    assert first is not third
    assert (first.attributes, third.attributes) == (
        {"host": "a", "a": "1"},
        {"host": "a", "a": "2"},
    )
    assert resource.attributes == {"host": "a"}


def test_values_are_not_shared() -> None:
    """A list or map that is set belongs to its data point alone."""
    sink = SinkConsumer()
    actions = (
        "[{key: a, value: {x: []}, action: insert}, {key: b, from_attribute: a, action: insert}]"
    )
    build("attributes", f"actions: {actions}", sink).consume(batch("gauge m [1, 2]"))
    values = [point.attributes[key] for _, point in sink.data_points() for key in ("a", "b")]
    assert values == [{"x": []}] * 4
    assert len(set(map(id, values))) == 4


_KEYS = st.sampled_from(["a", "b", "host"])
_ACTIONS = st.lists(
    st.sampled_from(
        [
            "{key: a, value: [1], action: upsert}",
            "{key: a, from_attribute: b, default_value: x, action: update}",
            "{pattern: 'a|b', action: hash}",
            "{key: k, pattern: '.', action: delete}",
            "{key: a, pattern: '(?P<b>.*)', action: extract}",
            "{key: a, converted_type: int, action: convert}",
            "{key: b, converted_type: double, action: convert}",
            "{key: host, converted_type: string, action: convert}",
            "{key: b, from_context: metadata.h, action: insert}",
        ]
    ),
    min_size=1,
    max_size=4,
)


@given(strategies.payloads, _ACTIONS)
def test_any_payload(metrics: list[ResourceMetrics], actions: list[str]) -> None:
    """Whatever the values are, all data points and resources come out."""
    sink = SinkConsumer()
    listed = f"[{', '.join(actions)}]"
    chain = build("resource", f"attributes: {listed}", sink)
    taken = batch("R{}")
    taken.resource_metrics = metrics
    build("attributes", f"actions: {listed}", chain).consume(taken)
    assert sink.batches == [taken]


@given(st.one_of(st.floats(), st.integers(), st.text(), st.booleans(), st.binary()))
def test_conversions(value: AnyValue) -> None:
    """A conversion gives its kind or leaves the value; an int fits 64 bits."""
    whole = to_int(value)
    assert whole is value or (isinstance(whole, int) and -(2**63) <= whole < 2**63)
    assert to_double(value) is value or isinstance(to_double(value), float)
    assert to_text(value) is value or isinstance(to_text(value), str)
