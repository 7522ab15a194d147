"""Remote write over HTTP to a backend."""

from __future__ import annotations

from collections.abc import Callable

from daemon.config.prometheusremotewrite_exporter import RemoteWriteExporterConfig
from daemon.exporters.answers import judge_remote_write
from daemon.exporters.compression import snappy_block
from daemon.exporters.http_client import HttpSettings, HttpTransport
from daemon.exporters.sending_queue import QueueSettings
from daemon.exporters.shipping import MIB, ShippingSettings


class RemoteWriteTransport(HttpTransport):
    """Implements `daemon.exporters.shipping.Transport`."""

    def __init__(self, config: RemoteWriteExporterConfig, count_batch: Callable[[], None]) -> None:
        """`count_batch` hears of each request once, however often it is attempted."""
        headers = {
            **config.headers,
            "Content-Encoding": "snappy",
            "Content-Type": "application/x-protobuf",
            "X-Prometheus-Remote-Write-Version": "0.1.0",
        }
        settings = HttpSettings(
            url=config.endpoint,
            headers=headers,
            timeout_ms=config.timeout,
            tls=config.tls,
            connections=config.max_idle_conns,
            idle_ms=config.idle_conn_timeout,
            proxy_url=config.proxy_url,
        )
        super().__init__(settings, judge_remote_write, compress=snappy_block)
        self._count_batch = count_batch

    async def pack(self, body: bytes) -> bytes:
        """Return the body of every attempt."""
        self._count_batch()
        return await super().pack(body)


def shipping_settings(exporter: str, config: RemoteWriteExporterConfig) -> ShippingSettings:
    """Return how to send: each consumer has a lane, so that samples of one sender arrive in order."""
    queue = config.remote_write_queue
    limits = QueueSettings(
        capacity=queue.queue_size if queue.enabled else queue.num_consumers,
        max_bytes=queue.max_size_mib * MIB,
        lanes=queue.num_consumers,
        join_up_to_bytes=config.max_batch_size_bytes,
    )
    return ShippingSettings(
        exporter=exporter,
        retry=config.retry_on_failure,
        queue=limits,
        consumers=queue.num_consumers,
    )
