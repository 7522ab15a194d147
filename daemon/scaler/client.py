"""KEDA's side of the protocol, as small as it can be: asks for one trigger's value."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc

from daemon.scaler import schema

_GET_METRICS = f"/{schema.SERVICE}/GetMetrics"


class NoValueError(Exception):
    """The scaler answered with an error: `status` is its gRPC code in lower case, the text is its own."""

    def __init__(self, status: str, text: str) -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text

    def __str__(self) -> str:
        return f"{self.status}: {self.text}"


class ScalerClient:
    """One trigger of one scaled object; `channel` is a grpc.aio channel to the scaler."""

    # Any: grpc ships no types.
    def __init__(
        self, channel: Any, metadata: Mapping[str, str], *, namespace: str, name: str
    ) -> None:
        self._call = channel.unary_unary(_GET_METRICS)
        ref = schema.ScaledObjectRef(name=name, namespace=namespace, scalerMetadata=dict(metadata))
        request = schema.GetMetricsRequest(scaledObjectRef=ref, metricName=f"{namespace}-{name}")
        self._request = schema.encode(request)

    async def value(self, timeout_s: float = 10.0) -> float:
        """Return the metric's value.

        Raises:
            NoValueError: the scaler gives none.
        """
        try:
            wire = await self._call(self._request, timeout=timeout_s)
        except grpc.aio.AioRpcError as error:
            raise NoValueError(error.code().name.lower(), error.details() or "") from error
        reply = schema.decode("GetMetricsResponse", wire)
        return float(reply.metricValues[0].metricValueFloat)
