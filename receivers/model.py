"""The OTLP data model as receivers fill it and processors see it: resource, scope, metric, data points.

Times are nanoseconds since the Unix epoch (`*_unix_nano`), 0 where the sender gave none.

Ownership: a batch belongs to the consumer it is handed to. `Resource`, `Scope` and `MetricHeader` are shared between
batches and are never changed in place: whoever changes one puts a new object in its place. They compare by identity,
so that they can key caches; receivers hand out the same object for the same bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType
from typing import NamedTuple, Protocol, runtime_checkable

AnyValue = str | bool | int | float | bytes | list["AnyValue"] | dict[str, "AnyValue"] | None
Attributes = Mapping[str, AnyValue]

NO_ATTRIBUTES: Attributes = MappingProxyType({})

FLAG_NO_RECORDED_VALUE = 1
"""Bit of a data point's flags: the series has ended here, whatever its value says."""
NO_RECORDED_VALUE: float = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]
"""What such a point's `EncodedRow` holds as value and sum: Prometheus' stale marker, as remote write sends it.

Its bits tell it from other NaNs; arithmetic loses them.
"""


class MetricType(IntEnum):
    """Kind of a metric's data; the numbers are OTTL's METRIC_DATA_TYPE_* enum (spec/ottl.md 3.4)."""

    NONE = 0
    GAUGE = 1
    SUM = 2
    HISTOGRAM = 3
    EXPONENTIAL_HISTOGRAM = 4
    SUMMARY = 5


class Temporality(IntEnum):
    """Whether a point counts from its start (cumulative) or from the point before it (delta)."""

    UNSPECIFIED = 0
    DELTA = 1
    CUMULATIVE = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Resource:
    """What reports: attributes of the sending process."""

    attributes: Attributes = field(default_factory=lambda: NO_ATTRIBUTES)
    dropped_attributes_count: int = 0
    schema_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Scope:
    """The instrumentation library that recorded the metrics; empty for OpenCensus."""

    name: str = ""
    version: str = ""
    attributes: Attributes = field(default_factory=lambda: NO_ATTRIBUTES)
    dropped_attributes_count: int = 0
    schema_url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MetricHeader:
    """Everything of a metric but its data points."""

    name: str
    description: str = ""
    unit: str = ""
    type: MetricType = MetricType.NONE
    temporality: Temporality = Temporality.UNSPECIFIED
    is_monotonic: bool = False
    metadata: Attributes = field(default_factory=lambda: NO_ATTRIBUTES)


@dataclass(slots=True, kw_only=True)
class Exemplar:
    """One recorded measurement kept as an example of its data point."""

    time_unix_nano: int = 0
    value: int | float | None = None
    filtered_attributes: dict[str, AnyValue] = field(default_factory=dict)
    span_id: bytes = b""
    trace_id: bytes = b""


@dataclass(slots=True, kw_only=True)
class NumberDataPoint:
    """One value of a gauge or sum; `value` is None where the sender gave none."""

    attributes: dict[str, AnyValue] = field(default_factory=dict)
    start_time_unix_nano: int = 0
    time_unix_nano: int = 0
    value: int | float | None = None
    flags: int = 0
    exemplars: list[Exemplar] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class HistogramDataPoint:
    """One histogram: `bucket_counts` has one more entry than `explicit_bounds`, or both are empty."""

    attributes: dict[str, AnyValue] = field(default_factory=dict)
    start_time_unix_nano: int = 0
    time_unix_nano: int = 0
    count: int = 0
    sum: float | None = None
    min: float | None = None
    max: float | None = None
    bucket_counts: list[int] = field(default_factory=list)
    explicit_bounds: list[float] = field(default_factory=list)
    flags: int = 0
    exemplars: list[Exemplar] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class ExponentialBuckets:
    """Consecutive bucket counts that begin at index `offset`."""

    offset: int = 0
    bucket_counts: list[int] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class ExponentialHistogramDataPoint:
    """One exponential histogram; bucket i ends at 2 ** ((i + 1) * 2 ** -scale)."""

    attributes: dict[str, AnyValue] = field(default_factory=dict)
    start_time_unix_nano: int = 0
    time_unix_nano: int = 0
    count: int = 0
    sum: float | None = None
    min: float | None = None
    max: float | None = None
    scale: int = 0
    zero_count: int = 0
    zero_threshold: float = 0.0
    positive: ExponentialBuckets = field(default_factory=ExponentialBuckets)
    negative: ExponentialBuckets = field(default_factory=ExponentialBuckets)
    flags: int = 0
    exemplars: list[Exemplar] = field(default_factory=list)


class QuantileValue(NamedTuple):
    """`quantile` in [0, 1] and the value there."""

    quantile: float
    value: float


@dataclass(slots=True, kw_only=True)
class SummaryDataPoint:
    """Count, sum and quantiles as the sender computed them."""

    attributes: dict[str, AnyValue] = field(default_factory=dict)
    start_time_unix_nano: int = 0
    time_unix_nano: int = 0
    count: int = 0
    sum: float = 0.0
    quantile_values: list[QuantileValue] = field(default_factory=list)
    flags: int = 0


DataPoint = NumberDataPoint | HistogramDataPoint | ExponentialHistogramDataPoint | SummaryDataPoint


class EncodedRow(NamedTuple):
    """One data point read off the wire without its attributes.

    `key` is equal for the same time series with the same start time in every report of one sender; of a delta metric,
    whose start time moves on with every report, for the same time series. `value` is the number of a gauge or sum, or the
    count of a histogram or summary; `sum` is None for gauges and sums, and for histograms without one.
    """

    key: Hashable
    time_unix_nano: int
    value: float
    sum: float | None


class EncodedPoints(Protocol):
    """The data points of one metric, still on the wire.

    Both readers leave out bad points and count them (the receiver's counter); neither raises.
    """

    def decode(self) -> list[DataPoint]:
        """Return all data points, decoded whole."""

    def rows(self) -> Iterable[EncodedRow]:
        """Return the value of each data point without decoding attributes."""

    def describe(self, key: Hashable) -> tuple[dict[str, AnyValue], int]:
        """Return attributes and start time (Unix ns, 0 = unknown or delta) of the time series that `key` names."""


@runtime_checkable
class EncodedDeltaPoints(EncodedPoints, Protocol):
    """The data points of a delta metric, still on the wire; who sends delta metrics must give these."""

    def starts_unix_nano(self) -> Sequence[int]:
        """Return the start time (Unix ns, 0 = unknown) of each of `rows`, in their order."""


@runtime_checkable
class CountedPoints(Protocol):
    """Data points that can be counted without being decoded."""

    def point_count(self) -> int:
        """Return how many data points there are on the wire, bad ones included."""


class Metric:
    """One metric: a shared header and its data points, decoded when first asked for.

    A receiver may subclass it to be its own `EncodedPoints`: then a metric that nobody reads costs one object, not two.
    """

    __slots__ = ("_data_points", "_encoded", "header")

    def __init__(
        self,
        header: MetricHeader,
        encoded: EncodedPoints | None = None,
        data_points: Sequence[DataPoint] = (),
    ) -> None:
        self.header = header
        self._encoded = encoded
        self._data_points: list[DataPoint] | None = None if encoded else list(data_points)

    @property
    def encoded(self) -> EncodedPoints | None:
        """What the receiver left on the wire; None once `data_points` was read, for who did may have changed them."""
        return self._encoded if self._data_points is None else None

    @property
    def data_points(self) -> list[DataPoint]:
        """The data points; the list is the metric's own and may be changed."""
        if self._data_points is None:
            encoded = self.encoded
            self._data_points = encoded.decode() if encoded else []
        return self._data_points

    @data_points.setter
    def data_points(self, data_points: list[DataPoint]) -> None:
        self._data_points = data_points

    def point_count(self) -> int:
        """Return how many data points there are; of those on the wire, how many the sender wrote, bad ones too.

        Decodes them where the receiver's `EncodedPoints` has no `point_count` of its own to ask.
        """
        encoded: object = self.encoded
        if encoded is not self and isinstance(encoded, CountedPoints):
            return encoded.point_count()
        return len(self.data_points)


@dataclass(slots=True)
class ScopeMetrics:
    """Metrics of one scope."""

    scope: Scope
    metrics: list[Metric]


@dataclass(slots=True)
class ResourceMetrics:
    """Scopes of one resource."""

    resource: Resource
    scope_metrics: list[ScopeMetrics]

    @property
    def metric_count(self) -> int:
        """How many metrics there are in all scopes."""
        return sum(len(scope_metrics.metrics) for scope_metrics in self.scope_metrics)
