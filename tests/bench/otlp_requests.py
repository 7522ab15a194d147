"""OTLP requests of 100 and more series as SDKs send them, and the plain way to read them."""

from __future__ import annotations

from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from receivers.model import DataPoint, NumberDataPoint

NANOS = 1_000_000_000
BEFORE_S = 600
"""How long before their first interval the counters began."""
INTERVAL_S = 0.01
"""Between requests: none of a long benchmark is ahead of the clock."""
ATTRIBUTES = {
    "http.request.method": "GET",
    "http.route": "/orders/{id}",
    "http.response.status_code": 200,
    "server.address": "orders.default.svc",
    "network.protocol.version": "1.1",
}


def export(metrics: int, series: int, at_s: float, number: int) -> Any:
    """Cumulative counters of one process: so many metrics of so many series each, `number` intervals after `at_s`."""
    message = ExportMetricsServiceRequest()
    part = message.resource_metrics.add()
    part.resource.attributes.add(key="service.instance.id").value.string_value = "6f1c"
    scope = part.scope_metrics.add()
    for metric in range(metrics):
        one = scope.metrics.add(
            name=f"http.server.requests.{metric}", description="Requests served", unit="{request}"
        )
        one.sum.aggregation_temporality, one.sum.is_monotonic = 2, True
        for which in range(series):
            _add_point(one.sum, which, at_s, number)
    return message


def _add_point(data: Any, series: int, at_s: float, number: int) -> None:
    point = data.data_points.add(
        start_time_unix_nano=int(at_s - BEFORE_S) * NANOS,
        time_unix_nano=int((at_s + number * INTERVAL_S) * NANOS),
        as_int=series + number,
    )
    for key, value in ATTRIBUTES.items():
        pair = point.attributes.add(key=key).value
        if isinstance(value, int):
            pair.int_value = value + series
        else:
            pair.string_value = value


def walk(raw: bytes) -> list[DataPoint]:
    """The plain way: every point of the official classes as the model has it."""
    return [
        NumberDataPoint(
            attributes={
                pair.key: getattr(pair.value, pair.value.WhichOneof("value"))
                for pair in point.attributes
            },
            start_time_unix_nano=point.start_time_unix_nano,
            time_unix_nano=point.time_unix_nano,
            value=getattr(point, point.WhichOneof("value")),
            flags=point.flags,
        )
        for part in ExportMetricsServiceRequest.FromString(raw).resource_metrics
        for scope in part.scope_metrics
        for metric in scope.metrics
        for point in metric.sum.data_points
    ]
