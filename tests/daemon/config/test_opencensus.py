"""`receivers.opencensus.scrape_senders`: off unless it is named."""

from __future__ import annotations

import pytest

from daemon.config.load import parse_config
from daemon.config.opencensus import OpenCensusConfig, ScrapeSendersConfig


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("", None, id="off"),
        pytest.param("scrape_senders: {}", ScrapeSendersConfig(), id="empty-mapping"),
        pytest.param("scrape_senders:", ScrapeSendersConfig(), id="nothing-behind-it"),
        pytest.param(
            "scrape_senders: {port: 9091, interval: 2500ms}",
            ScrapeSendersConfig(port=9091, interval=2_500),
            id="all",
        ),
    ],
)
def test_scrape_senders(text: str, expected: ScrapeSendersConfig | None) -> None:
    """Naming it switches it on, with port 9090 and 5 s where nothing else is said."""
    assert settings(text).scrape_senders == expected


def settings(text: str) -> OpenCensusConfig:
    config = parse_config(f"receivers:\n  opencensus:\n    {text}\n", {}).config
    found = config.receivers["opencensus"]
    assert isinstance(found, OpenCensusConfig)
    return found
