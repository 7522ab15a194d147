from __future__ import annotations

import math

import pytest

from query.evaluate import rates
from tests.support.windows import Sample, every_way

NAN = math.nan
STEADY: list[Sample] = [(float(t), float(t)) for t in range(5, 61, 5)]
RESET: list[Sample] = [
    (t * 5.0, v) for t, v in enumerate([110, 120, 130, 4, 14, 24, 34, 44, 54, 64, 74, 84], 1)
]
LATE: list[Sample] = [(45, 0), (50, 4), (55, 8), (60, 12)]
SPARSE: list[Sample] = [(0, 100), (30, 160), (60, 220)]


@pytest.mark.parametrize(
    ("samples", "start", "end", "expected"),
    [
        pytest.param(STEADY, 2, 62, 60.0, id="to-both-edges"),
        pytest.param(RESET, 2, 62, 113.45454545454545, id="reset"),
        pytest.param(LATE, 2, 62, 13.6, id="not-below-zero"),
        pytest.param(SPARSE, -31, 89, 240.0, id="near-enough"),
        pytest.param([(50, 100), (60, 200)], 0, 100, 200.0, id="half-an-interval-each-side"),
        pytest.param([(50, 1), (60, 2)], 0, 100, 2.0, id="half-an-interval-then-zero"),
        pytest.param([(50, 20), (60, 40)], 48, 61, 26.0, id="zero-is-farther-than-the-edge"),
        pytest.param([(50, -1), (60, 1)], 45, 65, 4.0, id="negative-first-is-not-clamped"),
        pytest.param([(50, 5), (60, 5)], 45, 65, 0.0, id="no-growth"),
        pytest.param([(50, 5)], 45, 65, None, id="one-sample"),
        pytest.param([], 45, 65, None, id="none"),
        pytest.param([(50, 1), (60, NAN)], 45, 65, NAN, id="nan"),
        pytest.param([(50, 5), (55, NAN), (60, 2)], 45, 65, -6.0, id="nan-hides-a-reset"),
        pytest.param([(50, 0), (60, math.inf)], 45, 65, math.inf, id="inf"),
    ],
)
def test_increase(samples: list[Sample], start: float, end: float, expected: float | None) -> None:
    """A counter's growth, extrapolated to the window's edges as far as samples make that likely (promql.md 2.5)."""
    found = every_way(rates.increase, samples, start_s=start, end_s=end)
    assert found == (expected and pytest.approx(expected, rel=1e-12, nan_ok=True))


def test_rate() -> None:
    """The increase divided by the window's nominal length."""
    assert every_way(rates.rate, RESET, start_s=2, end_s=62) == pytest.approx(
        113.45454545454545 / 60
    )


def test_delta() -> None:
    """A gauge may fall, below zero too."""
    samples = [(10.0, 3.0), (20.0, 1.0), (30.0, -3.0)]
    assert every_way(rates.delta, samples, start_s=5, end_s=35) == pytest.approx(-9.0)


@pytest.mark.parametrize(
    ("kernel", "samples", "expected"),
    [
        pytest.param(rates.irate, [(1, 9), (5, 10), (15, 30)], 2.0, id="irate"),
        pytest.param(rates.irate, [(5, 10), (15, 5)], 0.5, id="irate-after-reset"),
        pytest.param(rates.irate, [(5, 10)], None, id="irate-one"),
        pytest.param(rates.idelta, [(1, 9), (5, 10), (15, 5)], -5.0, id="idelta"),
        pytest.param(rates.idelta, [], None, id="idelta-none"),
        pytest.param(rates.resets, [(1, 2), (2, 1), (3, 1), (4, 0), (5, 9)], 2.0, id="resets"),
        pytest.param(rates.resets, [(1, 2)], 0.0, id="resets-one"),
        pytest.param(rates.resets, [(1, 2), (2, NAN), (3, 1)], 0.0, id="resets-nan"),
        pytest.param(rates.changes, [(1, 2), (2, 1), (3, 1), (4, 0)], 2.0, id="changes"),
        pytest.param(rates.changes, [(1, NAN), (2, NAN), (3, 1), (4, NAN)], 2.0, id="changes-nan"),
        pytest.param(rates.changes, [], None, id="changes-none"),
    ],
)
def test_others(kernel: object, samples: list[Sample], expected: float | None) -> None:
    """Differences and counts of neighbours (promql.md 2.6)."""
    assert every_way(kernel, samples, start_s=0, end_s=20) == expected  # type: ignore[arg-type] # a kernel
