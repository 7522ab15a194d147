from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from query.estimator import estimate, round_down, settle_on_target
from query.queryable import Selection
from tests.support.selections import Row, Sender, build_selection, ms
from tests.support.slow_model import slow_estimate

MINUTE = 60_000
EVEN = [(float(t), float(t)) for t in range(0, 201, 20)]  # one event a second, reported every 20 s


def increases(
    rows: Sequence[Row],
    senders: Sequence[Sender] = (),
    *,
    at_s: float = 200,
    window_ms: int = MINUTE,
) -> list[float]:
    selection = build_selection(rows, senders)
    answer = estimate(selection, window_ms=window_ms, at_ms=ms(at_s))
    return [round(float(value), 6) for value in answer.increase]


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        pytest.param(Row(samples=EVEN), 60, id="even-counter"),
        pytest.param(
            Row(samples=[(t - 7, v) for t, v in EVEN] + [(213, 220)]),
            60,
            id="phase-does-not-matter",
        ),
        pytest.param(Row(samples=[(90, 0), (150, 60), (200, 80)]), 30, id="cut-inside"),
        pytest.param(Row(samples=[(100, 500), (180, 580), (200, 3)]), 43, id="reset-counts-from-0"),
        pytest.param(Row(samples=[(160, 9)]), 0, id="first-sample-says-nothing"),
        pytest.param(Row(samples=[(160, 9), (180, 14)]), 5, id="second-sample-says-the-rest"),
        pytest.param(Row(samples=[(160, 9)], start_s=150), 9, id="start-time-in-window-is-a-zero"),
        pytest.param(Row(samples=[(160, 9)], start_s=160), 9, id="start-time-at-first-sample"),
        pytest.param(Row(samples=[(160, 9)], start_s=99), 0, id="start-time-too-old-is-no-zero"),
        pytest.param(Row(samples=[(160, 9)], start_s=161), 0, id="start-time-after-the-sample"),
        pytest.param(Row(samples=[(140, 0), (160, 9)], start_s=60), 9, id="empty-report-is-a-zero"),
        pytest.param(Row(samples=[*EVEN[:-1], (200, None)]), 40, id="stale-marker-is-no-sample"),
        pytest.param(
            Row(samples=[(100, 0), (150, None), (200, 100)]), 60, id="stale-in-the-middle"
        ),
        pytest.param(
            Row(samples=[(100, 0), (150, float("nan")), (170, float("inf")), (200, 100)]),
            60,
            id="bad-numbers-are-no-samples",
        ),
        pytest.param(Row(samples=[(100, 0), (160, 0)]), 0, id="idle"),
        pytest.param(Row(samples=[]), 0, id="no-sample-at-all"),
    ],
)
def test_one_series(row: Row, expected: float) -> None:
    """The increase in (140 s, 200 s] of one series whose sender last reported at 200 s."""
    assert increases([row], [Sender(known_until_s=200)]) == [expected]


def test_common_end_is_the_earliest_live_report() -> None:
    """Every series is cut at the earliest last report of a live sender, ended ones too."""
    rows = [
        Row(samples=EVEN, sender="a"),
        Row(samples=[(t + 10, v) for t, v in EVEN[:-1]], sender="b"),
        Row(samples=[(110, 0), (130, 20), (150, 50)], sender="ended"),
    ]
    selection = build_selection(rows, [Sender(name="ended", live=False)])
    answer = estimate(selection, window_ms=MINUTE, at_ms=ms(205))
    assert (answer.start_ms, answer.end_ms) == (ms(130), ms(190))
    assert answer.increase.tolist() == [60, 60, 30]
    assert answer.live.tolist() == [True, True, False]


def test_own_end() -> None:
    """With its own end each live series is cut at its sender's last report, an ended one at the common end."""
    rows = [
        Row(samples=EVEN, sender="a"),
        Row(samples=[(100, 0), (150, 0), (180, 30)], sender="b"),
        Row(samples=[(110, 0), (130, 20), (150, 50)], sender="ended"),
    ]
    selection = build_selection(rows, [Sender(name="ended", live=False)])
    answer = estimate(selection, window_ms=MINUTE, at_ms=ms(205), common_end=False)
    assert answer.increase.tolist() == [60, 30, 40]


def test_flat_until_the_report_that_does_not_name_it() -> None:
    """A series that its sender no longer names is known to be flat up to the sender's last report."""
    assert increases([Row(samples=EVEN)], [Sender(known_until_s=230)]) == [30]


@pytest.mark.parametrize(("at_s", "expected"), [(200, 60), (230, 30), (260, 0), (900, 0)])
def test_nobody_live(at_s: float, expected: float) -> None:
    """Without a live sender the window ends now, so that the value decays to 0 within W."""
    assert increases([Row(samples=EVEN)], [Sender(live=False)], at_s=at_s) == [expected]


def test_live_sender_without_known_time() -> None:
    """A live sender of which no report is known does not hold the end back."""
    rows = [Row(samples=EVEN), Row(samples=[], sender="new")]
    assert increases(rows) == [60, 0]


def test_what_no_float_holds_is_not_nothing() -> None:
    """A counter whose resets add up to more than a float64 holds grew beyond all numbers: inf, never NaN."""
    huge = Row(
        samples=[(100, 1.7e308), (150, 1e308), (180, 1.7e308), (190, 1.5e308), (200, 1.6e308)]
    )
    assert increases([huge]) == [math.inf]


def test_nothing_selected() -> None:
    """An empty selection has an empty estimate up to now."""
    answer = estimate(build_selection([], spare=0), window_ms=MINUTE, at_ms=ms(9))
    assert (answer.increase.tolist(), answer.end_ms) == ([], ms(9))


def test_warming_and_variance() -> None:
    """One sample is warming; a cut at fraction f of d events adds d f (1 - f), a cut on a sample nothing."""
    rows = [
        Row(samples=[(200, 7)]),
        Row(samples=EVEN),
        Row(samples=[(135, 0), (155, 100), (195, 100), (215, 300)]),
    ]
    answer = estimate(
        build_selection(rows, [Sender(known_until_s=200)]), window_ms=MINUTE, at_ms=ms(200)
    )
    assert answer.warming.tolist() == [True, False, False]
    assert answer.variance.tolist() == [0, 0, 100 * 0.25 * 0.75 + 200 * 0.25 * 0.75]


def test_input_is_left_alone() -> None:
    """No sample of the selection is changed, so that it can be asked twice."""
    samples = [(100, 50), (150, 3), (170, None), (200, 9)]
    selection = build_selection([Row(samples=samples)], spare=0)
    before = [selection.times_ms.copy(), selection.values.view(np.uint64).copy()]
    estimate(selection, window_ms=MINUTE, at_ms=ms(200))
    assert [
        (selection.times_ms == before[0]).all(),
        (selection.values.view(np.uint64) == before[1]).all(),
    ] == [True, True]


@st.composite
def worlds(draw: st.DrawFn) -> tuple[Selection, int, int]:
    """Senders with phases, lost reports, restarts and ends; series that come late, reset and miss samples."""
    senders, rows = [], []
    for name in draw(st.lists(st.sampled_from("abcd"), unique=True, min_size=1)):
        phase = draw(st.integers(0, 20_000))
        reports = [phase + 20_000 * k for k in range(draw(st.integers(0, 12)))]
        reports = [r for r in reports if draw(st.integers(0, 5))]
        live = draw(st.booleans())
        extra = draw(st.sampled_from([0, 0, 3_000, 20_000]))
        known = (reports[-1] + extra) / 1000 if reports else None
        senders.append(Sender(name=name, live=live, known_until_s=known))
        for _ in range(draw(st.integers(0, 3))):
            rows.append(draw(series(name, reports)))
    at_ms = draw(st.integers(100_000, 320_000))
    window_ms = draw(st.sampled_from([1_000, 15_000, 20_000, 60_000, 240_000]))
    return build_selection(rows, senders, spare=draw(st.integers(0, 2))), window_ms, at_ms


@st.composite
def series(draw: st.DrawFn, sender: str, reports: list[int]) -> Row:
    first = draw(st.integers(0, max(len(reports) - 1, 0)))
    value, samples = draw(st.sampled_from([0.0, 1.0, 86_400.0])), []
    for report in reports[first:]:
        kind = draw(st.integers(0, 9))
        value = draw(st.sampled_from([0.0, 2.0])) if kind == 0 else value
        value += draw(st.integers(0, 40))
        number = None if kind == 1 else float("nan") if kind == 2 else value
        samples.append((report / 1000, number))
    start = draw(st.none() | st.integers(-100, 260).map(float))
    return Row(samples=samples, sender=sender, start_s=start)


@given(worlds(), st.booleans())
@settings(max_examples=200, deadline=None)
def test_equals_the_slow_model(world: tuple[Selection, int, int], common_end: bool) -> None:
    """The vectorised estimate is the exact one, for any senders, phases, resets, ends and lost reports."""
    selection, window_ms, at_ms = world
    answer = estimate(selection, window_ms=window_ms, at_ms=at_ms, common_end=common_end)
    model = slow_estimate(selection, window_ms=window_ms, at_ms=at_ms, common_end=common_end)
    assert answer.increase.tolist() == pytest.approx([float(r.increase) for r in model], abs=1e-6)
    assert answer.variance.tolist() == pytest.approx([float(r.variance) for r in model], abs=1e-6)
    assert answer.warming.tolist() == [row.warming for row in model]
    assert answer.live.tolist() == [row.live for row in model]


@pytest.mark.parametrize(
    ("value", "sigma", "target", "expected"),
    [
        pytest.param(1.016, 0.0, 1.0, 1.0, id="within-one-event"),
        pytest.param(1.05, 0.0, 1.0, 1.05, id="over-one-event"),
        pytest.param(1.05, 0.02, 1.0, 1.0, id="within-three-sigma"),
        pytest.param(1.1, 0.5, 1.0, 1.0, id="a-tenth-is-forgiven"),
        pytest.param(1.11, 0.5, 1.0, 1.11, id="more-than-a-tenth-is-not"),
        pytest.param(3.25, 0.5, 1.0, 3.0, id="third-multiple"),
        pytest.param(0.99, 0.5, 1.0, 0.99, id="under-the-target"),
        pytest.param(2.9999999999, 0.5, 1.0, 3.0, id="float-noise-below-a-multiple"),
        pytest.param(5.05, 0.1, 2.5, 5.0, id="fractional-target"),
        pytest.param(0.0, 0.5, 1.0, 0.0, id="zero"),
        pytest.param(-1.0, 0.5, 1.0, -1.0, id="negative"),
        pytest.param(5.0, 0.5, 0.0, 5.0, id="no-target"),
        pytest.param(float("inf"), 0.5, 1.0, float("inf"), id="infinite"),
    ],
)
def test_settle_on_target(value: float, sigma: float, target: float, expected: float) -> None:
    """A rate over 60 s just above a multiple of the target is that multiple unless the data show more."""
    assert settle_on_target(value, sigma, target, MINUTE, is_rate=True) == expected


@pytest.mark.parametrize(("value", "expected"), [(61.0, 60.0), (61.5, 61.5)])
def test_settle_an_increase(value: float, expected: float) -> None:
    """For an increase one event is 1, whatever the window."""
    assert settle_on_target(value, 0.0, 60.0, MINUTE, is_rate=False) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3.0004, 3.0),
        (3.0009999, 3.0),
        (2.9999999999, 3.0),
        (2.9996, 2.999),
        (3.001, 3.001),
        (0.29, 0.29),
        (1000000.0004, 1000000.0),
        (-0.0004, -0.001),
        (0.0, 0.0),
        (float("inf"), float("inf")),
    ],
)
def test_round_down(value: float, expected: float) -> None:
    """Answers are rounded down to thousandths, and float noise just below a thousandth is that thousandth."""
    assert round_down(value) == expected


@given(st.integers(0, 10**12))
@settings(deadline=None)
def test_thousandths_stay(thousandths: int) -> None:
    """A value that is a whole number of thousandths is not changed."""
    assert round_down(thousandths / 1000) == thousandths / 1000
