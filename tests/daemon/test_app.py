"""The composition root: what it says of what its parts notice."""

from __future__ import annotations

import pytest
import structlog

from daemon.notices import NOTICES_A_MINUTE
from tests.support.opencensus_messages import ci, node, request
from tests.support.running_app import running_app

pytestmark = pytest.mark.integration

NOW_S = 1_730_500_000


async def test_a_fleet_with_a_wrong_clock_is_one_fact() -> None:
    """Of one kind of notice a few lines a minute are written; the next minute's first says how many were left out."""
    with structlog.testing.capture_logs() as lines:
        async with running_app(at_ms=NOW_S * 1000) as run:
            for number in range(NOTICES_A_MINUTE + 5):
                hello = request(node=node(host_name=f"pod-{number}"))
                async with run.sidecar(hello) as sidecar:
                    await sidecar.report(request(ci("m", at=NOW_S - 3600)))
            await run.at((NOW_S + 60) * 1000)
            async with run.sidecar(request(node=node(host_name="late"))) as sidecar:
                await sidecar.report(request(ci("m", at=NOW_S - 3600)))
    told = [line for line in lines if line["event"] == "sender clock shifted"]
    assert [line.get("left_out") for line in told] == [None] * NOTICES_A_MINUTE + [5]
