"""Plays the story into a real App on virtual time and asks it as KEDA would, over real gRPC both ways."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, NamedTuple

import grpc

from daemon.app import App
from daemon.clock import VirtualTime
from daemon.config.health_check import HealthCheckConfig
from daemon.config.http_api import HttpApiConfig
from daemon.config.keda_scaler import KedaScalerConfig
from daemon.config.load import LoadedConfig
from daemon.config.opencensus import OpenCensusConfig
from daemon.config.schema import Config, ExtensionConfig
from daemon.config.service import MetricsConfig, PipelineConfig
from daemon.config.windows import WindowsConfig
from daemon.demo.autoscaler import Autoscaler
from daemon.demo.player import Sidecar, sidecar_at
from daemon.demo.screen import SETTLING, UNKNOWN, Picture, Sync
from daemon.demo.story import Story
from daemon.recording import METRICS_EXPORT, WALK_THROUGH, Event
from daemon.scaler.client import NoValueError, ScalerClient

FREE_PORT = "127.0.0.1:0"
SYNC_MS = 15_000
"""How often an HPA looks: Kubernetes' default."""
STABILIZATION_MS = 60_000
"""Kubernetes' default is 300 s, which would outlast the demo."""
FRAME_S = 0.1
_POLL_S = 0.001
RECEIVED_S = 5.0
METADATA: Mapping[str, str] = WALK_THROUGH
PAUSE_NOTE = "recording paused for {pause:.0f} s; the counters ran on"
_SETTLING = re.compile(f"{SETTLING}: ([0-9]+ s left)")

Draw = Callable[[Picture], None]


class DemoError(Exception):
    """A configuration or an environment in which the demo cannot run."""


class Ports(NamedTuple):
    """Where the app listens."""

    sidecars: int
    scaler: int


def _asked_on_free_ports(extension: ExtensionConfig) -> ExtensionConfig | None:
    if isinstance(extension, HttpApiConfig):
        return replace(extension, endpoint=FREE_PORT, tls=None, auth=None)
    if isinstance(extension, KedaScalerConfig | HealthCheckConfig):
        return replace(extension, endpoint=FREE_PORT, tls=None)
    return None


def on_free_ports(loaded: LoadedConfig) -> LoadedConfig:
    """Return what of the configuration a demo plays: sidecars in, windows and questions out, on free ports in plain text.

    Nothing leaves this machine or stays on it: no other receivers and exporters, no page of self-metrics, no snapshot.
    """
    config = loaded.config
    extensions: dict[str, ExtensionConfig] = {
        name: one
        for name in config.service.extensions
        if (one := _asked_on_free_ports(config.extensions[name])) is not None
    }
    service = replace(
        config.service,
        telemetry=replace(config.service.telemetry, metrics=MetricsConfig(endpoint=None)),
        extensions=tuple(extensions),
        pipelines=dict(_pipelines(config)),
    )
    receivers = {
        name: replace(one, endpoint=FREE_PORT, tls=None)
        for name, one in config.receivers.items()
        if isinstance(one, OpenCensusConfig)
    }
    return replace(
        loaded, config=replace(config, receivers=receivers, extensions=extensions, service=service)
    )


def _pipelines(config: Config) -> Iterator[tuple[str, PipelineConfig]]:
    """Yield the pipelines from sidecars to the windows, with no other ends."""
    for name, pipeline in config.service.pipelines.items():
        receivers, exporters = (
            tuple(one for one in ids if isinstance(defined[one], kind))
            for ids, defined, kind in (
                (pipeline.receivers, config.receivers, OpenCensusConfig),
                (pipeline.exporters, config.exporters, WindowsConfig),
            )
        )
        if receivers and exporters:
            yield name, replace(pipeline, receivers=receivers, exporters=exporters)


@asynccontextmanager
async def running(loaded: LoadedConfig, time: VirtualTime) -> AsyncIterator[tuple[App, Ports]]:
    """Give a started app and stop it in the end.

    Raises:
        DemoError: it has no receiver for sidecars, or no scaler.
        InvalidConfigurationError: parts of the configuration cannot be built.
    """
    app = App(on_free_ports(loaded), clock=time.clock, sleep=time.sleep)
    try:
        await app.start()
        yield app, _ports(app, loaded)
    finally:
        await app.stop()


def _ports(app: App, loaded: LoadedConfig) -> Ports:
    config = loaded.config
    sidecars = _port(app, config.receivers, OpenCensusConfig)
    scaler = _port(app, config.extensions, KedaScalerConfig)
    if sidecars is None or scaler is None:
        missing = "an opencensus receiver" if sidecars is None else "the extension keda_scaler"
        raise DemoError(f"the configuration runs without {missing}: the demo needs one")
    return Ports(sidecars, scaler)


def _port(app: App, components: Mapping[str, object], kind: type[object]) -> int | None:
    names = (name for name, one in components.items() if isinstance(one, kind))
    return next((app.ports[name] for name in names if name in app.ports), None)


class Show:
    """One performance; `speed` is virtual seconds per real second."""

    def __init__(
        self, app: App, ports: Ports, time: VirtualTime, story: Story, *, speed: float, draw: Draw
    ) -> None:
        self._app = app
        self._ports = ports
        self._time = time
        self._speed = speed
        self._draw = draw
        self._introduced = False
        """Whether the metrics stream has said whose it is; its next message is a report."""
        self._hpa = Autoscaler(
            target=float(METADATA["targetValue"]), stabilization_ms=STABILIZATION_MS
        )
        self.picture = Picture(
            story=story,
            now_ms=story.begin_ms,
            speed=speed,
            scaler=f"127.0.0.1:{ports.scaler}",
            target=self._hpa.target,
            syncs=(),
            reports=0,
            report_bytes=0,
        )

    async def perform(self) -> Picture:
        """Play the whole story, drawing as it goes, and return the last picture.

        Raises:
            DemoError: a report does not arrive.
            SidecarLostError: the app does not take what is sent.
        """
        async with (
            grpc.aio.insecure_channel(self.picture.scaler) as channel,
            sidecar_at(f"127.0.0.1:{self._ports.sidecars}") as sidecar,
        ):
            keda = ScalerClient(channel, METADATA, namespace="default", name="nodeapp")
            for at_ms, event in _cues(self.picture.story):
                await self._play_until(at_ms)
                if event is None:
                    await self._sync(keda)
                else:
                    await self._send(sidecar, event)
                self._draw(self.picture)
        return self.picture

    async def _play_until(self, at_ms: int) -> None:
        """Let the virtual time pass at its speed; over the recorder's pause it jumps, unseen by the store's timer."""
        story = self.picture.story
        if at_ms == story.pause_end_ms:
            self._time.jump_to(at_ms)
            pause_s = (story.pause_end_ms - story.pause_begin_ms) / 1000
            self._change(now_ms=at_ms, note=PAUSE_NOTE.format(pause=pause_s))
        step_ms = max(1, round(FRAME_S * self._speed * 1000))
        while (left_ms := at_ms - self._time.clock()) > 0:
            pass_ms = min(step_ms, left_ms)
            await asyncio.sleep(pass_ms / 1000 / self._speed)
            await self._time.advance_to(self._time.clock() + pass_ms)
            self._change(now_ms=self._time.clock())
            self._draw(self.picture)

    async def _send(self, sidecar: Sidecar, event: Event) -> None:
        """Send a message; a report has been received when this returns."""
        heard = self._app.windows.reports
        await sidecar.send(event)
        if event.method != METRICS_EXPORT or event.raw is None:
            return
        if self._introduced:
            await self._until_heard(heard)
            self._change(reports=self.picture.reports + 1, report_bytes=len(event.raw))
        self._introduced = True

    async def _until_heard(self, before: int) -> None:
        try:
            async with asyncio.timeout(RECEIVED_S):
                while self._app.windows.reports == before:  # noqa: ASYNC110 the app counts, it signals nobody
                    await asyncio.sleep(_POLL_S)
        except TimeoutError as error:
            raise DemoError(f"a report did not arrive within {RECEIVED_S:g} s") from error

    async def _sync(self, keda: ScalerClient) -> None:
        """Ask as KEDA does when the HPA looks."""
        value, state, unknown = None, "", ""
        try:
            value = await keda.value()
        except NoValueError as error:
            settling = _SETTLING.match(error.text)
            state = SETTLING if settling else UNKNOWN
            unknown = settling[1] if settling else error.text
        now_ms = self._time.clock()
        sync = Sync(now_ms, value, self._hpa.sync(value, now_ms), state)
        self._change(now_ms=now_ms, syncs=(*self.picture.syncs, sync), unknown=unknown)

    def _change(self, **changes: Any) -> None:  # Any: fields of Picture
        self.picture = replace(self.picture, **changes)


def _cues(story: Story) -> list[tuple[int, Event | None]]:
    """Return when what happens: events, and syncs (None), of which there are none in the recorder's pause."""
    syncs = range(story.begin_ms + SYNC_MS, story.end_ms + SYNC_MS, SYNC_MS)
    cues: list[tuple[int, Event | None]] = [(event.at_ms, event) for event in story.events]
    cues += [
        (at_ms, None) for at_ms in syncs if not story.pause_begin_ms < at_ms <= story.pause_end_ms
    ]
    return sorted(cues, key=lambda cue: cue[0])
