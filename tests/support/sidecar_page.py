"""A sidecar's metrics page: what daprd's exporter for Prometheus writes, served over real HTTP."""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import accumulate

from aiohttp import web

from receivers.model import HistogramDataPoint, Metric, MetricType, NumberDataPoint, Resource
from receivers.opencensus.decode import WireMetric

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


def page_of(metrics: Sequence[WireMetric], resource: Resource) -> str:
    """Return the page of a sidecar that pushes these metrics, with an empty label for each tag that was not recorded."""
    started = datetime.fromisoformat(str(resource.attributes["opencensus.starttime"]))
    return process_start(started.timestamp()) + "".join(_family(one) for one in metrics)


def _family(metric: WireMetric) -> str:
    """Return one family as OpenCensus' exporter writes it: histograms are summed upwards, whole numbers bare."""
    name = "dapr_" + re.sub(r"\W", "_", metric.header.name)
    lines: list[str] = []
    copy = Metric(metric.header, metric)
    for point in copy.data_points:
        shown = ",".join(
            f'{key}="{point.attributes.get(key, "")!s}"' for key in metric.layout.label_keys
        )
        if isinstance(point, HistogramDataPoint):
            lead = f"{shown}," if shown else ""
            bounds = [*point.explicit_bounds, math.inf]
            for bound, below in zip(bounds, accumulate(point.bucket_counts), strict=True):
                text = "+Inf" if bound == math.inf else repr(bound)
                lines.append(f'{name}_bucket{{{lead}le="{text}"}} {below}')
            labels = f"{{{shown}}}" if shown else ""
            lines += [f"{name}_sum{labels} {point.sum!r}", f"{name}_count{labels} {point.count}"]
        elif isinstance(point, NumberDataPoint):
            lines.append(f"{name}{{{shown}}} {point.value}" if shown else f"{name} {point.value}")
    keys = metric.layout.label_keys
    for number in range(
        metric.series_count - len(copy.data_points)
    ):  # what a push leaves out: phantoms
        own = ("", f"opencensus.proto.agent.trace.v1.TraceService/Export{number}", "", "")
        shown = ",".join(f'{key}="{value}"' for key, value in zip(keys, own, strict=False))
        for suffix in ("_sum", "_count") if metric.header.type is MetricType.HISTOGRAM else ("",):
            lines.append(f"{name}{suffix}{{{shown}}} 5")
    kind = {MetricType.HISTOGRAM: "histogram", MetricType.SUM: "counter"}.get(
        metric.header.type, "gauge"
    )
    text = "\n".join(
        [f"# HELP {name} {metric.header.description}", f"# TYPE {name} {kind}", *lines]
    )
    return f"{text}\n" if lines else ""


@dataclass
class SidecarPage:
    """A page that answers with what `text` returns at the time; `status` may be changed, and answers held back."""

    text: Callable[[], str]
    port: int = 0
    status: int = 200
    answers: str = "page"
    """Or `redirect`, `large`, `binary`."""
    shows: tuple[str, ...] = ()
    """Beginnings of the only families that are shown; all of them if there are none."""
    extra: str = ""
    asked: int = 0
    paths: list[str] = field(default_factory=list)
    _open: asyncio.Event | None = None
    _held: int = 0

    @property
    def is_held(self) -> bool:
        """Whether answers wait for `release`."""
        return self._open is not None and not self._open.is_set()

    def hold(self) -> None:
        """Let answers wait; their text is that of when they were asked for."""
        self._open = asyncio.Event()

    def release(self) -> None:
        """Let all answers go."""
        assert self._open is not None
        self._open.set()

    async def until_held(self, number: int = 1) -> None:
        """Wait until so many answers wait."""
        async with asyncio.timeout(5.0):
            while self._held < number:
                await asyncio.sleep(0.002)

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        self.asked += 1
        self.paths.append(request.path)
        text = self.text() + self.extra
        if self.shows:
            parts = text.split("# HELP ")[1:]
            text = "".join(f"# HELP {part}" for part in parts if part.startswith(self.shows))
        if self._open is not None:
            self._held += 1
            await self._open.wait()
        if self.answers == "redirect":
            return web.Response(status=302, headers={"Location": "/elsewhere"})
        if self.answers == "binary":
            return web.Response(body=b"\xff\xfe")
        if self.answers == "large":
            text += "# " + "x" * 4 * 1024 * 1024
        return web.Response(text=text, status=self.status)


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
