"""Recorded daprd sessions, over real gRPC: what the sidecar itself sends decodes whole."""

from __future__ import annotations

import pytest

from tests.receivers.opencensus.running import Running
from tests.support.golden import Session, load_sessions

pytestmark = pytest.mark.integration


@pytest.mark.parametrize("session", load_sessions().values(), ids=lambda session: session.name)
async def test_every_session_decodes_as_recorded(oc: Running, session: Session) -> None:
    """Every recorded report gives the metrics, series and values that the official classes find in it."""
    for events in session.streams().values():
        await oc.play([event.raw for event in events if event.raw is not None])
    batches = oc.sink.batches
    assert len(batches) == len(session.reports)
