from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from query.durations import MAX_DURATION_MS, format_duration, parse_duration_ms
from query.errors import DurationError


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1m30s", 90_000),
        ("5m", 300_000),
        ("1y2w3d4h5m6s7ms", 33_019_506_007),
        ("0", 0),
        ("0s", 0),
        ("1.5h", 5_400_000),
        ("1m0.5s", 60_500),
        ("30s1m", 90_000),
        ("1h1h", 7_200_000),
        (".5s", 500),
        ("1.s", 1000),
        ("500us", 1),
        ("1us", 1),
        ("1µs", 1),
        ("1μs", 1),
        ("1499us", 1),
        ("1500us", 2),
        ("100ns", 1),
        ("0ns", 0),
        ("292y", 292 * 365 * 86_400_000),
    ],
)
def test_parse(text: str, milliseconds: int) -> None:
    """Prometheus' and Go's durations are read as milliseconds; only zero becomes 0."""
    assert parse_duration_ms(text) == milliseconds


@pytest.mark.parametrize(
    "text",
    [
        "",
        "5",
        "1.5",
        "m",
        "-5m",
        "+5m",
        "5 m",
        "5M",
        "1m5",
        "1e3s",
        "1_0s",
        "293y",
        "9" * 63 + "y",
        "1" * 70,
        "٣s",
    ],
)
def test_no_duration(text: str) -> None:
    """Anything else is refused: signs, blanks, unknown units, a missing unit, more than 292 years."""
    with pytest.raises(DurationError):
        parse_duration_ms(text)


@pytest.mark.parametrize(("text", "milliseconds"), [("90", 90_000), ("0.25", 250), ("1m", 60_000)])
def test_bare_seconds(text: str, milliseconds: int) -> None:
    """Where it is told so, a bare number is seconds."""
    assert parse_duration_ms(text, bare_seconds=True) == milliseconds


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (0, "0s"),
        (90_000, "1m30s"),
        (86_400_000, "1d"),
        (90_000_000, "1d1h"),
        (8 * 86_400_000, "8d"),
        (7 * 86_400_000, "1w"),
        (365 * 86_400_000, "1y"),
        (1001, "1s1ms"),
        (-60_000, "-1m"),
    ],
)
def test_format(milliseconds: int, text: str) -> None:
    """The canonical text is Prometheus': weeks and years only where they are exact."""
    assert format_duration(milliseconds) == text


@given(st.integers(0, MAX_DURATION_MS))
def test_format_reads_back(milliseconds: int) -> None:
    """Every duration reads back from its text."""
    assert parse_duration_ms(format_duration(milliseconds)) == milliseconds


@given(st.text("0123456789.ywdhmsnuµ -", max_size=80), st.booleans())
def test_any_text(text: str, bare: bool) -> None:
    """Any text is a duration in range or a DurationError."""
    with suppress(DurationError):
        assert 0 <= parse_duration_ms(text, bare_seconds=bare) <= MAX_DURATION_MS
