"""OTLP over HTTP to a backend."""

from __future__ import annotations

from daemon.config.otlp_exporter import OtlpHttpExporterConfig
from daemon.exporters.answers import judge_otlp_http
from daemon.exporters.compression import COMPRESSIONS
from daemon.exporters.http_client import HttpSettings, HttpTransport
from daemon.exporters.otlp_encoder import to_json


def otlp_http_transport(config: OtlpHttpExporterConfig) -> HttpTransport:
    """Return the way to the backend of `config`."""
    as_json = config.encoding == "json"
    headers = {
        **config.headers,
        "Content-Type": "application/json" if as_json else "application/x-protobuf",
    }
    compress = COMPRESSIONS.get(config.compression)
    if compress is not None:
        headers["Content-Encoding"] = config.compression
    settings = HttpSettings(
        url=config.url,
        headers=headers,
        timeout_ms=config.timeout,
        tls=config.tls,
        connections=config.max_idle_conns,
        idle_ms=config.idle_conn_timeout,
        keep_alive=not config.disable_keep_alives,
        proxy_url=config.proxy_url,
    )
    return HttpTransport(
        settings, judge_otlp_http, compress=compress, encode=to_json if as_json else None
    )
