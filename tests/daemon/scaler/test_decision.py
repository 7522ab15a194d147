from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.scaler.decision import (
    Refusal,
    Refused,
    Told,
    decide,
    decide_settling,
    refuse_metadata,
    target_numbers,
    value_numbers,
)
from tests.support.scaler import NOW_MS, answered, trigger


@pytest.mark.parametrize(
    ("value", "exact", "integer"),
    [
        (0.0, 0.0, 0),
        (0.0004, 0.0, 0),
        (0.4, 0.4, 0),
        (0.5, 0.5, 0),
        (0.501, 0.501, 1),
        (1.0, 1.0, 1),
        (1.5, 1.5, 1),
        (2.5, 2.5, 2),
        (2.9996, 2.999, 3),
        (3.0004, 3.0, 3),
        (3.11, 3.11, 3),
        (3.5, 3.5, 3),
        (3.501, 3.501, 4),
        (1e12, 1e12, 10**12),
    ],
)
def test_value_numbers(value: float, exact: float, integer: int) -> None:
    """The float is rounded down to thousandths, the integer is its nearest, halves down (keda.md 0.6)."""
    asked = trigger()
    told = decide(asked, answered(value), at_ms=NOW_MS)
    assert isinstance(told, Told)
    assert value_numbers(asked, told.value) == (integer, exact)


@pytest.mark.parametrize(
    ("target", "integer"),
    [("0.001", 1), ("0.4", 1), ("1", 1), ("1.4", 1), ("1.5", 2), ("2.6", 3), ("1000", 1000)],
)
def test_target_numbers(target: str, integer: int) -> None:
    """The integer target is the nearest, at least 1; the float is exact."""
    assert target_numbers(trigger(targetValue=target)) == (integer, float(target))


@pytest.mark.parametrize(
    ("target", "value", "integers"),
    [("0.5", 1.25, (500, 1250)), ("0.001", 0.001, (1, 1)), ("2", 2.9996, (2000, 2999))],
)
def test_legacy_int_scale(target: str, value: float, integers: tuple[int, int]) -> None:
    """`legacyIntScale` puts thousandths into both integers and leaves the floats (keda.md 1.5)."""
    asked = trigger(targetValue=target, legacyIntScale="true")
    told = decide(asked, answered(value), at_ms=NOW_MS)
    assert isinstance(told, Told)
    assert (target_numbers(asked).integer, value_numbers(asked, told.value).integer) == integers
    assert target_numbers(asked).exact == float(target)


CASES = [
    pytest.param({}, {"value": 3.0}, (3.0, True), id="plain"),
    pytest.param({}, {"value": 0.0}, (0.0, False), id="zero is not active"),
    pytest.param({}, {"value": None}, (0.0, False), id="known name without match"),
    pytest.param({}, {"value": math.nan}, (0.0, False), id="NaN is as no match"),
    pytest.param({}, {"value": -4.0}, (0.0, False), id="negative is answered 0"),
    pytest.param({}, {"value": 0.0002}, (0.0, True), id="activity is judged before rounding"),
    pytest.param({"clampMax": "2"}, {"value": 3.0}, (2.0, True), id="clamp max"),
    pytest.param({"clampMin": "2"}, {"value": 1.0}, (2.0, True), id="clamp min"),
    pytest.param({"clampMin": "2"}, {"value": None}, (2.0, False), id="clamp min of no match"),
    pytest.param({"clampMax": "-2"}, {"value": 3.0}, (0.0, True), id="negative clamp"),
    pytest.param({"clampMin": "1"}, {"value": 0.0}, (1.0, False), id="active before clamping"),
    pytest.param(
        {"clampMin": "1", "dialect": "otel"},
        {"value": 0.0},
        (1.0, True),
        id="otel: active after clamping",
    ),
    pytest.param(
        {"clampMax": "3", "activationValue": "5"},
        {"value": 9.0},
        (3.0, True),
        id="activation above clamp max",
    ),
    pytest.param(
        {"clampMax": "3", "activationValue": "5", "dialect": "otel"},
        {"value": 9.0},
        (3.0, False),
        id="otel: activation above clamp max",
    ),
    pytest.param({"activationValue": "5"}, {"value": 5.0}, (5.0, False), id="strictly greater"),
    pytest.param({"activationValue": "5"}, {"value": 5.01}, (5.01, True), id="above activation"),
    pytest.param({"activationValue": "-1"}, {"value": None}, (0.0, True), id="always active"),
    pytest.param(
        {}, {"value": 0.0, "activity_value": 0.3}, (0.0, True), id="active by the own end"
    ),
    pytest.param(
        {}, {"value": 0.3, "activity_value": 0.0}, (0.3, True), id="active by the common end"
    ),
    pytest.param(
        {"ifNotFound": "value"}, {"value": None, "known": False}, (0.0, False), id="not found: 0"
    ),
    pytest.param(
        {"ifNotFound": "value", "valueIfNotFound": "7", "clampMax": "5"},
        {"value": None, "known": False},
        (7.0, True),
        id="not found: a value, not clamped",
    ),
    pytest.param(
        {"ifNotFound": "value", "valueIfNotFound": "7"},
        {"value": None},
        (0.0, False),
        id="a known name without match is found",
    ),
]


@pytest.mark.parametrize(("keys", "fields", "expected"), CASES)
def test_told(keys: dict[str, str], fields: dict[str, float], expected: tuple[float, bool]) -> None:
    """Clamps, activation and what stands in for no value (keda.md 0.2, 0.7, 0.11, 6.3.6)."""
    told = decide(trigger(**keys), answered(**fields), at_ms=NOW_MS)
    value, active = expected
    assert told == Told(value=value, active=active, at_ms=NOW_MS)


@pytest.mark.parametrize(
    ("fields", "refusal", "text"),
    [
        ({"value": None, "known": False}, Refusal.NOT_FOUND, "metric requests"),
        ({"value": math.inf}, Refusal.OUT_OF_RANGE, "yields inf"),
        ({"value": -math.inf}, Refusal.OUT_OF_RANGE, "yields -inf"),
        ({"value": 1e16}, Refusal.OUT_OF_RANGE, "yields 1e+16"),
        ({"value": 1e308}, Refusal.OUT_OF_RANGE, "yields 1e+308"),
        ({"value": 3.0, "refused_at_ms": NOW_MS - 59_999}, Refusal.UNAVAILABLE, "max_series"),
        (
            {"value": None, "known": False, "refused_at_ms": NOW_MS},
            Refusal.UNAVAILABLE,
            "max_series",
        ),
    ],
    ids=str,
)
def test_refused(fields: dict[str, float], refusal: Refusal, text: str) -> None:
    """What is not known is an error, never 0, and says why."""
    refused = decide(trigger(), answered(**fields), at_ms=NOW_MS)
    assert isinstance(refused, Refused)
    assert (refused.refusal, refused.active, text in refused.text) == (refusal, False, True)


def test_old_refusal() -> None:
    """A series refused before the window does not make the answer incomplete."""
    told = decide(trigger(), answered(2.0, refused_at_ms=NOW_MS - 60_000), at_ms=NOW_MS)
    assert told == Told(value=2.0, active=True, at_ms=NOW_MS)


@given(st.floats() | st.none(), st.floats() | st.none(), st.booleans())
def test_always_sane(value: float | None, activity_value: float | None, known: bool) -> None:
    """No answer of the engine makes a NaN, infinite or negative number, or one an int64 cannot hold."""
    asked = trigger(legacyIntScale="true")
    answer = answered(value, activity_value=activity_value, known=known)
    decision = decide(asked, answer, at_ms=NOW_MS)
    if isinstance(decision, Told):
        numbers = value_numbers(asked, decision.value)
        assert 0 <= numbers.exact <= 9.2e15
        assert 0 <= numbers.integer < 2**63
        assert numbers.exact > 0 or numbers.integer == 0


@pytest.mark.parametrize(
    ("operation", "window", "retention_ms", "refused"),
    [
        ("rate", "220s", 300_000, False),
        ("rate", "221s", 300_000, True),
        ("rate", "60s", 140_000, False),
        ("rate", "60s", 120_000, True),
        ("avg", "1s", 60_000, True),
        ("rate", "1h", 0, False),
        ("last_one", "60s", 60_000, False),
    ],
)
def test_window_and_retention(
    operation: str, window: str, retention_ms: int, refused: bool
) -> None:
    """A window must leave room for four report intervals in the retention; 0 keeps by count only (DESIGN 5)."""
    asked = trigger(operationOverTime=operation, window=window)
    result = refuse_metadata(asked, retention_ms=retention_ms)
    assert (result is not None) is refused
    if result is not None:
        assert result.refusal is Refusal.INVALID_ARGUMENT
        assert "window" in result.text
        assert "exporters.windows.retention" in result.text


def test_refuse_problems() -> None:
    """Problems of the metadata are told together."""
    refused = refuse_metadata(trigger(window="x", clampMin="y"), retention_ms=0)
    assert refused == Refused(
        refusal=Refusal.INVALID_ARGUMENT,
        text="metadata key window: expected a duration such as 60s or 2m, got 'x'\n"
        "metadata key clampMin: expected a number, got 'y'",
    )


HELD = Told(value=3.0, active=False, at_ms=NOW_MS - 60_000)


@pytest.mark.parametrize(
    ("query", "value", "held", "expected"),
    [
        pytest.param("sum(a)", 1.0, None, ("unavailable", True), id="partial but active"),
        pytest.param("max(a)", 1.0, None, ("unavailable", True), id="max"),
        pytest.param("count(a)", 1.0, None, ("unavailable", True), id="count"),
        pytest.param("avg(a)", 1.0, None, ("unavailable", False), id="avg proves nothing"),
        pytest.param("min(a)", 1.0, None, ("unavailable", False), id="min proves nothing"),
        pytest.param("sum(a)", 0.0, None, ("unavailable", False), id="partial 0"),
        pytest.param("sum(a)", 0.0, HELD, (3.0, False), id="held"),
        pytest.param("sum(a)", 1.0, HELD, (3.0, True), id="held, active now"),
        pytest.param(
            "sum(a)",
            1.0,
            Told(value=3.0, active=True, at_ms=NOW_MS - 60_001),
            ("unavailable", True),
            id="held too long",
        ),
        pytest.param(
            "sum(a)",
            0.0,
            Told(value=3.0, active=True, at_ms=NOW_MS + 1),
            ("unavailable", False),
            id="held from the future",
        ),
    ],
)
def test_settling(
    query: str, value: float, held: Told | None, expected: tuple[float | str, bool]
) -> None:
    """While settling the last answer is repeated or nothing is known, never a partial value (keda.md 6.3.6)."""
    asked = trigger(metricQuery=query)
    decision = decide_settling(
        asked,
        decide(asked, answered(value), at_ms=NOW_MS),
        held,
        left_ms=12_345,
        at_ms=NOW_MS,
        hold_for_ms=60_000,
    )
    if isinstance(decision, Told):
        assert (decision.value, decision.active) == expected
    else:
        assert (decision.refusal.value, decision.active) == expected
        assert "13 s left" in decision.text
        assert "exporters.windows.settle_for" in decision.text


def test_settling_bad_query() -> None:
    """A bad query is told as such while settling too."""
    bad = Refused(refusal=Refusal.INVALID_ARGUMENT, text="bad")
    decision = decide_settling(trigger(), bad, None, left_ms=1, at_ms=NOW_MS, hold_for_ms=60_000)
    assert decision is bad
