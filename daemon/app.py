"""The composition root: the one module that knows every concrete class; order of start and stop."""

from __future__ import annotations

import asyncio
import errno
import os
import signal
import sys
from collections import Counter
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Protocol, TypeVar

import structlog

from daemon import memory
from daemon.clock import Clock, Sleep, system_clock
from daemon.config.dump import format_config
from daemon.config.health_check import HealthCheckConfig
from daemon.config.http_api import HttpApiConfig
from daemon.config.keda_scaler import KedaScalerConfig
from daemon.config.load import LoadedConfig
from daemon.config.opencensus import OpenCensusConfig
from daemon.config.prometheusremotewrite import PrometheusRemoteWriteConfig
from daemon.config.windows import WindowsConfig
from daemon.exporters.windows import Windows
from daemon.pipeline import build_pipelines
from daemon.scaler.asking import HeardEngine
from daemon.scaler.explaining import Explainer
from daemon.scaler.service import KedaScaler
from daemon.telemetry import Counters, SelfMetrics, configure_logs, supervise
from daemon.web.health import HealthCheck
from daemon.web.http_api import HttpApi
from daemon.web.metrics import MetricsPage
from daemon.web.remote_write import RemoteWrite
from query.scaling import Engine
from query.store.store import COUNTERS, Store, StoreSettings
from receivers.consumer import Consumer
from receivers.errors import ReceiverError
from receivers.opencensus.server import OpenCensusServer
from receivers.prometheusremotewrite.receiver import RemoteWriteReceiver

log = structlog.get_logger(__name__)

NOTICES_A_MINUTE = 10
"""Log lines about senders and series, of each kind: a fleet with a wrong clock is one fact, not thousands."""

TICK_S = 1.0
"""How often senders are looked at for those that ended, and series for those to forget."""

ASLEEP_MS = 5_000
"""A tick that comes so late was held up with everything else: the process was stopped, or the machine suspended."""

_EVERYDAY = frozenset({"sender_began", "sender_ended"})
"""Notices of the store that are nothing special: senders come and go by thousands."""
_SIZES = {
    "series": "Series remembered",
    "senders": "Processes that report, or did and have series still",
    "known_names": "Metric names ever reported",
}

_MIB = 1024 * 1024
_FORCED = 1

_T = TypeVar("_T")


class Part(Protocol):
    """Something that listens."""

    async def start(self) -> int:
        """Listen and return the port."""

    async def stop(self) -> None:
        """Stop; safe twice and before `start`."""


class App:
    """One tallyd: built whole from a configuration before anything listens, started, stopped.

    Everything runs on the event loop of the caller of `start`.
    """

    def __init__(
        self, loaded: LoadedConfig, *, clock: Clock = system_clock, sleep: Sleep = asyncio.sleep
    ) -> None:
        """Build all parts of a checked configuration (`daemon.check`)."""
        config = loaded.config
        self.ports: dict[str, int] = {}
        """Where each part listens, by component id, once started."""
        self.metrics = SelfMetrics()
        self._clock = clock
        self._sleep = sleep
        self._windows_config = _only(config.exporters, WindowsConfig) or WindowsConfig()
        self.store = self._build_store()
        self.engine = Engine(self.store, lookback_ms=self._windows_config.retention)
        self.windows = Windows(
            self.store,
            buckets=self._windows_config.histogram_buckets,
            count=self.metrics.counters("tallyd_windows_refused", "Data that no window can hold"),
            on_append=self._on_append,
        )
        self.metrics.table(
            "tallyd_windows",
            {"reports": "Messages with metrics that arrived, whatever a filter made of them"},
            lambda: {"reports": self.windows.reports},
        )
        self._scaler: KedaScaler | None = None
        self._parts: dict[str, Part] = {}
        self._timer: asyncio.Task[None] | None = None
        self._ready = False
        self._task_failures = self.metrics.counters(
            "tallyd_task_failures", "Tasks that failed and were begun again", label="task"
        )
        self._consumers = build_pipelines(
            config,
            dict.fromkeys(config.exporters, self.windows),
            count_filtered=self.metrics.counters(
                "otelcol_processor_filter_datapoints_filtered",
                "Metrics that a filter dropped whole, with all of their data points: metrics are counted, not points",
                label="filter",
            ),
        )
        self._config = config

    async def start(self) -> None:
        """Listen on every port that the configuration names.

        Raises:
            OSError: a port cannot be opened; what was opened is closed again.
        """
        self._parts = self._build_parts()
        try:
            for name, part in self._parts.items():
                self.ports[name] = await _listening(part)
                log.info("listening", component=name, port=self.ports[name])
        except BaseException:
            await self.stop()
            raise
        self._timer = asyncio.create_task(
            supervise("tick", self._tick, count=self._task_failures, sleep=self._sleep)
        )
        self._ready = True
        if self._scaler is not None and self._settling_ms(self._scaler):
            settled_at_s = (self._scaler.answers.settled_at_ms or 0) / 1000
            until = datetime.fromtimestamp(settled_at_s, UTC).isoformat(timespec="seconds")
            log.info("settling", until=until.replace("+00:00", "Z"))

    async def stop(self) -> None:
        """End streams with OK and close every port, the last opened first; safe twice and before `start`."""
        self._ready = False
        timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
        parts, self._parts = self._parts, {}
        await asyncio.gather(*(part.stop() for part in reversed(parts.values())))

    def _build_store(self) -> Store:
        store = Store(
            StoreSettings(
                retention_ms=self._windows_config.retention,
                max_series=self._windows_config.max_series,
                max_series_per_metric=self._windows_config.max_series_per_metric,
                max_senders=self._windows_config.max_senders,
                max_known_names=self._windows_config.max_known_names,
            ),
            _Notices(self._clock),
        )
        self.metrics.table("tallyd_windows", COUNTERS, lambda: store.counters)
        for what, text in _SIZES.items():
            name = f"tallyd_windows_{what}"
            self.metrics.gauge(name, text, lambda what=what: store.sizes()[what][0])  # type: ignore[misc]  # bound now
            self.metrics.gauge(
                f"{name}_limit",
                f"exporters.windows.max_{what}",
                lambda what=what: store.sizes()[what][1],  # type: ignore[misc]  # bound now
            )
        return store

    def _build_parts(self) -> dict[str, Part]:
        """Return what listens, in the order of start: first those who ask, so that they get an answer early."""
        config = self._config
        parts: dict[str, Part] = {}
        for name in config.service.extensions:
            extension = config.extensions[name]
            if isinstance(extension, KedaScalerConfig):
                parts[name] = self._scaler = self._build_scaler(extension)
            elif isinstance(extension, HttpApiConfig):
                parts[name] = self._build_http_api(extension)
            elif isinstance(extension, HealthCheckConfig):
                parts[name] = HealthCheck(extension, self._missing)
        endpoint = config.service.telemetry.metrics.endpoint
        if endpoint is not None:
            parts["telemetry"] = MetricsPage(endpoint, self.metrics)
        for name, consumer in self._consumers.items():
            receiver = config.receivers[name]
            if isinstance(receiver, OpenCensusConfig):
                parts[name] = self._build_receiver(name, receiver, consumer)
        return parts

    def _build_scaler(self, config: KedaScalerConfig) -> KedaScaler:
        scaler = KedaScaler(
            config,
            HeardEngine(self.engine, self.windows.asked),
            self._clock,
            self._sleep,
            listening_since_ms=self._clock(),
            settled=False,
            settle_for_ms=self._windows_config.settle_for,
            retention_ms=self._windows_config.retention,
            count=self.metrics.counters(
                "tallyd_keda_scaler", "Calls of KEDA and what became of them", label="event"
            ),
        )
        self.metrics.gauges(
            "tallyd_keda_scaler_value",
            "What each trigger was last told, for 10 minutes; none while its value is not known",
            scaler.answers.values,
        )
        self.metrics.gauge(
            "tallyd_settling",
            "Seconds until every sender must have reported after the start; 0 once settled",
            lambda: self._settling_ms(scaler) / 1000,
        )
        return scaler

    def _settling_ms(self, scaler: KedaScaler) -> int:
        return max((scaler.answers.settled_at_ms or 0) - self._clock(), 0)

    def _build_http_api(self, config: HttpApiConfig) -> HttpApi:
        asked = HeardEngine(self.engine, self.windows.asked)
        explainer = Explainer(
            asked,
            self._clock,
            queries=self._config.named_queries,
            retention_ms=self._windows_config.retention,
            settle_for_ms=self._windows_config.settle_for,
        )
        return HttpApi(
            config,
            self.store,
            asked,
            explainer,
            self._clock,
            retention_ms=self._windows_config.retention,
            settle_for_ms=self._windows_config.settle_for,
            remote_write=self._build_remote_write(),
            headers=self.windows.families,
            asked=self.windows.asked,
            yaml=lambda: format_config(self._config),
            count=self.metrics.counters(
                "tallyd_http_api_answers", "Answers of the HTTP API", label="status"
            ),
        )

    def _build_remote_write(self) -> RemoteWrite | None:
        """Return what takes remote write, if a pipeline wants it; there is one at most."""
        for name, consumer in self._consumers.items():
            config = self._config.receivers[name]
            if isinstance(config, PrometheusRemoteWriteConfig):
                max_bytes = config.max_recv_msg_size_mib * _MIB
                count = self._irregularities(name)
                receiver = RemoteWriteReceiver(
                    consumer, self.windows, self._clock, count, max_request_bytes=max_bytes
                )
                return RemoteWrite(receiver, max_bytes)
        return None

    def _irregularities(self, receiver: str) -> Counters:
        return self.metrics.counters(
            "tallyd_receiver_irregularities",
            "What a receiver did not hand on as it came",
            receiver=receiver,
        )

    def _build_receiver(
        self, name: str, config: OpenCensusConfig, consumer: Consumer
    ) -> OpenCensusServer:
        server = OpenCensusServer(
            config.endpoint,
            consumer,
            self.windows,
            self._clock,
            self._irregularities(name),
            max_recv_msg_size_bytes=config.max_recv_msg_size_mib * _MIB,
        )
        self.metrics.gauge(
            "tallyd_receiver_streams",
            "Connected senders",
            lambda: server.active_streams,
            receiver=name,
        )
        return server

    def _on_append(self, names: AbstractSet[str]) -> None:
        if self._scaler is not None:
            self._scaler.on_append(names)

    def _missing(self) -> list[str]:
        return [] if self._ready else ["listening"]

    async def _tick(self) -> None:
        before_ms = self._clock()
        while True:
            await self._sleep(TICK_S)
            now_ms = self._clock()
            asleep_ms = now_ms - before_ms
            if asleep_ms >= ASLEEP_MS:
                log.warning("was not running, senders are given time to report", for_ms=asleep_ms)
                self.store.excuse(now_ms)
            before_ms = now_ms
            self.store.advance(now_ms)


SWITCH_INTERVAL_S = 0.0005
"""How long a large query in the worker thread may keep the event loop from running on; Python's own is 5 ms."""


async def run(loaded: LoadedConfig) -> None:
    """Run tallyd until SIGTERM or SIGINT; a second signal ends it at once.

    Raises:
        OSError: a port cannot be opened.
    """
    memory.keep_freed_memory()
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    lines = configure_logs(loaded.config.service.telemetry.logs)
    log.info("starting", version=version("tallyd"), config=loaded.marks.name)
    for warning in loaded.warnings:
        log.warning("odd configuration", detail=warning)
    app = App(loaded)
    app.metrics.table(
        "tallyd_log",
        {"lost_lines": "Log lines that could not be written"},
        lambda: {"lost_lines": lines.lost},
    )
    stopping = asyncio.Event()

    def stop() -> None:
        if stopping.is_set():
            os._exit(_FORCED)
        stopping.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGHUP, _no_reload)
    if await _started(app, stopping):
        log.info("ready")
        settling = asyncio.create_task(memory.settle())
        await stopping.wait()
        settling.cancel()
    log.info("stopping")
    await app.stop()
    log.info("stopped")


async def _started(app: App, stopping: asyncio.Event) -> bool:
    """Start `app`, but no longer than until `stopping`; return whether it listens."""
    start = asyncio.create_task(app.start())
    stop = asyncio.create_task(stopping.wait())
    await asyncio.wait({start, stop}, return_when=asyncio.FIRST_COMPLETED)
    stop.cancel()
    if not start.done():
        start.cancel()
        await asyncio.wait({start})
        return False
    await start
    return True


def _no_reload() -> None:
    log.warning("SIGHUP changes nothing: restart tallyd to read its configuration again")


async def _listening(part: Part) -> int:
    try:
        return await part.start()
    except ReceiverError as error:
        raise OSError(errno.EADDRINUSE, str(error)) from error


def _only(components: Mapping[str, object], kind: type[_T]) -> _T | None:
    return next((one for one in components.values() if isinstance(one, kind)), None)


class _Notices:
    """Tells what the store notices: of each kind so many lines a minute, the rest as a number in the next one."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._minute = 0
        self._told: Counter[str] = Counter()
        self._left_out: Counter[str] = Counter()

    def __call__(self, event: str, fields: dict[str, object]) -> None:
        """Tell that `event` has happened."""
        minute = self._clock() // 60_000
        if minute != self._minute:
            self._minute = minute
            self._told.clear()
        self._told[event] += 1
        if self._told[event] > NOTICES_A_MINUTE:
            self._left_out[event] += 1
            return
        left_out = self._left_out.pop(event, 0)
        if left_out:
            fields = {**fields, "left_out": left_out}
        tell = log.debug if event in _EVERYDAY else log.warning
        tell(event.replace("_", " "), **fields)
