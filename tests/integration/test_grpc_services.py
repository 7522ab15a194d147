"""Health and reflection on every gRPC port, asked with the libraries' own clients."""

from __future__ import annotations

import asyncio

import grpc
import pytest
from google.protobuf.descriptor_pool import DescriptorPool
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from receivers.grpc_services import HEALTH, MAX_WATCHERS, REFLECTION
from tests.support.running_app import UNIT_S, RunningApp, connect, running_app

pytestmark = pytest.mark.integration

NOW_MS = 1_730_500_000_000
PORTS = {
    "opencensus": (
        "opencensus.proto.agent.metrics.v1.MetricsService",
        "Export",
        "opencensus.proto.agent.metrics.v1.ExportMetricsServiceRequest",
    ),
    "otlp.protocols.grpc": (
        "opentelemetry.proto.collector.metrics.v1.MetricsService",
        "Export",
        "opentelemetry.proto.collector.metrics.v1.ExportMetricsServiceRequest",
    ),
    "keda_scaler": (
        "externalscaler.ExternalScaler",
        "GetMetrics",
        "externalscaler.GetMetricsRequest",
    ),
}
"""Port -> its service, a method of it, and what that takes."""
OTLP = "{receivers: {otlp: {protocols: {grpc: null}}}, service: {pipelines: {metrics: {receivers: [opencensus, otlp]}}}}"
every_port = pytest.mark.parametrize("port", PORTS)
Status = health_pb2.HealthCheckResponse.ServingStatus


async def _check(run: RunningApp, port: str, service: str) -> str:
    async with connect(run.app.ports[port]) as channel:
        request = health_pb2.HealthCheckRequest(service=service)
        answer = await health_pb2_grpc.HealthStub(channel).Check(request, timeout=UNIT_S)
    return str(Status.Name(answer.status))


@every_port
async def test_check(port: str) -> None:
    """The port and each service on it serve; another service is NOT_FOUND, and the text names those that there are."""
    service = PORTS[port][0]
    async with running_app(OTLP, at_ms=NOW_MS) as run:
        for name in ("", service, HEALTH):
            assert await _check(run, port, name) == "SERVING"
        with pytest.raises(grpc.aio.AioRpcError) as error:
            await _check(run, port, "nonesuch")
    assert error.value.code() is grpc.StatusCode.NOT_FOUND
    assert service in (error.value.details() or "")


@every_port
async def test_watch(port: str) -> None:
    """Who watches is told of the drain, and the stream ends with OK; an unknown service is SERVICE_UNKNOWN."""
    async with running_app(OTLP, at_ms=NOW_MS) as run, connect(run.app.ports[port]) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        unknown = stub.Watch(health_pb2.HealthCheckRequest(service="nonesuch"))
        assert (await unknown.read()).status == Status.Value("SERVICE_UNKNOWN")
        unknown.cancel()
        call = stub.Watch(health_pb2.HealthCheckRequest(service=PORTS[port][0]))
        assert (await call.read()).status == Status.Value("SERVING")
        stopping = asyncio.create_task(run.app.stop())
        assert (await call.read()).status == Status.Value("NOT_SERVING")
        assert await call.read() is grpc.aio.EOF
        assert await call.code() is grpc.StatusCode.OK
        await stopping


async def test_not_serving_before_all_listens() -> None:
    """As long as the process is not ready, health says so."""
    async with running_app(at_ms=NOW_MS) as run:
        run.app._runtime.serving.become(is_serving=False)
        assert await _check(run, "keda_scaler", "") == "NOT_SERVING"


async def test_too_many_watch() -> None:
    """Beyond the limit Watch is refused and Check still answers."""
    async with running_app(at_ms=NOW_MS) as run, connect(run.app.ports["keda_scaler"]) as channel:
        stub = health_pb2_grpc.HealthStub(channel)
        calls = [stub.Watch(health_pb2.HealthCheckRequest()) for _ in range(MAX_WATCHERS)]
        await asyncio.gather(*(call.read() for call in calls))
        assert await stub.Watch(health_pb2.HealthCheckRequest()).code() is (
            grpc.StatusCode.RESOURCE_EXHAUSTED
        )
        assert await _check(run, "keda_scaler", "") == "SERVING"
        for call in calls:
            call.cancel()


@every_port
async def test_reflection(port: str) -> None:
    """The services are listed, and the messages of their calls are described whole."""
    service, method, request = PORTS[port]

    def ask() -> tuple[set[str], str]:
        with grpc.insecure_channel(f"127.0.0.1:{run.app.ports[port]}") as channel:
            database = ProtoReflectionDescriptorDatabase(channel)
            names = set(database.get_services())
            pool = DescriptorPool(database)
            for name in names:
                assert pool.FindServiceByName(name).full_name == name
            found = pool.FindServiceByName(service).methods_by_name[method].input_type.full_name
            del pool, database
        return names, found

    async with running_app(OTLP, at_ms=NOW_MS) as run:
        names, found = await asyncio.to_thread(ask)
    assert names == {service, HEALTH, *REFLECTION}
    assert found == request


@pytest.mark.parametrize("service", REFLECTION)
async def test_both_versions_of_reflection(service: str) -> None:
    """Newer clients ask v1, older ones v1alpha; a symbol that is not there is told so."""
    ask = reflection_pb2.ServerReflectionRequest(file_containing_symbol="nonesuch.X")
    async with running_app(at_ms=NOW_MS) as run, connect(run.app.ports["keda_scaler"]) as channel:
        call = channel.stream_stream(
            f"/{service}/ServerReflectionInfo",
            request_serializer=reflection_pb2.ServerReflectionRequest.SerializeToString,
            response_deserializer=reflection_pb2.ServerReflectionResponse.FromString,
        )()
        await call.write(ask)
        answer = await call.read()
        await call.done_writing()
    assert answer.error_response.error_code == grpc.StatusCode.NOT_FOUND.value[0]
