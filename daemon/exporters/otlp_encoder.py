"""A batch to requests of OTLP, for gRPC and HTTP alike."""

from __future__ import annotations

import json
from base64 import b64decode
from collections.abc import Callable, Generator
from typing import Any

from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

from daemon.exporters.encode import Encoded, encode_steps
from daemon.exporters.sending_queue import Request
from receivers.consumer import Batch, Count


class OtlpEncoder:
    """Implements `daemon.exporters.shipping.Encoder`: one request for a batch, none for one without metrics."""

    def __init__(self, count_refused: Count) -> None:
        self._count_refused = count_refused

    def __call__(self, batch: Batch, put: Callable[[Request], None]) -> Generator[None]:
        """Encode `batch` in steps."""
        encoded = Encoded()
        yield from encode_steps(batch, encoded)
        if encoded.refused:
            self._count_refused("not_encodable", encoded.refused)
        if encoded.metrics:
            put(Request(encoded.body, encoded.points))


def to_json(body: bytes) -> bytes:
    """Return an encoded request as OTLP's JSON: proto3's, but ids of traces and spans are hexadecimal."""
    request = ExportMetricsServiceRequest.FromString(body)
    document = MessageToDict(request, use_integers_for_enums=True)
    _ids_to_hex(document)
    return json.dumps(document, separators=(",", ":")).encode()


def _ids_to_hex(value: Any) -> None:  # Any: a JSON document
    if isinstance(value, list):
        for item in value:
            _ids_to_hex(item)
    elif isinstance(value, dict):
        for item in value.values():
            _ids_to_hex(item)
        for exemplar in value.get("exemplars", ()):
            for name in ("traceId", "spanId"):
                if name in exemplar:
                    exemplar[name] = b64decode(exemplar[name]).hex()
