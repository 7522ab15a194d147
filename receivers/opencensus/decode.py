"""OpenCensus metrics -> the model: headers at once and shared, data points when somebody reads them.

Everything here follows opencensus.md 3.3 and 3.4 with their HARDEN rules: what is wrong is left out and counted
(`refusals`), and costs nothing beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from math import isfinite
from typing import Any, cast

from receivers.consumer import Count
from receivers.model import (
    AnyValue,
    DataPoint,
    EncodedRow,
    HistogramDataPoint,
    MetricHeader,
    MetricType,
    NumberDataPoint,
    QuantileValue,
    SummaryDataPoint,
    Temporality,
)
from receivers.opencensus import schema
from receivers.opencensus.labels import Keys, keys_of_values
from receivers.opencensus.refusals import Refusal

# Any: message objects; protobuf ships no types.
Message = Any
Value = tuple[float, float | None]
"""A point's number and None, or its count and sum."""

Key = tuple[str, bytes, tuple[bytes, ...]]
"""A time series: its layout's signature, the bytes of its start time and of each label value."""

MAX_HEADERS = 4096
MAX_HEADER_BYTES = 4096
MAX_KNOWN_LABELS = 16_384
MAX_KNOWN_LABELS_BYTES = 2048
_MAX_UNIX_NANO = 2**63 - 1
_PHANTOM_METRICS = "grpc.io/client/"
_PHANTOM_VALUE = b"opencensus.proto.agent."


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a MetricDescriptor says of its metric's time series.

    `signature` stands for the label keys and the type: label values mean the same under equal signatures.
    """

    header: MetricHeader
    label_keys: Keys
    read_value: Callable[[Message], Value | Refusal]
    build_point: Callable[[Message, dict[str, AnyValue], int, int], DataPoint | Refusal]
    signature: str
    may_hold_phantoms: bool


class Decoder:
    """The decoding of one receiver: its counter and what it remembers between messages, all bounded."""

    __slots__ = ("_known_labels", "_layouts", "count")

    def __init__(self, count: Count) -> None:
        self.count = count
        self._layouts: dict[bytes, Layout | Refusal] = {}
        self._known_labels: set[tuple[bytes, ...]] = set()

    def layout(self, raw: bytes) -> Layout | Refusal:
        """Return the layout that the MetricDescriptor `raw` gives, the same object for the same bytes."""
        found = self._layouts.get(raw)
        if found is not None:
            return found
        found = decode_layout(raw)
        if len(raw) <= MAX_HEADER_BYTES:
            if len(self._layouts) >= MAX_HEADERS:
                self._layouts.clear()
                self.count(Refusal.CACHE_CLEARED, 1)
            self._layouts[raw] = found
        return found

    def knows_labels(self, values: tuple[bytes, ...]) -> bool:
        """Return whether all `values` are LabelValue messages with UTF-8 text."""
        if values in self._known_labels:
            return True
        try:
            for raw in values:
                schema.LabelValueParts.FromString(raw).value.decode()
        except (schema.WireError, UnicodeDecodeError):
            return False
        if sum(map(len, values)) <= MAX_KNOWN_LABELS_BYTES:
            if len(self._known_labels) >= MAX_KNOWN_LABELS:
                self._known_labels.clear()
                self.count(Refusal.CACHE_CLEARED, 1)
            self._known_labels.add(values)
        return True


class WirePoints:
    """The points of one metric as they arrived: the `EncodedPoints` of `receivers.model`."""

    __slots__ = ("_decoder", "_layout", "_metric")

    def __init__(self, decoder: Decoder, layout: Layout, metric: Message) -> None:
        self._decoder = decoder
        self._layout = layout
        self._metric = metric

    def rows(self) -> Iterator[EncodedRow]:
        """Yield each good point, in wire order."""
        count, read_value = self._decoder.count, self._layout.read_value
        for _, key, points in self._series():
            for point in points:
                timestamp = point.timestamp
                time_unix_nano = timestamp.seconds * 1_000_000_000 + timestamp.nanos
                if not 0 < time_unix_nano <= _MAX_UNIX_NANO:
                    count(Refusal.BAD_TIME, 1)
                    continue
                value = read_value(point)
                if isinstance(value, Refusal):
                    count(value, 1)
                    continue
                yield EncodedRow(key, time_unix_nano, value[0], value[1])

    def decode(self) -> list[DataPoint]:
        """Return each good point whole, in wire order."""
        count, layout = self._decoder.count, self._layout
        decoded: list[DataPoint] = []
        for raw, key, _ in self._series():
            try:
                series = schema.TimeSeries.FromString(raw)
            except schema.WireError:
                count(Refusal.UNDECODABLE_SERIES, 1)
                continue
            attributes, start_unix_nano = self.describe(key)
            for message in series.points:
                time_unix_nano = _unix_nano(message.timestamp)
                if not time_unix_nano:
                    count(Refusal.BAD_TIME, 1)
                    continue
                point = layout.build_point(
                    message, dict(attributes), start_unix_nano, time_unix_nano
                )
                if isinstance(point, Refusal):
                    count(point, 1)
                else:
                    decoded.append(point)
        return decoded

    def describe(self, key: Hashable) -> tuple[dict[str, AnyValue], int]:
        """Return attributes and start time of the time series that a row's `key` names."""
        _, raw_start, raw_values = cast("Key", key)
        layout = self._layout
        try:
            start_unix_nano = _unix_nano(schema.TimestampParts.FromString(raw_start))
        except schema.WireError:
            start_unix_nano = 0
        values = [schema.LabelValueParts.FromString(raw) for raw in raw_values]
        texts = [value.value.decode() for value in values]
        keys = layout.label_keys
        if len(values) < len(keys) and all(value.has_value for value in values):
            repaired = keys_of_values(layout.header.name, keys, texts)
            if repaired is None:
                self._decoder.count(Refusal.SHIFTED_LABELS, 1)
            else:
                keys = repaired
        attributes: dict[str, AnyValue] = {
            key: text
            for key, text, value in zip(keys, texts, values, strict=False)
            if text and value.has_value
        }
        return attributes, start_unix_nano

    def _series(self) -> Iterator[tuple[bytes, Key, Message]]:
        """Yield bytes, key and points of each time series that can be read."""
        decoder, layout = self._decoder, self._layout
        parse = schema.TimeSeriesParts.FromString
        signature, may_hold_phantoms = layout.signature, layout.may_hold_phantoms
        for raw in self._metric.timeseries:
            try:
                series = parse(raw)
            except schema.WireError:
                decoder.count(Refusal.UNDECODABLE_SERIES, 1)
                continue
            values = tuple(series.label_values)
            if not decoder.knows_labels(values):
                decoder.count(Refusal.UNDECODABLE_SERIES, 1)
            elif may_hold_phantoms and _is_phantom(values):
                decoder.count(Refusal.PHANTOM_SERIES, 1)
            else:
                yield raw, (signature, series.start_timestamp, values), series.points


def decode_layout(raw: bytes) -> Layout | Refusal:
    """Return the layout that the MetricDescriptor `raw` gives, or why there is none."""
    try:
        descriptor = schema.MetricDescriptor.FromString(raw)
    except schema.WireError:
        return Refusal.UNDECODABLE_METRIC
    kind = _KINDS.get(descriptor.type)
    if kind is None:
        return Refusal.UNSUPPORTED_TYPE
    if not descriptor.name:
        return Refusal.EMPTY_NAME
    keys = tuple(label.key for label in descriptor.label_keys)
    return Layout(
        header=MetricHeader(
            name=descriptor.name,
            description=descriptor.description,
            unit=descriptor.unit,
            type=kind.type,
            temporality=kind.temporality,
            is_monotonic=kind.type is MetricType.SUM,
        ),
        label_keys=keys,
        read_value=kind.read_value,
        build_point=kind.build_point,
        signature="\0".join((str(descriptor.type), *keys)),
        may_hold_phantoms=descriptor.name.startswith(_PHANTOM_METRICS),
    )


def _is_phantom(values: tuple[bytes, ...]) -> bool:
    """Return whether the first label value is one of ocagent's own streams (opencensus.md 4.3)."""
    if not values:
        return False
    text: bytes = schema.LabelValueParts.FromString(values[0]).value
    return text.startswith(_PHANTOM_VALUE)


def _unix_nano(timestamp: Message) -> int:
    """Return Unix nanoseconds; 0 for a time that is missing, not after 1970 or beyond int64."""
    unix_nano: int = timestamp.seconds * 1_000_000_000 + timestamp.nanos
    return unix_nano if 0 < unix_nano <= _MAX_UNIX_NANO else 0


def _read_int(point: Message) -> Value | Refusal:
    if not point.HasField("int64_value"):
        return Refusal.WRONG_VALUE
    return point.int64_value, None


def _read_double(point: Message) -> Value | Refusal:
    if not point.HasField("double_value"):
        return Refusal.WRONG_VALUE
    value = point.double_value
    return (value, None) if isfinite(value) else Refusal.NOT_FINITE


def _read_distribution(point: Message) -> Value | Refusal:
    if not point.HasField("distribution_value"):
        return Refusal.WRONG_VALUE
    distribution = point.distribution_value
    return _checked(distribution.count, distribution.sum)


def _read_summary(point: Message) -> Value | Refusal:
    if not point.HasField("summary_value"):
        return Refusal.WRONG_VALUE
    summary = point.summary_value
    return _checked(summary.count.value, summary.sum.value)


def _checked(count: int, total: float) -> Value | Refusal:
    if count < 0:
        return Refusal.NEGATIVE_COUNT
    return (count, total) if isfinite(total) else Refusal.NOT_FINITE


def _number_builder(
    read_value: Callable[[Message], Value | Refusal],
) -> Callable[[Message, dict[str, AnyValue], int, int], DataPoint | Refusal]:
    def build(
        message: Message, attributes: dict[str, AnyValue], start: int, time: int
    ) -> DataPoint | Refusal:
        value = read_value(message)
        if isinstance(value, Refusal):
            return value
        return NumberDataPoint(
            attributes=attributes,
            start_time_unix_nano=start,
            time_unix_nano=time,
            value=value[0],
        )

    return build


def _build_histogram(
    message: Message, attributes: dict[str, AnyValue], start: int, time: int
) -> DataPoint | Refusal:
    value = _read_distribution(message)
    if isinstance(value, Refusal):
        return value
    distribution = message.distribution_value
    bucket_counts = [bucket.count for bucket in distribution.buckets]
    if any(count < 0 for count in bucket_counts):
        return Refusal.NEGATIVE_COUNT
    return HistogramDataPoint(
        attributes=attributes,
        start_time_unix_nano=start,
        time_unix_nano=time,
        count=distribution.count,
        sum=distribution.sum,
        bucket_counts=bucket_counts,
        explicit_bounds=list(distribution.bucket_options.explicit.bounds),
    )


def _build_summary(
    message: Message, attributes: dict[str, AnyValue], start: int, time: int
) -> DataPoint | Refusal:
    value = _read_summary(message)
    if isinstance(value, Refusal):
        return value
    summary = message.summary_value
    return SummaryDataPoint(
        attributes=attributes,
        start_time_unix_nano=start,
        time_unix_nano=time,
        count=summary.count.value,
        sum=summary.sum.value,
        quantile_values=[
            QuantileValue(at.percentile / 100, at.value)
            for at in summary.snapshot.percentile_values
        ],
    )


@dataclass(frozen=True, slots=True)
class _Kind:
    type: MetricType
    temporality: Temporality
    read_value: Callable[[Message], Value | Refusal]
    build_point: Callable[[Message, dict[str, AnyValue], int, int], DataPoint | Refusal]


_GAUGE = (MetricType.GAUGE, Temporality.UNSPECIFIED)
_SUM = (MetricType.SUM, Temporality.CUMULATIVE)
_INT = (_read_int, _number_builder(_read_int))
_DOUBLE = (_read_double, _number_builder(_read_double))
# MetricDescriptor.Type -> kind; 0 (unspecified) and 3 (GAUGE_DISTRIBUTION) have none (opencensus.md 3.3).
_KINDS: dict[int, _Kind] = {
    1: _Kind(*_GAUGE, *_INT),
    2: _Kind(*_GAUGE, *_DOUBLE),
    4: _Kind(*_SUM, *_INT),
    5: _Kind(*_SUM, *_DOUBLE),
    6: _Kind(MetricType.HISTOGRAM, Temporality.CUMULATIVE, _read_distribution, _build_histogram),
    7: _Kind(MetricType.SUMMARY, Temporality.UNSPECIFIED, _read_summary, _build_summary),
}
