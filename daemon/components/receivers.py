"""Receivers: settings to what listens."""

from __future__ import annotations

from daemon.components.part import MIB, Part, Runtime
from daemon.config.opencensus import OpenCensusConfig, ScrapeSendersConfig
from daemon.config.otlp import OtlpConfig
from receivers.consumer import Consumer
from receivers.opencensus.server import OpenCensusServer, Scraping


def build_receiver(runtime: Runtime, component_id: str, consumer: Consumer) -> dict[str, Part]:
    """Return what listens for `component_id`, by names that the log shows; nothing if another port serves it."""
    config = runtime.config.receivers[component_id]
    if isinstance(config, OpenCensusConfig):
        return {component_id: _build_opencensus(runtime, component_id, config, consumer)}
    if isinstance(config, OtlpConfig):
        # Imported where it is used: the messages of OTLP take memory that a process without it need not have.
        from daemon.components.otlp import build_otlp  # noqa: PLC0415

        parts = build_otlp(runtime, component_id, config.protocols, consumer)
        return {f"{component_id}.protocols.{name}": part for name, part in parts.items()}
    return {}


def _build_opencensus(
    runtime: Runtime, component_id: str, config: OpenCensusConfig, consumer: Consumer
) -> OpenCensusServer:
    scraping = _build_scraping(runtime, component_id, config.scrape_senders)
    server = OpenCensusServer(
        config.endpoint,
        consumer,
        runtime.windows,
        runtime.clock,
        runtime.irregularities(component_id),
        max_recv_msg_size_bytes=config.max_recv_msg_size_mib * MIB,
        credentials=runtime.security.lock(f"receivers.{component_id}", config.tls).credentials,
        serving=runtime.serving,
        passed=runtime.passed(component_id, "grpc"),
        scraping=scraping,
        room=runtime.room,
    )
    runtime.metrics.gauge(
        "tallyd_receiver_streams",
        "Connected senders",
        lambda: server.active_streams,
        receiver=component_id,
    )
    return server


def _build_scraping(
    runtime: Runtime, component_id: str, config: ScrapeSendersConfig | None
) -> Scraping | None:
    if config is None:
        return None
    # Imported where it is used: most need not have it.
    from receivers.opencensus.scraping import ScrapeSettings, SenderScraping  # noqa: PLC0415

    scraping = SenderScraping(
        ScrapeSettings(port=config.port, interval_ms=config.interval),
        runtime.windows,
        clock=runtime.clock,
        sleep=runtime.sleep,
        tell=runtime.metrics.counters(
            "tallyd_sidecar_scrapes",
            "Readings of sidecars' metrics pages, by outcome (scrape_senders)",
            label="outcome",
            receiver=component_id,
        ),
        count=runtime.irregularities(component_id),
    )
    runtime.metrics.gauge(
        "tallyd_receiver_sidecars_unread",
        "Connected sidecars whose metrics page could not be read last time (scrape_senders)",
        lambda: scraping.unread,
        receiver=component_id,
    )
    runtime.unread_pages[component_id] = scraping.problems
    return scraping
