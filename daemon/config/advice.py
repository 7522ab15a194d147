"""What is allowed and yet most likely not meant: warnings that need more than one setting to see."""

from __future__ import annotations

from typing import Final

from daemon.config.batch import BatchConfig
from daemon.config.findings import Findings
from daemon.config.prometheus_receiver import PrometheusReceiverConfig
from daemon.config.schema import Config, component_type
from daemon.config.windows import WindowsConfig
from query.durations import format_duration

SHORTEST_RETENTION_MS: Final = 140_000
"""A trigger's default window of 60 s and 4 report intervals of 20 s (DESIGN 5)."""

LONGEST_SCRAPE_INTERVAL_MS: Final = 30_000
"""Half of a trigger's default window: that it has two scrapes."""


def advise(config: Config, findings: Findings) -> None:
    """Warn of a retention that no default window fits, of what does not run, and of what has no effect."""
    for component_id, windows in config.exporters.items():
        if isinstance(windows, WindowsConfig) and 0 < windows.retention < SHORTEST_RETENTION_MS:
            findings.warn(
                ("exporters", component_id, "retention"),
                f"{format_duration(windows.retention)} is too short for rates over the default window of 1m, which are "
                f"refused: that takes {format_duration(SHORTEST_RETENTION_MS)}, the window and 4 report intervals of 20s",
            )
    used = {one for pipeline in config.service.pipelines.values() for one in pipeline.exporters}
    if not any(component_type(one) == "windows" for one in used):
        findings.warn(
            ("exporters",), "no pipeline ends in windows: KEDA can only get what windows hold"
        )
    for component_id, processor in config.processors.items():
        if isinstance(processor, BatchConfig):
            findings.warn(
                ("processors", component_id),
                "has no effect: the windows take every message at once, exporters gather for themselves",
            )
    _advise_on_scrapes(config, findings)
    if not any(component_type(one) == "keda_scaler" for one in config.service.extensions):
        findings.warn(("service", "extensions"), "no keda_scaler runs: nobody can ask")
    if not any(component_type(one) == "health_check" for one in config.extensions):
        findings.warn(("extensions",), "health_check is not defined: nothing answers on 13133")


def _advise_on_scrapes(config: Config, findings: Findings) -> None:
    for component_id, receiver in config.receivers.items():
        for job, interval_ms, _ in (
            receiver.config.jobs() if isinstance(receiver, PrometheusReceiverConfig) else ()
        ):
            if interval_ms > LONGEST_SCRAPE_INTERVAL_MS:
                findings.warn(
                    ("receivers", component_id),
                    f"{job.job_name} is scraped every {format_duration(interval_ms)}: KEDA's default window of 1m does "
                    f"not have two scrapes; write scrape_interval: 15s, or a longer window into the triggers",
                )
