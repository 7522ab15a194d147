"""What is worth saying once for each peer."""

from __future__ import annotations

_MAX_PEERS = 1_000


class OncePerPeer:
    """Remembers which peers were spoken of, for a time or for good; who was first goes first when there are too many."""

    def __init__(self, every_ms: int | None = None, max_peers: int = _MAX_PEERS) -> None:
        self._every_ms = every_ms
        self._max_peers = max_peers
        self._spoken_at_ms: dict[str, int] = {}

    def is_due(self, peer: str, at_ms: int) -> bool:
        """Return whether `peer` is to be spoken of now, which is remembered."""
        before_ms = self._spoken_at_ms.get(peer)
        if before_ms is not None and (self._every_ms is None or at_ms - before_ms < self._every_ms):
            return False
        self._spoken_at_ms.pop(peer, None)
        if len(self._spoken_at_ms) >= self._max_peers:
            del self._spoken_at_ms[next(iter(self._spoken_at_ms))]
        self._spoken_at_ms[peer] = at_ms
        return True
