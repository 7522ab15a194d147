"""Builds OpenCensus messages, as bytes, from the official descriptors (the notation of opencensus.md 7)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from receivers.opencensus.schema import message_class

Request: Any = message_class("opencensus.proto.agent.metrics.v1.ExportMetricsServiceRequest")
Metric: Any = message_class("opencensus.proto.metrics.v1.Metric")
Point: Any = message_class("opencensus.proto.metrics.v1.Point")
Node: Any = message_class("opencensus.proto.agent.common.v1.Node")
Resource: Any = message_class("opencensus.proto.resource.v1.Resource")
Timestamp: Any = message_class("google.protobuf.Timestamp")

GAUGE_INT64, GAUGE_DOUBLE, GAUGE_DISTRIBUTION = 1, 2, 3
CUMULATIVE_INT64, CUMULATIVE_DOUBLE, CUMULATIVE_DISTRIBUTION, SUMMARY = 4, 5, 6, 7

S = 1_730_419_200
"""Start of every series, Unix seconds."""
T = S + 60
"""Time of a point, Unix seconds."""
NANO = 1_000_000_000

ABSENT = None
"""A label value that is not set."""


def node(
    host_name: str = "pod-a", pid: int = 7, start: tuple[int, int] | None = (S, 500_000_000)
) -> Any:
    """N1, or one like it."""
    message = Node()
    message.identifier.host_name = host_name
    message.identifier.pid = pid
    if start is not None:
        message.identifier.start_timestamp.seconds, message.identifier.start_timestamp.nanos = start
    message.library_info.language = 4
    message.library_info.exporter_version = "0.0.1"
    message.library_info.core_library_version = "0.24.0"
    message.service_info.SetInParent()
    return message


N1 = node()
N2 = node("pod-b")


def resource(type_: str = "", labels: Mapping[str, str] | None = None) -> Any:
    return Resource(type=type_, labels=labels or {})


R0 = resource()


def point(value: Any = 5, at: float | None = T, field: str = "int64_value") -> Any:
    """A point with `value` in the oneof `field`; none at all if `value` is None."""
    message = Point()
    if at is not None:
        message.timestamp.seconds = int(at)
        message.timestamp.nanos = round((at - int(at)) * NANO)
    if isinstance(value, Mapping):
        getattr(message, field).SetInParent()
        fill(getattr(message, field), value)
    elif value is not None:
        setattr(message, field, value)
    return message


def fill(message: Any, fields: Mapping[str, Any]) -> None:
    """Set fields of `message` from nested mappings and lists."""
    for name, value in fields.items():
        if isinstance(value, Mapping):
            getattr(message, name).SetInParent()
            fill(getattr(message, name), value)
        elif isinstance(value, list) and value and isinstance(value[0], Mapping):
            for item in value:
                fill(getattr(message, name).add(), item)
        elif isinstance(value, list):
            getattr(message, name).extend(value)
        else:
            setattr(message, name, value)


def distribution(
    count: int, total: float, bounds: Sequence[float] = (), buckets: Sequence[int] = ()
) -> dict[str, Any]:
    """The fields of a DistributionValue."""
    fields: dict[str, Any] = {"count": count, "sum": total}
    if bounds:
        fields["bucket_options"] = {"explicit": {"bounds": list(bounds)}}
    if buckets:
        fields["buckets"] = [{"count": bucket} for bucket in buckets]
    return fields


def metric(
    name: str = "m",
    type_: int = CUMULATIVE_INT64,
    keys: Sequence[str] = (),
    rows: Sequence[tuple[Sequence[str | None], Sequence[Any]]] = (),
    start: int | None = S,
) -> Any:
    """A metric with a series for each row of (label values, points)."""
    message = Metric()
    message.metric_descriptor.name = name
    message.metric_descriptor.type = type_
    for key in keys:
        message.metric_descriptor.label_keys.add(key=key)
    for values, points in rows:
        series = message.timeseries.add()
        if start is not None:
            series.start_timestamp.seconds = start
        for value in values:
            series.label_values.add(value=value or "", has_value=value is not ABSENT)
        series.points.extend(points)
    return message


def ci(
    name: str = "m",
    keys: Sequence[str] = (),
    values: Sequence[str | None] = (),
    value: int = 5,
    at: float = T,
) -> Any:
    """A CUMULATIVE_INT64 metric of one series with one point."""
    return metric(name, CUMULATIVE_INT64, keys, [(values, [point(value, at)])])


def many_series(name: str, number: int) -> Any:
    """A metric of so many series, one label value each."""
    rows = [([str(value)], [point(value)]) for value in range(number)]
    return metric(name, CUMULATIVE_INT64, ["n"], rows)


def request(*metrics: Any, node: Any = None, resource: Any = None) -> bytes:
    """An ExportMetricsServiceRequest."""
    message = Request(metrics=metrics)
    if node is not None:
        message.node.CopyFrom(node)
        message.node.SetInParent()
    if resource is not None:
        message.resource.CopyFrom(resource)
        message.resource.SetInParent()
    raw: bytes = message.SerializeToString(deterministic=True)
    return raw


HELLO = request(node=N1, resource=R0)
"""The first message of a sidecar: N1 and R0, no metrics."""
