"""The gRPC service that KEDA asks and subscribes to: thin handlers over `Answers` (keda.md 1)."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from typing import Any, Final, NoReturn

import grpc

from daemon.config.keda_scaler import KedaScalerConfig
from daemon.scaler import schema
from daemon.scaler.activity import gap_ms
from daemon.scaler.answers import Answers, AnswerSettings, Engine, Ref, make_ref
from daemon.scaler.calls import Calls, Context, Handler
from daemon.scaler.decision import Refusal, Refused, Told, target_numbers, value_numbers
from daemon.scaler.keys import MetadataError
from daemon.scaler.subscriptions import Subscriptions
from daemon.telemetry import SelfMetrics
from receivers.grpc_services import GrpcServices, Serving
from receivers.listening import SERVER_OPTIONS, ListenError, listen

SLOW_TICK_S: Final = 0.25
"""How often subscriptions are looked through for those that saw no evaluation for long."""
MAX_PAUSE_MS: Final = 500
"""A subscription that waits for its turn notices the end of the service within this."""
GRACE_S: Final = 1.0
"""What calls in flight get at the end; they take milliseconds."""
MAX_REQUEST_BYTES: Final = 1024 * 1024
"""A Kubernetes object holds at most about 1.5 MB, a trigger's metadata a few hundred bytes."""
MAX_STATUS_LENGTH: Final = 1000
"""Characters of a status text: it travels as a header, which clients limit to 8 KiB."""

_OPTIONS: Final = (
    *SERVER_OPTIONS,
    ("grpc.max_receive_message_length", MAX_REQUEST_BYTES),
    ("grpc.keepalive_time_ms", 30_000),  # KEDA's client sends no pings (keda.md 1.9)
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 5_000),
)
_STATUS: Final[Mapping[Refusal, grpc.StatusCode]] = {
    refusal: grpc.StatusCode[refusal.name] for refusal in Refusal
}


class KedaScaler:
    """KEDA's ExternalScaler on one port; everything runs on the event loop that `start` was called on."""

    def __init__(
        self,
        config: KedaScalerConfig,
        engine: Engine,
        clock: Callable[[], int],
        sleep: Callable[[float], Awaitable[None]],
        *,
        listening_since_ms: int,
        settled: bool,
        settle_for_ms: int,
        retention_ms: int,
        count: Callable[[str, int], None],
        held: Mapping[str, Told] | None = None,
        ready: bool = True,
        credentials: Any = None,
        serving: Serving | None = None,
        metrics: SelfMetrics | None = None,
    ) -> None:
        """Take the parts; nothing listens yet.

        Args:
            config: What users wrote.
            engine: Whoever answers questions.
            clock: Returns the time as Unix milliseconds.
            sleep: Waits for so many seconds.
            listening_since_ms: When the first receiver began to listen: settling counts from there (keda.md 6.3.6).
            settled: Whether nothing has to settle, as after loading a snapshot younger than the windows.
            settle_for_ms: `exporters.windows.settle_for`.
            retention_ms: `exporters.windows.retention`, 0 for none.
            count: Adds an amount to the scaler's counter of that name.
            held: What the last process told, from its `held`.
            credentials: What TLS is spoken with, as grpc makes them; None for plain text.
            ready: False while a snapshot is still to be loaded: listen first, then call `become_ready`.
            serving: What gRPC's health service tells.
            metrics: Where it shows how long calls take.
        """
        self._config = config
        self._credentials = credentials
        self._clock = clock
        self._sleep = sleep
        self._count = count
        self._calls = Calls(metrics or SelfMetrics(), count)
        settings = AnswerSettings(
            retention_ms=retention_ms,
            settle_for_ms=settle_for_ms,
            hold_for_ms=config.hold_for,
            max_scaled_objects=config.max_scaled_objects,
        )
        self.answers = Answers(
            engine,
            settings,
            queries=config.queries,
            clock=clock,
            count=count,
        )
        self._listening_since_ms = listening_since_ms
        self._server: Any = None  # grpc.aio.Server
        self._serving = serving or Serving()
        self._services: GrpcServices | None = None
        self._timer: asyncio.Task[None] | None = None
        self._draining = False
        self._streams = 0
        self._subscriptions = Subscriptions(self.answers.metric_names)
        self._spec_wakes: set[asyncio.Event] = set()
        # One subscription evaluates in each round of the event loop, so that many do not hold it up.
        self._turn = asyncio.Lock()
        if ready:
            self.become_ready(settled=settled, held=held or {})

    @property
    def streams(self) -> int:
        """How many calls are open that last."""
        return self._streams

    async def start(self) -> int:
        """Listen, and return the port.

        Raises:
            OSError: the endpoint cannot be listened on.
        """
        server = grpc.aio.server(options=_OPTIONS)
        self._services = GrpcServices([schema.SERVICE], schema.official_files, self._serving)
        server.add_generic_rpc_handlers((self._handlers(), self._services))
        try:
            port = await listen(server, self._config.endpoint, 0.0, self._credentials)
        except ListenError as error:
            raise OSError(error.cause.errno or errno.EADDRINUSE, str(error)) from error
        await server.start()
        self._server = server
        self._timer = asyncio.create_task(self._wake_overdue(), name="keda_scaler slow timer")
        return port

    def become_ready(self, *, settled: bool, held: Mapping[str, Told]) -> None:
        """Begin to give values; before, they are UNAVAILABLE, while targets are told from the start (keda.md 1.10)."""
        self.answers.become_ready(
            listening_since_ms=self._listening_since_ms, settled=settled, held=held
        )
        self._subscriptions.wake_all()

    def drain(self) -> None:
        """End all streams with OK, which lets KEDA come back after 2 s (keda.md 1.9); calls are answered still."""
        self._draining = True
        self._subscriptions.wake_all()
        for wake in self._spec_wakes:
            wake.set()

    async def stop(self) -> None:
        """End streams with OK and stop listening; may be called twice and before `start`."""
        self.drain()
        server, self._server = self._server, None
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        if self._services is not None:
            self._services.end()
        if server is not None:
            await server.stop(GRACE_S)

    def on_append(self, names: AbstractSet[str]) -> None:
        """Hear that samples of these metric names were stored; evaluation follows in each subscription's own task."""
        self._subscriptions.wake_named(names)

    def reload(self, queries: Mapping[str, Mapping[str, str]]) -> None:
        """Take other named queries, and send their targets to whom they changed for."""
        self.answers.reload(queries)
        self._subscriptions.reindex()
        self._subscriptions.wake_all()
        for wake in self._spec_wakes:
            wake.set()

    def _handlers(self) -> Any:  # grpc.GenericRpcHandler
        implementations: Mapping[str, Handler] = {
            "IsActive": self._is_active,
            "StreamIsActive": self._stream_is_active,
            "GetMetricSpec": self._get_metric_spec,
            "GetMetrics": self._get_metrics,
            "StreamMetricSpec": self._stream_metric_spec,
        }
        return grpc.method_handlers_generic_handler(
            schema.SERVICE,
            {
                method.name: (
                    grpc.unary_stream_rpc_method_handler
                    if method.streams
                    else grpc.unary_unary_rpc_method_handler
                )(self._calls.guarded(method, implementations[method.name]))
                for method in schema.METHODS
            },
        )

    async def _is_active(self, request: bytes, context: Context) -> bytes:
        ref = await self._ref(request, context, "is_active")
        decision = self.answers.decision(ref)
        if isinstance(decision, Refused) and not decision.active:
            await self._refuse(context, decision.refusal, decision.text)
        return schema.encode(schema.IsActiveResponse(result=decision.active))

    async def _get_metric_spec(self, request: bytes, context: Context) -> bytes:
        ref = await self._ref(request, context, "get_metric_spec")
        try:
            return self._spec(ref)
        except MetadataError as error:
            await self._refuse(context, Refusal.INVALID_ARGUMENT, str(error))

    async def _get_metrics(self, request: bytes, context: Context) -> bytes:
        message = await self._decode("GetMetricsRequest", request, context, "get_metrics")
        ref = _as_ref(message.scaledObjectRef)
        decision = self.answers.decision(ref)
        if isinstance(decision, Refused):
            await self._refuse(context, decision.refusal, decision.text)
        numbers = value_numbers(self.answers.trigger(ref), decision.value)
        value = schema.MetricValue(
            metricName=message.metricName or ref.metric_name,
            metricValue=numbers.integer,
            metricValueFloat=numbers.exact,
        )
        return schema.encode(schema.GetMetricsResponse(metricValues=[value]))

    async def _stream_is_active(self, request: bytes, context: Context) -> None:
        ref = await self._ref(request, context, "stream_is_active")
        await self._admit(context)
        with self._stream(), self._subscriptions.opened(ref) as subscription:
            activity = subscription.activity
            while not self._draining:
                gap = gap_ms(len(self._subscriptions))
                await self._pause(activity.wait_ms(self._clock(), gap))
                async with self._turn:
                    if self._draining:
                        break
                    # No await from here to `is_edge`: what is stored after `clear` wakes the next round.
                    subscription.wake.clear()
                    is_edge = activity.is_edge(self._activity(ref), self._clock())
                if is_edge:
                    self._count("pushed_activations", 1)
                    await context.write(schema.encode(schema.IsActiveResponse(result=True)))
                await subscription.wake.wait()

    async def _stream_metric_spec(self, request: bytes, context: Context) -> None:
        ref = await self._ref(request, context, "stream_metric_spec")
        await self._admit(context)
        sent = b""
        with self._stream(), self._spec_wake() as wake:
            while not self._draining:
                wake.clear()
                try:
                    spec = self._spec(ref)
                except MetadataError as error:
                    if not sent:
                        await self._refuse(context, Refusal.INVALID_ARGUMENT, str(error))
                    spec = sent
                if spec != sent:
                    sent = spec
                    await context.write(spec)
                await wake.wait()

    async def _pause(self, wait_ms: int) -> None:
        """Wait, in steps that let `stop` be quick however long the gap has grown."""
        while wait_ms > 0 and not self._draining:
            step_ms = min(wait_ms, MAX_PAUSE_MS)
            await self._sleep(step_ms / 1000)
            wait_ms -= step_ms

    def _spec(self, ref: Ref) -> bytes:
        numbers = target_numbers(self.answers.trigger(ref))
        spec = schema.MetricSpec(
            metricName=ref.metric_name,
            targetSize=numbers.integer,
            targetSizeFloat=numbers.exact,
        )
        return schema.encode(schema.GetMetricSpecResponse(metricSpecs=[spec]))

    def _activity(self, ref: Ref) -> bool | None:
        """Return whether the trigger is active, None where that is not known."""
        decision = self.answers.decision(ref, fresh=True)
        return True if decision.active else None if isinstance(decision, Refused) else False

    async def _ref(self, request: bytes, context: Context, call: str) -> Ref:
        return _as_ref(await self._decode("ScaledObjectRef", request, context, call))

    async def _decode(self, name: str, wire: bytes, context: Context, call: str) -> schema.Message:
        self._count(call, 1)
        try:
            return schema.decode(name, wire)
        except schema.DecodeError:
            text = f"cannot decode the request: expected {schema.PACKAGE}.{name}"
            await self._refuse(context, Refusal.INVALID_ARGUMENT, text)

    async def _refuse(self, context: Context, refusal: Refusal, text: str) -> NoReturn:
        self._count(refusal.value, 1)
        await context.abort(_STATUS[refusal], text[:MAX_STATUS_LENGTH])
        raise AssertionError("abort raises")

    async def _admit(self, context: Context) -> None:
        if self._streams >= self._config.max_streams:
            self._count("refused_streams", 1)
            await context.abort(
                grpc.StatusCode.RESOURCE_EXHAUSTED,
                f"{self._streams} streams are open, the limit is extensions.keda_scaler.max_streams",
            )

    @contextmanager
    def _stream(self) -> Iterator[None]:
        self._streams += 1
        try:
            yield
        finally:
            self._streams -= 1

    @contextmanager
    def _spec_wake(self) -> Iterator[asyncio.Event]:
        wake = asyncio.Event()
        self._spec_wakes.add(wake)
        try:
            yield wake
        finally:
            self._spec_wakes.discard(wake)

    async def _wake_overdue(self) -> None:
        while True:
            await self._sleep(SLOW_TICK_S)
            self._subscriptions.wake_overdue(self._clock())


def _as_ref(message: schema.Message) -> Ref:
    return make_ref(message.namespace, message.name, dict(message.scalerMetadata))
