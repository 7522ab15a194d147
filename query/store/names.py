"""Metric names: those ever reported, and those of which a series was refused; both bounded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from query.labels import METRIC_NAME, Matcher
from query.queryable import NO_TIME

MAX_REFUSED_NAMES = 1_000
MAX_SHARED_SETS = 1_000


class Names:
    """Known names (keda.md 6.3.6) and refusals."""

    def __init__(self, max_known: int) -> None:
        self._max_known = max_known
        self.known: dict[str, None] = {}
        self._refused_ms: dict[str, int] = {}
        self._sets: dict[frozenset[str], frozenset[str]] = {}

    def intern(self, names: Iterable[str]) -> frozenset[str]:
        """Return `names` as a set; equal ones are the same object: all sidecars report the same metrics."""
        wanted = frozenset(names)
        if len(self._sets) >= MAX_SHARED_SETS and wanted not in self._sets:
            self._sets.clear()
        return self._sets.setdefault(wanted, wanted)

    def add(self, names: frozenset[str]) -> list[str]:
        """Add to the known names; return those that the limit refused."""
        refused: list[str] = []
        for name in sorted(names.difference(self.known)):
            if len(self.known) < self._max_known:
                self.known[name] = None
            else:
                refused.append(name)
        return refused

    def refuse(self, name: str, at_ms: int) -> None:
        """Note that a series of this metric was refused; the names refused longest ago are dropped at the limit."""
        self._refused_ms.pop(name, None)
        self._refused_ms[name] = at_ms
        if len(self._refused_ms) > MAX_REFUSED_NAMES:
            del self._refused_ms[next(iter(self._refused_ms))]

    def refused_at_ms(self, matchers: Sequence[Matcher]) -> int:
        """Return when a series whose metric name matches was last refused, or NO_TIME."""
        if not self._refused_ms:
            return NO_TIME
        named = [matcher.accepts for matcher in matchers if matcher.name == METRIC_NAME]
        times = [
            at_ms
            for name, at_ms in self._refused_ms.items()
            if all(accepts(name) for accepts in named)
        ]
        return max(times, default=NO_TIME)
