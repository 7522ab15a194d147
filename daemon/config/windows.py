"""Settings of the windows: `exporters.windows`."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated

from daemon.config.fields import Count, CountOrNone, DurationMs, rejected, shown
from daemon.config.markers import BeforeValidator, Field, PlainSerializer

DEFAULT_RESOURCE_LABELS = ("host.name", "service.instance.id", "k8s.pod.name")
"""Resource attributes that tell one process from another (DESIGN 3.4)."""
ALL_ATTRIBUTES = "*"


Percentage = Annotated[int, Field(ge=0, le=100)]


class HistogramBuckets(StrEnum):
    """Whether the buckets of histograms are kept as series (DESIGN 3.5)."""

    AUTO = "auto"
    """Once a query has named them."""
    ALWAYS = "true"
    NEVER = "false"


def _parse_buckets(value: object) -> HistogramBuckets:
    if isinstance(value, HistogramBuckets):
        return value
    if isinstance(value, bool):
        return HistogramBuckets.ALWAYS if value else HistogramBuckets.NEVER
    if value == "auto":
        return HistogramBuckets.AUTO
    raise rejected(f"expected auto, true or false, got {shown(value)}")


def _as_written(buckets: HistogramBuckets) -> str | bool:
    if buckets is HistogramBuckets.AUTO:
        return buckets.value
    return buckets is HistogramBuckets.ALWAYS


def _parse_labels(value: object) -> list[str]:
    names = value if isinstance(value, (list, tuple)) else (None,)
    if all(isinstance(one, str) and one for one in names):
        return list(names)
    raise rejected(f"expected a list of attribute names, or ['*'] for all, got {shown(value)}")


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowsConfig:
    """What users write below `exporters.windows`."""

    retention: DurationMs = 300_000
    """How long a sample stays, and the lookback of PromQL; 0 keeps by count only."""
    settle_for: DurationMs = 65_000
    """After start, for how long no answer is given that senders may not have reached yet (keda.md 6.3.6)."""
    max_series: Count = 200_000
    """Series remembered at once; beyond it ended series go first, then new ones are refused."""
    max_series_per_metric: CountOrNone = 0
    """The same for the series of one metric name; 0 is no limit of its own."""
    max_senders: Count = 20_000
    """Processes that report, remembered at once."""
    memory_soft_percentage: Percentage = 75
    """Of the container's memory limit: from there on ended series go, and new ones only take their places; 0 is off."""
    memory_hard_percentage: Percentage = 90
    """From there on requests are refused too whose senders can come back; 0 is off."""
    max_known_names: Count = 10_000
    """Metric names remembered for the life of the process."""
    histogram_buckets: Annotated[
        HistogramBuckets, BeforeValidator(_parse_buckets), PlainSerializer(_as_written)
    ] = HistogramBuckets.AUTO
    resource_labels: Annotated[tuple[str, ...], BeforeValidator(_parse_labels)] = (
        DEFAULT_RESOURCE_LABELS
    )
    """Resource attributes that become labels, and win over those of data points; `*` alone is all."""
    add_metric_suffixes: bool = False
    """Whether OTLP metrics get Prometheus' names, with unit and `_total` (otlp.md 3.4)."""
