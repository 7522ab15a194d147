"""A whole tallyd on loopback in virtual time, sidecars that report to it, and KEDA that asks."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import yaml

from daemon.app import App
from daemon.check import load_checked
from daemon.clock import VirtualTime
from daemon.config.load import LoadedConfig
from daemon.reloading import Outcome
from tests.support.golden import METRICS_EXPORT, TRACE_CONFIG, TRACE_EXPORT
from tests.support.keda_client import WALKTHROUGH, KedaClient

UNIT_S = 10.0
"""How long anything on loopback may take."""

WALKTHROUGH_FILTER = """
processors:
  filter/dapr:
    error_mode: ignore
    metrics:
      metric:
        - |
          name != "runtime/service_invocation/req_recv_total"
          and instrumentation_scope.attributes["app_id"] != "nodeapp"
          and instrumentation_scope.attributes["src_app_id"] != "pythonapp"
service:
  pipelines:
    metrics:
      processors: [filter/dapr]
"""


def on_loopback(text: str, settle_for: str | None = None) -> str:
    """Return the configuration `text` with every port replaced by a free one on loopback."""
    config: dict[str, Any] = yaml.safe_load(text) or {}
    for section, names in {
        "receivers": ("opencensus",),
        "extensions": ("keda_scaler", "http_api", "health_check"),
    }.items():
        for name in names:
            component = config.setdefault(section, {}).setdefault(name, None) or {}
            config[section][name] = {**component, "endpoint": "127.0.0.1:0"}
    otlp = config["receivers"].setdefault("otlp", None) or {}
    protocols = otlp.get("protocols") or {"grpc": None, "http": None}
    config["receivers"]["otlp"] = {
        "protocols": {
            name: {**(settings or {}), "endpoint": "127.0.0.1:0"}
            for name, settings in protocols.items()
        }
    }
    if settle_for is not None:
        windows = config.setdefault("exporters", {}).setdefault("windows", None) or {}
        config["exporters"]["windows"] = {**windows, "settle_for": settle_for}
    service = config.setdefault("service", {})
    telemetry = service.setdefault("telemetry", {})
    metrics = telemetry.get("metrics", {})
    others = {key: metrics[key] for key in ("tls", "auth", "readers") if key in metrics}
    telemetry["metrics"] = {"address": "127.0.0.1:0", **others}
    return yaml.safe_dump(config)


@dataclass
class RunningApp:
    """The app, its time, and who talks to it."""

    app: App
    time: VirtualTime
    text: list[str]
    """The configuration; `reload` puts another in its place."""
    credentials: grpc.ChannelCredentials | None = None
    """With which sidecars and KEDA connect; None is plain text."""

    @asynccontextmanager
    async def sidecar(self, node_message: bytes) -> AsyncIterator[Sidecar]:
        """Connect as a sidecar does: three streams, each begun with its Node."""
        async with connect(self.app.ports["opencensus"], self.credentials) as channel:
            sidecar = Sidecar(self, channel)
            await sidecar.open(node_message)
            yield sidecar
        # The end of a pod is the end of its connection; wait until tallyd has seen it.
        await self.until(sidecar.is_gone)

    @asynccontextmanager
    async def keda(
        self, metadata: Mapping[str, str] = WALKTHROUGH, **settings: Any
    ) -> AsyncIterator[KedaClient]:
        """Connect as KEDA does."""
        async with connect(self.app.ports["keda_scaler"], self.credentials) as channel:
            yield KedaClient(channel, metadata, **settings)

    async def reload(self, text: str) -> Outcome:
        """Let the configuration be `text` from now on, as far as that goes."""
        self.text[0] = text
        return await self.app.reloading.reload("test")

    async def at(self, at_ms: int) -> None:
        """Let time pass until `at_ms`."""
        await self.time.advance_to(at_ms)

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait, in real time, until `holds`."""
        deadline = time.monotonic() + UNIT_S
        while not holds():
            assert time.monotonic() < deadline, "did not happen"
            await asyncio.sleep(0.001)

    def page(self) -> dict[str, float]:
        """Return the self-metrics as `name{labels}` -> value."""
        lines = self.app.metrics.page().decode().splitlines()
        pairs = [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]
        return {name: float(value) for name, value in pairs}

    @property
    def streams(self) -> int:
        """How many metrics streams are open."""
        return int(self.page()['tallyd_receiver_streams{receiver="opencensus"}'])


class Sidecar:
    """One connection of a daprd sidecar."""

    def __init__(self, run: RunningApp, channel: grpc.aio.Channel) -> None:
        self._run = run
        self._channel = channel
        self._calls: list[Any] = []
        self._streams_before = run.streams

    async def open(self, node_message: bytes) -> None:
        for method in (TRACE_EXPORT, TRACE_CONFIG, METRICS_EXPORT):
            call = self._channel.stream_stream(method)()
            await call.write(node_message)
            self._calls.append(call)
        await self._run.until(lambda: self._run.streams > self._streams_before)

    async def report(self, raw: bytes, at_ms: int | None = None) -> None:
        """Send one message, at the virtual time `at_ms`, and wait until tallyd has taken it."""
        if at_ms is not None:
            await self._run.at(at_ms)
        windows = self._run.app.windows
        before = windows.reports
        await self.send(raw)
        await self._run.until(lambda: windows.reports > before)

    async def send(self, raw: bytes) -> None:
        """Send one message, whatever tallyd makes of it."""
        await self._calls[-1].write(raw)

    async def close(self) -> None:
        """Go away as a pod does that ends."""
        await self._channel.close()

    async def code(self) -> grpc.StatusCode:
        """Return the status with which tallyd ended the metrics stream."""
        return await asyncio.wait_for(self._calls[-1].code(), UNIT_S)

    def is_gone(self) -> bool:
        return self._run.streams <= self._streams_before


@asynccontextmanager
async def connect(
    port: int, credentials: grpc.ChannelCredentials | None = None
) -> AsyncIterator[grpc.aio.Channel]:
    """Open a connection of its own, as another process would; with `credentials` over TLS, to localhost by name."""
    options: list[tuple[str, int | str]] = [
        ("grpc.max_send_message_length", -1),
        ("grpc.use_local_subchannel_pool", 1),
    ]
    address = f"127.0.0.1:{port}"
    if credentials is None:
        opened = grpc.aio.insecure_channel(address, options=options)
    else:
        options += [("grpc.ssl_target_name_override", "localhost")]
        opened = grpc.aio.secure_channel(address, credentials, options=options)
    async with opened as channel:
        yield channel


@asynccontextmanager
async def running_app(
    text: str = "", *, at_ms: int, settle_for: str | None = "0s"
) -> AsyncIterator[RunningApp]:
    """Run tallyd with this configuration on free ports; settling is off unless asked for."""
    virtual = VirtualTime(at_ms)
    texts = [text]

    def read() -> LoadedConfig:
        return load_checked(on_loopback(texts[0], settle_for), {})

    app = App(read(), read=read, clock=virtual.clock, sleep=virtual.sleep)
    await app.start()
    try:
        yield RunningApp(app, virtual, texts)
    finally:
        await app.stop()
