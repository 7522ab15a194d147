"""What is allowed and yet most likely not meant: warnings that need more than one setting to see."""

from __future__ import annotations

from typing import Final

from daemon.config.batch import BatchConfig
from daemon.config.findings import Findings
from daemon.config.schema import Config, component_type
from query.durations import format_duration

SHORTEST_RETENTION_MS: Final = 140_000
"""A trigger's default window of 60 s and 4 report intervals of 20 s (DESIGN 5)."""


def advise(config: Config, findings: Findings) -> None:
    """Warn of a retention that no default window fits, of what does not run, and of what has no effect."""
    for component_id, windows in config.exporters.items():
        if 0 < windows.retention < SHORTEST_RETENTION_MS:
            findings.warn(
                ("exporters", component_id, "retention"),
                f"{format_duration(windows.retention)} is too short for rates over the default window of 1m, which are "
                f"refused: that takes {format_duration(SHORTEST_RETENTION_MS)}, the window and 4 report intervals of 20s",
            )
    for component_id, processor in config.processors.items():
        if isinstance(processor, BatchConfig):
            findings.warn(
                ("processors", component_id),
                "has no effect: the windows take every message at once, exporters gather for themselves",
            )
    if not any(component_type(one) == "keda_scaler" for one in config.service.extensions):
        findings.warn(("service", "extensions"), "no keda_scaler runs: nobody can ask")
    if not any(component_type(one) == "health_check" for one in config.extensions):
        findings.warn(("extensions",), "health_check is not defined: nothing answers on 13133")
