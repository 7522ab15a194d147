"""Everything that can go wrong, at once, on a real daemon; `make chaos` is the long form."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from tests.chaos.story import Plan, Story

pytestmark = [pytest.mark.integration, pytest.mark.slow]


async def test_everything_goes_wrong(tmp_path: Path) -> None:
    """Answers in quiet times are the slow model's, none is ever 0, lies are counted, memory is bounded."""
    seed = secrets.randbelow(2**31)
    print(f"seed {seed}")  # noqa: T201
    plan = Plan(seed=seed, senders=24, interval_s=1.2, duration_s=0.0)
    outcome = await Story(plan, tmp_path).tell()
    assert outcome.faults() == []
    assert outcome.asked.checked == 10
    assert outcome.asked.pushes > 0
