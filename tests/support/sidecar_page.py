"""A sidecar's metrics page: what daprd's exporter for Prometheus writes, served over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

Labels = Mapping[str, str]


def counter(
    name: str, rows: Mapping[tuple[tuple[str, str], ...], int], prefix: str = "dapr_"
) -> str:
    """Return one family of counters; without rows the page does not show it."""
    if not rows:
        return ""
    lines = [f"# HELP {prefix}{name} The number of {name}.", f"# TYPE {prefix}{name} counter"]
    for labels, value in rows.items():
        shown = ",".join(f'{key}="{text}"' for key, text in labels)
        lines.append(f"{prefix}{name}{{{shown}}} {value}")
    return "\n".join(lines) + "\n"


def process_start(seconds: float) -> str:
    """Return what the page tells of its process."""
    name = "process_start_time_seconds"
    return f"# HELP {name} Start time of the process.\n# TYPE {name} gauge\n{name} {seconds!r}\n"


@dataclass
class SidecarPage:
    """A page that answers with what `text` returns at the time; `status` may be changed."""

    text: Callable[[], str]
    port: int = 0
    status: int = 200
    asked: int = 0
    paths: list[str] = field(default_factory=list)

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        self.asked += 1
        self.paths.append(request.path)
        return web.Response(text=self.text(), status=self.status)


@asynccontextmanager
async def sidecar_page(
    text: Callable[[], str], host: str = "127.0.0.1"
) -> AsyncIterator[SidecarPage]:
    """Serve a page on loopback."""
    page = SidecarPage(text)
    runner = web.ServerRunner(web.Server(page._answer), shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, host, 0)
    await site.start()
    page.port = runner.addresses[0][1]
    try:
        yield page
    finally:
        await runner.cleanup()
