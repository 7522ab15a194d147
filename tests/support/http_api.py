"""tallyd's HTTP API as its callers use it: a running app that takes remote write, and a client."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from query.labels import Labels
from tests.support.remote_write import HEADERS, compressed, time_series, write_request
from tests.support.running_app import RunningApp, running_app

START_MS = 1_730_500_000_000
WITH_REMOTE_WRITE = "receivers: {prometheusremotewrite: }"


@dataclass
class Answered:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class HttpClient:
    """Asks one tallyd."""

    run: RunningApp
    session: aiohttp.ClientSession
    url: str

    async def get(self, path: str, **parameters: Any) -> Answered:
        """Ask with a query string; a list repeats its parameter."""
        return await self.send("GET", path, params=_pairs(parameters))

    async def post(self, path: str, **parameters: Any) -> Answered:
        """Ask with a form."""
        return await self.send("POST", path, data=_pairs(parameters))

    async def send(self, method: str, path: str, **settings: Any) -> Answered:
        async with self.session.request(method, f"{self.url}{path}", **settings) as answer:
            return Answered(answer.status, answer.headers, await answer.read())

    async def data(self, path: str, **parameters: Any) -> Any:
        """Return the data of a success."""
        answered = await self.get(path, **parameters)
        assert answered.status == 200, answered.body
        return answered.json["data"]

    async def write(self, series: Mapping[Labels, Sequence[tuple[int, float]]]) -> None:
        """Send series by remote write, times relative to START_MS."""
        bodies = [
            time_series(labels, [(START_MS + at_ms, value) for at_ms, value in samples])
            for labels, samples in series.items()
        ]
        answered = await self.send(
            "POST", "/api/v1/write", data=compressed(write_request(bodies)), headers=HEADERS
        )
        assert answered.status == 204, answered.body


@asynccontextmanager
async def http_client(
    text: str = WITH_REMOTE_WRITE, *, at_ms: int = START_MS, settle_for: str | None = "0s"
) -> AsyncIterator[HttpClient]:
    """Run tallyd in virtual time and connect to its HTTP API."""
    async with (
        running_app(text, at_ms=at_ms, settle_for=settle_for) as run,
        aiohttp.ClientSession(
            auto_decompress=False, headers={"Accept-Encoding": "identity"}
        ) as session,
    ):
        yield HttpClient(run, session, f"http://127.0.0.1:{run.app.ports['http_api']}")


def _pairs(parameters: Mapping[str, Any]) -> list[tuple[str, str]]:
    return [
        (name, str(value))
        for name, values in parameters.items()
        for value in (values if isinstance(values, list) else [values])
    ]
