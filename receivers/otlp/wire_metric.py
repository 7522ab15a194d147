"""A metric whose data points stay on the wire until somebody reads them."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import Any, cast

from receivers.consumer import Count
from receivers.model import (
    AnyValue,
    DataPoint,
    EncodedPoints,
    EncodedRow,
    Exemplar,
    Metric,
    MetricHeader,
    MetricType,
    Temporality,
)
from receivers.otlp import schema
from receivers.otlp.attributes import decode_attributes
from receivers.otlp.points import Frame, Kind, number_of
from receivers.otlp.refusals import Refusal, RefusedError
from receivers.otlp.request import Rejections

MAX_POINTS = 200_000
"""Of one metric in one request: as many as the store holds series by default."""
MAX_KNOWN_ATTRIBUTES = 200_000
"""Of one receiver; the windows in front of the store share these bytes."""
MAX_KNOWN_ATTRIBUTES_BYTES = 4096

# Any: message objects; protobuf ships no types.
Message = Any

Key = tuple[int, bytes]
"""A time series of a metric: its start time (0 where none is told, or where it does not matter) and its attributes."""

_new_row = tuple.__new__
"""Makes an `EncodedRow` in half the time of its own constructor, which is a Python function."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout:
    """What a metric's header says of its points; `refusal` where all of them are bad."""

    header: MetricHeader
    kind: Kind
    refusal: Refusal | None

    @property
    def keeps_start(self) -> bool:
        """Whether the start time is part of a series' key: a gauge has none to speak of, a delta's moves on."""
        return self.kind.type is not MetricType.GAUGE and (
            self.header.temporality is not Temporality.DELTA
        )


class PointReader:
    """What reading points needs besides them; remembers attributes that were found to be good, by their bytes."""

    __slots__ = ("_known", "count", "max_attributes")

    def __init__(self, count: Count, max_attributes: int) -> None:
        self.count = count
        self.max_attributes = max_attributes
        self._known: dict[schema.MessageClass, dict[bytes, bytes]] = {}

    def known(self, kind: Kind) -> dict[bytes, bytes]:
        """Return the attributes of such points that are known to be good: keys share the bytes."""
        return self._known.setdefault(kind.attributes, {})

    def learn(self, kind: Kind, raws: Sequence[bytes]) -> bytes | Refusal:
        """Return the KeyValue messages in `raws` as one, or why they are bad."""
        if len(raws) > self.max_attributes:
            return Refusal.TOO_MANY_ATTRIBUTES
        joined: bytes = kind.attributes(attributes=raws).SerializeToString()
        known = self.known(kind)
        if joined in known:
            return known[joined]
        try:
            decode_attributes(raws, self.max_attributes)
        except RefusedError as error:
            return error.refusal
        if len(joined) <= MAX_KNOWN_ATTRIBUTES_BYTES:
            if len(known) >= MAX_KNOWN_ATTRIBUTES:
                known.clear()
                self.count(Refusal.CACHE_CLEARED, 1)
            known[joined] = joined
        return joined

    def describe(self, kind: Kind, attributes: bytes) -> dict[str, AnyValue]:
        """Return what `learn` has returned as attributes."""
        raws = kind.attributes.FromString(attributes).attributes
        return decode_attributes(raws, self.max_attributes)

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

    __slots__ = ("_layout", "_raws", "_reading", "_told")

    def __init__(self, layout: Layout, reading: Reading, raws: Sequence[bytes]) -> None:
        # Metric's own would take as long again.
        self.header = layout.header
        self._data_points: list[DataPoint] | None = None
        self._encoded: EncodedPoints = self
        self._layout = layout
        self._reading = reading
        self._raws = raws
        self._told = False
        """Whether the bad points were counted: several may read them."""

    def rows(self) -> Sequence[EncodedRow]:
        """Return each good point, in wire order."""
        rows: list[EncodedRow] = []
        keeps_start = self._layout.keeps_start
        for raw in self._raws:
            examined = self._examine(raw)
            if isinstance(examined, Refusal):
                self._reject(examined)
                continue
            point, attributes, start, (value, total) = examined
            key = (start if keeps_start else 0, attributes)
            rows.append(_new_row(EncodedRow, (key, point.time_unix_nano, value, total)))
        self._told = True
        return rows

    def decode(self) -> list[DataPoint]:
        """Return each good point whole, in wire order."""
        decoded: list[DataPoint] = []
        kind, points = self._layout.kind, self._reading.points
        for raw in self._raws:
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

    def _reject(self, refusal: Refusal) -> None:
        if not self._told:
            self._reading.reject(refusal, self._layout.header.name, 1)


class WireDeltaMetric(WireMetric):
    """A delta metric: what its start times are is asked apart, for they are no part of a series' key."""

    __slots__ = ()

    def starts_unix_nano(self) -> Sequence[int]:
        """Return the start time of each of `rows`, in their order."""
        examined = [self._examine(raw) for raw in self._raws]
        return [one[2] for one in examined if not isinstance(one, Refusal)]
