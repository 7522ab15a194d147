from __future__ import annotations

import math

import numpy as np
import pytest

from query.evaluate import trends
from query.evaluate.rates import Results
from query.evaluate.samples import Windows
from tests.support.windows import Sample, every_way

LINE: list[Sample] = [(float(t), 3.0 + 2.0 * t) for t in (5, 10, 20, 35)]
RESET: list[Sample] = [(float(t), float(v)) for t, v in [(0, 0), (10, 10), (20, 0), (30, 10)]]


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        pytest.param(LINE, 2.0, id="line"),
        pytest.param(RESET, 0.2, id="through-resets"),
        pytest.param([(5, 7), (6, 7)], 0.0, id="level"),
        pytest.param([(5, math.inf), (6, math.inf)], math.nan, id="level-at-infinity"),
        pytest.param([(5, math.nan), (6, 1)], math.nan, id="nan"),
        pytest.param([(5, 7)], None, id="one"),
        pytest.param([], None, id="none"),
    ],
)
def test_deriv(samples: list[Sample], expected: float | None) -> None:
    """The slope of the least-squares line (promql.md 2.6)."""
    found = every_way(trends.deriv, samples, start_s=-1, end_s=40)
    assert found == pytest.approx(expected, nan_ok=True)


@pytest.mark.parametrize(
    ("samples", "ahead", "expected"),
    [
        pytest.param(LINE, 0.0, 123.0, id="at-the-evaluation-time"),
        pytest.param(LINE, 30.0, 183.0, id="ahead"),
        pytest.param([(5, 7), (6, 7)], 9.0, 7.0, id="level"),
        pytest.param([(5, 7)], 9.0, None, id="one"),
    ],
)
def test_predict_linear(samples: list[Sample], ahead: float, expected: float | None) -> None:
    """The line is prolonged from the evaluation time, here 60 s, which an offset does not move."""

    def kernel(windows: Windows) -> Results:
        return trends.predict_linear(windows, np.full(len(windows.counts), ahead))

    found = every_way(kernel, samples, start_s=-1, end_s=40, at_s=60)
    assert found == pytest.approx(expected)
