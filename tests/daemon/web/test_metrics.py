"""The page of self-metrics over HTTP."""

from __future__ import annotations

import aiohttp
import pytest

from daemon.telemetry import SelfMetrics
from daemon.web.metrics import MetricsPage


@pytest.mark.integration
async def test_page() -> None:
    """`/metrics` answers in Prometheus' text format; `/` leads there."""
    page = MetricsPage("127.0.0.1:0", SelfMetrics())
    port = await page.start()
    try:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"http://127.0.0.1:{port}/") as response,
        ):
            status, kind, text = response.status, response.content_type, await response.text()
    finally:
        await page.stop()
    assert (response.url.path, status, kind) == ("/metrics", 200, "text/plain")
    assert "tallyd_build_info" in text
