"""What a receiver remembers between requests, bounded in number and in size."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from receivers.consumer import Count
from receivers.otlp.refusals import Refusal

MAX_BYTES = 16_384
"""Of one entry on the wire; larger ones are read anew each time."""

MAX_TOTAL_BYTES = 8 * 2**20
"""Of all entries on the wire."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Cache(Generic[K, V]):
    """A dict of at most `size` entries and `max_bytes` on the wire that begins anew when it is full, which is counted.

    Whoever is asked for again is soon back; to remember who was not would cost more on each look-up.
    """

    __slots__ = ("_bytes", "_count", "_entries", "_max_bytes", "_size", "get")

    def __init__(self, size: int, count: Count, *, max_bytes: int = MAX_TOTAL_BYTES) -> None:
        self._size = size
        self._max_bytes = max_bytes
        self._bytes = 0
        self._count = count
        self._entries: dict[K, V] = {}
        self.get: Callable[[K], V | None] = self._entries.get
        """Returns what is known of a key."""

    def put(self, key: K, value: V, size_bytes: int) -> None:
        """Remember `value` unless it is out of all proportion."""
        if size_bytes > MAX_BYTES:
            return
        if len(self._entries) >= self._size or self._bytes + size_bytes > self._max_bytes:
            self._entries.clear()
            self._bytes = 0
            self._count(Refusal.CACHE_CLEARED, 1)
        self._bytes += size_bytes
        self._entries[key] = value
