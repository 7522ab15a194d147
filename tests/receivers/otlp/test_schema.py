"""The message classes agree with the official ones."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1 import resource_pb2

from receivers.otlp import schema

PAIRS = [
    (schema.RequestParts, ExportMetricsServiceRequest),
    (schema.ResourceParts, resource_pb2.Resource),
    (schema.ScopeParts, common_pb2.InstrumentationScope),
    (schema.MetricParts, metrics_pb2.Metric),
    (schema.DataParts, metrics_pb2.Sum),
    (schema.NumberParts, metrics_pb2.NumberDataPoint),
    (schema.HistogramParts, metrics_pb2.HistogramDataPoint),
    (schema.ExponentialHistogramParts, metrics_pb2.ExponentialHistogramDataPoint),
    (schema.SummaryParts, metrics_pb2.SummaryDataPoint),
    (schema.ExemplarParts, metrics_pb2.Exemplar),
    (schema.KeyValueParts, common_pb2.KeyValue),
    (schema.AnyValueParts, common_pb2.AnyValue),
]
SKIPPED = {"key_strindex", "string_value_strindex"}
"""Fields of profiles, which metrics do not use."""


@pytest.mark.parametrize(("partial", "official"), PAIRS, ids=lambda one: one.DESCRIPTOR.name)
def test_same_fields(partial: Any, official: Any) -> None:
    """Every field of the official message is there under its number."""
    found = {field.name: field.number for field in partial.DESCRIPTOR.fields}
    assert found == {
        field.name: field.number
        for field in official.DESCRIPTOR.fields
        if field.name not in SKIPPED and field.name != "entity_refs"
    }


@pytest.mark.parametrize("kind", ["Gauge", "Histogram", "ExponentialHistogram", "Summary"])
def test_all_data_alike(kind: str) -> None:
    """The data of every kind have the numbers of a sum's."""
    numbers = {field.name: field.number for field in schema.DataParts.DESCRIPTOR.fields}
    for field in metrics_pb2.DESCRIPTOR.message_types_by_name[kind].fields:
        assert numbers[field.name] == field.number


def test_last_of_a_oneof() -> None:
    """Of a point with two values the last one counts, as in the official class."""
    raw = b"\x31" + bytes(8) + b"\x21" + bytes(8)
    assert schema.NumberParts.FromString(raw).WhichOneof("value") == "as_double"
    assert schema.NumberParts.FromString(raw[9:] + raw[:9]).WhichOneof("value") == "as_int"
