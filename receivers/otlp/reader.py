"""What reading data points needs besides their bytes: attributes known to be good, limits, what is rejected."""

from __future__ import annotations

from collections.abc import Sequence

from receivers.consumer import Count
from receivers.model import AnyValue, Exemplar
from receivers.otlp import schema
from receivers.otlp.attributes import decode_attributes
from receivers.otlp.cache import Cache
from receivers.otlp.points import KINDS, Kind, number_of
from receivers.otlp.refusals import Refusal, RefusedError
from receivers.otlp.request import Rejections

MAX_KNOWN_ATTRIBUTES = 200_000
"""Of one receiver; the windows in front of the store share these bytes."""

MAX_KNOWN_ATTRIBUTES_BYTES = 64 * 2**20
"""300 bytes for each series of a full store."""
MAX_DECODED_ATTRIBUTES = 16_384
"""Of one receiver, where something reads points whole; each takes about 1 KB."""


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
