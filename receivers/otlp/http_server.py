"""The OTLP HTTP server: POST /v1/metrics, every answer of OTLP/HTTP (otlp.md 1.2, 1.3)."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from receivers.addresses import plain_address
from receivers.errors import DecodeError, RetryableError
from receivers.guard import Guard
from receivers.listening import listening_socket
from receivers.otlp.answers import encode_answer, encode_answer_json
from receivers.otlp.compression import (
    ENCODINGS,
    IDENTITY,
    TooLargeError,
    UnsupportedEncodingError,
    decompress,
)
from receivers.otlp.cors import Cors, CorsSettings
from receivers.otlp.http_connections import ConnectionLimits, LimitedServer, header_is_complete
from receivers.otlp.receiver import Answer, OtlpReceiver, Taken
from receivers.otlp.request_refusals import RequestRefusal
from receivers.otlp.status import SHUTTING_DOWN, Code, Failure

JSON = "application/json"
PROTOBUF = "application/x-protobuf"

_GRACE_S = 0.5
"""How long `stop` waits for answers that are being written."""
_PARAMETER = re.compile(r'\s*[^\s;="]+\s*=\s*("[^"]*"|[^\s;"]*)\s*\Z')
_METHOD = "POST"
_NOT_FOUND = "404 page not found\n"
_WRONG_METHOD = "405 method not allowed, supported: [POST]\n"
_WRONG_TYPE = f"415 unsupported media type, supported: [{JSON}, {PROTOBUF}]\n"
_TOO_SLOW = Failure(Code.DEADLINE_EXCEEDED, "the request body did not arrive in time")


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """What the HTTP server takes."""

    metrics_path: str = "/v1/metrics"
    other_paths: dict[str, str] = field(
        default_factory=lambda: {"/v1/traces": "traces", "/v1/logs": "logs"}
    )
    """Path -> signal: not taken, and worth telling the operator."""
    max_body_bytes: int = 16 * 1024 * 1024
    """Of a body, before and after decompression."""
    encodings: Sequence[str] = ("", *ENCODINGS)
    """What Content-Encoding may say; "" is none."""
    cors: CorsSettings = field(default_factory=CorsSettings)
    include_metadata: bool = False
    limits: ConnectionLimits = field(default_factory=ConnectionLimits)


class OtlpHttpServer:
    """Receives OTLP over HTTP; everything runs on the event loop of the caller of `start`."""

    def __init__(
        self,
        endpoint: str,
        receiver: OtlpReceiver,
        settings: HttpSettings | None = None,
        *,
        context: ssl.SSLContext | None = None,
        guard: Guard | None = None,
    ) -> None:
        """Listen on nothing yet; with `context` over TLS; `guard` decides who may send."""
        self._endpoint = endpoint
        self._receiver = receiver
        self._settings = settings or HttpSettings()
        self._context = context
        self._guard = guard
        self._cors = Cors(self._settings.cors)
        self._encodings = frozenset(self._settings.encodings)
        self._runner: web.ServerRunner | None = None
        self._server: LimitedServer | None = None
        self._waits: set[asyncio.Timeout] = set()

    @property
    def connections(self) -> int:
        """How many connections are open."""
        return 0 if self._server is None else len(self._server.connections)

    async def start(self) -> int:
        """Listen and return the port.

        Raises:
            ListenError: the endpoint cannot be opened.
        """
        self._receiver.is_stopping = False
        listening = listening_socket(self._endpoint)
        self._server = LimitedServer(self._answer, self._settings.limits, self._receiver.refuse)
        self._runner = web.ServerRunner(self._server, shutdown_timeout=_GRACE_S)
        await self._runner.setup()
        await web.SockSite(self._runner, listening, ssl_context=self._context).start()
        port: int = listening.getsockname()[1]
        return port

    async def stop(self) -> None:
        """Close the port and all connections, requests under way are told to come again; idempotent."""
        runner, self._runner = self._runner, None
        if runner is not None:
            self._receiver.is_stopping = True
            now_s = asyncio.get_running_loop().time()
            for wait in self._waits:
                wait.reschedule(now_s)
            await runner.cleanup()
            self._server = None

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        header_is_complete(request)
        if self._cors.is_preflight(request.method, request.headers):
            return web.Response(status=204, headers=self._cors.preflight(request.headers))
        response = await self._refused(request) or await self._routed(request)
        response.headers.update(self._cors.answer(request.headers))
        return response

    async def _refused(self, request: web.BaseRequest) -> web.Response | None:
        """Return the answer to a peer that may not send, whatever it asks for."""
        if self._guard is None:
            return None
        headers = {name.lower(): value for name, value in reversed([*request.headers.items()])}
        why = await self._guard.refusal(headers, _peer(request))
        if why is None:
            return None
        self._receiver.refuse(RequestRefusal.UNAUTHENTICATED)
        is_json = _media_type(request.headers.getall("Content-Type", [])) == JSON
        response = _response(Failure(Code.UNAUTHENTICATED, why), is_json)
        response.headers["WWW-Authenticate"] = self._guard.challenge
        return response

    async def _routed(self, request: web.BaseRequest) -> web.Response:
        path = request.rel_url.raw_path
        if path != self._settings.metrics_path:
            self._refuse_path(path, request)
            return web.Response(status=404, text=_NOT_FOUND)
        if request.method != _METHOD:
            self._receiver.refuse(RequestRefusal.WRONG_METHOD)
            return web.Response(status=405, text=_WRONG_METHOD, headers={"Allow": _METHOD})
        media_type = _media_type(request.headers.getall("Content-Type", []))
        if media_type not in {JSON, PROTOBUF}:
            self._receiver.refuse(RequestRefusal.UNSUPPORTED_MEDIA_TYPE)
            return web.Response(status=415, text=_WRONG_TYPE)
        return await self._export(request, media_type == JSON)

    def _refuse_path(self, path: str, request: web.BaseRequest) -> None:
        signal = self._settings.other_paths.get(path)
        if signal is None:
            self._receiver.refuse(RequestRefusal.WRONG_PATH)
        else:
            self._receiver.refuse_signal(signal, _peer(request))

    async def _export(self, request: web.BaseRequest, is_json: bool) -> web.Response:
        peer = _peer(request)
        most_bytes = self._settings.max_body_bytes
        try:
            async with self._receiver.room.reading(request.content_length or most_bytes):
                body = await self._body(request)
        except RetryableError as error:
            response = _response(self._receiver.refuse_for_now(error), is_json)
            response.force_close()  # the body is left unread
            return response
        except TooLargeError as error:
            self._receiver.refuse_too_large(peer)
            return _response(Failure(Code.INVALID_ARGUMENT, str(error)), is_json, status=413)
        except UnsupportedEncodingError as error:
            self._receiver.refuse(RequestRefusal.UNSUPPORTED_ENCODING)
            return _response(Failure(Code.INVALID_ARGUMENT, str(error)), is_json)
        except DecodeError as error:
            self._receiver.refuse(RequestRefusal.MALFORMED)
            return _response(Failure(Code.INVALID_ARGUMENT, str(error)), is_json)
        except TimeoutError:
            response = _response(self._late(), is_json)
            response.force_close()
            return response
        metadata = _metadata(request) if self._settings.include_metadata else None
        answer = self._receiver.receive(body, peer=peer, is_json=is_json, metadata=metadata)
        return _response(answer, is_json)

    def _late(self) -> Failure:
        """Count a body that is waited for no longer, and return why."""
        if self._receiver.is_stopping:
            self._receiver.refuse(RequestRefusal.SHUTTING_DOWN)
            return SHUTTING_DOWN
        self._receiver.refuse(RequestRefusal.TOO_SLOW)
        return _TOO_SLOW

    async def _body(self, request: web.BaseRequest) -> bytes:
        """Return the body as it was before the sender packed it.

        Raises:
            TimeoutError: It did not arrive in time.
            DecodeError: It is too large, in an encoding that is not taken, or not in it.
        """
        encoding = _encoding(request.headers.getall("Content-Encoding", []))
        if encoding not in self._encodings:
            raise UnsupportedEncodingError(encoding)
        limit_bytes = self._settings.max_body_bytes
        if (request.content_length or 0) > limit_bytes:
            raise TooLargeError(limit_bytes)
        await _invite(request)
        body = bytearray()
        try:
            async with self._body_timeout():
                async for piece in request.content.iter_any():
                    body += piece
                    if len(body) > limit_bytes:
                        raise TooLargeError(limit_bytes)
        except web.RequestPayloadError as error:
            raise DecodeError("request body", "it ends too early") from error
        return decompress(bytes(body), encoding, limit_bytes) if encoding else bytes(body)

    @asynccontextmanager
    async def _body_timeout(self) -> AsyncIterator[None]:
        """Bound how long a body is waited for; `stop` ends the wait at once."""
        async with asyncio.timeout(self._settings.limits.body_timeout_s) as timeout:
            self._waits.add(timeout)
            try:
                yield
            finally:
                self._waits.discard(timeout)


def _response(answer: Answer, is_json: bool, status: int = 0) -> web.Response:
    """Return the answer in the request's encoding."""
    body = encode_answer_json(answer) if is_json else encode_answer(answer)
    headers = {"Content-Type": JSON if is_json else PROTOBUF}
    if isinstance(answer, Taken):
        return web.Response(status=200, body=body, headers=headers)
    if answer.retry_after:
        headers["Retry-After"] = answer.retry_after
    return web.Response(status=status or answer.http_status, body=body, headers=headers)


async def _invite(request: web.BaseRequest) -> None:
    """Tell a sender that asks first (`Expect: 100-continue`) to go on."""
    if request.headers.get("Expect", "").lower() == "100-continue" and request.version >= (1, 1):
        transport = request.transport
        if isinstance(transport, asyncio.Transport):
            transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def _media_type(values: Sequence[str]) -> str:
    """Return the media type in lower case without its parameters; "" if it is none (RFC 9110, 8.3.1)."""
    if len(values) != 1:
        return ""
    media_type, *parameters = values[0].split(";")
    if parameters and not parameters[-1].strip():
        parameters.pop()  # one semicolon too many is common, and taken
    if not all(map(_PARAMETER.match, parameters)):
        return ""
    return media_type.strip().lower()


def _encoding(values: Sequence[str]) -> str:
    """Return the content coding in lower case, whatever spelling it has; "" for none (RFC 9110, 8.4.1)."""
    encoding = ", ".join(values).strip().lower()
    return "" if encoding == IDENTITY else encoding


def _peer(request: web.BaseRequest) -> str:
    return plain_address(request.remote or "")


def _metadata(request: web.BaseRequest) -> dict[str, tuple[str, ...]]:
    """Return the request's headers; names in lower case."""
    return {
        name.lower(): tuple(request.headers.getall(name)) for name in dict.fromkeys(request.headers)
    }
