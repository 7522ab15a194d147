"""OTLP metrics -> the model: headers at once and shared, data points when somebody reads them.

A bad point costs itself: it is left out, counted and told to the sender (otlp.md 1.4).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.protobuf.unknown_fields import UnknownFieldSet

from receivers.consumer import Count, Sender
from receivers.errors import DecodeError
from receivers.model import (
    NO_ATTRIBUTES,
    Attributes,
    Resource,
    ResourceMetrics,
    Scope,
    ScopeMetrics,
)
from receivers.otlp import schema
from receivers.otlp.attributes import decode_attributes, decode_text
from receivers.otlp.cache import Cache
from receivers.otlp.headers import HeaderReader, cut_metric
from receivers.otlp.identity import identify
from receivers.otlp.reader import PointReader, Reading
from receivers.otlp.refusals import Refusal, RefusedError
from receivers.otlp.request import ExportRequest, Rejections
from receivers.otlp.shape import PROTOCOL
from receivers.otlp.shapes import Shapes
from receivers.otlp.wire_metric import WireDeltaMetric, WireMetric

MAX_AHEAD_MS = 600_000
MAX_METRICS = 200_000
"""Of one request; each takes two bytes at least, and most requests have a hundred."""
_MIN_METRIC_BYTES = 2
MAX_KNOWN = 4096
"""Resources, and as many scopes."""
_NANOS_PER_MS = 1_000_000

# Any: message objects; protobuf ships no types.
Message = Any


class Decoder:
    """The decoding of one receiver: its counter and what it remembers between requests, all bounded."""

    __slots__ = ("_headers", "_points", "_resources", "_scopes", "_shapes")

    def __init__(self, count: Count, *, max_attributes: int = 128) -> None:
        self._points = PointReader(count, max_attributes)
        self._headers = HeaderReader(count, max_attributes)
        self._shapes = Shapes(self._points, count)
        self._resources: Cache[tuple[bytes, bytes], tuple[Resource, str]] = Cache(MAX_KNOWN, count)
        """And what identifies its process."""
        self._scopes: Cache[tuple[bytes, bytes], Scope] = Cache(MAX_KNOWN, count)

    def decode(self, raw: bytes, *, peer: str, at_ms: int) -> ExportRequest:
        """Return what the ExportMetricsServiceRequest `raw` holds; `peer` is who sent it, `at_ms` when it came.

        Raises:
            DecodeError: `raw` is no such message, or one with a senseless number of metrics.
        """
        latest = (at_ms + MAX_AHEAD_MS) * _NANOS_PER_MS
        reading = Reading(self._points, Rejections(), latest)
        request = self._shapes.read(raw, reading, peer)
        if request is None:
            request = self._read(raw, reading, peer)
            self._shapes.note(raw, request, latest)
        return request

    def _read(self, raw: bytes, reading: Reading, peer: str) -> ExportRequest:
        try:
            message = schema.RequestParts.FromString(raw)
        except schema.WireError as error:
            raise DecodeError("OTLP request", str(error) or "not protobuf") from error
        if len(raw) > MAX_METRICS * _MIN_METRIC_BYTES:
            _check_size(message)
        _check_types(message)
        batches: dict[Sender, list[ResourceMetrics]] = {}
        for part in message.resource_metrics:
            _check_types(part)
            if not any(scope.metrics for scope in part.scope_metrics):
                continue
            try:
                resource, identity = self._resource(part.resource, part.schema_url)
            except RefusedError as error:
                _reject_all(part.scope_metrics, error.refusal, reading)
                continue
            scopes = self._read_scopes(part.scope_metrics, reading)
            sender = Sender(PROTOCOL, identity or peer)
            batches.setdefault(sender, []).append(ResourceMetrics(resource, scopes))
        return ExportRequest(list(batches.items()), reading.rejections)

    def _read_scopes(self, messages: Sequence[Message], reading: Reading) -> list[ScopeMetrics]:
        scopes = []
        for message in messages:
            try:
                scope = self._scope(message.scope, message.schema_url)
            except RefusedError as error:
                _reject_all([message], error.refusal, reading)
                continue
            metrics = [self._metric(raw, reading) for raw in message.metrics[:]]
            scopes.append(ScopeMetrics(scope, [metric for metric in metrics if metric]))
        return scopes

    def _metric(self, raw: bytes, reading: Reading) -> WireMetric | None:
        """Return a metric whose points stay on the wire, None where its header says that all are bad."""
        try:
            layout, data = self._headers.read(raw)
            refusal = layout.refusal
        except schema.WireError:
            # How many points are lost cannot be said: it counts as one.
            reading.reject(Refusal.UNDECODABLE, "", 1)
            return None
        except RefusedError as error:
            refusal = error.refusal
        if refusal and (_reject(raw, refusal, reading) or refusal is not Refusal.NO_TEMPORALITY):
            return None
        return (WireDeltaMetric if layout.is_delta else WireMetric)(layout, reading, data)

    def _resource(self, raw: bytes, schema_url: bytes) -> tuple[Resource, str]:
        """Return the resource and what identifies its process: the same object for the same bytes."""
        key = (raw, schema_url)
        known = self._resources.get(key)
        if known is None:
            message = _parse(schema.ResourceParts, raw)
            resource = Resource(
                attributes=self._attributes(message.attributes),
                dropped_attributes_count=message.dropped_attributes_count,
                schema_url=decode_text(schema_url),
            )
            known = resource, identify(resource.attributes)
            self._resources.put(key, known, len(raw) + len(schema_url))
        return known

    def _scope(self, raw: bytes, schema_url: bytes) -> Scope:
        key = (raw, schema_url)
        scope = self._scopes.get(key)
        if scope is None:
            message = _parse(schema.ScopeParts, raw)
            scope = Scope(
                name=decode_text(message.name),
                version=decode_text(message.version),
                attributes=self._attributes(message.attributes),
                dropped_attributes_count=message.dropped_attributes_count,
                schema_url=decode_text(schema_url),
            )
            self._scopes.put(key, scope, len(raw) + len(schema_url))
        return scope

    def _attributes(self, raws: Sequence[bytes]) -> Attributes:
        return decode_attributes(raws, self._points.max_attributes) if raws else NO_ATTRIBUTES


def _check_size(request: Message) -> None:
    parts = request.resource_metrics
    size = len(parts)
    if size <= MAX_METRICS:
        size = max(size, sum(len(part.scope_metrics) for part in parts))
    if size <= MAX_METRICS:
        size = sum(len(scope.metrics) for part in parts for scope in part.scope_metrics)
    if size > MAX_METRICS:
        raise DecodeError("OTLP request", f"more than {MAX_METRICS} metrics: send less at once")


def _check_types(message: Message) -> None:
    """Refuse a message with a field of another type than it should be, which the parser takes for one of the future."""
    for field in UnknownFieldSet(message):
        if field.field_number in message.DESCRIPTOR.fields_by_number:
            raise DecodeError("OTLP request", f"field {field.field_number} is of a wrong type")


def _parse(message_class: schema.MessageClass, raw: bytes) -> Message:
    try:
        return message_class.FromString(raw)
    except schema.WireError as error:
        raise RefusedError(Refusal.UNDECODABLE) from error


def _reject_all(scopes: Sequence[Message], refusal: Refusal, reading: Reading) -> None:
    for scope in scopes:
        for raw in scope.metrics:
            _reject(raw, refusal, reading)


def _reject(raw: bytes, refusal: Refusal, reading: Reading) -> int:
    """Reject all points of the metric `raw` and return how many there are."""
    try:
        message, _, data = cut_metric(raw)
    except schema.WireError:
        reading.reject(Refusal.UNDECODABLE, "", 1)
        return 1
    points = len(data.data_points)
    reading.reject(refusal, message.name.decode(errors="replace"), points)
    return points
