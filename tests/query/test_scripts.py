"""The project's own scripts, in the form of Prometheus' `.test` files (tests/scripts)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.promtest.engine_subject import EngineSubject, SlowSubject
from tests.support.promtest.run import Outcome, Status, run_commands
from tests.support.promtest.script import parse_script
from tests.support.promtest.subject import Subject

SCRIPTS = sorted((Path(__file__).parents[1] / "scripts").glob("*.test"))


def not_passed(path: Path, subject: Subject) -> list[Outcome]:
    outcomes = list(run_commands(parse_script(path.read_text(encoding="utf-8")), subject))
    assert outcomes
    return [outcome for outcome in outcomes if outcome.status is not Status.PASSED]


@pytest.mark.parametrize("delayed", [True, False], ids=["names last", "names at once"])
@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_the_engine(path: Path, delayed: bool) -> None:
    """The engine over a real store gives every vector's value, whenever metric names are dropped."""
    assert not_passed(path, EngineSubject(delayed_names=delayed)) == []


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_the_slow_evaluator(path: Path) -> None:
    """The twin of the engine gives every vector's value, so that comparing with it proves something."""
    assert not_passed(path, SlowSubject()) == []
