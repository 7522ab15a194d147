"""Types of settings."""

from __future__ import annotations

from typing import Any

import pytest

from daemon.config.document import Value
from daemon.config.errors import ConfigError
from daemon.config.fields import DurationMs, Endpoint, SizeMiB, shown, split_endpoint
from daemon.config.validation import read


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (DurationMs, "5m", 300_000),
        (DurationMs, "1h30m", 5_400_000),
        (DurationMs, "1.5s", 1_500),
        (DurationMs, "1d", 86_400_000),
        (DurationMs, "0s", 0),
        (DurationMs, 0, 0),
        (Endpoint, "[::]:4318", "[::]:4318"),
        (Endpoint, ":4318", "[::]:4318"),
        (Endpoint, "127.0.0.1:0", "127.0.0.1:0"),
        (Endpoint, "my-host.svc:65535", "my-host.svc:65535"),
        (SizeMiB, 16, 16),
    ],
)
def test_good(kind: Any, value: Value, expected: object) -> None:
    """Each type takes the forms that operators write."""
    mistakes: list[ConfigError] = []
    assert (read(kind, value, (), mistakes), mistakes) == (expected, [])


@pytest.mark.parametrize(
    ("kind", "value", "expected"),
    [
        (
            DurationMs,
            5,
            "expected a duration such as 5m or 90s, got 5: 5 has no unit: write 5s",
        ),
        (DurationMs, False, "expected a duration such as 5m or 90s, got false"),
        (DurationMs, None, "expected a duration such as 5m or 90s, got nothing"),
        (DurationMs, "-5m", "expected a duration such as 1m30s, got '-5m'"),
        (DurationMs, "five", "expected a duration such as 1m30s, got 'five'"),
        (Endpoint, 4318, "expected host:port, got 4318; write '[::]:4318'"),
        (Endpoint, "4318", "expected host:port, got '4318'; write '[::]:4318'"),
        (Endpoint, "::1:4318", "expected host:port, got '::1:4318'"),
        (Endpoint, "host:65536", "expected host:port, got 'host:65536'"),
        (Endpoint, ":65536", "expected host:port, got ':65536'"),
        (Endpoint, 65536, "expected host:port, got 65536"),
        (Endpoint, "http://host:1", "expected host:port, got 'http://host:1'"),
        (Endpoint, "host:", "expected host:port, got 'host:'"),
        (Endpoint, ["host:1"], "expected host:port, got a list"),
    ],
)
def test_bad(kind: Any, value: Value, expected: str) -> None:
    """Each type says what it expected and what it got."""
    mistakes: list[ConfigError] = []
    read(kind, value, (), mistakes)
    assert [error.expected for error in mistakes] == [expected]


def test_split_endpoint() -> None:
    """Host and port come apart; brackets belong to neither."""
    assert [split_endpoint("[::1]:80"), split_endpoint("a:1")] == [("::1", 80), ("a", 1)]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "nothing"),
        (True, "true"),
        ({}, "a mapping"),
        ([], "a list"),
        ("it", "'it'"),
        ("x" * 100, f"'{'x' * 55}...'"),
    ],
)
def test_shown(value: object, expected: str) -> None:
    """Values are quoted as an operator would name them, and never at length."""
    assert shown(value) == expected
