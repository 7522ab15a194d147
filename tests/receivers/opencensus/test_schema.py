"""The partial message classes agree with the official ones on real and on made-up bytes."""

from __future__ import annotations

import re
from typing import Any

import pytest

from receivers.opencensus import schema
from tests.support.golden import load_sessions
from tests.support.opencensus_messages import N1, R0, Request, ci, request

SESSIONS = load_sessions()


def whole(raw: bytes) -> list[Any]:
    """What the partial classes tell of a request, as the official classes read it."""
    message = Request.FromString(raw)
    return [
        message.node.SerializeToString() if message.HasField("node") else None,
        message.resource.SerializeToString() if message.HasField("resource") else None,
        [
            (
                metric.metric_descriptor,
                metric.resource if metric.HasField("resource") else None,
                [
                    (
                        series.start_timestamp,
                        [(label.value, label.has_value) for label in series.label_values],
                        [_point(point) for point in series.points],
                    )
                    for series in metric.timeseries
                ],
            )
            for metric in message.metrics
        ],
    ]


def parts(raw: bytes) -> list[Any]:
    """The same, as the partial classes and those for the left-over bytes read it."""
    message = schema.RequestParts.FromString(raw)
    return [
        _whole(schema.Node, message.node) if message.HasField("node") else None,
        _whole(schema.Resource, message.resource) if message.HasField("resource") else None,
        [
            (
                schema.MetricDescriptor.FromString(metric.metric_descriptor),
                None
                if metric.resource == schema.NO_RESOURCE
                else schema.Resource.FromString(metric.resource),
                [_series(series) for series in metric.timeseries],
            )
            for metric in message.metrics
        ],
    ]


def _whole(message: Any, raw: bytes) -> Any:
    return message.FromString(raw).SerializeToString()


def _series(raw: bytes) -> Any:
    series = schema.TimeSeriesParts.FromString(raw)
    start = schema.TimestampParts.FromString(series.start_timestamp)
    official = schema.TimeSeries.FromString(raw)
    assert (start.seconds, start.nanos) == (
        official.start_timestamp.seconds,
        official.start_timestamp.nanos,
    )
    labels = [schema.LabelValueParts.FromString(value) for value in series.label_values]
    return (
        official.start_timestamp,
        [(label.value.decode(), label.has_value) for label in labels],
        [_point(point) for point in series.points],
    )


def _point(point: Any) -> Any:
    time = point.timestamp
    if isinstance(time, bytes):
        time = schema.TimestampParts.FromString(time)
    return (
        time.seconds,
        time.nanos,
        point.WhichOneof("value"),
        point.int64_value,
        point.double_value,
        point.distribution_value.count,
        point.distribution_value.sum,
        point.summary_value.count.value,
        point.summary_value.sum.value,
    )


@pytest.mark.parametrize("name", ["busy", "low-cardinality", "trace-unimplemented"])
def test_real_bytes(name: str) -> None:
    """On every recorded message both families read the same."""
    for events in SESSIONS[name].streams().values():
        for event in events:
            assert event.raw is not None
            assert parts(event.raw) == whole(event.raw)


MADE_UP = {
    "empty": b"",
    "empty parts": request(Request().metrics.add(), node=schema.Node(), resource=R0),
    "metric with empty resource": b"\x12\x02\x1a\x00",
    "oneof set twice": b"\x12\x08\x12\x06\x1a\x04\x10\x05\x10\x07",
    "oneof changed": b"\x12\x0f\x12\x0d\x1a\x0b\x10\x05\x19" + bytes(8),
    "unknown field": request(ci(), node=N1) + b"\x9a\x06\x01x",
}


@pytest.mark.parametrize("raw", MADE_UP.values(), ids=MADE_UP)
def test_made_up_bytes(raw: bytes) -> None:
    """Presence, oneofs and unknown fields are read alike."""
    assert parts(raw) == whole(raw)


def test_unreadable_package(monkeypatch: pytest.MonkeyPatch) -> None:
    """A package without descriptors is an import error that says what to do."""
    monkeypatch.setattr(schema, "_LITERAL", re.compile("never there"))
    with pytest.raises(ImportError, match="reinstall opencensus-proto"):
        schema._official_file("opencensus/proto/resource/v1/resource")
