"""Arguments to metadata."""

from __future__ import annotations

import argparse

import pytest

from daemon.cli import main
from daemon.explain import running
from daemon.explain.metadata import Given, build_metadata
from daemon.recording import WALK_THROUGH


@pytest.mark.parametrize(
    ("argv", "expected"),
    [
        ((), Given(WALK_THROUGH, over_time_is_ours=False)),
        (("--window", "2m"), Given({**WALK_THROUGH, "window": "2m"}, over_time_is_ours=False)),
        (
            ("q",),
            Given(
                {"metricQuery": "q", "operationOverTime": "rate", "targetValue": "1"},
                over_time_is_ours=True,
            ),
        ),
        (
            ("q", "--over-time", "max", "--target", "3", "--metadata", "clampMax=9"),
            Given(
                {
                    "metricQuery": "q",
                    "operationOverTime": "max",
                    "targetValue": "3",
                    "clampMax": "9",
                },
                over_time_is_ours=False,
            ),
        ),
        (
            ("--metadata", "metricQuery=foo"),
            Given({"metricQuery": "foo", "targetValue": "1"}, over_time_is_ours=False),
        ),
        (
            ("--metadata", "metricQueryFromEnv=Q"),
            Given({"metricQueryFromEnv": "Q", "targetValue": "1"}, over_time_is_ours=False),
        ),
        (("--metadata", "queryRef=x"), Given({"queryRef": "x"}, over_time_is_ours=False)),
    ],
    ids=["nothing", "window only", "query", "options", "metadata", "environment", "named"],
)
def test_metadata(argv: tuple[str, ...], expected: Given, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only what is left out gets a default, and only where the help says so."""
    seen: list[argparse.Namespace] = []

    def look(args: argparse.Namespace) -> int:
        seen.append(args)
        return 0

    monkeypatch.setattr(running, "run_ask", look)
    assert main(["explain", "--ask", "localhost:1", *argv]) == 0
    assert build_metadata(seen[0]) == expected
