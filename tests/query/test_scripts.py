"""The project's own scripts, in the form of Prometheus' `.test` files (tests/scripts)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.promtest.engine_subject import SlowSubject
from tests.support.promtest.run import Status, run_commands
from tests.support.promtest.script import parse_script

SCRIPTS = sorted((Path(__file__).parents[1] / "scripts").glob("*.test"))


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_the_slow_evaluator(path: Path) -> None:
    """The twin of the engine gives every vector's value, so that comparing with it proves something."""
    outcomes = list(run_commands(parse_script(path.read_text(encoding="utf-8")), SlowSubject()))
    assert outcomes
    assert [outcome for outcome in outcomes if outcome.status is not Status.PASSED] == []
