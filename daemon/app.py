"""The composition root: the one module that knows every concrete class; order of start and stop."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime
from typing import TypeVar

import structlog

from daemon import memory_guard
from daemon.clock import Clock, Sleep, system_clock
from daemon.components.administration import administer
from daemon.components.doctor import counted, diagnose
from daemon.components.exporters import build_exporter, build_push
from daemon.components.extensions import (
    become_ready,
    build_extension,
    build_metrics_page,
    settling_ms,
)
from daemon.components.memory import build_guard
from daemon.components.part import Part, Runtime
from daemon.components.receivers import build_receiver
from daemon.components.scraping import Scraping
from daemon.components.security import Security
from daemon.config.changes import restart_needed
from daemon.config.load import LoadedConfig
from daemon.config.prometheus_exporter import PrometheusExporterConfig
from daemon.config.schema import Config
from daemon.config.windows import WindowsConfig
from daemon.exporters.windows import Windows
from daemon.logs import set_log_level
from daemon.notices import Notices
from daemon.pipeline import Outlet, build_pipelines
from daemon.processors.build import ProcessorSettings
from daemon.reloading import Read, Reloading
from daemon.scaler.service import KedaScaler
from daemon.snapshot.extension import Snapshot
from daemon.telemetry import SelfMetrics, supervise
from daemon.web.doctor import Finding
from daemon.web.targets import TargetState
from query.scaling import Engine
from query.store.store import COUNTERS, Store, StoreSettings
from receivers.consumer import Consumer
from receivers.errors import ReceiverError
from receivers.grpc_services import Serving

log = structlog.get_logger(__name__)

TICK_S = 1.0
"""How often senders are looked at for those that ended, and series for those to forget."""

ASLEEP_MS = 5_000
"""A tick that comes so late was held up with everything else: the process was stopped, or the machine suspended."""

_SIZES = {
    "series": "Series remembered",
    "senders": "Processes that report, or did and have series still",
    "known_names": "Metric names ever reported",
}

_T = TypeVar("_T")


class App:
    """One tallyd: built whole from a configuration before anything listens, started, stopped.

    Everything runs on the event loop of the caller of `start`.
    """

    def __init__(
        self,
        loaded: LoadedConfig,
        *,
        read: Read | None = None,
        clock: Clock = system_clock,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """Build all parts of a checked configuration (`daemon.check`); `read` reads it again for a reload."""
        config = loaded.config
        self.ports: dict[str, int] = {}
        """Where each part listens, by component id, once started."""
        self.metrics = SelfMetrics()
        self._clock = clock
        self._sleep = sleep
        windows_config = _only(config.exporters, WindowsConfig) or WindowsConfig()
        self.store = _build_store(windows_config, self.metrics, clock)
        self.engine = Engine(self.store, lookback_ms=windows_config.retention)
        self.windows = self._build_windows(windows_config)
        self._guard, room = build_guard(windows_config, self.store, self.metrics)
        self._security = Security(config, self.metrics, clock)
        self.reloading = Reloading(read, self._take_over, self.metrics, clock)
        self._runtime = Runtime(
            config=config,
            windows_config=windows_config,
            clock=clock,
            sleep=sleep,
            metrics=self.metrics,
            security=self._security,
            store=self.store,
            engine=self.engine,
            windows=self.windows,
            held=lambda: self._scaler.answers.held() if self._scaler is not None else {},
            loaded=lambda loaded: become_ready(self._extensions.values(), loaded),
            targets=self.targets,
            diagnose=self._diagnose,
            administration=administer(self.reloading) if read is not None else None,
            missing=self._missing,
            details=lambda: {**self.reloading.details(), **self._guard.details()},
            room=room,
            serving=Serving(is_serving=False),
        )
        self._scaler: KedaScaler | None = None
        self._extensions: dict[str, Part] = {}
        self._receivers: dict[str, Part] = {}
        self._timers: list[asyncio.Task[None]] = []
        self._lacks = ["listening"]
        """What keeps it from being ready."""
        self._task_failures = self.metrics.counters(
            "tallyd_task_failures", "Tasks that failed and were begun again", label="task"
        )
        self._listening = config
        """The configuration of all that does not change while it runs."""
        self._exporters = {name: build_exporter(self._runtime, name) for name in _sent_to(config)}
        self._settings = ProcessorSettings(metrics=self.metrics)
        consumers = build_pipelines(config, self._exporters, self._settings)
        self._admit = self._guard.admit if self._guard.is_on else None
        self._outlets = {name: Outlet(one, self._admit) for name, one in consumers.items()}
        self._scraping = Scraping(self._runtime, self._outlets)

    async def start(self) -> None:
        """Listen on every port that the configuration names.

        Those who ask come first, so that they get an answer early; those who send come last, when all that takes is up.

        Raises:
            OSError: a port cannot be opened; what was opened is closed again.
        """
        try:
            self._extensions = self._build_extensions()
            await self._start_all(self._extensions)
            await self._start_all(self._senders_out())
            self._receivers = dict(self._build_receivers())
            await self._start_all(self._receivers)
            await self._scraping.take_over(self._scraping.read())
        except BaseException:
            await self.stop()
            raise
        self._timers = [
            asyncio.create_task(supervise(name, task, count=self._task_failures, sleep=self._sleep))
            for name, task in (("tick", self._tick), ("guard", self._watch_memory))
        ]
        self._lacks = []
        self._runtime.serving.become(is_serving=True)
        if self._scaler is not None and settling_ms(self._runtime, self._scaler):
            settled_at_s = (self._scaler.answers.settled_at_ms or 0) / 1000
            until = datetime.fromtimestamp(settled_at_s, UTC).isoformat(timespec="seconds")
            log.info("settling", until=until.replace("+00:00", "Z"))

    async def stop(self) -> None:
        """End streams with OK and close every port: receivers, exporters, extensions; safe twice and before `start`."""
        self._lacks = ["draining"]
        self._runtime.serving.become(is_serving=False)
        if self._scaler is not None:
            self._scaler.drain()  # KEDA's streams end with OK at once, its calls are answered to the last (keda.md 1.9)
        timers, self._timers = self._timers, []
        for timer in timers:
            timer.cancel()
        await self._scraping.stop()
        for parts in (self._receivers, self._senders_out(), self._extensions):
            await asyncio.gather(*(part.stop() for part in parts.values()))

    def targets(self) -> Iterable[TargetState]:
        """Return what is scraped, and how that went last."""
        return self._scraping.states()

    async def _take_over(self, loaded: LoadedConfig) -> list[str]:
        """Put another checked configuration in force: processors, pipelines, exporters that send, targets, queries, log level.

        Ports, connections and windows stay. Returns the settings that need a restart; raises OSError if an exporter cannot
        start, and then the old configuration stays.
        """
        config, before = loaded.config, self._runtime.config
        self._runtime.config = config
        try:
            exporters = {name: self._exporter(name, before) for name in _sent_to(config)}
            consumers = build_pipelines(config, exporters, self._settings)
            scrapes = self._scraping.read()
            await self._start_new(exporters)
        except BaseException:
            self._runtime.config = before
            self._security.keep_exporters(self._exporters)
            raise
        gone = [one for name, one in self._exporters.items() if exporters.get(name) is not one]
        self._exporters = exporters
        self._security.keep_exporters(exporters)
        await self._scraping.leave(scrapes)
        new = scrapes.keys() - self._outlets.keys()
        self._outlets |= {name: Outlet(admit=self._admit) for name in new}
        for name, outlet in self._outlets.items():
            outlet.consumer = consumers.get(name)
        self._runtime.before = counted(self._runtime)
        await self._scraping.take_over(scrapes)
        if self._scaler is not None:
            self._scaler.reload(config.named_queries)
        if config.service.telemetry.logs.level != before.service.telemetry.logs.level:
            set_log_level(config.service.telemetry.logs.level)
        await asyncio.gather(*(one.stop() for one in gone if isinstance(one, Part)))
        return restart_needed(self._listening, config)

    def _exporter(self, name: str, before: Config) -> Consumer:
        """Return the exporter of the configuration in force, the running one where its settings are the same, or it listens."""
        running = self._exporters.get(name)
        one, other = before.exporters.get(name), self._runtime.config.exporters[name]
        same = one == other or (
            isinstance(one, PrometheusExporterConfig)
            and isinstance(other, PrometheusExporterConfig)
        )
        return running if running is not None and same else build_exporter(self._runtime, name)

    async def _start_new(self, exporters: Mapping[str, Consumer]) -> None:
        """Start the exporters that do not run yet; of several all or none."""
        started: list[Part] = []
        try:
            for name, one in exporters.items():
                if isinstance(one, Part) and self._exporters.get(name) is not one:
                    started.append(one)
                    await self._start(name, one)
        except BaseException:
            await asyncio.gather(*(one.stop() for one in started))
            raise

    async def _start_all(self, parts: Mapping[str, Part]) -> None:
        for name, part in parts.items():
            await self._start(name, part)

    async def _start(self, name: str, part: Part) -> None:
        try:
            port = await part.start()
        except ReceiverError as error:
            raise OSError(errno.EADDRINUSE, str(error)) from error
        if port is not None:
            self.ports[name] = port
            log.info("listening", component=name, port=port)

    def _build_windows(self, config: WindowsConfig) -> Windows:
        windows = Windows(
            self.store,
            buckets=config.histogram_buckets,
            add_metric_suffixes=config.add_metric_suffixes,
            resource_labels=config.resource_labels,
            count=self.metrics.counters("tallyd_windows_refused", "Data that no window can hold"),
            on_append=self._on_append,
        )
        self.metrics.table(
            "tallyd_windows",
            {"reports": "Messages with metrics that arrived, whatever a filter made of them"},
            lambda: {"reports": windows.reports},
        )
        return windows

    def _build_extensions(self) -> dict[str, Part]:
        config = self._runtime.config
        parts: dict[str, Part] = {}
        for name in config.service.extensions:
            part = build_extension(self._runtime, name, self._outlets)
            if part is not None:
                parts[name] = part
        self._scaler = _only(parts, KedaScaler)
        page = build_metrics_page(self._runtime)
        if page is not None:
            parts["telemetry"] = page
        for index, push in enumerate(config.service.telemetry.metrics.push):
            name = f"telemetry/{index}"
            parts[name] = build_push(self._runtime, name, push)
        # Those who ask are answered, that nothing is ready, before a snapshot is loaded (keda.md 1.10).
        return dict(sorted(parts.items(), key=lambda part: isinstance(part[1], Snapshot)))

    def _senders_out(self) -> dict[str, Part]:
        return {name: one for name, one in self._exporters.items() if isinstance(one, Part)}

    def _build_receivers(self) -> Iterable[tuple[str, Part]]:
        for name, consumer in self._outlets.items():
            yield from build_receiver(self._runtime, name, consumer).items()

    def _on_append(self, names: AbstractSet[str]) -> None:
        if self._scaler is not None:
            self._scaler.on_append(names)

    def _diagnose(self) -> list[Finding]:
        answers = self._scaler.answers if self._scaler is not None else None
        return diagnose(self._runtime, answers)

    def _missing(self) -> list[str]:
        return self._lacks

    async def _watch_memory(self) -> None:
        while self._guard.is_on:
            self._guard.look()
            await self._sleep(memory_guard.EVERY_S)

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
            self._security.refresh()


def _build_store(config: WindowsConfig, metrics: SelfMetrics, clock: Clock) -> Store:
    store = Store(
        StoreSettings(
            retention_ms=config.retention,
            max_series=config.max_series,
            max_series_per_metric=config.max_series_per_metric,
            max_senders=config.max_senders,
            max_known_names=config.max_known_names,
        ),
        Notices(clock),
    )
    metrics.table("tallyd_windows", COUNTERS, lambda: store.counters)
    for what, text in _SIZES.items():
        name = f"tallyd_windows_{what}"
        metrics.gauge(name, text, lambda what=what: store.sizes()[what][0])  # type: ignore[misc]  # bound now
        metrics.gauge(
            f"{name}_limit",
            f"exporters.windows.max_{what}",
            lambda what=what: store.sizes()[what][1],  # type: ignore[misc]  # bound now
        )
    return store


def _sent_to(config: Config) -> list[str]:
    """Return the exporters that pipelines name."""
    pipelines = config.service.pipelines.values()
    return list(dict.fromkeys(name for pipeline in pipelines for name in pipeline.exporters))


def _only(components: Mapping[str, object], kind: type[_T]) -> _T | None:
    return next((one for one in components.values() if isinstance(one, kind)), None)
