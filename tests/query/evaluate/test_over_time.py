from __future__ import annotations

import math
import statistics
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from query.evaluate import over_time
from query.evaluate.rates import Results
from query.evaluate.samples import Windows
from tests.support.windows import Sample, every_way

NAN, INF = math.nan, math.inf


def window(*values: float) -> list[Sample]:
    return [(float(i), value) for i, value in enumerate(values, 1)]


@pytest.mark.parametrize(
    ("kernel", "values", "expected"),
    [
        ("sum_of", (3, 2, 1, 6, 3, 2), 17.0),
        ("sum_of", (1, 1e100, 1, -1e100), 2.0),
        ("sum_of", (1, NAN, 3), NAN),
        ("sum_of", (INF, -INF), NAN),
        ("sum_of", (1e308, 1e308), INF),
        ("avg", (3, 2, 1, 6, 3, 2), 17 / 6),
        ("avg", (1e308, 1e308, 1e308), 1e308),
        ("avg", (INF, 1), INF),
        ("avg", (INF, -INF), NAN),
        ("avg", (5, 1e100, 5, -1e100), 2.5),
        ("smallest", (NAN, 3, -INF), -INF),
        ("smallest", (NAN, NAN), NAN),
        ("largest", (NAN, 3, 2), 3.0),
        ("count", (NAN, 1), 2.0),
        ("present", (NAN,), 1.0),
        ("first", (4, 5), 4.0),
        ("last", (4, 5), 5.0),
        ("stdvar", (3, 2, 1, 6, 3, 2), statistics.pvariance([3, 2, 1, 6, 3, 2])),
        ("stddev", (3, 2, 1, 6, 3, 2), 1.5723301886761005),
        ("stdvar", (1e9 + 1, 1e9 + 2, 1e9 + 3), 2 / 3),
        ("stdvar", (7,), 0.0),
        ("stdvar", (INF,), NAN),
        ("stdvar", (1e300, -1, 2), INF),
        ("stdvar", (1, NAN), NAN),
    ],
)
def test_statistics(kernel: str, values: tuple[float, ...], expected: float) -> None:
    """Each function's value of a window (promql.md 2.6)."""
    found = every_way(getattr(over_time, kernel), window(*values), start_s=0, end_s=20)
    assert found == pytest.approx(expected, rel=1e-12, nan_ok=True)


@pytest.mark.parametrize("kernel", ["sum_of", "avg", "smallest", "largest", "count", "present"])
def test_nothing(kernel: str) -> None:
    """Without samples there is no value."""
    assert every_way(getattr(over_time, kernel), [], start_s=0, end_s=20) is None


@pytest.mark.parametrize("kernel", ["first", "last", "stddev", "stdvar"])
def test_nothing_either(kernel: str) -> None:
    """Without samples there is no value."""
    assert every_way(getattr(over_time, kernel), [], start_s=0, end_s=20) is None


@pytest.mark.parametrize(
    ("share", "values", "expected"),
    [
        (0.5, (3, 2, 1, 6, 3, 2), 2.5),
        (0.0, (3, 2, 1), 1.0),
        (1.0, (3, 2, 1), 3.0),
        (0.75, (0, 1), 0.75),
        (-0.1, (3, 2), -INF),
        (1.1, (3, 2), INF),
        (NAN, (3, 2), NAN),
        (0.0, (NAN, 1, 2), NAN),
        (1.0, (NAN, 1, 2), 2.0),
        (0.75, (NAN, 1, 2), 1.5),
        (0.5, (1, 2, INF), 2.0 * 1 + NAN),
        (1.0, (1, INF), NAN),
        (0.3, (4,), 4.0),
    ],
)
def test_quantile(share: float, values: tuple[float, ...], expected: float) -> None:
    """Interpolated between neighbours, NaN smallest; an infinite neighbour of weight 0 gives NaN (promql.md 2.6)."""

    def kernel(windows: Windows) -> Results:
        return over_time.quantile(windows, np.full(len(windows.counts), share))

    found = every_way(kernel, window(*values), start_s=0, end_s=20)
    assert found == pytest.approx(expected, nan_ok=True)


_numbers = st.floats(-1e15, 1e15) | st.sampled_from([1e100, -1e100, 1e-100])


@given(values=st.lists(_numbers, min_size=1, max_size=20))
@settings(max_examples=200, deadline=None)
def test_sums_are_exact(values: list[float]) -> None:
    """Sums are within 1e-9 of the exact one, whatever cancels."""
    found = every_way(over_time.sum_of, window(*values), start_s=0, end_s=20)
    magnitude = max(map(abs, values)) * 1e-30
    assert found == pytest.approx(math.fsum(values), rel=1e-9, abs=magnitude)


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=20), share=st.floats(0, 1))
@settings(max_examples=100, deadline=None)
def test_quantiles_are_numpy_s(values: list[float], share: float) -> None:
    """Finite values have the quantile that numpy's linear method gives."""
    kernel = partial(_quantile_of, share)
    found = every_way(kernel, window(*values), start_s=0, end_s=20)
    assert found == pytest.approx(float(np.quantile(values, share)), rel=1e-9, abs=1e-6)


def _quantile_of(share: float, windows: Windows) -> Results:
    return over_time.quantile(windows, np.full(len(windows.counts), share))
