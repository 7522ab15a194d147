"""OpenCensus metrics -> the model: headers at once and shared, data points when somebody reads them.

What is wrong is left out and counted (`refusals`), and costs nothing beside it (the HARDEN rules of opencensus.md 3, 4).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

from receivers.consumer import Count
from receivers.model import (
    AnyValue,
    DataPoint,
    EncodedPoints,
    EncodedRow,
    Metric,
    MetricHeader,
    MetricType,
)
from receivers.opencensus import schema
from receivers.opencensus.labels import Keys, keys_of_values
from receivers.opencensus.points import KINDS, Frame, Kind, unix_nano
from receivers.opencensus.refusals import Refusal
from receivers.opencensus.series import cut_series, label_values_of

MAX_LABEL_KEYS = 1_000
"""daprd's metrics have up to 7."""
MAX_SERIES = 200_000
"""Of one metric in one message: as many as the store holds by default."""
MAX_LAYOUTS = 4096
MAX_LAYOUT_BYTES = 4096
MAX_KNOWN_LABELS = 16_384
MAX_KNOWN_LABELS_BYTES = 2048
PHANTOM_METRICS = "grpc.io/client/"
PHANTOM_VALUE = "opencensus.proto.agent."

# Any: message objects; protobuf ships no types.
Message = Any


_new_row = tuple.__new__
"""Makes an `EncodedRow` in half the time of its own constructor, which is a Python function."""

Key = tuple[str, bytes, bytes]
"""A time series: its layout's signature, its start time and its label values as they arrived."""


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

    __slots__ = ("count", "known_labels", "layouts", "raw_time", "time_unix_nano")

    def __init__(self, count: Count) -> None:
        self.count = count
        self.layouts: dict[bytes, Layout] = {}
        """MetricDescriptor bytes -> layout: the same object for the same bytes."""
        self.known_labels: dict[bytes, bytes] = {}
        """Label values that were found to be messages with UTF-8 text, each by itself: keys share the bytes."""
        self.raw_time = b""
        """The Timestamp that was read last."""
        self.time_unix_nano = 0
        """What `unix_nano` says of it."""

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
        if len(descriptor.label_keys) > MAX_LABEL_KEYS:
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
            may_hold_phantoms=header.name.startswith(PHANTOM_METRICS),
        )

    def learn_time(self, raw: bytes) -> None:
        """Read the Timestamp `raw`."""
        try:
            time_unix_nano = unix_nano(schema.TimestampParts.FromString(raw))
        except schema.WireError:
            time_unix_nano = 0
        self.raw_time, self.time_unix_nano = raw, time_unix_nano

    def learn_labels(self, labels: bytes) -> bytes | None:
        """Return `labels` and remember them if they are LabelValue messages with UTF-8 text, else None."""
        try:
            for value in label_values_of(labels):
                value.value.decode()
        except (schema.WireError, UnicodeDecodeError):
            return None
        if len(labels) <= MAX_KNOWN_LABELS_BYTES:
            if len(self.known_labels) >= MAX_KNOWN_LABELS:
                self.known_labels.clear()
                self.count(Refusal.CACHE_CLEARED, 1)
            self.known_labels[labels] = labels
        return labels


_ALL = slice(None)


class WireMetric(Metric):
    """A metric as it arrived, its own `EncodedPoints`: a report has 79, and a filter drops most of them unread."""

    __slots__ = ("_layout", "_message", "_part")

    def __init__(self, layout: Layout, message: Message, part: slice = _ALL) -> None:
        """Read `part` of the message's series."""
        # Metric's own would take as long again.
        self.header = layout.header
        self._data_points = None
        self._layout = layout
        self._message = message
        self._part = part

    @property
    def layout(self) -> Layout:
        """What the descriptor says."""
        return self._layout

    def first_start_unix_nano(self) -> int:
        """Return since when the first series counts; 0 without one: all series of one view have the same (opencensus.md 4.5)."""
        for raw in self._message.timeseries[:1]:
            try:
                return unix_nano(schema.TimestampParts.FromString(cut_series(raw)[0]))
            except schema.WireError:
                break
        return 0

    @property
    def series_count(self) -> int:
        """How many series there are, good or bad."""
        return len(range(*self._part.indices(len(self._message.timeseries))))

    def cut(self, most: int) -> Iterator[WireMetric]:
        """Yield metrics of at most so many series, which are this one's; itself if it has no more."""
        number = len(self._message.timeseries)
        if not most < number <= MAX_SERIES:
            yield self
            return
        for first in range(0, number, most):
            yield WireMetric(self._layout, self._message, slice(first, first + most))

    @property
    def encoded(self) -> EncodedPoints | None:
        """The metric itself until `data_points` was read."""
        return self if self._data_points is None else None

    def point_count(self) -> int:
        """Return how many data points there are: on the wire, one for each time series."""
        if self._data_points is not None:
            return len(self._data_points)
        return len(self._message.timeseries) if self._part is _ALL else self.series_count

    def rows(self) -> Sequence[EncodedRow]:
        """Return each good point, in wire order."""
        # Most metrics of daprd have no series: what they cost here is a good part of a report.
        if not self._message.timeseries:
            return ()
        read_value, decoder = self._layout.kind.read_value, self._layout.decoder
        rows: list[EncodedRow] = []
        for _, key, points in self._series():
            for point in points:
                # All points of a report have the same time.
                if point.timestamp != decoder.raw_time:
                    decoder.learn_time(point.timestamp)
                time_unix_nano = decoder.time_unix_nano
                found = read_value(point) if time_unix_nano else Refusal.BAD_TIME
                if isinstance(found, tuple):
                    value, total = found
                    rows.append(_new_row(EncodedRow, (key, time_unix_nano, value, total)))
                else:
                    decoder.count(found, 1)
        return rows

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
        _, raw_start, raw_labels = cast("Key", key)
        try:
            start_unix_nano = unix_nano(schema.TimestampParts.FromString(raw_start))
        except schema.WireError:
            start_unix_nano = 0
        values = label_values_of(raw_labels)
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

    def _series(self) -> Iterator[tuple[bytes, Key, Sequence[Message]]]:
        """Yield bytes, key and points of each time series that can be read."""
        layout = self._layout
        decoder, signature, known = layout.decoder, layout.signature, layout.decoder.known_labels
        if len(self._message.timeseries) > MAX_SERIES:
            decoder.count(Refusal.UNDECODABLE_METRIC, 1)
            return
        # A slice for speed: upb copies a list at once, but iterates it by index.
        for raw in self._message.timeseries[self._part]:
            try:
                start, found, points = cut_series(raw)
            except schema.WireError:
                decoder.count(Refusal.UNDECODABLE_SERIES, 1)
                continue
            labels = known.get(found)
            if labels is None:
                labels = decoder.learn_labels(found)
            if labels is None:
                decoder.count(Refusal.UNDECODABLE_SERIES, 1)
            elif layout.may_hold_phantoms and _is_phantom(labels):
                decoder.count(Refusal.PHANTOM_SERIES, 1)
            else:
                yield raw, (signature, start, labels), points


def _is_phantom(labels: bytes) -> bool:
    """Return whether the first label value is one of ocagent's own streams (opencensus.md 4.3)."""
    values = label_values_of(labels)
    return bool(values) and values[0].value.startswith(PHANTOM_VALUE.encode())
