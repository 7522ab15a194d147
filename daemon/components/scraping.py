"""The scraping receivers: settings to targets; a reload changes what is scraped."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from daemon.components.part import Runtime
from daemon.config.prometheus_receiver import (
    PrometheusReceiverConfig,
    ScrapeConfig,
    StaticConfig,
)
from daemon.config.scrape_access import ScrapeTlsConfig
from daemon.web.targets import TargetState
from receivers.consumer import Consumer

if TYPE_CHECKING:
    import ssl

    from receivers.prometheus.fetch import FetchSettings
    from receivers.prometheus.receiver import PrometheusReceiver, Scrape
    from receivers.prometheus.target import Target

# What scrapes is imported where it is built: only some configurations do, and it brings along the parsers of pages.

Scrapes = Mapping[Hashable, "Scrape"]

_PORTS = {"http": 80, "https": 443}
_HEALTHS = ("unknown", "up", "down")


class Scraping:
    """The scraping receivers that pipelines name, begun and ended as configurations come into force."""

    def __init__(self, runtime: Runtime, outlets: Mapping[str, Consumer]) -> None:
        self._runtime = runtime
        self._outlets = outlets
        self._receivers: dict[str, PrometheusReceiver] = {}

    def read(self) -> dict[str, Scrapes]:
        """Return what the configuration in force would have scraped, by receiver.

        Raises:
            OSError: a certificate cannot be read.
        """
        config = self._runtime.config
        used = {one for pipeline in config.service.pipelines.values() for one in pipeline.receivers}
        return {
            name: scrapes_of(receiver)
            for name, receiver in config.receivers.items()
            if name in used and isinstance(receiver, PrometheusReceiverConfig)
        }

    async def leave(self, wanted: Mapping[str, Scrapes]) -> None:
        """End what is not in what `read` returned, while the pipelines still take its ends."""
        for name, receiver in list(self._receivers.items()):
            if name in wanted:
                await receiver.leave(wanted[name])
            else:
                await self._receivers.pop(name).remove()

    async def take_over(self, wanted: Mapping[str, Scrapes]) -> None:
        """Scrape what `read` returned, and nothing else; what goes on being scraped does not notice."""
        await self.leave(wanted)
        for name, scrapes in wanted.items():
            if name in self._receivers:
                await self._receivers[name].change(scrapes)
            else:
                self._receivers[name] = self._build(name, scrapes)
                await self._receivers[name].start()

    async def stop(self) -> None:
        """End all scrapes; safe twice and before any began."""
        await asyncio.gather(*(one.stop() for one in self._receivers.values()))

    def states(self) -> Iterator[TargetState]:
        """Yield what is scraped, and how that went last."""
        for name, receiver in self._receivers.items():
            for loop in receiver.loops():
                target = loop.target
                yield TargetState(
                    receiver=name,
                    job=target.job,
                    name=target.name,
                    health=loop.health,
                    problem=loop.problem,
                    labels={**target.labels, "instance": target.instance, "job": target.job},
                    began_at_ms=loop.began_at_ms,
                    took_s=loop.took_s,
                    next_at_ms=loop.next_at_ms,
                    interval_ms=target.interval_ms,
                    timeout_ms=target.timeout_ms,
                )

    def _build(self, component_id: str, scrapes: Scrapes) -> PrometheusReceiver:
        from receivers.prometheus.loop import Surroundings, Tallies  # noqa: PLC0415
        from receivers.prometheus.receiver import PrometheusReceiver  # noqa: PLC0415

        runtime, labels = self._runtime, {"receiver": component_id}
        failures = runtime.metrics.counters(
            "tallyd_scrape_failures", "Scrapes that brought no page, by reason", **labels
        )
        for health in _HEALTHS:
            runtime.metrics.gauge(
                "tallyd_scrape_targets",
                "Targets that are scraped, by what their last scrape said",
                partial(self._count, component_id, health),
                health=health,
                **labels,
            )
        around = Surroundings(
            self._outlets[component_id],
            runtime.windows,
            runtime.clock,
            runtime.sleep,
            Tallies(failures, *runtime.passed(component_id, "http")),
            asyncio.Lock(),
        )
        return PrometheusReceiver(scrapes, around)

    def _count(self, receiver: str, health: str) -> int:
        return sum((one.receiver, one.health) == (receiver, health) for one in self.states())


def scrapes_of(config: PrometheusReceiverConfig) -> Scrapes:
    """Return the targets of a receiver by what makes them what they are; one that is listed twice is one.

    Raises:
        OSError: a certificate cannot be read.
    """
    from receivers.prometheus.fetch import Fetcher  # noqa: PLC0415
    from receivers.prometheus.receiver import Scrape  # noqa: PLC0415

    scrapes: dict[Hashable, Scrape] = {}
    contexts: dict[ScrapeTlsConfig, ssl.SSLContext] = {}
    for job, interval_ms, timeout_ms in config.config.jobs():
        context = contexts.get(job.tls_config) or _context(job.tls_config)
        contexts[job.tls_config] = context
        fixed = asdict(job) | {"static_configs": None}
        settings = json.dumps([fixed, interval_ms, timeout_ms], sort_keys=True)
        for static in job.static_configs:
            for address in static.targets:
                target = _target(job, static, address, interval_ms, timeout_ms)
                fetch = _fetch_settings(job, target, context)
                key = settings, address, tuple(sorted(static.labels.items()))
                scrapes[key] = Scrape(target, partial(Fetcher, fetch))
    return scrapes


def _target(
    job: ScrapeConfig, static: StaticConfig, address: str, interval_ms: int, timeout_ms: int
) -> Target:
    from receivers.prometheus.target import Limits, Target  # noqa: PLC0415

    labels = {name: value for name, value in static.labels.items() if value}
    if ":" not in address.rpartition("]")[2]:
        address = f"{address}:{_PORTS[job.scheme]}"
    return Target(
        job=labels.pop("job", job.job_name),
        instance=labels.pop("instance", address),
        address=address,
        scheme=job.scheme,
        path=quote(job.metrics_path),
        labels=labels,
        interval_ms=interval_ms,
        timeout_ms=timeout_ms,
        honor_labels=job.honor_labels,
        honor_timestamps=job.honor_timestamps,
        track_timestamps_staleness=job.track_timestamps_staleness,
        limits=Limits(
            samples=job.sample_limit,
            labels=job.label_limit,
            label_name_characters=job.label_name_length_limit,
            label_value_characters=job.label_value_length_limit,
        ),
    )


def _fetch_settings(
    job: ScrapeConfig, target: Target, context: ssl.SSLContext | None
) -> FetchSettings:
    from receivers.prometheus.fetch import FetchSettings  # noqa: PLC0415

    query = urlencode(sorted(job.params.items()), doseq=True)
    return FetchSettings(
        url=f"{target.name}?{query}" if query else target.name,
        timeout_ms=target.timeout_ms,
        max_body_bytes=job.max_body_bytes,
        authorization=_authorization(job),
        follow_redirects=job.follow_redirects,
        enable_compression=job.enable_compression,
        context=context,
        server_name=job.tls_config.server_name,
    )


def _context(tls: ScrapeTlsConfig) -> ssl.SSLContext:
    """Return whom to trust; a target on http may redirect to https."""
    from daemon.exporters.client_tls import build_ssl_context  # noqa: PLC0415

    return build_ssl_context(tls.as_client())


def _authorization(job: ScrapeConfig) -> Callable[[], str]:
    """Return what reads the value of Authorization; files are read anew each time."""
    basic, bearer = job.basic_auth, job.authorization
    if basic is not None:

        def encode() -> str:
            name = _content(basic.username_file) or basic.username
            password = _content(basic.password_file) or basic.password
            return f"Basic {base64.b64encode(f'{name}:{password}'.encode()).decode()}"

        return encode
    kind = bearer.type if bearer else "Bearer"
    file = bearer.credentials_file if bearer else job.bearer_token_file
    token = bearer.credentials if bearer else job.bearer_token or ""

    def read() -> str:
        credentials = _content(file) or token
        return f"{kind} {credentials}" if credentials else ""

    return read


def _content(path: str | None) -> str:
    return Path(path).read_text().strip() if path else ""
