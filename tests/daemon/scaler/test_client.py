"""KEDA's side of the protocol, asked against the real scaler."""

from __future__ import annotations

import grpc
import pytest

from daemon.clock import VirtualTime
from daemon.config.load import load_config
from daemon.demo.show import running
from daemon.recording import WALK_THROUGH
from daemon.scaler.client import NoValueError, ScalerClient

pytestmark = pytest.mark.integration


async def test_no_value() -> None:
    """An error of the scaler comes with its status and its text; a value given for the unknown is a value."""
    time = VirtualTime(1_900_000_000_000)
    async with (
        running(load_config("exporters: {windows: {settle_for: 0s}}", {}), time) as (_, ports),
        grpc.aio.insecure_channel(f"127.0.0.1:{ports.scaler}") as channel,
    ):
        asked = ScalerClient(channel, WALK_THROUGH, namespace="n", name="s")
        with pytest.raises(NoValueError, match="not_found: no sender has reported") as caught:
            await asked.value()
        given = {**WALK_THROUGH, "ifNotFound": "value", "valueIfNotFound": "2.5"}
        value = await ScalerClient(channel, given, namespace="n", name="s").value()
    assert (caught.value.status, value) == ("not_found", 2.5)


async def test_every_question() -> None:
    """Target and value come in both forms of the wire, the activity beside them."""
    time = VirtualTime(1_900_000_000_000)
    metadata = {"metricQuery": "a", "targetValue": "2.5", "ifNotFound": "value"}
    async with (
        running(load_config("exporters: {windows: {settle_for: 0s}}", {}), time) as (_, ports),
        grpc.aio.insecure_channel(f"127.0.0.1:{ports.scaler}") as channel,
    ):
        asked = ScalerClient(channel, metadata, namespace="n", name="s")
        answers = (await asked.target(), await asked.numbers(), await asked.is_active())
    assert answers == ((3, 2.5), (0, 0.0), False)
