"""What is remembered of one metric of one sender, so that its next report costs little."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field

from daemon.exporters.names import prometheus_name
from query.labels import metric_name
from query.store.store import Series
from receivers.model import MetricHeader, MetricType, Temporality

BUCKET_SUFFIX = "_bucket"

_WITH_TEMPORALITY = frozenset(
    {MetricType.SUM, MetricType.HISTOGRAM, MetricType.EXPONENTIAL_HISTOGRAM}
)

Pair = tuple[Series, Series | None]
"""The series of a number and None, or those of a count and its sum."""


@dataclass(slots=True)
class Tracked:
    """What is remembered of one decoded time series."""

    start_unix_nano: int
    """The start that its series were told of."""
    first: Series
    second: Series | None
    sum_is_gone: bool = False
    """A delta point came without sum: the total that went on would be too small."""
    parts: dict[str, Series] = field(default_factory=dict)
    """The series of buckets or quantiles, by `le` or `quantile`."""
    layout: Hashable = None
    """The bounds that the buckets in `parts` have."""

    @property
    def is_alive(self) -> bool:
        """Whether the store knows both series still."""
        return self.first.alive and (self.second is None or self.second.alive)


@dataclass(slots=True, kw_only=True)
class MetricMemo:
    """One metric of one sender: what it is, and its series.

    What each report asks is told once: members of an enum take ten times as long to compare.
    """

    name: str
    kind: tuple[str, MetricType, bool]
    """Name as the sender writes it, type, whether it is delta: what makes a series another one."""
    names: tuple[str, ...]
    """Of its series, buckets aside."""
    is_counter: bool
    is_delta: bool
    """Points count from the point before."""
    is_distribution: bool
    """A point has a count and a sum."""
    has_buckets: bool
    has_quantiles: bool
    is_empty: bool
    """It is a name without data."""
    rows: dict[Hashable, Series] = field(default_factory=dict)
    """Series of numbers or counts by the key of their bytes."""
    sums: dict[Hashable, Series] = field(default_factory=dict)
    """The series of the sum that goes with a count, by the same key."""
    tracked: dict[int, Tracked] = field(default_factory=dict)
    """Decoded time series by `source_of`."""
    part_count: int = 0
    """Buckets and quantiles in `tracked`."""

    @property
    def size(self) -> int:
        """How many things are remembered here, this one included."""
        return 1 + len(self.rows) + len(self.tracked) + self.part_count


def has_no_temporality(header: MetricHeader) -> bool:
    """Return whether nobody can tell what the values of this metric count from."""
    return header.type in _WITH_TEMPORALITY and header.temporality is Temporality.UNSPECIFIED


def describe(header: MetricHeader, *, add_suffixes: bool) -> MetricMemo | None:
    """Return what a metric is in the store; None if no name is left of its own."""
    name = prometheus_name(header, add_suffixes=True) if add_suffixes else metric_name(header.name)
    if not name:
        return None
    kind = header.type
    is_distribution = kind not in {MetricType.GAUGE, MetricType.SUM, MetricType.NONE}
    is_delta = kind in _WITH_TEMPORALITY and header.temporality is Temporality.DELTA
    names = (f"{name}_count", f"{name}_sum") if is_distribution else (name,)
    return MetricMemo(
        name=name,
        kind=(header.name, kind, is_delta),
        names=(*names, name) if kind is MetricType.SUMMARY else names,
        is_counter=is_distribution or (kind is MetricType.SUM and header.is_monotonic),
        is_delta=is_delta,
        is_distribution=is_distribution,
        has_buckets=is_distribution and kind is not MetricType.SUMMARY,
        has_quantiles=kind is MetricType.SUMMARY,
        is_empty=kind is MetricType.NONE,
    )
