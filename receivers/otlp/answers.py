"""ExportMetricsServiceResponse and google.rpc.Status, in the encoding of the request they answer."""

from __future__ import annotations

import json

from receivers.otlp.receiver import Answer, Taken
from receivers.otlp.status import encode_status, encode_status_json


def encode_answer(answer: Answer) -> bytes:
    """Return the body of an answer as protobuf; nothing at all for a request that was taken whole (otlp.md 1.1)."""
    if not isinstance(answer, Taken):
        return encode_status(answer)
    if not answer.rejected and not answer.message:
        return b""
    # Imported where it is used: most senders are never told of a rejected point.
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (  # noqa: PLC0415
        ExportMetricsPartialSuccess,
        ExportMetricsServiceResponse,
    )

    partial = ExportMetricsPartialSuccess(
        rejected_data_points=answer.rejected, error_message=answer.message
    )
    body: bytes = ExportMetricsServiceResponse(partial_success=partial).SerializeToString()
    return body


def encode_answer_json(answer: Answer) -> bytes:
    """Return the same as proto3 JSON, where 64-bit integers are strings."""
    if not isinstance(answer, Taken):
        return encode_status_json(answer)
    partial: dict[str, str] = {}
    if answer.rejected:
        partial["rejectedDataPoints"] = str(answer.rejected)
    if answer.message:
        partial["errorMessage"] = answer.message
    body = {"partialSuccess": partial} if partial else {}
    return json.dumps(body, ensure_ascii=False).encode()
