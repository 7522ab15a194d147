"""The OTLP gRPC server: MetricsService/Export for metrics, a clear no for everything else (otlp.md 1).

The call is unary. It is served as a stream of one message, which looks the same on the wire, because grpc.aio never tells
a unary handler of a message that is too large or does not come.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import grpc

from receivers.addresses import peer_address
from receivers.errors import RetryableError
from receivers.grpc_services import GrpcServices, Serving
from receivers.guard import Guard
from receivers.listening import SERVER_OPTIONS, listen
from receivers.otlp.answers import encode_answer
from receivers.otlp.receiver import OtlpReceiver, Taken
from receivers.otlp.request_refusals import RequestRefusal
from receivers.otlp.schema import official_files
from receivers.otlp.status import Code, Failure, encode_status

METRICS_SERVICE = "opentelemetry.proto.collector.metrics.v1.MetricsService"
OTHER_SERVICES: Mapping[str, str] = {
    "opentelemetry.proto.collector.logs.v1.LogsService": "logs",
    "opentelemetry.proto.collector.trace.v1.TraceService": "traces",
    "opentelemetry.proto.collector.profiles.v1development.ProfilesService": "profiles",
}
"""Full name -> what it would take."""

# Any: grpc ships no types.
Context = Any

_CODES = {code.value[0]: code for code in grpc.StatusCode}
_STATUS_DETAILS = "grpc-status-details-bin"
_UNTIL_CANCELLED_S = 1.0
"""How long C-core may take to cancel a call that it has ended."""
_NO_MESSAGE = Failure(Code.INVALID_ARGUMENT, "the call ended without a message")
_TOO_SLOW = Failure(Code.DEADLINE_EXCEEDED, "the message did not arrive in time")


@dataclass(frozen=True, slots=True, kw_only=True)
class GrpcSettings:
    """Limits of the gRPC server."""

    max_recv_msg_size_bytes: int = 16 * 1024 * 1024
    """Of a message, before and after decompression."""
    max_concurrent_streams: int = 0
    """Calls at once of one connection; 0 is no limit."""
    include_metadata: bool = False
    message_timeout_s: float = 30.0
    """How long a message may take to arrive."""
    keepalive_time_ms: int = 30_000
    keepalive_timeout_ms: int = 20_000
    max_connection_idle_ms: int = 0
    max_connection_age_ms: int = 0
    max_connection_age_grace_ms: int = 0
    """0 is for ever, of all three."""
    min_ping_interval_ms: int = 10_000
    """A peer that pings more often is sent away."""
    pings_without_stream: bool = True


class OtlpGrpcServer:
    """Receives OTLP over gRPC; everything runs on the event loop of the caller of `start`."""

    def __init__(
        self,
        endpoint: str,
        receiver: OtlpReceiver,
        settings: GrpcSettings | None = None,
        *,
        credentials: Any = None,
        guard: Guard | None = None,
        serving: Serving | None = None,
    ) -> None:
        """Listen on nothing yet; with `credentials`, as grpc makes them, over TLS; `guard` decides who may send."""
        self._endpoint = endpoint
        self._receiver = receiver
        self._settings = settings or GrpcSettings()
        self._credentials = credentials
        self._guard = guard
        self._server: Any = None  # grpc ships no types
        self._serving = serving or Serving()
        self._services: GrpcServices | None = None

    async def start(self) -> int:
        """Listen and return the port.

        Raises:
            ListenError: the endpoint cannot be opened.
        """
        self._receiver.is_stopping = False
        server = grpc.aio.server(options=_options(self._settings))
        self._services = GrpcServices([METRICS_SERVICE], official_files, self._serving)
        server.add_generic_rpc_handlers((*self._handlers(), self._services))
        port = await listen(server, self._endpoint, 0, self._credentials)
        await server.start()
        self._server = server
        return port

    async def stop(self, grace_s: float = 1.0) -> None:
        """Take no more calls, answer those that are being read, end all after `grace_s` seconds; idempotent."""
        server, self._server = self._server, None
        if server is None:
            return
        self._receiver.is_stopping = True
        if self._services is not None:
            self._services.end()
        await server.stop(grace_s)

    def _handlers(self) -> tuple[Any, ...]:
        """Return handlers that get and give raw bytes."""
        unary = grpc.stream_unary_rpc_method_handler
        generic = grpc.method_handlers_generic_handler
        others = (
            generic(name, {"Export": unary(partial(self._refuse, name, signal))})
            for name, signal in OTHER_SERVICES.items()
        )
        return (generic(METRICS_SERVICE, {"Export": unary(self._export)}), *others)

    async def _export(self, _messages: Any, context: Context) -> bytes:
        peer = peer_address(context.peer())
        await self._check(context, peer)
        try:
            async with self._receiver.room.reading(self._settings.max_recv_msg_size_bytes):
                raw = await self._message(context, peer)
        except RetryableError as error:
            await _abort(context, self._receiver.refuse_for_now(error))
        metadata = _metadata(context) if self._settings.include_metadata else None
        answer = self._receiver.receive(raw, peer=peer, metadata=metadata)
        del raw  # or an answer that ends the call by an exception would hold it until garbage is collected
        if isinstance(answer, Taken):
            return encode_answer(answer)
        await _abort(context, answer)
        raise AssertionError("abort raises")

    async def _check(self, context: Context, peer: str) -> None:
        """End the call of a peer that may not send."""
        if self._guard is None:
            return
        headers = {key: values[0] for key, values in _metadata(context).items()}
        why = await self._guard.refusal(headers, peer)
        if why is not None:
            self._receiver.refuse(RequestRefusal.UNAUTHENTICATED)
            await _abort(context, Failure(Code.UNAUTHENTICATED, why))

    async def _message(self, context: Context, peer: str) -> bytes:
        """Return the call's one message; without any the call ends here."""
        try:
            async with asyncio.timeout(self._settings.message_timeout_s):
                raw = await context.read()
        except TimeoutError:
            self._receiver.refuse(RequestRefusal.TOO_SLOW)
            await _abort(context, _TOO_SLOW)
        if raw is not grpc.aio.EOF:
            message: bytes = raw
            return message
        # Too large or given up, then C-core has ended the call and cancels this task; or closed without a message.
        try:
            await asyncio.sleep(_UNTIL_CANCELLED_S)
        except asyncio.CancelledError:
            self._receiver.refuse_too_large(peer)
            raise
        self._receiver.refuse(RequestRefusal.MALFORMED)
        await _abort(context, _NO_MESSAGE)
        raise AssertionError("abort raises")

    async def _refuse(self, service: str, signal: str, _messages: Any, context: Context) -> None:
        peer = peer_address(context.peer())
        await self._check(context, peer)
        self._receiver.refuse_signal(signal, peer)
        text = f"unknown service {service}: tallyd takes metrics only"
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, text)


def _options(settings: GrpcSettings) -> list[tuple[str, int]]:
    options = [
        *SERVER_OPTIONS,
        # Else a message that nobody reads yet is taken off the wire by as much as the line is fast.
        ("grpc.http2.bdp_probe", 0),
        ("grpc.max_receive_message_length", settings.max_recv_msg_size_bytes),
        # Notices peers that vanish without FIN; the ping timeout as in the OpenCensus server.
        ("grpc.keepalive_time_ms", settings.keepalive_time_ms),
        ("grpc.keepalive_timeout_ms", settings.keepalive_timeout_ms),
        ("grpc.http2.ping_timeout_ms", settings.keepalive_timeout_ms),
        ("grpc.keepalive_permit_without_calls", int(settings.pings_without_stream)),
        ("grpc.http2.min_ping_interval_without_data_ms", settings.min_ping_interval_ms),
    ]
    unlimited = {
        "grpc.max_concurrent_streams": settings.max_concurrent_streams,
        "grpc.max_connection_idle_ms": settings.max_connection_idle_ms,
        "grpc.max_connection_age_ms": settings.max_connection_age_ms,
        "grpc.max_connection_age_grace_ms": settings.max_connection_age_grace_ms,
    }
    return options + [(name, value) for name, value in unlimited.items() if value]


def _metadata(context: Context) -> dict[str, tuple[str, ...]]:
    """Return the call's metadata that are text; keys in lower case, as gRPC has them."""
    found: dict[str, tuple[str, ...]] = {}
    for key, value in context.invocation_metadata():
        if isinstance(value, str):
            found[key] = (*found.get(key, ()), value)
    return found


async def _abort(context: Context, failure: Failure) -> None:
    """End the call with `failure`, whole in the trailing metadata.

    Raises:
        grpc.aio.AbortError: always.
    """
    code = _CODES[failure.code]
    trailing = ((_STATUS_DETAILS, encode_status(failure)),) if failure.retry_after_s else ()
    await context.abort(code, failure.message, trailing)
