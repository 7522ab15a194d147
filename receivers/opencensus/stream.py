"""One MetricsService/Export stream: Node and Resource carried from message to message (opencensus.md 2.2)."""

from __future__ import annotations

from typing import Any

from receivers.consumer import Batch, Sender
from receivers.errors import DecodeError, ReceiverError
from receivers.model import Metric, Resource, ResourceMetrics, Scope, ScopeMetrics
from receivers.opencensus import schema
from receivers.opencensus.decode import Decoder, Layout, WireMetric
from receivers.opencensus.node import NodeParts, decode_node, decode_resource, sender_identity
from receivers.opencensus.refusals import Refusal

MAX_METRIC_RESOURCES = 64
MAX_METRICS = 16_384
"""Of one message: 200 reports of daprd; a message of nothing but empty metrics would hold eight million."""
MAX_RESOURCE_BYTES = 65_536
"""Of a Node or Resource, which is kept as long as the stream; daprd's have 60."""
_SCOPE = Scope()


class FirstMessageError(ReceiverError):
    """A stream whose first message does not say who sends it; the text is the collector's."""

    def __str__(self) -> str:
        return "protocol violation: Export's first message must have a Node"


class StreamState:
    """What one stream has said so far.

    `peer` is the sender's IP address, its identity if its Node names no process.
    """

    def __init__(self, decoder: Decoder, peer: str) -> None:
        self._decoder = decoder
        self.peer = peer
        self._node_bytes: bytes | None = None
        self._node: NodeParts | None = None
        self._resource_bytes = b""
        self.resource = Resource()
        """Of the Node and of the Resource last sent."""
        self._metric_resources: dict[bytes, Resource] = {}
        self.sender: Sender | None = None

    def receive(self, raw: bytes, at_ms: int) -> Batch | None:
        """Return what the next message of the stream holds, None if it carries no metrics.

        Raises:
            FirstMessageError: no message has had a Node yet, and this one has none either.
            DecodeError: message, Node or Resource are no protobuf or out of all proportion; the stream stands as it stood before.
        """
        try:
            request = schema.RequestParts.FromString(raw)
        except schema.WireError as error:
            raise DecodeError("OpenCensus metrics request", str(error)) from error
        if len(request.metrics) > MAX_METRICS:
            raise DecodeError("OpenCensus metrics request", f"more than {MAX_METRICS} metrics")
        self._carry_over(
            request.node if request.HasField("node") else None,
            request.resource if request.HasField("resource") else None,
        )
        metrics = request.metrics
        if not metrics or self.sender is None:
            return None
        return Batch(self.sender, at_ms, self._groups(metrics))

    def _carry_over(self, node_bytes: bytes | None, resource_bytes: bytes | None) -> None:
        """Take over Node and Resource where the message has them; the same bytes keep the same `Resource`."""
        if max(len(node_bytes or b""), len(resource_bytes or b"")) > MAX_RESOURCE_BYTES:
            raise DecodeError(
                "OpenCensus Node or Resource", f"more than {MAX_RESOURCE_BYTES} bytes"
            )
        if node_bytes is None:
            node_bytes = self._node_bytes
        if node_bytes is None:
            raise FirstMessageError
        if resource_bytes is None:
            resource_bytes = self._resource_bytes
        if node_bytes == self._node_bytes and resource_bytes == self._resource_bytes:
            return
        node = self._node
        if node is None or node_bytes != self._node_bytes:
            node = decode_node(node_bytes)
        resource = decode_resource(node, resource_bytes)
        if node is not self._node:
            self._metric_resources.clear()
            self.sender = Sender("opencensus", sender_identity(node, self.peer))
        self._node_bytes, self._node = node_bytes, node
        self._resource_bytes, self.resource = resource_bytes, resource

    # Any: a repeated field of message objects; protobuf ships no types.
    def _groups(self, metrics: Any) -> list[ResourceMetrics]:
        """Return the metrics of the stream's resource first, then each with a resource of its own (3.1)."""
        decoder = self._decoder
        known, absent = decoder.layouts, schema.NO_RESOURCE
        shared: list[Metric] = []
        groups: list[ResourceMetrics] = []
        for message in metrics[:]:  # a slice: upb copies a list at once, but iterates it by index
            layout = known.get(message.metric_descriptor) or self._layout(message)
            if layout is None:
                continue
            if message.resource == absent:
                shared.append(WireMetric(layout, message))
            elif (resource := self._metric_resource(message.resource)) is not None:
                own: list[Metric] = [WireMetric(layout, message)]
                groups.append(ResourceMetrics(resource, [ScopeMetrics(_SCOPE, own)]))
        if shared:
            groups.insert(0, ResourceMetrics(self.resource, [ScopeMetrics(_SCOPE, shared)]))
        return groups

    # Any: a message object; protobuf ships no types.
    def _layout(self, metric: Any) -> Layout | None:
        """Return the layout of a metric whose descriptor is new; None, and counted, if it has none."""
        layout = self._decoder.learn_layout(metric.metric_descriptor)
        if isinstance(layout, Layout):
            return layout
        absent = not metric.HasField("metric_descriptor")
        self._decoder.count(Refusal.NO_DESCRIPTOR if absent else layout, 1)
        return None

    def _metric_resource(self, raw: bytes) -> Resource | None:
        """Return the resource of a metric that has its own: it replaces the stream's, but not the Node."""
        resource = self._metric_resources.get(raw)
        if resource is None and self._node is not None:
            if len(raw) > MAX_RESOURCE_BYTES:
                self._decoder.count(Refusal.UNDECODABLE_METRIC, 1)
                return None
            try:
                resource = decode_resource(self._node, raw)
            except DecodeError:
                self._decoder.count(Refusal.UNDECODABLE_METRIC, 1)
                return None
            if len(self._metric_resources) >= MAX_METRIC_RESOURCES:
                self._metric_resources.clear()
                self._decoder.count(Refusal.CACHE_CLEARED, 1)
            self._metric_resources[raw] = resource
        return resource
