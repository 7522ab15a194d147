"""OpenCensus metrics -> the model: headers at once and shared, data points when somebody reads them.

What is wrong is left out and counted (`refusals`), and costs nothing beside it (the HARDEN rules of opencensus.md 3, 4).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from receivers.consumer import Count
from receivers.model import AnyValue, DataPoint, EncodedRow, MetricHeader, MetricType
from receivers.opencensus import schema
from receivers.opencensus.labels import Keys, keys_of_values
from receivers.opencensus.points import KINDS, MAX_UNIX_NANO, Frame, Kind, unix_nano
from receivers.opencensus.refusals import Refusal

MAX_LAYOUTS = 4096
MAX_LAYOUT_BYTES = 4096
MAX_KNOWN_LABELS = 16_384
MAX_KNOWN_LABELS_BYTES = 2048
_PHANTOM_METRICS = "grpc.io/client/"
_PHANTOM_VALUE = b"opencensus.proto.agent."

# Any: message objects; protobuf ships no types.
Message = Any

LabelValues = tuple[bytes, ...]
"""LabelValue messages as they arrived."""

Key = tuple[str, bytes, LabelValues]
"""A time series: its layout's signature, its start time as it arrived, its label values."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """What a MetricDescriptor says of its metric's time series.

    `signature` stands for type and label keys: label values mean the same under equal signatures.
    """

    decoder: Decoder
    header: MetricHeader
    kind: Kind
    label_keys: Keys
    signature: str
    may_hold_phantoms: bool


class Decoder:
    """The decoding of one receiver: its counter and what it remembers between messages, all bounded."""

    __slots__ = ("count", "known_labels", "layouts")

    def __init__(self, count: Count) -> None:
        self.count = count
        self.layouts: dict[bytes, Layout] = {}
        """MetricDescriptor bytes -> layout: the same object for the same bytes."""
        self.known_labels: set[LabelValues] = set()
        """Label values that were found to be messages with UTF-8 text."""

    def learn_layout(self, raw: bytes) -> Layout | Refusal:
        """Return the layout that the MetricDescriptor `raw` gives and remember it, or why there is none."""
        layout = self._decode_layout(raw)
        if isinstance(layout, Layout) and len(raw) <= MAX_LAYOUT_BYTES:
            if len(self.layouts) >= MAX_LAYOUTS:
                self.layouts.clear()
                self.count(Refusal.CACHE_CLEARED, 1)
            self.layouts[raw] = layout
        return layout

    def _decode_layout(self, raw: bytes) -> Layout | Refusal:
        try:
            descriptor = schema.MetricDescriptor.FromString(raw)
        except schema.WireError:
            return Refusal.UNDECODABLE_METRIC
        kind = KINDS.get(descriptor.type)
        if kind is None:
            return Refusal.UNSUPPORTED_TYPE
        if not descriptor.name:
            return Refusal.EMPTY_NAME
        keys = tuple(label.key for label in descriptor.label_keys)
        header = MetricHeader(
            name=descriptor.name,
            description=descriptor.description,
            unit=descriptor.unit,
            type=kind.type,
            temporality=kind.temporality,
            is_monotonic=kind.type is MetricType.SUM,
        )
        return Layout(
            decoder=self,
            header=header,
            kind=kind,
            label_keys=keys,
            signature="\0".join((str(descriptor.type), *keys)),
            may_hold_phantoms=header.name.startswith(_PHANTOM_METRICS),
        )

    def learn_labels(self, values: LabelValues) -> bool:
        """Return whether all `values` are LabelValue messages with UTF-8 text, and remember those that are."""
        try:
            for raw in values:
                schema.LabelValueParts.FromString(raw).value.decode()
        except (schema.WireError, UnicodeDecodeError):
            return False
        if sum(map(len, values)) <= MAX_KNOWN_LABELS_BYTES:
            if len(self.known_labels) >= MAX_KNOWN_LABELS:
                self.known_labels.clear()
                self.count(Refusal.CACHE_CLEARED, 1)
            self.known_labels.add(values)
        return True


class WirePoints:
    """The points of one metric as they arrived: the `EncodedPoints` of `receivers.model`."""

    __slots__ = ("_layout", "_metric")

    def __init__(self, layout: Layout, metric: Message) -> None:
        self._layout = layout
        self._metric = metric

    def rows(self) -> Iterator[EncodedRow]:
        """Yield each good point, in wire order."""
        # Most metrics of daprd have no series: what they cost here is a good part of a report.
        return self._rows() if self._metric.timeseries else iter(())

    def _rows(self) -> Iterator[EncodedRow]:
        read_value, count = self._layout.kind.read_value, self._layout.decoder.count
        for _, key, points in self._series():
            for point in points:
                timestamp = point.timestamp
                time_unix_nano = timestamp.seconds * 1_000_000_000 + timestamp.nanos
                if not 0 < time_unix_nano <= MAX_UNIX_NANO:
                    count(Refusal.BAD_TIME, 1)
                    continue
                found = read_value(point)
                if isinstance(found, Refusal):
                    count(found, 1)
                    continue
                value, total = found
                yield EncodedRow(key, time_unix_nano, value, total)

    def decode(self) -> list[DataPoint]:
        """Return each good point whole, in wire order."""
        decoded: list[DataPoint] = []
        for raw, key, _ in self._series():
            try:
                series = schema.TimeSeries.FromString(raw)
            except schema.WireError:
                self._layout.decoder.count(Refusal.UNDECODABLE_SERIES, 1)
                continue
            attributes, start_unix_nano = self.describe(key)
            for message in series.points:
                frame = Frame(dict(attributes), start_unix_nano, unix_nano(message.timestamp))
                point = self._decode_point(message, frame)
                if isinstance(point, Refusal):
                    self._layout.decoder.count(point, 1)
                else:
                    decoded.append(point)
        return decoded

    def _decode_point(self, message: Message, frame: Frame) -> DataPoint | Refusal:
        if not frame.time_unix_nano:
            return Refusal.BAD_TIME
        value = self._layout.kind.read_value(message)
        if isinstance(value, Refusal):
            return value
        return self._layout.kind.build_point(message, frame)

    def describe(self, key: Hashable) -> tuple[dict[str, AnyValue], int]:
        """Return attributes and start time of the time series that a row's `key` names."""
        _, raw_start, raw_values = cast("Key", key)
        try:
            start_unix_nano = unix_nano(schema.TimestampParts.FromString(raw_start))
        except schema.WireError:
            start_unix_nano = 0
        values = [schema.LabelValueParts.FromString(raw) for raw in raw_values]
        texts = [value.value.decode() if value.has_value else "" for value in values]
        keys = self._keys(texts) if all(texts) else self._layout.label_keys
        attributes: dict[str, AnyValue] = {
            key: text for key, text in zip(keys, texts, strict=False) if text
        }
        return attributes, start_unix_nano

    def _keys(self, texts: list[str]) -> Keys:
        """Return the keys that label values without a gap belong to."""
        layout = self._layout
        keys = keys_of_values(layout.header.name, layout.label_keys, texts)
        if keys is None:
            layout.decoder.count(Refusal.SHIFTED_LABELS, 1)
            return layout.label_keys
        return keys

    def _series(self) -> Iterator[tuple[bytes, Key, list[Message]]]:
        """Yield bytes, key and points of each time series that can be read.

        The slices are for speed: upb copies a list at once, but iterates it by index.
        """
        layout = self._layout
        decoder, signature = layout.decoder, layout.signature
        known, parse = decoder.known_labels, schema.TimeSeriesParts.FromString
        for raw in self._metric.timeseries[:]:
            try:
                series = parse(raw)
            except schema.WireError:
                decoder.count(Refusal.UNDECODABLE_SERIES, 1)
                continue
            values = tuple(series.label_values[:])
            if values not in known and not decoder.learn_labels(values):
                decoder.count(Refusal.UNDECODABLE_SERIES, 1)
            elif layout.may_hold_phantoms and _is_phantom(values):
                decoder.count(Refusal.PHANTOM_SERIES, 1)
            else:
                yield raw, (signature, series.start_timestamp, values), series.points[:]


def _is_phantom(values: LabelValues) -> bool:
    """Return whether the first label value is one of ocagent's own streams (opencensus.md 4.3)."""
    if not values:
        return False
    text: bytes = schema.LabelValueParts.FromString(values[0]).value
    return text.startswith(_PHANTOM_VALUE)
