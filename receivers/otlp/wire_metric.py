"""A metric whose data points stay on the wire until somebody reads them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, cast

from receivers.consumer import Count
from receivers.model import (
    AnyValue,
    DataPoint,
    EncodedPoints,
    EncodedRow,
    Exemplar,
    Metric,
    MetricType,
)
from receivers.otlp import schema
from receivers.otlp.attributes import decode_attributes
from receivers.otlp.cache import Cache
from receivers.otlp.headers import Layout
from receivers.otlp.plain_points import Rows
from receivers.otlp.points import KINDS, Frame, Kind, number_of
from receivers.otlp.refusals import Refusal, RefusedError
from receivers.otlp.request import Rejections

MAX_POINTS = 200_000
"""Of one metric in one request: as many as the store holds series by default."""
MAX_KNOWN_ATTRIBUTES = 200_000
"""Of one receiver; the windows in front of the store share these bytes."""

MAX_KNOWN_ATTRIBUTES_BYTES = 64 * 2**20
"""300 bytes for each series of a full store."""
MAX_DECODED_ATTRIBUTES = 16_384
"""Of one receiver, where something reads points whole; each takes about 1 KB."""

# Any: message objects; protobuf ships no types.
Message = Any

Key = tuple[int, bytes]
"""A time series of a metric: its start time (0 where none is told, or where it does not matter) and its attributes."""

_POINT = b"\x0a"
"""The first field as it begins on the wire."""
_LONG = 0x80
"""From this on a length takes a further byte."""
_new_row = tuple.__new__
"""Makes an `EncodedRow` in half the time of its own constructor, which is a Python function."""


class PointReader:
    """What reading points needs besides them; remembers attributes that were found to be good, by their bytes."""

    __slots__ = ("_decoded", "count", "known", "max_attributes")

    def __init__(self, count: Count, max_attributes: int) -> None:
        self.count = count
        self.max_attributes = max_attributes
        self.known: dict[schema.MessageClass, Cache[bytes, bytes]] = {
            kind.attributes: Cache(
                MAX_KNOWN_ATTRIBUTES, count, max_bytes=MAX_KNOWN_ATTRIBUTES_BYTES
            )
            for kind in KINDS.values()
        }
        """The attributes of each kind of points that are known to be good: keys share the bytes."""
        self._decoded: Cache[bytes, dict[str, AnyValue]] = Cache(MAX_DECODED_ATTRIBUTES, count)
        """Those that were asked for lately, less those with lists and maps in them."""

    def learn(self, kind: Kind, raws: Sequence[bytes]) -> bytes | Refusal:
        """Return the KeyValue messages in `raws` as one, or why they are bad."""
        if len(raws) > self.max_attributes:
            return Refusal.TOO_MANY_ATTRIBUTES
        joined: bytes = kind.attributes(attributes=raws).SerializeToString()
        cache = self.known[kind.attributes]
        known = cache.get(joined)
        if known is not None:
            return known
        try:
            decode_attributes(raws, self.max_attributes)
        except RefusedError as error:
            return error.refusal
        cache.put(joined, joined, len(joined))
        return joined

    def describe(self, kind: Kind, attributes: bytes) -> dict[str, AnyValue]:
        """Return what `learn` has returned as attributes, which are the caller's."""
        known = self._decoded.get(attributes)
        if known is not None:
            return known.copy()
        raws = kind.attributes.FromString(attributes).attributes
        decoded = decode_attributes(raws, self.max_attributes)
        if not any(isinstance(value, list | dict) for value in decoded.values()):
            self._decoded.put(attributes, decoded.copy(), len(attributes))
        return decoded

    def exemplars(self, raws: Sequence[bytes]) -> list[Exemplar]:
        """Return the exemplars of a point; bad ones are counted and left out."""
        found = []
        for raw in raws:
            try:
                message = schema.ExemplarParts.FromString(raw)
                attributes = decode_attributes(message.filtered_attributes, self.max_attributes)
            except (schema.WireError, RefusedError):
                self.count(Refusal.BAD_EXEMPLAR, 1)
                continue
            found.append(
                Exemplar(
                    time_unix_nano=message.time_unix_nano,
                    value=number_of(message),
                    filtered_attributes=attributes,
                    span_id=message.span_id,
                    trace_id=message.trace_id,
                )
            )
        return found


class Reading:
    """The reading of one request."""

    __slots__ = ("latest_unix_nano", "points", "rejections")

    def __init__(self, points: PointReader, rejections: Rejections, latest_unix_nano: int) -> None:
        self.points = points
        self.rejections = rejections
        self.latest_unix_nano = latest_unix_nano
        """Points after that are rejected."""

    def reject(self, refusal: Refusal, name: str, points: int) -> None:
        """Count `points` of the metric `name`, and tell the sender."""
        if points:
            self.rejections.add(refusal, name, points)
            self.points.count(refusal, points)


class WireMetric(Metric):
    """A metric as it arrived, its own `EncodedPoints`: what nobody reads costs one object."""

    __slots__ = ("_data", "_layout", "_reading", "_told")

    def __init__(self, layout: Layout, reading: Reading, data: bytes) -> None:
        # Metric's own would take as long again.
        self.header = layout.header
        self._data_points = None
        self._layout = layout
        self._reading = reading
        self._data = data
        self._told = False

    @property
    def encoded(self) -> EncodedPoints | None:
        """The metric itself until `data_points` was read."""
        return self if self._data_points is None else None

    def rows(self) -> Sequence[EncodedRow]:
        """Return each good point, in wire order."""
        layout, reading = self._layout, self._reading
        kind, raws = layout.kind, self._cut_points()
        if kind.read_plain is None:
            plain: Rows = [None] * len(raws)
        else:
            known = reading.points.known[kind.attributes].get
            plain = kind.read_plain(raws, known, reading.latest_unix_nano, layout.keeps_start)
        if None in plain:
            plain = [row or self._read_row(raw) for raw, row in zip(raws, plain, strict=True)]
            plain = [row for row in plain if row is not None]
        self._told = True
        return cast("list[EncodedRow]", plain)

    def _cut_points(self) -> Sequence[bytes]:
        """Return the bytes of each point; none, and all are rejected, if the data are not what the header says."""
        raw = self._data
        ending = self._layout.ending
        if raw[:1] == _POINT and len(raw) > 3:
            # One point, in most metrics.
            size, begin = raw[1], 2
            if size >= _LONG and raw[2] < _LONG:
                size, begin = size + ((raw[2] - 1) << 7), 3
            if len(raw) == begin + size + len(ending) and raw.endswith(ending):
                return (raw[begin : begin + size],)
        try:
            data = schema.DataParts.FromString(raw)
        except schema.WireError:
            # How many points are lost cannot be said: it counts as one.
            self._reject(Refusal.UNDECODABLE)
            return ()
        raws: Sequence[bytes] = data.data_points[:]
        header = self._layout.header
        if header.temporality and (
            data.aggregation_temporality != header.temporality
            or (data.is_monotonic and header.type is MetricType.SUM) != header.is_monotonic
        ):
            self._reject(Refusal.NO_TEMPORALITY, len(raws))
            return ()
        if len(raws) > MAX_POINTS:
            self._reject(Refusal.TOO_MANY_POINTS, len(raws))
            return ()
        return raws

    def _read_row(self, raw: bytes) -> EncodedRow | None:
        examined = self._examine(raw)
        if isinstance(examined, Refusal):
            self._reject(examined)
            return None
        point, attributes, start, (value, total) = examined
        key = (start if self._layout.keeps_start else 0, attributes)
        return EncodedRow(key, point.time_unix_nano, value, total)

    def decode(self) -> list[DataPoint]:
        """Return each good point whole, in wire order."""
        decoded: list[DataPoint] = []
        kind, points = self._layout.kind, self._reading.points
        for raw in self._cut_points():
            examined = self._examine(raw)
            if isinstance(examined, Refusal):
                self._reject(examined)
                continue
            point, attributes, start, _ = examined
            frame = Frame(
                attributes=points.describe(kind, attributes),
                start_unix_nano=start,
                exemplars=points.exemplars(point.exemplars) if kind.has_exemplars else [],
            )
            decoded.append(kind.build_point(point, frame))
        self._told = True
        return decoded

    def describe(self, key: Hashable) -> tuple[dict[str, AnyValue], int]:
        """Return attributes and start time of the time series that a row's `key` names."""
        start_unix_nano, attributes = cast("Key", key)
        return self._reading.points.describe(self._layout.kind, attributes), start_unix_nano

    def _examine(
        self, raw: bytes
    ) -> tuple[Message, bytes, int, tuple[float, float | None]] | Refusal:
        """Return a point's message, attributes, start time and value, or why it is bad."""
        kind, reading = self._layout.kind, self._reading
        try:
            point = kind.point.FromString(raw)
        except schema.WireError:
            return Refusal.UNDECODABLE
        time = point.time_unix_nano
        if not time:
            return Refusal.NO_TIME
        if time > reading.latest_unix_nano:
            return Refusal.TOO_FAR_AHEAD
        attributes = reading.points.learn(kind, point.attributes)
        if isinstance(attributes, Refusal):
            return attributes
        value = kind.read_value(point)
        if isinstance(value, Refusal):
            return value
        start = point.start_time_unix_nano
        # A start after the point's time is none (otlp.md 3.1).
        return point, attributes, start if start <= time else 0, value

    def _reject(self, refusal: Refusal, points: int = 1) -> None:
        if not self._told:
            self._reading.reject(refusal, self._layout.header.name, points)


class WireDeltaMetric(WireMetric):
    """A delta metric: what its start times are is asked apart, for they are no part of a series' key."""

    __slots__ = ("_starts",)

    def rows(self) -> Sequence[EncodedRow]:
        """Return each good point, in wire order."""
        rows = super().rows()
        self._starts = [cast("Key", row[0])[0] for row in rows]
        return [_new_row(EncodedRow, ((0, cast("Key", row[0])[1]), *row[1:])) for row in rows]

    def starts_unix_nano(self) -> Sequence[int]:
        """Return the start time of each of `rows`, in their order."""
        if not hasattr(self, "_starts"):
            self.rows()
        return self._starts
