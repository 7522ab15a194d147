"""What the exporter says of its page in the log."""

from __future__ import annotations

from structlog.testing import capture_logs

from daemon.config.prometheus_exporter import PrometheusExporterConfig
from daemon.exporters.counts import ExporterCounts
from daemon.exporters.prometheus.exporter import PrometheusExporter
from daemon.telemetry import SelfMetrics
from receivers.consumer import Batch, Sender
from tests.support.consumers import Counts
from tests.support.payloads import payload


async def no_sleep(_seconds: float) -> None:
    """Pass at once."""


async def test_conflicts_are_told_once() -> None:
    """Names that came in two types are told in one line, and again only when there are new ones."""
    exporter = PrometheusExporter(
        "prometheus",
        PrometheusExporterConfig(endpoint=":0"),
        counts=ExporterCounts(SelfMetrics(), "prometheus"),
        count_failures=Counts(),
        clock=lambda: 0,
        sleep=no_sleep,
    )
    exporter.start()

    async def told(names: range) -> list[tuple[int, int]]:
        text = " ".join(f"gauge m{n}_total [1] csum m{n} [2]" for n in names)
        exporter.consume(Batch(Sender("otlp", "x"), 0, payload(text)))
        await exporter.emptied()
        with capture_logs() as logs:
            for _ in range(3):
                await exporter.page(open_metrics=False, gzip=False)
        return [(one["count"], len(one["families"])) for one in logs]

    assert await told(range(50)) == [(50, 5)]
    assert await told(range(51)) == [(1, 1)]
    assert await told(range(51)) == []
    await exporter.stop()
