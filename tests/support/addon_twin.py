"""The scaler add-on's algorithm as a plain twin, to be compared with (promql.md 3.1, keda.md 6.4)."""

from __future__ import annotations

from dataclasses import dataclass, field

RETENTION_S = 120


@dataclass(slots=True)
class AddOnSeries:
    """Samples of one series and the rate that was computed when the last one was written."""

    samples: list[tuple[int, float]] = field(default_factory=list)
    rate: float = 0.0

    def write(self, second: int, value: float) -> None:
        self.samples = [s for s in self.samples if s[0] >= second - RETENTION_S]
        self.samples.append((second, value))
        grown = 0.0
        for (_, before), (_, after) in zip(self.samples, self.samples[1:], strict=False):
            grown += after - before if after >= before else after
        span = second - self.samples[0][0]
        self.rate = grown / span if span else 0.0


class AddOn:
    """Sums the rates of all series that were written within the retention, whoever sent them."""

    def __init__(self) -> None:
        self._series: dict[str, AddOnSeries] = {}

    def opened(self, pod: str, at_ms: int) -> None:
        """The add-on does not know who is connected."""

    def closed(self, pod: str, at_ms: int) -> None:
        """The add-on does not know who is connected."""

    def reported(self, pod: str, count: int, *, start_ms: int, time_ms: int, at_ms: int) -> None:
        if count:
            self._series.setdefault(pod, AddOnSeries()).write(time_ms // 1000, count)

    def value(self, at_ms: int) -> float:
        oldest = at_ms // 1000 - RETENTION_S
        return sum(s.rate for s in self._series.values() if s.samples[-1][0] >= oldest)
