"""The series that PromQL is measured with, as remote write requests of one sample a series (promql.md 5)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import count, islice

from tests.support.remote_write import compressed, field, sample, time_series, write_request

METRIC = "x"
GROUPS = 51
"""Values of `app_id`: half of the series have the first, which a caller of its own goes with."""
ROUNDS = 16
ROUND_MS = 5_000
AT_ONCE = 2_000
"""Series of one request, as many as Prometheus sends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """So many series of 16 samples, 5 s apart."""

    series: int
    start_ms: int

    @property
    def at_ms(self) -> int:
        """When to ask: 1 s after the newest sample."""
        return self.start_ms + (ROUNDS - 1) * ROUND_MS + 1_000

    def rounds(self) -> Iterator[list[bytes]]:
        """Yield the request bodies of each round."""
        heads = [time_series(_labels(number), ()) for number in range(self.series)]
        for turn in range(ROUNDS):
            yield list(self._bodies(heads, turn))

    def _bodies(self, heads: list[bytes], turn: int) -> Iterator[bytes]:
        time_ms, left = self.start_ms + turn * ROUND_MS, iter(enumerate(heads))
        while part := list(islice(left, AT_ONCE)):
            yield compressed(
                write_request(
                    head + field(2, sample(time_ms, _value(number, turn))) for number, head in part
                )
            )


def bodies_of_new(series: int, at_ms: int) -> Iterator[bytes]:
    """Yield requests of so many series each that nobody has written before."""
    for first in count(0, series):
        yield compressed(
            write_request(
                time_series([("__name__", "new"), ("n", str(number))], [(at_ms, 1.0)])
                for number in range(first, first + series)
            )
        )


def _labels(number: int) -> list[tuple[str, str]]:
    half = number % 2 == 0
    return [
        ("__name__", METRIC),
        ("app_id", "nodeapp" if half else f"app-{number // 2 % (GROUPS - 1)}"),
        ("method", ("GET", "POST", "PUT")[number % 3]),
        ("namespace", f"team-{number % 7}"),
        ("pod", f"nodeapp-6d4cf5b9-{number:05x}"),
        ("src_app_id", "pythonapp" if half else "other"),
        ("status", str(200 + number % 5)),
        ("zone", f"eu-central-1{'abc'[number % 3]}"),
    ]


def _value(number: int, turn: int) -> float:
    """Return a counter that grows, faster for some; it is above 0 from the start."""
    return float(1_000 + number % 100 + turn * (1 + number % 8))
