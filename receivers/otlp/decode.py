"""OTLP metrics -> the model: headers at once and shared, data points when somebody reads them.

A bad point costs itself: it is left out, counted and told to the sender (otlp.md 1.4).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

from receivers.consumer import Count, Sender
from receivers.errors import DecodeError
from receivers.model import (
    NO_ATTRIBUTES,
    MetricHeader,
    MetricType,
    Resource,
    ResourceMetrics,
    Scope,
    ScopeMetrics,
    Temporality,
)
from receivers.otlp import schema
from receivers.otlp.attributes import decode_attributes, decode_text
from receivers.otlp.identity import identify
from receivers.otlp.points import KINDS
from receivers.otlp.refusals import Refusal, RefusedError
from receivers.otlp.request import ExportRequest, Rejections
from receivers.otlp.wire_metric import (
    MAX_POINTS,
    Layout,
    PointReader,
    Reading,
    WireDeltaMetric,
    WireMetric,
)

PROTOCOL = "otlp"
MAX_AHEAD_MS = 600_000
MAX_METRICS = 200_000
"""Of one request; each takes two bytes at least, and most requests have a hundred."""
MAX_KNOWN = 4096
"""Of resources, of scopes and of headers."""
MAX_KNOWN_BYTES = 16_384
"""Of one of them; larger ones are decoded anew each time."""
_NANOS_PER_MS = 1_000_000
_TEMPORALITIES = frozenset({Temporality.DELTA, Temporality.CUMULATIVE})

# Any: message objects; protobuf ships no types.
Message = Any

_T = TypeVar("_T")


class Decoder:
    """The decoding of one receiver: its counter and what it remembers between requests, all bounded."""

    __slots__ = ("_count", "_layouts", "_points", "_resources", "_scopes")

    def __init__(self, count: Count, *, max_attributes: int = 128) -> None:
        self._count = count
        self._points = PointReader(count, max_attributes)
        self._resources: dict[tuple[bytes, bytes], tuple[Resource, str]] = {}
        self._scopes: dict[tuple[bytes, bytes], Scope] = {}
        self._layouts: dict[tuple[object, ...], Layout] = {}

    def decode(self, raw: bytes, *, peer: str, at_ms: int) -> ExportRequest:
        """Return what the ExportMetricsServiceRequest `raw` holds; `peer` is who sent it, `at_ms` when it came.

        Raises:
            DecodeError: `raw` is no such message, or one with a senseless number of metrics.
        """
        try:
            message = schema.RequestParts.FromString(raw)
        except schema.WireError as error:
            raise DecodeError("OTLP request", str(error) or "not protobuf") from error
        _check_size(message)
        latest = at_ms * _NANOS_PER_MS + MAX_AHEAD_MS * _NANOS_PER_MS
        reading = Reading(self._points, Rejections(), latest)
        batches: dict[Sender, list[ResourceMetrics]] = {}
        for part in message.resource_metrics:
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
            message, field, data = _cut(raw)
        except schema.WireError:
            # How many points are lost cannot be said: it counts as one.
            reading.reject(Refusal.UNDECODABLE, "", 1)
            return None
        points = data.data_points
        try:
            layout = self._layout(message, field, data)
            refusal = layout.refusal
        except RefusedError as error:
            refusal = error.refusal
        if len(points) > MAX_POINTS:
            refusal = Refusal.TOO_MANY_POINTS
        if refusal and (points or refusal is not Refusal.NO_TEMPORALITY):
            reading.reject(refusal, message.name.decode(errors="replace"), len(points))
            return None
        if layout.header.temporality is Temporality.DELTA:
            return WireDeltaMetric(layout, reading, points)
        return WireMetric(layout, reading, points)

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
            self._remember(self._resources, key, known, len(raw) + len(schema_url))
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
            self._remember(self._scopes, key, scope, len(raw) + len(schema_url))
        return scope

    def _layout(self, message: Message, field: str | None, data: Message) -> Layout:
        temporality, is_monotonic = data.aggregation_temporality, data.is_monotonic
        metadata = tuple(message.metadata)
        key = (
            message.name,
            message.description,
            message.unit,
            field,
            temporality,
            is_monotonic,
            metadata,
        )
        layout = self._layouts.get(key)
        if layout is None:
            layout = self._learn_layout(message, field, temporality, is_monotonic)
            size = len(message.name) + len(message.description) + len(message.unit)
            self._remember(self._layouts, key, layout, size + sum(map(len, metadata)))
        return layout

    def _learn_layout(
        self, message: Message, field: str | None, temporality: int, is_monotonic: bool
    ) -> Layout:
        kind = KINDS[field] if field else None
        has_temporality = kind is not None and kind.has_temporality
        refusal = None
        if has_temporality and temporality not in _TEMPORALITIES:
            temporality, refusal = Temporality.UNSPECIFIED, Refusal.NO_TEMPORALITY
        header = MetricHeader(
            name=decode_text(message.name),
            description=decode_text(message.description),
            unit=decode_text(message.unit),
            type=kind.type if kind else MetricType.NONE,
            temporality=Temporality(temporality if has_temporality else 0),
            is_monotonic=is_monotonic and kind is not None and kind.type is MetricType.SUM,
            metadata=self._attributes(message.metadata),
        )
        if not header.name:
            refusal = Refusal.EMPTY_NAME
        return Layout(header=header, kind=kind or KINDS["gauge"], refusal=refusal)

    def _attributes(self, raws: Sequence[bytes]) -> Any:
        return decode_attributes(raws, self._points.max_attributes) if raws else NO_ATTRIBUTES

    def _remember(self, cache: dict[Any, _T], key: Any, value: _T, size_bytes: int) -> None:
        if size_bytes > MAX_KNOWN_BYTES:
            return
        if len(cache) >= MAX_KNOWN:
            cache.clear()
            self._count(Refusal.CACHE_CLEARED, 1)
        cache[key] = value


def _check_size(request: Message) -> None:
    parts = request.resource_metrics
    size = len(parts)
    if size <= MAX_METRICS:
        size = max(size, sum(len(part.scope_metrics) for part in parts))
    if size <= MAX_METRICS:
        size = sum(len(scope.metrics) for part in parts for scope in part.scope_metrics)
    if size > MAX_METRICS:
        raise DecodeError("OTLP request", f"more than {MAX_METRICS} metrics: send less at once")


def _cut(raw: bytes) -> tuple[Message, str | None, Message]:
    """Return a metric, the field of its data and that data; raises `WireError`."""
    message = schema.MetricParts.FromString(raw)
    field: str | None = message.WhichOneof("data")
    return message, field, schema.DataParts.FromString(getattr(message, field) if field else b"")


def _parse(message_class: schema.MessageClass, raw: bytes) -> Message:
    try:
        return message_class.FromString(raw)
    except schema.WireError as error:
        raise RefusedError(Refusal.UNDECODABLE) from error


def _reject_all(scopes: Sequence[Message], refusal: Refusal, reading: Reading) -> None:
    """Reject the points of all metrics in `scopes`, of each in the name of its metric."""
    for scope in scopes:
        for raw in scope.metrics:
            try:
                message, _, data = _cut(raw)
            except schema.WireError:
                reading.reject(Refusal.UNDECODABLE, "", 1)
                continue
            points = len(data.data_points)
            reading.reject(refusal, message.name.decode(errors="replace"), points)
