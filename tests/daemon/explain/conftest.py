"""Running `tallyd explain` in this process."""

from __future__ import annotations

import json
from typing import Any

import pytest
import structlog

from daemon.cli import main


@pytest.fixture(autouse=True)
def _logs() -> Any:
    yield
    structlog.reset_defaults()


@pytest.fixture
def say(capsys: pytest.CaptureFixture[str]) -> Any:
    """Run the command and return its exit code, standard output and standard error."""

    def run(*argv: str) -> tuple[int, str, str]:
        code = main(["explain", *argv])
        return (code, *capsys.readouterr())

    return run


@pytest.fixture
def document(say: Any) -> Any:
    def run(*argv: str) -> dict[str, Any]:
        code, out, err = say("--json", *argv)
        assert (code, err) == (0, "")
        loaded: dict[str, Any] = json.loads(out)
        return loaded

    return run
