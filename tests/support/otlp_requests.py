"""OTLP requests as SDKs send them, made of the message classes that opentelemetry-proto ships."""

from __future__ import annotations

import gzip
from collections.abc import Mapping, Sequence

from google.protobuf import json_format
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsServiceRequest,
    ExportMetricsServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import (
    Gauge,
    Metric,
    NumberDataPoint,
    ResourceMetrics,
    ScopeMetrics,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

NOW_MS = 1_700_000_000_000


def point(value: float, at_ms: int = NOW_MS, **attributes: str) -> NumberDataPoint:
    """A number; `at_ms` 0 leaves the time out, which makes the point a bad one."""
    return NumberDataPoint(
        time_unix_nano=at_ms * 1_000_000, as_double=value, attributes=_pairs(attributes)
    )


def gauge(name: str = "m", *points: NumberDataPoint) -> Metric:
    return Metric(name=name, gauge=Gauge(data_points=points or (point(5.0),)))


def request(
    *metrics: Metric, instance: str = "", resource: Mapping[str, str] | None = None
) -> ExportMetricsServiceRequest:
    """One resource and one scope; without any metric a gauge."""
    attributes = dict(resource or {})
    if instance:
        attributes["service.instance.id"] = instance
    return together([(metrics or (gauge(),), attributes)])


def together(
    parts: Sequence[tuple[Sequence[Metric], Mapping[str, str]]],
) -> ExportMetricsServiceRequest:
    """Several resources in one request."""
    return ExportMetricsServiceRequest(
        resource_metrics=[
            ResourceMetrics(
                resource=Resource(attributes=_pairs(attributes)),
                scope_metrics=[ScopeMetrics(metrics=metrics)],
            )
            for metrics, attributes in parts
        ]
    )


def raw(*metrics: Metric, instance: str = "") -> bytes:
    encoded: bytes = request(*metrics, instance=instance).SerializeToString()
    return encoded


def large(size: int) -> bytes:
    """A gauge in a message of that many bytes, most of it in a field that nobody knows; 30 bytes at least."""
    one = raw()
    left = size - len(one) - 6
    length = bytes(
        ((left >> shift) & 0x7F) | (0x80 if shift < 21 else 0) for shift in (0, 7, 14, 21)
    )
    return one + b"\x9a\x06" + length + bytes(left)


def as_json(message: ExportMetricsServiceRequest) -> bytes:
    text: str = json_format.MessageToJson(message)
    return text.encode()


def packed(body: bytes) -> bytes:
    """`body` in gzip, the same bytes whenever it is made: names of tests are made of them."""
    return gzip.compress(body, mtime=0)


def partial_success(body: bytes) -> tuple[int, str]:
    """What the answer says of rejected points."""
    partial = ExportMetricsServiceResponse.FromString(body).partial_success
    return partial.rejected_data_points, partial.error_message


def _pairs(attributes: Mapping[str, str]) -> list[KeyValue]:
    return [
        KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in attributes.items()
    ]
