"""KEDA's side of the protocol, as small as it can be: asks for one trigger's value, target and activity."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import grpc

from daemon.scaler import schema
from daemon.scaler.decision import Numbers

TIMEOUT_S = 10.0


class NoValueError(Exception):
    """The scaler answered with an error: `status` is its gRPC code in lower case, the text is its own."""

    def __init__(self, status: str, text: str) -> None:
        super().__init__(status, text)
        self.status = status
        self.text = text

    def __str__(self) -> str:
        return f"{self.status}: {self.text}"


class ScalerClient:
    """One trigger of one scaled object; `channel` is a grpc.aio channel to the scaler.

    Each method raises NoValueError if the scaler answers with an error.
    """

    # Any: grpc ships no types.
    def __init__(
        self, channel: Any, metadata: Mapping[str, str], *, namespace: str, name: str
    ) -> None:
        self._channel = channel
        self._ref = schema.ScaledObjectRef(
            name=name, namespace=namespace, scalerMetadata=dict(metadata)
        )
        self._request = schema.GetMetricsRequest(
            scaledObjectRef=self._ref, metricName=f"{namespace}-{name}"
        )

    async def value(self) -> float:
        """Return the metric's value."""
        return (await self.numbers()).exact

    async def numbers(self) -> Numbers:
        """Return the metric's value in both forms of the wire."""
        reply = await self._ask("GetMetrics", self._request)
        [value] = reply.metricValues
        return Numbers(int(value.metricValue), float(value.metricValueFloat))

    async def target(self) -> Numbers:
        """Return the target in both forms of the wire."""
        reply = await self._ask("GetMetricSpec", self._ref)
        [spec] = reply.metricSpecs
        return Numbers(int(spec.targetSize), float(spec.targetSizeFloat))

    async def is_active(self) -> bool:
        """Return whether the scaled object is to run at all."""
        return bool((await self._ask("IsActive", self._ref)).result)

    # Any: a protobuf message.
    async def _ask(self, method: str, request: Any) -> Any:
        call = self._channel.unary_unary(f"/{schema.SERVICE}/{method}")
        try:
            wire = await call(schema.encode(request), timeout=TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            raise NoValueError(error.code().name.lower(), error.details() or "") from error
        return schema.decode(f"{method}Response", wire)
