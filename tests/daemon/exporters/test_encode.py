"""A batch to the bytes of an OTLP request, and back."""

from __future__ import annotations

import json

from hypothesis import given

from daemon.exporters.encode import Encoded, encode, encode_steps
from daemon.exporters.otlp_encoder import OtlpEncoder, to_json
from daemon.exporters.sending_queue import Request
from receivers.consumer import Batch
from receivers.model import (
    DataPoint,
    Exemplar,
    HistogramDataPoint,
    Metric,
    MetricHeader,
    MetricType,
    NumberDataPoint,
    Resource,
    ResourceMetrics,
    Scope,
    ScopeMetrics,
    Temporality,
)
from tests.support.consumers import Counts
from tests.support.otlp_reading import read_request
from tests.support.payload_text import written
from tests.support.payloads import SENDER, batch
from tests.support.strategies import payloads


@given(payloads)
def test_there_and_back(groups: list[ResourceMetrics]) -> None:
    """Every kind of metric with whatever it holds is the same after a backend has decoded it."""
    encoded = encode(Batch(SENDER, 0, groups))
    assert encoded.refused == 0
    assert written(read_request(encoded.body)) == written(groups)


EVERYTHING = [
    ResourceMetrics(
        Resource(attributes={"a": 1}, dropped_attributes_count=2, schema_url="r"),
        [
            ScopeMetrics(
                Scope(name="s", version="1", dropped_attributes_count=3, schema_url="u"),
                [
                    Metric(
                        MetricHeader(
                            name="m",
                            description="what",
                            unit="By",
                            type=MetricType.SUM,
                            temporality=Temporality.DELTA,
                            is_monotonic=True,
                            metadata={"k": "v"},
                        ),
                        data_points=[
                            NumberDataPoint(
                                value=5,
                                exemplars=[
                                    Exemplar(
                                        time_unix_nano=7,
                                        value=1.5,
                                        filtered_attributes={"f": True},
                                        span_id=b"\x01" * 8,
                                        trace_id=b"\x02" * 16,
                                    )
                                ],
                            )
                        ],
                    )
                ],
            )
        ],
    )
]


def test_every_field() -> None:
    """What the notation leaves out survives too: exemplars, metadata, descriptions, dropped counts, schema URLs."""
    (group,) = read_request(encode(Batch(SENDER, 0, EVERYTHING)).body)
    (scoped,) = group.scope_metrics
    (metric,) = scoped.metrics
    assert (group.resource.dropped_attributes_count, group.resource.schema_url) == (2, "r")
    assert (scoped.scope.dropped_attributes_count, scoped.scope.schema_url) == (3, "u")
    assert (metric.header.description, metric.header.metadata) == ("what", {"k": "v"})
    assert metric.data_points == EVERYTHING[0].scope_metrics[0].metrics[0].data_points


def test_json() -> None:
    """In JSON ids of traces and spans are hexadecimal, enums numbers, names in lowerCamelCase."""
    document = json.loads(to_json(encode(Batch(SENDER, 0, EVERYTHING)).body))
    metric = document["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0]
    assert metric["sum"]["aggregationTemporality"] == 1
    (exemplar,) = metric["sum"]["dataPoints"][0]["exemplars"]
    assert (exemplar["spanId"], exemplar["traceId"]) == ("01" * 8, "02" * 16)


def test_what_the_wire_cannot_hold() -> None:
    """A metric with a number beyond 64 bits costs itself alone; half a character in a text is replaced."""
    one = batch("gauge a [1] chist h [h(1)] gauge b [1{k=x}]")
    metrics = one.resource_metrics[0].scope_metrics[0].metrics
    bad, good = metrics[1].data_points[0], metrics[2].data_points[0]
    assert isinstance(bad, HistogramDataPoint)
    bad.count = -1
    good.attributes = {"k": "\ud800", "n": 1 << 70}
    refused = Counts()
    made: list[Request] = []
    for _ in OtlpEncoder(refused)(one, made.append):
        pass
    assert refused == {"not_encodable": 1}
    assert made[0].points == 2
    assert (
        written(read_request(made[0].body))
        == f'R{{}} gauge a [1] gauge b [1{{k="?",n={(1 << 63) - 1}}}]'
    )


def test_nothing_to_say() -> None:
    """A batch of which a filter left nothing is no request; a metric without points is one."""
    made: list[Request] = []
    for payload in ("R{}", "gauge n []"):
        for _ in OtlpEncoder(Counts())(batch(payload), made.append):
            pass
    assert [(written(read_request(one.body)), one.points) for one in made] == [
        ("R{} gauge n []", 0)
    ]


class OnTheWire:
    """Points that a receiver has not decoded."""

    def __init__(self, points: list[DataPoint]) -> None:
        self._points = points

    def decode(self) -> list[DataPoint]:
        return self._points


def test_stays_on_the_wire() -> None:
    """Encoding does not decode a metric for those who read it later."""
    metric = Metric(
        MetricHeader(name="m", type=MetricType.GAUGE),
        OnTheWire([NumberDataPoint(value=1)]),  # type: ignore[arg-type]  # the encoder needs no more
    )
    group = ResourceMetrics(Resource(), [ScopeMetrics(Scope(), [metric])])
    assert encode(Batch(SENDER, 0, [group])).points == 1
    assert metric.encoded is not None


def test_in_steps() -> None:
    """A large batch is encoded in steps, between which others get their turn."""
    payload = " ".join(f"gauge m{n} [1, 2, 3, 4, 5]" for n in range(100))
    encoded = Encoded()
    assert sum(1 for _ in encode_steps(batch(payload), encoded)) > 1
    assert encoded.points == 500
