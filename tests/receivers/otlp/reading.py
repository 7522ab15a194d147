"""A decoder and what it says of a request, in the notation of `tests.support.payloads`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from receivers.consumer import Sender
from receivers.model import EncodedPoints, Metric, ResourceMetrics
from receivers.otlp.decode import Decoder
from receivers.otlp.request import ExportRequest
from tests.support.otlp_messages import request_bytes
from tests.support.payload_text import written
from tests.support.payloads import EPOCH_S, payload

PEER = "10.0.0.7"
AT_MS = (EPOCH_S + 3600) * 1000
"""An hour after the notation's zero."""


@dataclass(slots=True)
class Reader:
    """A decoder with its counter."""

    counts: Counter[str] = field(default_factory=Counter)
    max_attributes: int = 128
    decoder: Decoder = field(init=False)

    def __post_init__(self) -> None:
        self.decoder = Decoder(self._count, max_attributes=self.max_attributes)

    def _count(self, reason: str, points: int) -> None:
        self.counts[reason] += points

    def request(self, raw: bytes | str) -> ExportRequest:
        """Decode bytes, or what a text says."""
        if isinstance(raw, str):
            raw = request_bytes(payload(raw))
        return self.decoder.decode(raw, peer=PEER, at_ms=AT_MS)

    def whole(self, raw: bytes | str) -> str:
        """Return what all points say when they are decoded whole."""
        return written(resources(self.request(raw)))


def resources(request: ExportRequest) -> list[ResourceMetrics]:
    """Return what a request holds, whoever sent it."""
    return [one for _, batch in request.batches for one in batch]


def metrics(request: ExportRequest) -> list[Metric]:
    """Return all metrics of a request."""
    return [
        metric
        for resource in resources(request)
        for scope in resource.scope_metrics
        for metric in scope.metrics
    ]


def encoded(metric: Metric) -> EncodedPoints:
    """Return what is left on the wire of a metric that nobody has read."""
    found = metric.encoded
    assert found is not None
    return found


def senders(request: ExportRequest) -> Sequence[Sender]:
    """Return who speaks in a request."""
    return [sender for sender, _ in request.batches]
