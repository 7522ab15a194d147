from __future__ import annotations

import pytest

from query.evaluate import rates, reaching
from query.evaluate.rates import Results
from query.evaluate.samples import Windows
from tests.support.windows import Sample, every_way

STEPS: list[Sample] = [
    (0, 1), (15, 2), (30, 3), (45, 4), (60, 5), (75, 9), (90, 10), (105, 11), (120, 12), (135, 13),
]  # fmt: skip
RESETS: list[Sample] = [(0, 9), (60, 8), (120, 5), (180, 4)]


def until(samples: list[Sample], second: float) -> list[Sample]:
    return [sample for sample in samples if sample[0] <= second]


@pytest.mark.parametrize(
    ("end", "expected"),
    [(5, 0), (20, 1), (35, 2), (50, 3), (65, 4), (80, 7), (95, 7), (110, 7), (125, 7)],
)
def test_anchored_increase(end: float, expected: float) -> None:
    """From the last sample at or before the range's start, else the first in it, to the last sample."""
    found = every_way(
        lambda w: reaching.anchored(w, is_counter=True),
        until(STEPS, end),
        start_s=end - 60,
        end_s=end,
    )
    assert found == expected


@pytest.mark.parametrize(
    ("end", "expected"),
    [(5, 1 / 3), (20, 4 / 3), (35, 7 / 3), (50, 10 / 3), (65, 5), (80, 7), (110, 7), (125, 6)],
)
def test_smoothed_increase(end: float, expected: float) -> None:
    """Between the values interpolated at both edges; behind the last sample its value holds."""
    found = every_way(
        lambda w: reaching.smoothed(w, is_counter=True), STEPS, start_s=end - 60, end_s=end
    )
    assert found == pytest.approx(expected)


def smoothed_increase(windows: Windows) -> Results:
    return reaching.smoothed(windows, is_counter=True)


def anchored_increase(windows: Windows) -> Results:
    return reaching.anchored(windows, is_counter=True)


def anchored_delta(windows: Windows) -> Results:
    return reaching.anchored(windows, is_counter=False)


def smoothed_delta(windows: Windows) -> Results:
    return reaching.smoothed(windows, is_counter=False)


def anchored_changes(windows: Windows) -> Results:
    return reaching.anchored_events(windows, rates.changes_in(windows))


@pytest.mark.parametrize(
    ("kernel", "samples", "start", "end", "expected"),
    [
        pytest.param(smoothed_increase, RESETS, 15, 135, 12, id="resets-at-the-edges"),
        pytest.param(anchored_increase, [(60, 3), (120, 2)], 60, 120, 2, id="anchored-reset"),
        pytest.param(anchored_delta, [(60, 3), (120, 2)], 60, 120, -1, id="anchored-delta"),
        pytest.param(anchored_delta, [(60, 3)], 60, 120, None, id="nothing-inside"),
        pytest.param(smoothed_delta, [(0, 0), (100, 10)], 40, 60, 2, id="no-sample-inside"),
        pytest.param(smoothed_delta, [(100, 10)], 40, 60, None, id="all-behind"),
        pytest.param(smoothed_delta, [(30, 10)], 40, 60, None, id="all-before"),
        pytest.param(anchored_changes, [(0, 2), (120, 1)], 60, 120, 1, id="changes"),
        pytest.param(anchored_changes, [(0, 2), (60, 1), (120, 1)], 60, 120, 0, id="no-changes"),
        pytest.param(anchored_changes, [(0, 2), (60, 1)], 60, 120, None, id="changes-before"),
        pytest.param(anchored_changes, [], 60, 120, None, id="empty"),
        pytest.param(reaching.interpolated, [(10, 2), (20, 3)], 15, 15, 2.5, id="between"),
        pytest.param(reaching.interpolated, [(10, 2), (20, 3)], 10, 10, 2, id="exact"),
        pytest.param(reaching.interpolated, [(10, 2), (20, 3)], 25, 25, 3, id="after"),
        pytest.param(reaching.interpolated, [(10, 2), (20, 3)], 5, 5, None, id="before"),
        pytest.param(reaching.interpolated, [(10, 5), (20, 1)], 15, 15, 3, id="no-counter"),
    ],
)
def test_edges(
    kernel: object, samples: list[Sample], start: float, end: float, expected: float | None
) -> None:
    """What lies beyond the edges counts as far as it says what was at them."""
    found = every_way(kernel, samples, start_s=start, end_s=end)  # type: ignore[arg-type] # a kernel
    assert found == pytest.approx(expected)
