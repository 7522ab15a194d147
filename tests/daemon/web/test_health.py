"""The health check over HTTP."""

from __future__ import annotations

import aiohttp
import pytest

from daemon.config.health_check import HealthCheckConfig
from daemon.web.health import HealthCheck

pytestmark = pytest.mark.integration


async def get(port: int, path: str) -> tuple[int, object]:
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"http://127.0.0.1:{port}{path}") as response,
    ):
        return response.status, await response.json()


async def test_health() -> None:
    """`/healthz` says alive whatever is missing; `/readyz` and `/` say what is missing, 503 until nothing is."""
    missing = ["listening"]
    health = HealthCheck(HealthCheckConfig(endpoint="127.0.0.1:0"), lambda: missing, dict)
    port = await health.start()
    try:
        before = [await get(port, path) for path in ("/healthz", "/readyz", "/")]
        missing.clear()
        after = [await get(port, path) for path in ("/healthz", "/readyz", "/")]
    finally:
        await health.stop()
    not_ready = (503, {"status": "not ready", "missing": ["listening"]})
    assert before == [(200, {"status": "alive"}), not_ready, not_ready]
    assert after == [(200, {"status": "alive"})] + [(200, {"status": "ready"})] * 2
