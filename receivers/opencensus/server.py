"""The OpenCensus gRPC server: three bidirectional streams per sidecar, two of them silent (opencensus.md 1, 2).

Nothing is ever sent on any stream (1.1), and nothing but a missing Node ends one from this side (2.5): every error is
counted by its `Refusal` and the stream goes on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Protocol

import grpc
import structlog

from receivers.addresses import peer_address
from receivers.consumer import NOT_COUNTED, Batch, Clock, Consumer, Count, Passed, Presence, Sender
from receivers.errors import ConsumeError, DecodeError, RetryableError
from receivers.grpc_services import GrpcServices, Serving
from receivers.listening import SERVER_OPTIONS, listen
from receivers.model import Resource
from receivers.opencensus.decode import Decoder
from receivers.opencensus.parts import parts_of
from receivers.opencensus.refusals import Refusal
from receivers.opencensus.schema import official_files
from receivers.opencensus.stream import FirstMessageError, StreamState
from receivers.room import OPENCENSUS_TIMES, Room, unlimited

log = structlog.get_logger(__name__)

METRICS_SERVICE = "opencensus.proto.agent.metrics.v1.MetricsService"
TRACE_SERVICE = "opencensus.proto.agent.trace.v1.TraceService"
DEFAULT_MAX_RECV_MSG_SIZE_BYTES = 16 * 1024 * 1024
DEFAULT_BIND_RETRY_S = 5.0
DEFAULT_KEEPALIVE_TIME_MS = 30_000
DEFAULT_KEEPALIVE_TIMEOUT_MS = 20_000
_LARGE_BYTES = 65_536
"""Smaller messages are handed on as they are, without a look at how many series there are; daprd's have some 43 KB."""
_LOG_EVERY_MS = 10_000

# Any: grpc ships no types.
Context = Any


class Scraping(Protocol):
    """Reads senders' values between their reports (`receivers.opencensus.scraping`)."""

    hand_on: Callable[[Batch], None]
    """Takes what was read; the server sets it."""

    def start(self) -> None:
        """Take senders, again after `stop`."""

    def opened(self, sender: Sender, host: str, resource: Resource) -> None:
        """A stream of `sender` has begun; it comes from the IP address `host`, `resource` is what its Node says."""

    def closed(self, sender: Sender) -> None:
        """A stream of `sender` has ended."""

    def takes_over(self, batch: Batch) -> bool:
        """Learn from a report; return whether its values are to be left out: newer ones were read."""

    async def stop(self) -> None:
        """Read no more."""


class OpenCensusServer:
    """Receives metrics from daprd sidecars and hands them to `consumer`.

    Everything runs on the event loop of the caller of `start`. `count` gets `Refusal` members as reasons.
    """

    def __init__(
        self,
        endpoint: str,
        consumer: Consumer,
        presence: Presence,
        clock: Clock,
        count: Count,
        *,
        max_recv_msg_size_bytes: int = DEFAULT_MAX_RECV_MSG_SIZE_BYTES,
        keepalive_time_ms: int = DEFAULT_KEEPALIVE_TIME_MS,
        keepalive_timeout_ms: int = DEFAULT_KEEPALIVE_TIMEOUT_MS,
        bind_retry_s: float = DEFAULT_BIND_RETRY_S,
        credentials: Any = None,
        serving: Serving | None = None,
        passed: Passed = NOT_COUNTED,
        scraping: Scraping | None = None,
        room: Room | None = None,
    ) -> None:
        self._endpoint = endpoint
        self._consumer = consumer
        self._presence = presence
        self._clock = clock
        self._count = count
        self._options = (
            *SERVER_OPTIONS,
            ("grpc.max_receive_message_length", max_recv_msg_size_bytes),
            # Notices pods that vanish without FIN. C-core waits for its ping timeout of 60 s, whatever the keepalive
            # timeout says, if only the latter is set.
            ("grpc.keepalive_time_ms", keepalive_time_ms),
            ("grpc.keepalive_timeout_ms", keepalive_timeout_ms),
            ("grpc.http2.ping_timeout_ms", keepalive_timeout_ms),
        )
        self._bind_retry_s = bind_retry_s
        self._passed = passed
        self._credentials = credentials
        self._decoder = Decoder(count)
        self._server: Any = None  # grpc ships no types
        self._serving = serving or Serving()
        self._room = room or Room(unlimited)
        self._scraping = scraping
        if scraping is not None:
            scraping.hand_on = self._hand_on
        self._services: GrpcServices | None = None
        self._stopping = False
        self._streams: set[asyncio.Task[Any]] = set()  # of any result: grpc owns them
        self._logged_at_ms = -_LOG_EVERY_MS
        self.active_streams = 0
        """Open metrics streams: one for each connected sidecar."""

    @property
    def open_calls(self) -> int:
        """All open streams, the two silent ones of each sidecar included."""
        return len(self._streams)

    async def start(self) -> int:
        """Listen and return the port.

        Raises:
            ListenError: the endpoint cannot be opened.
        """
        self._stopping = False
        if self._scraping is not None:
            self._scraping.start()
        server = grpc.aio.server(options=self._options)
        self._services = GrpcServices([METRICS_SERVICE], official_files, self._serving)
        server.add_generic_rpc_handlers((*self._handlers(), self._services))
        port = await listen(server, self._endpoint, self._bind_retry_s, self._credentials)
        await server.start()
        self._server = server
        return port

    async def stop(self, grace_s: float = 1.0) -> None:
        """Take no more calls and end all streams with OK, at the latest after `grace_s` seconds; idempotent."""
        server, self._server = self._server, None
        if server is None:
            return
        self._stopping = True
        if self._services is not None:
            self._services.end()
        if self._scraping is not None:
            await self._scraping.stop()
        stopped = asyncio.create_task(server.stop(grace_s))
        await asyncio.sleep(0)  # the port closes first
        for stream in tuple(self._streams):
            stream.cancel()
        await stopped

    def set_consumer(self, consumer: Consumer) -> None:
        """Hand the batches from now on to `consumer`: a reload keeps the streams."""
        self._consumer = consumer

    def _handlers(self) -> tuple[Any, ...]:
        """Return handlers that get and give raw bytes."""
        stream = grpc.stream_stream_rpc_method_handler
        generic = grpc.method_handlers_generic_handler
        return (
            generic(METRICS_SERVICE, {"Export": stream(self._export)}),
            generic(TRACE_SERVICE, {"Export": stream(self._hold), "Config": stream(self._hold)}),
        )

    async def _export(self, _requests: Any, context: Context) -> None:
        await self._until_stop(self._read_metrics, context)

    async def _hold(self, _requests: Any, context: Context) -> None:
        await self._until_stop(_discard, context)

    async def _until_stop(
        self, read: Callable[[Context], Awaitable[None]], context: Context
    ) -> None:
        """Run `read` until the client goes away or `stop` cancels it, which ends the stream with OK."""
        task = asyncio.current_task()
        if task is None or self._stopping:
            return
        self._streams.add(task)
        try:
            await read(context)
        except asyncio.CancelledError:
            if not self._stopping:
                raise
            task.uncancel()  # it was `stop`: returning is what ends the stream with OK
        finally:
            self._streams.discard(task)

    async def _read_metrics(self, context: Context) -> None:
        state = StreamState(self._decoder, peer_address(context.peer()))
        messages = 0
        with self._present(state) as be_present:
            while (raw := await context.read()) is not grpc.aio.EOF:
                messages += 1
                try:
                    for _ in self._receive(state, raw, be_present):
                        await asyncio.sleep(0)
                except FirstMessageError as error:
                    self._count(Refusal.NO_NODE, 1)
                    await context.abort(grpc.StatusCode.UNKNOWN, str(error))
                del raw  # or each stream would hold its last report until the next
        if messages == 1:
            self._count(Refusal.ONE_MESSAGE_STREAM, 1)

    @contextmanager
    def _present(self, state: StreamState) -> Iterator[Callable[[Sender, int], None]]:
        """Give a function that tells Presence who sends the stream; the end of the block closes the last sender."""
        present: Sender | None = None

        def be_present(sender: Sender, at_ms: int) -> None:
            nonlocal present
            if sender != present:
                if present is not None:
                    self._close(present, at_ms)
                present = sender
                self._presence.opened(sender, at_ms)
                if self._scraping is not None:
                    self._scraping.opened(sender, state.peer, state.resource)

        self.active_streams += 1
        try:
            yield be_present
        finally:
            self.active_streams -= 1
            if present is not None:
                self._close(present, self._clock())

    def _close(self, sender: Sender, at_ms: int) -> None:
        self._presence.closed(sender, at_ms)
        if self._scraping is not None:
            self._scraping.closed(sender)

    def _receive(
        self, state: StreamState, raw: bytes, be_present: Callable[[Sender, int], None]
    ) -> Iterator[None]:
        """Hand on one message; all that can go wrong with it is counted here, but for a wrong first message.

        Yields between the parts of a large one.
        """
        at_ms = self._clock()
        try:
            if len(raw) > _LARGE_BYTES:
                self._room.check(len(raw), OPENCENSUS_TIMES)
            batch = state.receive(raw, at_ms)
        except DecodeError:
            self._count(Refusal.UNDECODABLE_MESSAGE, 1)
            return
        except RetryableError:
            self._count(Refusal.NO_MEMORY, 1)
            return
        if state.sender is not None:
            be_present(state.sender, at_ms)
        if batch is None:
            return
        if self._scraping is not None and self._scraping.takes_over(batch):
            self._presence.heard(batch.sender, at_ms)
            return
        self._presence.reported(batch.sender, at_ms)
        parts = parts_of(batch) if len(raw) > _LARGE_BYTES else (batch,)
        for number, part in enumerate(parts):
            if number:
                yield
            self._hand_on(part)

    def _hand_on(self, batch: Batch) -> None:
        try:
            self._consumer.consume(batch)
        except ConsumeError:
            self._refused(batch)
        except Exception:  # the top of a stream's task: no message ends it
            self._refused(batch)
            if batch.received_at_ms - self._logged_at_ms >= _LOG_EVERY_MS:
                self._logged_at_ms = batch.received_at_ms
                log.exception("consumer failed", sender=str(batch.sender))
        else:
            # What a filter dropped is no longer there: to count it as well takes a tenth of a whole report.
            self._passed.accepted(batch.point_count())

    def _refused(self, batch: Batch) -> None:
        self._count(Refusal.CONSUMER_ERROR, 1)
        self._passed.refused(batch.point_count())


async def _discard(context: Context) -> None:
    while await context.read() is not grpc.aio.EOF:
        pass
