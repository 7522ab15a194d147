"""What is allowed and most likely not meant."""

from __future__ import annotations

import pytest

from daemon.config.advice import SHORTEST_RETENTION_MS
from daemon.scaler.decision import REPORT_INTERVAL_MS, REPORT_INTERVALS
from daemon.scaler.metadata import DEFAULT_WINDOW_MS
from tests.daemon.config.support import warnings

SHORT = (
    "1:34: exporters.windows.retention: 2m19s is too short for rates over the default window of 1m, which are refused: "
    "that takes 2m20s, the window and 4 report intervals of 20s"
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("exporters: {windows: {retention: 0}}", []),
        ("exporters: {windows: {retention: 140s}}", []),
        ("exporters: {windows: {retention: 139s}}", [SHORT]),
        (
            "service: {extensions: []}",
            ["1:11: service.extensions: no keda_scaler runs: nobody can ask"],
        ),
        (
            "extensions: {health_check: }",
            ["1:1: service.extensions: no keda_scaler runs: nobody can ask"],
        ),
        (
            "extensions: {keda_scaler: }",
            ["1:1: extensions: health_check is not defined: nothing answers on 13133"],
        ),
    ],
)
def test_advice(text: str, expected: list[str]) -> None:
    """A start goes on, but says what will not work."""
    assert warnings(text) == expected


def test_shortest_retention() -> None:
    """The figure is the scaler's own rule for its default window."""
    assert SHORTEST_RETENTION_MS == DEFAULT_WINDOW_MS + REPORT_INTERVALS * REPORT_INTERVAL_MS
