"""The shapes that one receiver remembers, bounded in number and in size."""

from __future__ import annotations

from typing import Final

from receivers.consumer import Count
from receivers.otlp.reader import PointReader, Reading
from receivers.otlp.refusals import Refusal
from receivers.otlp.request import ExportRequest
from receivers.otlp.shape import Shape
from receivers.otlp.shape_learning import learn
from receivers.otlp.wire import varint

MAX_SHAPES: Final = 20_000
MAX_SHAPES_BYTES: Final = 32 * 2**20
"""Of all together; a series takes about 250 bytes."""
MAX_SHAPE_BYTES: Final = 4 * 2**20
"""Of one on the wire; a larger request is read the long way."""
MAX_KEY_BYTES: Final = 2_048
"""Of resource, scope and name; what begins with more has no shape."""
MAX_SIGHTINGS: Final = 20_000
TRUSTED_AFTER: Final = 16
"""A shape that has served so often was no accident, and neither is the one that comes in its place."""
_GROUP = _RESOURCE = _SCOPE = _NAME = 0x0A
_SCOPE_METRICS = _METRIC = 0x12

Key = tuple[int, bytes]
"""The length of a request and how it begins: what is known before it is read."""


class Shapes:
    """Looks up requests, and learns those that come again: the second of a kind, the fourth, the eighth and so on."""

    __slots__ = ("_count", "_known", "_points", "_served", "_sightings", "_size_bytes")

    def __init__(self, points: PointReader, count: Count) -> None:
        self._points = points
        self._count = count
        self._known: dict[Key, Shape] = {}
        self._served: dict[Key, int] = {}
        """How often each of `_known` was of use since it was learned or spared."""
        self._sightings: dict[int, int] = {}
        """How often something was seen without a shape that fits, by the hash of its key, which may be long."""
        self._size_bytes = 0

    def read(self, raw: bytes, reading: Reading, peer: str) -> ExportRequest | None:
        """Return what `raw` holds if its shape is known."""
        key = key_of(raw)
        shape = None if key is None else self._known.get(key)
        if shape is None or key is None:
            return None
        request = shape.read(raw, reading, peer)
        if request is not None:
            self._served[key] += 1
        return request

    def note(self, raw: bytes, request: ExportRequest, latest: int) -> None:
        """Take note of a request that no shape has helped with, and learn its shape if it is time to."""
        key = key_of(raw)
        if key is None:
            return
        sighted = hash(key)
        if self._served.get(key, 0) >= TRUSTED_AFTER:
            self._served[key] = 0
            self._sightings.pop(sighted, None)
        sightings = self._sightings.get(sighted, 0) + 1
        if sightings == 1 and len(self._sightings) >= MAX_SIGHTINGS:
            self._sightings.clear()
            self._count(Refusal.CACHE_CLEARED, 1)
        self._sightings[sighted] = sightings
        if sightings > 1 and not sightings & (sightings - 1):
            shape = learn(raw, request, self._points, latest)
            if shape is not None:
                self._put(key, shape)

    def _put(self, key: Key, shape: Shape) -> None:
        self._forget(key)
        size_bytes = _size_bytes(key, shape)
        if self._has_room(size_bytes):
            self._known[key] = shape
            self._served[key] = 0
            self._size_bytes += size_bytes

    def _forget(self, key: Key) -> None:
        shape = self._known.pop(key, None)
        if shape is not None:
            self._size_bytes -= _size_bytes(key, shape)
            del self._served[key]

    def _has_room(self, size_bytes: int) -> bool:
        """Return whether there is room for a shape, or the oldest one was of no use for a while and made it.

        Who is of use is spared: with more senders than there is room for, some are read the quick way and none in turns.
        """
        if len(self._known) < MAX_SHAPES and self._size_bytes + size_bytes <= MAX_SHAPES_BYTES:
            return True
        oldest = next(iter(self._known), None)
        if oldest is None:
            return False
        if self._served[oldest]:
            self._known[oldest] = self._known.pop(oldest)
            self._served[oldest] = 0
            return False
        self._forget(oldest)
        return len(self._known) < MAX_SHAPES and self._size_bytes + size_bytes <= MAX_SHAPES_BYTES


def key_of(raw: bytes) -> Key | None:
    """Return what requests of one shape have in common at first sight; None for what can have none.

    It ends behind the name of the first metric, which tells the requests of one process apart, or before that where
    something else comes than nearly every encoder writes: numbers that change have no place in it.
    """
    try:
        _, at = varint(raw, 1)
        if raw[at] == _RESOURCE:
            at = _end(raw, at)
        if raw[at] == _SCOPE_METRICS:
            _, at = varint(raw, at + 1)
            if raw[at] == _SCOPE:
                at = _end(raw, at)
            if raw[at] == _METRIC:
                _, at = varint(raw, at + 1)
                at = _end(raw, at) if raw[at] == _NAME else at
    except IndexError:
        return None
    if raw[0] != _GROUP or at > MAX_KEY_BYTES or len(raw) > MAX_SHAPE_BYTES:
        return None
    return len(raw), raw[:at]


def _size_bytes(key: Key, shape: Shape) -> int:
    return len(key[1]) + shape.size_bytes


def _end(raw: bytes, at: int) -> int:
    """Return where the field ends that begins at `at`."""
    size, begin = varint(raw, at + 1)
    return begin + size
