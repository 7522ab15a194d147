"""What a HorizontalPodAutoscaler makes of an external metric with an AverageValue target (keda.md 1.5)."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

TOLERANCE = 0.1
"""Kubernetes' default: a ratio this close to 1 changes nothing."""
MOST_ADDED = 4
"""Replicas that one sync may add, or as many as there are if that is more: Kubernetes' default for its 15 s."""


@dataclass(slots=True, kw_only=True)
class Autoscaler:
    """One HPA: told a value at each sync, it keeps the replica count. No scale-up stabilisation, as by default."""

    target: float
    min_replicas: int = 1
    max_replicas: int = 10
    stabilization_ms: int = 300_000
    replicas: int = 1
    _recommended: deque[tuple[int, int]] = field(default_factory=deque)

    def sync(self, value: float | None, at_ms: int) -> int:
        """Return the replica count after a sync at which KEDA said `value`; None is an error and holds the count."""
        if value is None:
            return self.replicas
        self._recommended.append((at_ms, self._recommend(value)))
        while self._recommended[0][0] <= at_ms - self.stabilization_ms:
            self._recommended.popleft()
        wanted = self._recommended[-1][1]
        if wanted < self.replicas:
            wanted = min(self.replicas, max(count for _, count in self._recommended))
        self.replicas = min(wanted, max(2 * self.replicas, self.replicas + MOST_ADDED))
        return self.replicas

    def _recommend(self, value: float) -> int:
        """Return the count for `value`, by Kubernetes' quantities: thousandths.

        As in Kubernetes up to 1.32, ten per cent over is over: 1.1 - 1 is a little more than 0.1 in floats.
        """
        thousandths, target = round(value * 1000), round(self.target * 1000)
        ratio = thousandths / (target * self.replicas)
        wanted = self.replicas if abs(ratio - 1) <= TOLERANCE else -(-thousandths // target)
        return min(max(wanted, self.min_replicas), self.max_replicas)
