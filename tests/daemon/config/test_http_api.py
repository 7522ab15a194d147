"""Settings of the HTTP API and of remote write."""

from __future__ import annotations

import pytest

from daemon.config.http_api import CorsConfig, HttpApiConfig
from daemon.config.load import parse_config
from tests.daemon.config.support import problems


def test_defaults() -> None:
    """The API listens on 9090 by default, with Prometheus' own limits; remote write is off."""
    config = parse_config("", {}).config
    assert config.extensions["http_api"] == HttpApiConfig(
        endpoint="[::]:9090",
        lookback=0,
        timeout=120_000,
        max_samples=50_000_000,
        max_concurrency=20,
        max_inline_samples=100_000,
        cors=CorsConfig(allowed_origins=()),
    )
    assert list(config.receivers) == ["opencensus", "otlp"]


def test_cors() -> None:
    """Origins are a list."""
    text = "extensions: {http_api: {cors: {allowed_origins: ['*']}}}"
    config = parse_config(text, {}).config.extensions["http_api"]
    assert config == HttpApiConfig(cors=CorsConfig(allowed_origins=("*",)))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "extensions: {http_api: , http_api/b: {endpoint: ':1'}}",
            "1:26: extensions.http_api/b: there is one http_api in a process: 'http_api' is it already",
        ),
        (
            "receivers: {prometheusremotewrite: }\nextensions: {keda_scaler: }",
            (
                "1:13: receivers.prometheusremotewrite: is served by the extension http_api: "
                "add it to the extensions that run"
            ),
        ),
        (
            "extensions: {http_api: {max_samples: 0}}",
            "1:38: extensions.http_api.max_samples: expected at least 1, got 0",
        ),
    ],
    ids=["two", "unserved", "limit"],
)
def test_mistakes(text: str, expected: str) -> None:
    """Mistakes name the key and say what to do."""
    assert problems(text) == [expected]
