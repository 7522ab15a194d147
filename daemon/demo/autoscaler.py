"""What a HorizontalPodAutoscaler makes of an external metric with an AverageValue target (keda.md 1.5)."""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field

TOLERANCE = 0.1
"""Kubernetes' default: a ratio this close to 1 changes nothing."""


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
        self.replicas = wanted
        return self.replicas

    def _recommend(self, value: float) -> int:
        ratio = value / (self.target * self.replicas)
        wanted = self.replicas if abs(ratio - 1) <= TOLERANCE else math.ceil(value / self.target)
        return min(max(wanted, self.min_replicas), self.max_replicas)
