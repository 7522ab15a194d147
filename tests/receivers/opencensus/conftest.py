"""The running server that most tests here talk to."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.receivers.opencensus.running import Running, running


@pytest.fixture
async def oc() -> AsyncIterator[Running]:
    async with running() as run:
        yield run
