"""A metric whose data points stay on the wire until somebody reads them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any, cast

from receivers.model import (
    AnyValue,
    DataPoint,
    EncodedPoints,
    EncodedRow,
    Metric,
    MetricType,
)
from receivers.otlp import schema
from receivers.otlp.headers import Layout
from receivers.otlp.plain_points import Rows
from receivers.otlp.points import Frame
from receivers.otlp.reader import Reading
from receivers.otlp.refusals import Refusal

MAX_POINTS = 200_000
"""Of one metric in one request: as many as the store holds series by default."""

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
    def is_untouched(self) -> bool:
        """Whether the points are still on the wire, below the header that they came with."""
        return self._data_points is None and self.header is self._layout.header

    @property
    def layout(self) -> Layout:
        """What the header said when it arrived."""
        return self._layout

    @property
    def encoded(self) -> EncodedPoints | None:
        """The metric itself until `data_points` was read."""
        return self if self._data_points is None else None

    def point_count(self) -> int:
        """Return how many points there are, bad ones too while they are on the wire; decodes none."""
        if self._data_points is not None:
            return len(self._data_points)
        try:
            return len(schema.DataParts.FromString(self._data).data_points)
        except schema.WireError:
            return 1  # as it is rejected

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
        self.note_read(len(plain))
        return cast("list[EncodedRow]", plain)

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
        self.note_read(len(decoded))
        return decoded

    def describe(self, key: Hashable) -> tuple[dict[str, AnyValue], int]:
        """Return attributes and start time of the time series that a row's `key` names."""
        start_unix_nano, attributes = cast("Key", key)
        return self._reading.points.describe(self._layout.kind, attributes), start_unix_nano

    def note_read(self, points: int) -> None:
        """Count the good points once, and from then on no bad ones: several may read them."""
        if not self._told:
            self._told = True
            self._reading.rejections.kept += points

    def _cut_points(self) -> Sequence[bytes]:
        """Return the bytes of each point; none, and all are rejected, if the data are not what the header says."""
        raw = self._data
        ending = self._layout.ending
        if raw[:1] == _POINT and len(raw) > 3:
            # One point, in most metrics.
            size, begin = raw[1], 2
            if size >= _LONG:
                size, begin = size + ((raw[2] - 1) << 7), 3
            is_whole = len(raw) == begin + size + len(ending) and raw[begin - 1] < _LONG
            if is_whole and raw.endswith(ending):
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
