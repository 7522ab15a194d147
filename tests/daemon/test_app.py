"""The composition root: what it says of what its parts notice."""

from __future__ import annotations

import asyncio

import aiohttp
import grpc
import pytest
import structlog

from daemon.notices import NOTICES_A_MINUTE
from tests.support.opencensus_messages import ci, node, request
from tests.support.running_app import UNIT_S, running_app

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


async def test_draining() -> None:
    """From the first moment of a stop `/readyz` says so and KEDA's streams end with OK, while calls are still answered."""

    class Slow:
        """Takes its time to stop."""

        def __init__(self) -> None:
            self.may_end = asyncio.Event()

        async def start(self) -> None:
            pass

        async def stop(self) -> None:
            await self.may_end.wait()

    slow = Slow()
    async with running_app(at_ms=NOW_S * 1000) as run, run.keda() as keda:
        stream = keda.stream_is_active()
        await run.until(
            lambda: run.page().get('tallyd_keda_scaler_total{event="stream_is_active"}', 0) > 0
        )
        run.app._receivers["slow"] = slow
        stopping = asyncio.create_task(run.app.stop())
        code = await asyncio.wait_for(stream.code(), UNIT_S)
        url = f"http://127.0.0.1:{run.app.ports['health_check']}/readyz"
        async with aiohttp.ClientSession() as session, session.get(url) as answer:
            status, said = answer.status, await answer.json()
        spec = await keda.spec()
        slow.may_end.set()
        await stopping
    assert (code, status, said["missing"]) == (grpc.StatusCode.OK, 503, ["draining"])
    assert spec == [("default-nodeapp", 1, 1.0)]
