"""Metric names: those ever reported, and those of which a series was refused; both bounded."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from query.labels import METRIC_NAME, Matcher, MatchOp
from query.queryable import NO_TIME
from query.store.dump import DumpError

MAX_REFUSED_NAMES = 1_000
"""Names whose refusals are remembered, unless more can be known."""
MAX_SHARED_SETS = 1_000
MAX_SHARED_NAMES = 1_000_000
"""In all sets together."""
MAX_NAME_LENGTH = 1_024
"""Characters; daprd's longest name has 60."""


class Names:
    """Known names (keda.md 6.3.6) and refusals."""

    def __init__(self, max_known: int) -> None:
        self._max_known = max_known
        self.known: dict[str, None] = {}
        self.exponential: set[str] = set()
        """Names of series that are the buckets of exponential histograms."""
        self._refused_ms: dict[str, int] = {}
        self._refused_unknown_ms = NO_TIME
        """When a series of a name that cannot become known was last refused."""
        self._sets: dict[frozenset[str], frozenset[str]] = {}
        self._shared_names = 0

    def intern(self, names: Iterable[str]) -> frozenset[str]:
        """Return `names` as a set; equal ones are the same object: all sidecars report the same metrics."""
        wanted = frozenset(names)
        shared = self._sets.get(wanted)
        if shared is None:
            self._shared_names += len(wanted)
            if len(self._sets) >= MAX_SHARED_SETS or self._shared_names > MAX_SHARED_NAMES:
                self._sets.clear()
                self._shared_names = len(wanted)
            shared = self._sets[wanted] = wanted
        return shared

    def add(self, names: frozenset[str]) -> list[str]:
        """Add to the known names; return those that the limit refused."""
        refused: list[str] = []
        for name in sorted(names.difference(self.known)):
            if len(self.known) < self._max_known and len(name) <= MAX_NAME_LENGTH:
                self.known[name] = None
            else:
                refused.append(name)
        return refused

    def note_exponential(self, name: str) -> None:
        """Note that the series of this name are the buckets of exponential histograms."""
        if len(self.exponential) < self._max_known:
            self.exponential.add(name)

    def dump(self) -> dict[str, object]:
        """Return all of it for `load`; copies."""
        return {
            "known_names": list(self.known),
            "exponential_names": sorted(self.exponential),
            "refused_ms": dict(self._refused_ms),
        }

    def load(self, dump: Mapping[str, object]) -> None:
        """Take over what `dump` returned.

        Raises:
            DumpError: it is something else.
        """
        names, refused_ms = dump.get("known_names"), dump.get("refused_ms")
        exponential = dump.get("exponential_names", [])
        if not isinstance(names, list) or not isinstance(exponential, list):
            raise DumpError("known_names or exponential_names is no list")
        if not isinstance(refused_ms, dict):
            raise DumpError("refused_ms is no mapping")
        self.add(frozenset(map(str, names)))
        for name in exponential:
            self.note_exponential(str(name))
        for name, at_ms in refused_ms.items():
            self.refuse(str(name), int(at_ms))

    def refuse(self, name: str, at_ms: int) -> None:
        """Note that a series of this metric was refused; a known name is never dropped for one that is not.

        Who asks for a name that is not known hears that (keda.md 6.3.6), so its refusals matter to patterns only.
        """
        if len(name) > MAX_NAME_LENGTH or (
            name not in self.known and len(self.known) >= self._max_known
        ):
            self._refused_unknown_ms = max(self._refused_unknown_ms, at_ms)
            return
        before_ms = self._refused_ms.pop(name, NO_TIME)
        self._refused_ms[name] = max(before_ms, at_ms)
        if len(self._refused_ms) > max(self._max_known, MAX_REFUSED_NAMES):
            del self._refused_ms[next(iter(self._refused_ms))]

    def refused_at_ms(self, matchers: Sequence[Matcher]) -> int:
        """Return the latest time that `refuse` was given for a metric name that matches, or NO_TIME."""
        named = [matcher for matcher in matchers if matcher.name == METRIC_NAME]
        exact = next((one.value for one in named if one.op is MatchOp.EQUAL), None)
        if exact is not None:
            at_ms = self._refused_ms.get(exact, NO_TIME)
            return at_ms if all(one.accepts(exact) for one in named) else NO_TIME
        times = [
            at_ms
            for name, at_ms in self._refused_ms.items()
            if all(one.accepts(name) for one in named)
        ]
        return max([self._refused_unknown_ms, *times])
