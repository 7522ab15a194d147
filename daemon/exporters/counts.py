"""What exporters count about themselves, under the collector's names (otlp.md 7)."""

from __future__ import annotations

from collections.abc import Callable

from daemon.telemetry import Counters, SelfMetrics

_SENT = "otelcol_exporter_sent_metric_points"
_FAILED = "otelcol_exporter_send_failed_metric_points"
_NO_ROOM = "otelcol_exporter_enqueue_failed_metric_points"
_FAILED_TEXT = "Data points that were given up"
_REFUSED = "tallyd_exporter_refused"


class ExporterCounts:
    """The counters of one exporter."""

    def __init__(self, metrics: SelfMetrics, exporter: str) -> None:
        self._metrics = metrics
        self._exporter = exporter
        self._sent = metrics.counters(
            _SENT, "Data points that the backend has taken", label="exporter"
        )
        self._sent(exporter, 0)
        self._no_room = metrics.counters(
            _NO_ROOM, "Data points that found no room to wait in", label="exporter"
        )
        metrics.announce(_FAILED, _FAILED_TEXT)
        self.refused = metrics.counters(
            _REFUSED, "What cannot be told to this kind of backend", exporter=exporter
        )
        """By reason."""

    def sent(self, points: int) -> None:
        """Count data points that the backend has."""
        self._sent(self._exporter, points)

    def no_room(self, points: int) -> None:
        """Count data points that were dropped because too many waited."""
        self._no_room(self._exporter, points)

    def failed(self, error_type: str, points: int, *, permanent: bool) -> None:
        """Count data points of a request that was given up."""
        count = self._metrics.counters(
            _FAILED,
            _FAILED_TEXT,
            label="error_type",
            error_permanent="true" if permanent else "false",
            exporter=self._exporter,
        )
        count(error_type, points)

    def of_remote_write(self, endpoint: str) -> tuple[Counters, Counters]:
        """Return what counts translated series, and requests that were begun to be sent; by exporter."""
        front = "otelcol_exporter_prometheusremotewrite"
        series = self._metrics.counters(
            f"{front}_translated_time_series",
            "Series made of data points",
            label="exporter",
            endpoint=endpoint,
        )
        batches = self._metrics.counters(
            f"{front}_sent_batches", "Requests sent", label="exporter", endpoint=endpoint
        )
        return series, batches

    def queue(self, size: Callable[[], int], capacity: int) -> None:
        """Show how much waits, in units of the queue's sizer."""
        labels = {"data_type": "metrics", "exporter": self._exporter}
        self._metrics.gauge(
            "otelcol_exporter_queue_size", "Requests that wait or are under way", size, **labels
        )
        self._metrics.gauge(
            "otelcol_exporter_queue_capacity",
            "Requests that may wait or be under way",
            lambda: capacity,
            **labels,
        )
