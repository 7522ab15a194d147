"""gRPC's own services beside those of a port: health (grpc.health.v1) and reflection, built at the first call of either.

Hardly a process is ever asked, and both bring along message classes and descriptors that an idle one need not hold.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import grpc

HEALTH: Final = "grpc.health.v1.Health"
REFLECTION: Final = (
    "grpc.reflection.v1alpha.ServerReflection",
    "grpc.reflection.v1.ServerReflection",
)
MAX_WATCHERS: Final = 1_000
"""Open Watch streams of one port."""

# Any: neither grpc nor protobuf ships types.
Context = Any
Handler = Any
Message = Any
Files = Callable[[], Iterable[bytes]]
"""Returns serialized file descriptors, each behind those that it imports."""


class Serving:
    """Whether the process serves: not while it starts, loads a snapshot or drains; one for all ports."""

    def __init__(self, *, is_serving: bool = True) -> None:
        self.is_serving = is_serving
        self._watchers: set[asyncio.Event] = set()

    def become(self, *, is_serving: bool) -> None:
        """Serve, or do not, from now on, and wake who watches."""
        self.is_serving = is_serving
        self.wake()

    def wake(self) -> None:
        """Let all who watch look again."""
        for watcher in self._watchers:
            watcher.set()

    @contextmanager
    def watched(self) -> Iterator[asyncio.Event]:
        """Give an event that is set at every change."""
        watcher = asyncio.Event()
        self._watchers.add(watcher)
        try:
            yield watcher
        finally:
            self._watchers.discard(watcher)


class GrpcServices:
    """Finds health and reflection for one server, as grpc.GenericRpcHandler does; goes behind the server's own handlers."""

    def __init__(self, services: Sequence[str], files: Files, serving: Serving) -> None:
        """`services` are the full names of what the port serves, which `files` describe."""
        self._names = (*services, HEALTH, *REFLECTION)
        self._files = files
        self._serving = serving
        self._handlers: dict[str, Handler] = {}
        self._watchers = 0
        self._ended = False

    def service(self, call: Any) -> Handler | None:
        """Return who answers `call.method`, None if it is neither of the two."""
        service, _, method = call.method.lstrip("/").rpartition("/")
        if service == HEALTH:
            return self._built(service, self._health).get(method)
        if service in REFLECTION:
            return self._built(service, self._reflection).get(method)
        return None

    def end(self) -> None:
        """End all that watch with OK, for the port closes."""
        self._ended = True
        self._serving.wake()

    def _built(self, service: str, build: Callable[[], dict[str, Handler]]) -> dict[str, Handler]:
        found: dict[str, Handler] | None = self._handlers.get(service)
        if found is None:
            found = self._handlers[service] = build()
        return found

    def _health(self) -> dict[str, Handler]:
        pb2 = _messages()
        coding = {
            "request_deserializer": pb2.HealthCheckRequest.FromString,
            "response_serializer": pb2.HealthCheckResponse.SerializeToString,
        }
        return {
            "Check": grpc.unary_unary_rpc_method_handler(self._check, **coding),
            "Watch": grpc.unary_stream_rpc_method_handler(self._watch, **coding),
            "List": grpc.unary_unary_rpc_method_handler(
                self._list,
                request_deserializer=pb2.HealthListRequest.FromString,
                response_serializer=pb2.HealthListResponse.SerializeToString,
            ),
        }

    def _answer(self, name: str) -> Message:
        """Return how the service `name` fares; "" is the whole port."""
        serving = "SERVING" if self._serving.is_serving else "NOT_SERVING"
        known = name == "" or name in self._names
        return _messages().HealthCheckResponse(status=serving if known else "SERVICE_UNKNOWN")

    async def _check(self, request: Message, context: Context) -> Message:
        if request.service and request.service not in self._names:
            text = f"no such service here: expected one of {', '.join(self._names)}"
            await context.abort(grpc.StatusCode.NOT_FOUND, text)
        return self._answer(request.service)

    async def _list(self, _request: Message, _context: Context) -> Message:
        statuses = {name: self._answer(name) for name in ("", *self._names)}
        return _messages().HealthListResponse(statuses=statuses)

    async def _watch(self, request: Message, context: Context) -> None:
        """Send the answer, and again whenever it is another."""
        if self._watchers >= MAX_WATCHERS:
            text = f"{MAX_WATCHERS} calls watch already: use Check"
            await context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, text)
        self._watchers += 1
        try:
            with self._serving.watched() as changed:
                told: Message = None
                while not self._ended:
                    changed.clear()
                    if (now := self._answer(request.service)) != told:
                        told = now
                        await context.write(told)
                    await changed.wait()
        finally:
            self._watchers -= 1

    def _reflection(self) -> dict[str, Handler]:
        from grpc_reflection.v1alpha import reflection, reflection_pb2  # noqa: PLC0415  see above

        servicer = reflection.aio.ReflectionServicer(self._names, _pool(self._files()))
        handler = grpc.stream_stream_rpc_method_handler(
            servicer.ServerReflectionInfo,
            request_deserializer=reflection_pb2.ServerReflectionRequest.FromString,
            response_serializer=reflection_pb2.ServerReflectionResponse.SerializeToString,
        )
        return {"ServerReflectionInfo": handler}


def _messages() -> Any:
    """Return the module of the health service's message classes."""
    from grpc_health.v1 import health_pb2  # noqa: PLC0415  see above

    return health_pb2


def _pool(files: Iterable[bytes]) -> Any:
    """Return a descriptor pool of its own with `files` and those of the two services."""
    from google.protobuf import descriptor_pool  # noqa: PLC0415
    from grpc_reflection.v1alpha import reflection_pb2  # noqa: PLC0415

    alpha = reflection_pb2.DESCRIPTOR.serialized_pb
    pool = descriptor_pool.DescriptorPool()
    for file in (*files, _messages().DESCRIPTOR.serialized_pb, alpha, _stable(alpha)):
        pool.AddSerializedFile(file)
    return pool


def _stable(alpha: bytes) -> bytes:
    """Return reflection v1, which the library lacks: v1alpha under another package, equal on the wire."""
    from google.protobuf import descriptor_pb2  # noqa: PLC0415

    file = descriptor_pb2.FileDescriptorProto.FromString(alpha)
    file.name = file.name.replace("v1alpha", "v1")
    file.package = file.package.replace("v1alpha", "v1")
    for message in file.message_type:
        for field in (one for one in message.field if one.type_name):
            field.type_name = field.type_name.replace("v1alpha", "v1")
    for method in file.service[0].method:
        method.input_type = method.input_type.replace("v1alpha", "v1")
        method.output_type = method.output_type.replace("v1alpha", "v1")
    wire: bytes = file.SerializeToString()
    return wire
