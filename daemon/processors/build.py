"""Processors: settings to a consumer in front of the next one."""

from __future__ import annotations

from dataclasses import dataclass, field

from daemon.config.attributes import AttributesConfig, ResourceConfig
from daemon.config.batch import BatchConfig
from daemon.config.errors import ConfigError
from daemon.config.filter import FilterConfig
from daemon.config.memory_limiter import MemoryLimiterConfig
from daemon.config.metricstransform import MetricsTransformConfig
from daemon.config.schema import ProcessorConfig
from daemon.config.transform import TransformConfig
from daemon.processors.counting import Counted
from daemon.telemetry import Counters, SelfMetrics
from receivers.consumer import Consumer

_ACCEPTED = "otelcol_processor_accepted_metric_points"
_REFUSED = "otelcol_processor_refused_metric_points"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessorSettings:
    """What processors need besides their configuration."""

    metrics: SelfMetrics = field(default_factory=SelfMetrics)
    """Where they register what they count; one that nobody reads for processors that are built only to be checked."""


# Processors are imported where they are used: OTTL and its functions take 4 MB, which only
# who has such a processor pays.


def build_processor(
    component_id: str, config: ProcessorConfig, following: Consumer, settings: ProcessorSettings
) -> Consumer:
    """Return the processor that `config` describes, in front of `following`.

    Raises:
        ConfigError: the one mistake in it; its path begins below the component's own block.
        ExceptionGroup: several mistakes, each a ConfigError.
    """
    if isinstance(config, FilterConfig):
        return _filter(component_id, config, following, settings)
    if isinstance(config, BatchConfig):
        _check_batch(config)
        return following
    incoming = _items(settings, "incoming", "Data points that a processor was given")
    outgoing = _items(settings, "outgoing", "Data points that a processor handed on")
    end = Counted(component_id, outgoing, following)
    processor = _counted(component_id, config, end, settings)
    return Counted(component_id, incoming, processor)


def _filter(
    component_id: str, config: FilterConfig, following: Consumer, settings: ProcessorSettings
) -> Consumer:
    from daemon.processors.filter import build_filter  # noqa: PLC0415

    dropped = settings.metrics.counters(
        "otelcol_processor_filter_datapoints_filtered",
        "Metrics that a filter dropped whole, with all of their data points: metrics are counted, not points",
        label="filter",
    )
    by_condition = settings.metrics.counters(
        "tallyd_filter_dropped_metrics",
        "Metrics that a filter dropped, by condition; where several took away data points the last of them",
        label="condition",
        filter=component_id,
    )
    built = build_filter(
        component_id, config, following, count_filtered=dropped, count_condition=by_condition
    )
    by_condition.keep(built.causes)
    return built


def _counted(
    component_id: str,
    config: TransformConfig
    | AttributesConfig
    | ResourceConfig
    | MetricsTransformConfig
    | MemoryLimiterConfig,
    following: Consumer,
    settings: ProcessorSettings,
) -> Consumer:
    """Return a processor whose data points are counted before and behind it."""
    # Imported where they are used: OTTL and its functions take 4 MB, which only who needs them pays.
    match config:
        case TransformConfig():
            from daemon.processors.transform import build_transform  # noqa: PLC0415

            return build_transform(component_id, config, following)
        case AttributesConfig():
            from daemon.processors.attributes import build_attributes  # noqa: PLC0415

            return build_attributes(component_id, config, following)
        case ResourceConfig():
            from daemon.processors.attributes import build_resource  # noqa: PLC0415

            return build_resource(component_id, config, following)
        case MetricsTransformConfig():
            from daemon.processors.metricstransform import build_metricstransform  # noqa: PLC0415

            return build_metricstransform(component_id, config, following)
        case MemoryLimiterConfig():
            from daemon.processors.memory_limiter import build_memory_limiter  # noqa: PLC0415

            return build_memory_limiter(
                component_id,
                config,
                following,
                count_accepted=_points(settings, _ACCEPTED, "Data points that were taken"),
                count_refused=_points(settings, _REFUSED, "Data points refused for want of memory"),
            )


def _items(settings: ProcessorSettings, way: str, text: str) -> Counters:
    return settings.metrics.counters(
        f"otelcol_processor_{way}_items", text, label="processor", otel_signal="metrics"
    )


def _points(settings: ProcessorSettings, name: str, text: str) -> Counters:
    return settings.metrics.counters(name, text, label="processor")


def _check_batch(config: BatchConfig) -> None:
    """Refuse what the collector refuses; otherwise a batch processor has no effect here."""
    if 0 < config.send_batch_max_size < config.send_batch_size:
        raise ConfigError(("send_batch_max_size",), "expected at least send_batch_size, or 0")
