"""What a receiver remembers between requests, bounded in number and in size."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from receivers.consumer import Count
from receivers.otlp.refusals import Refusal

MAX_BYTES = 16_384
"""Of one entry on the wire; larger ones are read anew each time."""

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Cache(Generic[K, V]):
    """A dict of at most `size` entries that begins anew when it is full, which is counted.

    Whoever is asked for again is soon back; to remember who was not would cost more on each look-up.
    """

    __slots__ = ("_count", "_entries", "_size", "get")

    def __init__(self, size: int, count: Count) -> None:
        self._size = size
        self._count = count
        self._entries: dict[K, V] = {}
        self.get: Callable[[K], V | None] = self._entries.get
        """Returns what is known of a key."""

    def put(self, key: K, value: V, size_bytes: int) -> None:
        """Remember `value` unless it is out of all proportion."""
        if size_bytes > MAX_BYTES:
            return
        if len(self._entries) >= self._size:
            self._entries.clear()
            self._count(Refusal.CACHE_CLEARED, 1)
        self._entries[key] = value
