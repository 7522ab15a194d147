"""Parameters of a request: merged, limited, and read as times, durations and selectors."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.web.envelope import ApiError
from daemon.web.parameters import MAX_TIME_MS, Parameters, parse_time


def test_merged() -> None:
    """The first source counts before the second, and of repeated ones the first; + is a blank."""
    parameters = Parameters(b"a=1&b=x+y&m=1", "a=2&a=3&c=%2B&m=2")
    assert (
        [parameters.text(name) for name in "abcd"],
        parameters.texts("m"),
        parameters.texts("n"),
    ) == (["1", "x y", "+", ""], ["1", "2"], ())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0", 0),
        ("1.5", 1500),
        ("-1.2345", -1234),
        ("1e3", 1_000_000),
        ("1731016000.0005", 1_731_016_000_000),
        ("1970-01-01T00:00:01Z", 1000),
        ("1970-01-01T00:00:01.25Z", 1250),
        ("1970-01-01T00:00:01.123456789Z", 1123),
        ("1970-01-01t02:00:00+02:00", 0),
        ("1969-12-31T23:59:59.5Z", -500),
        ("2026-11-21T17:06:55Z", 1_795_280_815_000),
        ("", None),
        ("now", None),
        ("NaN", None),
        ("Inf", None),
        ("0x10", None),
        ("1_000", None),
        ("1e300", None),
        ("1.2.3", None),
        ("\u0661", None),
        ("2026-11-21", None),
        ("2026-11-21 17:06:55Z", None),
        ("2026-02-30T00:00:00Z", None),
        ("2026-11-21T17:06:55", None),
    ],
)
def test_time(text: str, expected: int | None) -> None:
    """Seconds to the millisecond, or RFC 3339 with its zone."""
    assert parse_time(text) == expected


@given(st.text())
def test_any_time(text: str) -> None:
    """Any text is a time in range, or none."""
    found = parse_time(text)
    assert found is None or abs(found) <= MAX_TIME_MS


@pytest.mark.parametrize(
    ("text", "expected"),
    [("15", 15_000), ("0.25", 250), ("1m30s", 90_000), ("-1", -1000), ("0", 0), ("1e2", 100_000)],
)
def test_duration(text: str, expected: int) -> None:
    """Seconds, or Prometheus' form."""
    assert Parameters(f"step={text}").required_duration_ms("step") == expected


@pytest.mark.parametrize("text", ["", "x", "1x", "1e300", "-1m", "NaN"])
def test_bad_duration(text: str) -> None:
    """Anything else names the parameter."""
    with pytest.raises(ApiError, match=r'^invalid parameter "step": cannot parse '):
        Parameters(f"step={text}").required_duration_ms("step")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{}", "must contain at least one"),
        ("sum(x)", "expected a selector"),
        ("x[1m]", "expected a selector"),
        ("x offset 1m", "expected a selector"),
        ("x @ 1", "expected a selector"),
        ("x{", "parse error"),
    ],
)
def test_bad_selector(text: str, message: str) -> None:
    """Only selectors that select something are taken."""
    with pytest.raises(ApiError, match=r"^invalid parameter") as caught:
        Parameters(f"match[]={quote_plus(text)}").selectors()
    assert caught.value.status == 400
    assert message in str(caught.value) or "match" in str(caught.value)


def status_of(read: Callable[[], object]) -> int:
    """Return the status of the error that reading ends in, 200 without."""
    try:
        read()
    except ApiError as error:
        return error.status
    return 200


@given(st.binary())
def test_any_bytes(body: bytes) -> None:
    """Any body is parameters or a 400."""
    assert status_of(lambda: Parameters(body)) in {200, 400}


@given(st.dictionaries(st.sampled_from(["time", "step", "limit", "match[]"]), st.text()))
def test_any_text(written: dict[str, str]) -> None:
    """Any text is a value or a 400."""
    body = "&".join(f"{quote_plus(name)}={quote_plus(text)}" for name, text in written.items())
    parameters = Parameters(body)
    found = {
        status_of(parameters.selectors),
        status_of(parameters.limit),
        status_of(lambda: parameters.time_ms("time", 0)),
        status_of(lambda: parameters.duration_ms("step")),
    }
    assert found <= {200, 400}
