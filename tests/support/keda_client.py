"""KEDA's side of the ExternalScaler protocol, as small as it can be."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import grpc

from daemon.recording import WALK_THROUGH
from daemon.scaler import schema

WALKTHROUGH: Mapping[str, str] = {
    "scalerAddress": "keda-otel-scaler.default.svc:4318",
    **WALK_THROUGH,
}
"""The metadata of the Dapr walk-through's ScaledObject."""

KEDA_2_17 = schema.build_classes(schema.MESSAGES)
KEDA_2_16 = schema.build_classes(
    {
        name: tuple(field for field in fields if not field.name.endswith("Float"))
        for name, fields in schema.MESSAGES.items()
    }
)
"""KEDA before 2.17 knows no float fields (keda.md 1.5)."""


class KedaClient:
    """One trigger of one scaled object, seen from KEDA."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        metadata: Mapping[str, str],
        *,
        name: str = "nodeapp",
        namespace: str = "default",
        classes: Mapping[str, Any] = KEDA_2_17,
    ) -> None:
        self._channel = channel
        self._classes = classes
        self.ref = classes["ScaledObjectRef"](
            name=name, namespace=namespace, scalerMetadata=dict(metadata)
        )

    async def spec(self) -> list[tuple[str, int, float]]:
        reply = await self._unary("GetMetricSpec", "GetMetricSpecResponse", self.ref)
        return _specs(reply)

    async def metrics(self, metric_name: str = "default-nodeapp") -> list[tuple[str, int, float]]:
        request = self._classes["GetMetricsRequest"](
            scaledObjectRef=self.ref, metricName=metric_name
        )
        reply = await self._unary("GetMetrics", "GetMetricsResponse", request)
        return [
            (v.metricName, v.metricValue, getattr(v, "metricValueFloat", 0.0))
            for v in reply.metricValues
        ]

    async def value(self) -> float:
        """Return the metric's exact value."""
        [(_, _, exact)] = await self.metrics()
        return exact

    async def outcome(self) -> float | str:
        """Return the metric's exact value, or the name of the status that came instead."""
        try:
            return await self.value()
        except grpc.aio.AioRpcError as error:
            return str(error.code().name)

    async def is_active(self) -> bool:
        reply = await self._unary("IsActive", "IsActiveResponse", self.ref)
        return bool(reply.result)

    def stream_is_active(self) -> Any:
        return self._stream("StreamIsActive", "IsActiveResponse")

    def stream_metric_spec(self) -> Any:
        return self._stream("StreamMetricSpec", "GetMetricSpecResponse")

    async def raw(self, method: str, request: bytes) -> bytes:
        call = self._channel.unary_unary(f"/{schema.SERVICE}/{method}")
        reply: bytes = await call(request)
        return reply

    async def _unary(self, method: str, response: str, request: Any) -> Any:
        return self._classes[response].FromString(
            await self.raw(method, request.SerializeToString())
        )

    def _stream(self, method: str, response: str) -> Any:
        call = self._channel.unary_stream(
            f"/{schema.SERVICE}/{method}",
            response_deserializer=self._classes[response].FromString,
        )
        return call(self.ref.SerializeToString())


def _specs(reply: Any) -> list[tuple[str, int, float]]:
    return [
        (s.metricName, s.targetSize, getattr(s, "targetSizeFloat", 0.0)) for s in reply.metricSpecs
    ]


specs_of = _specs


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[grpc.aio.Channel]:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        yield channel
