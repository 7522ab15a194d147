"""Processors: settings to a consumer in front of the next one."""

from __future__ import annotations

from dataclasses import dataclass, field

from daemon.config.schema import ProcessorConfig
from daemon.telemetry import SelfMetrics
from receivers.consumer import Consumer


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessorSettings:
    """What processors need besides their configuration."""

    metrics: SelfMetrics = field(default_factory=SelfMetrics)
    """Where they register what they count; one that nobody reads for processors that are built only to be checked."""


def build_processor(
    component_id: str, config: ProcessorConfig, following: Consumer, settings: ProcessorSettings
) -> Consumer:
    """Return the processor that `config` describes, in front of `following`.

    Raises:
        ConfigError: the one mistake in it; its path begins below the component's own block.
        ExceptionGroup: several mistakes, each a ConfigError.
    """
    # Imported where it is used: OTTL and its functions take 4 MB, which only who filters pays.
    from daemon.processors.filter import build_filter  # noqa: PLC0415

    dropped = settings.metrics.counters(
        "otelcol_processor_filter_datapoints_filtered",
        "Metrics that a filter dropped whole, with all of their data points: metrics are counted, not points",
        label="filter",
    )
    return build_filter(component_id, config, following, count_filtered=dropped)
