"""The project's scripts through remote write and the HTTP API of a running tallyd."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.promtest.remote import RemoteSubject
from tests.support.promtest.run import Status, run_commands
from tests.support.promtest.script import parse_script
from tests.support.promtest.servers import TallydServer

pytestmark = [pytest.mark.integration, pytest.mark.slow]

SCRIPTS = sorted((Path(__file__).parents[1] / "scripts").glob("*.test"))


@pytest.fixture(scope="module")
def server() -> Iterator[TallydServer]:
    with TallydServer() as running:
        yield running


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_running_tallyd(server: TallydServer, path: Path) -> None:
    """What goes in by remote write comes out as Prometheus would give it, to the last vector."""
    subject = RemoteSubject(server.start(), server.start)
    outcomes = list(run_commands(parse_script(path.read_text(encoding="utf-8")), subject))
    assert outcomes
    assert [outcome for outcome in outcomes if outcome.status is not Status.PASSED] == []
