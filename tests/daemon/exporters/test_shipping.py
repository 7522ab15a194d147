"""Exporters against backends that misbehave, over real sockets."""

from __future__ import annotations

import asyncio
import gzip
import json
import ssl
import zlib
from collections.abc import Callable
from pathlib import Path

import cramjam
import grpc
import pytest
import trustme
from aiohttp import web
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import (
    ExportMetricsPartialSuccess,
    ExportMetricsServiceResponse,
)

from tests.support.backends import (
    Answer,
    aborts,
    exporting,
    grpc_backend,
    hang,
    hang_up,
    hangs,
    http_backend,
    returns,
    status,
)
from tests.support.otlp_reading import read_request
from tests.support.payload_text import written
from tests.support.payloads import batch
from tests.support.written import read_body
from tests.support.written import written as series

pytestmark = pytest.mark.integration

RETRY = "retry_on_failure: {initial_interval: 500ms, max_interval: 500ms, max_elapsed_time: 1600ms, randomization_factor: 0}"
PAYLOAD = "R{service.name=a} gauge m [1, 2]"
SENT = {"sent_metric_points_total": 2.0}
PROTOBUF = "application/x-protobuf"
PARTIAL = ExportMetricsServiceResponse(
    partial_success=ExportMetricsPartialSuccess(rejected_data_points=1)
).SerializeToString()


def lost(kind: str, *, permanent: bool) -> dict[str, float]:
    return {
        f'send_failed_metric_points_total{{error_permanent="{str(permanent).lower()}",error_type="{kind}"}}': 2.0
    }


REDIRECT = status(307, Location="/v1/other")
ROWS: dict[str, tuple[list[Answer], int, dict[str, float], int, dict[str, float]]] = {
    "200": ([status(200)], 1, SENT, 1, SENT),
    "204": ([status(204)], 1, SENT, 1, SENT),
    "partial success": ([status(200, PARTIAL, Content_Type=PROTOBUF)], 1, SENT, 1, SENT),
    "undecodable": (
        [status(200, b"\xff", Content_Type=PROTOBUF)],
        4,
        lost("bad_response", permanent=False),
        1,
        SENT,
    ),
    "302 as GET": ([status(302, Location="/x"), status(200)], 2, SENT, 2, SENT),
    "301 to nothing": (
        [status(301, Location="/x"), status(404)],
        2,
        lost("404", permanent=True),
        2,
        lost("404", permanent=True),
    ),
    "307 with body": ([REDIRECT, status(200)], 2, SENT, 2, SENT),
    "302 without Location": (
        [status(302)],
        1,
        lost("302", permanent=True),
        1,
        lost("302", permanent=True),
    ),
    "400": ([status(400)], 1, lost("400", permanent=True), 1, lost("400", permanent=True)),
    "413": ([status(413)], 1, lost("413", permanent=True), 1, lost("413", permanent=True)),
    "429": ([status(429)], 4, lost("429", permanent=False), 4, lost("429", permanent=False)),
    "500": ([status(500)], 1, lost("500", permanent=True), 4, lost("500", permanent=False)),
    "503": ([status(503)], 4, lost("503", permanent=False), 4, lost("503", permanent=False)),
    "503, too late": (
        [status(503, Retry_After="60")],
        1,
        lost("503", permanent=False),
        1,
        lost("503", permanent=False),
    ),
    "503, then 200": ([status(503), status(200)], 2, SENT, 2, SENT),
    "closed": (
        [hang_up],
        4,
        lost("connection", permanent=False),
        4,
        lost("connection", permanent=False),
    ),
    "hangs": ([hang], 4, lost("timeout", permanent=False), 4, lost("timeout", permanent=False)),
}


@pytest.mark.parametrize("row", ROWS)
@pytest.mark.parametrize("kind", ["otlphttp", "prometheusremotewrite"])
async def test_answers(kind: str, row: str) -> None:
    """Each answer ends in success, in three more attempts or in none, and the points are counted once."""
    answers, otlp_times, otlp, rw_times, remote_write = ROWS[row]
    is_otlp = kind == "otlphttp"
    timeout = "timeout: 50ms, " if row == "hangs" else ""
    async with http_backend(*answers) as backend:
        text = f"{kind}: {{endpoint: '{backend.url}', {timeout}{RETRY}}}"
        async with exporting(text) as run:
            run.consume(batch(PAYLOAD))
            await run.settled()
            page = {name: value for name, value in run.page().items() if "remotewrite_" not in name}
    times = otlp_times if is_otlp else rw_times
    if row == "hangs":  # a busy machine may be over the time before the backend has seen anything
        assert len(run.pauses) == times - 1
    else:
        assert len(backend.seen) == times
    assert page == (otlp if is_otlp else remote_write)
    if "GET" in row:
        assert [one.method for one in backend.seen] == ["POST", "GET"]
    elif row not in {"301 to nothing", "hangs"}:
        assert len({one.body for one in backend.seen}) == 1, "every attempt has the same bytes"


async def test_retry_after() -> None:
    """The pause is the longer of the backend's wish and our own."""
    answers = [status(503, Retry_After=after) for after in ("1", "0", "-1", "x")]
    retry = "retry_on_failure: {initial_interval: 100ms, multiplier: 1, randomization_factor: 0}"
    async with (
        http_backend(*answers, status(200)) as backend,
        exporting(f"otlphttp: {{endpoint: '{backend.url}', {retry}}}") as run,
    ):
        run.consume(batch(PAYLOAD))
        await run.settled()
    assert run.pauses == [1.0, 0.1, 0.1, 0.1]


async def test_refused_connection() -> None:
    """A backend that is not there is tried again."""
    async with http_backend(status(200)) as backend:
        pass
    async with exporting(f"otlphttp: {{endpoint: '{backend.url}', {RETRY}}}") as run:
        run.consume(batch(PAYLOAD))
        await run.settled()
        assert run.page() == lost("connection", permanent=False)
    assert run.pauses == [0.5, 0.5, 0.5]


DECOMPRESS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "zlib": zlib.decompress,
    "deflate": zlib.decompress,
    "zstd": lambda body: bytes(cramjam.zstd.decompress(body)),
    "snappy": lambda body: bytes(cramjam.snappy.decompress_raw(body)),
    "x-snappy-framed": lambda body: bytes(cramjam.snappy.decompress(body)),
    "lz4": lambda body: bytes(cramjam.lz4.decompress(body)),
    "none": lambda body: body,
}


@pytest.mark.parametrize("compression", DECOMPRESS)
async def test_compression(compression: str) -> None:
    """A body is compressed as its header says; large ones, which a worker thread compresses, too."""
    points = ", ".join(f"{n}{{k={n}}}" for n in range(1000))
    async with http_backend(status(200)) as backend:
        text = f"otlphttp: {{endpoint: '{backend.url}/', compression: {compression}, headers: {{X-Scope-OrgID: me}}}}"
        async with exporting(text) as run:
            run.consume(batch(f"R{{a=1}} gauge m [{points}]"))
            await run.settled()
    (one,) = backend.seen
    assert one.path == "/v1/metrics"
    assert one.headers.get("content-encoding", "none") == compression
    assert one.headers["content-type"] == PROTOBUF
    assert one.headers["x-scope-orgid"] == "me"
    assert one.headers["user-agent"].startswith("tallyd/")
    assert len(written(read_request(DECOMPRESS[compression](one.body)))) > 8_000


async def test_json() -> None:
    """With `encoding: json` the body is OTLP's JSON."""
    async with http_backend(status(200, b"{}", Content_Type="application/json")) as backend:
        text = f"otlphttp: {{endpoint: '{backend.url}', compression: none, encoding: json}}"
        async with exporting(text) as run:
            run.consume(batch(PAYLOAD))
            await run.settled()
            assert run.page() == SENT
    (one,) = backend.seen
    assert one.headers["content-type"] == "application/json"
    assert (
        json.loads(one.body)["resourceMetrics"][0]["resource"]["attributes"][0]["key"]
        == "service.name"
    )


async def test_remote_write_request() -> None:
    """A request has the headers of remote write 1.0; the setting cannot replace them."""
    async with http_backend(status(204)) as backend:
        text = (
            f"prometheusremotewrite: {{endpoint: '{backend.url}/api/v1/write', "
            "headers: {Authorization: Bearer x, Content-Type: text/plain}}"
        )
        async with exporting(text) as run:
            run.consume(batch(PAYLOAD))
            await run.settled()
            labels = f'{{endpoint="{backend.url}/api/v1/write"}}'
            assert run.page() == {
                **SENT,
                f"prometheusremotewrite_translated_time_series_total{labels}": 1.0,
                f"prometheusremotewrite_sent_batches_total{labels}": 1.0,
            }
    (one,) = backend.seen
    assert (one.path, one.headers["authorization"]) == ("/api/v1/write", "Bearer x")
    assert one.headers["content-encoding"] == "snappy"
    assert one.headers["content-type"] == PROTOBUF
    assert one.headers["x-prometheus-remote-write-version"] == "0.1.0"
    assert series(read_body(one.body)) == ['m{job="a"} 1 2']


async def test_remote_write_joins_what_waits() -> None:
    """What a sender reports while its last request is under way goes out in one request, in order."""
    released = asyncio.Event()

    async def slow(_request: web.Request) -> web.StreamResponse:
        await released.wait()
        return web.Response()

    async with (
        http_backend(slow, status(200)) as backend,
        exporting(f"prometheusremotewrite: {{endpoint: '{backend.url}'}}") as run,
    ):
        run.consume(batch("gauge m [1@1]"))
        while not backend.seen:
            await asyncio.sleep(0)
        run.consume(*(batch(f"gauge m [{n}@{n}]") for n in (2, 3, 4)))
        await run.exporter._inbox.emptied()
        released.set()
        await run.settled()
    assert [series(read_body(one.body)) for one in backend.seen] == [
        ["m{} 1"],
        ["m{} 2", "m{} 3", "m{} 4"],
    ]


async def test_otlp_joins_what_waits() -> None:
    """What comes while the one consumer waits for a slow backend goes out as one request, in order."""
    released = asyncio.Event()

    async def slow(_request: web.Request) -> web.StreamResponse:
        await released.wait()
        return web.Response()

    text = "otlphttp: {{endpoint: '{}', compression: none, sending_queue: {{num_consumers: 1}}}}"
    async with (
        http_backend(slow, status(200)) as backend,
        exporting(text.format(backend.url)) as run,
    ):
        run.consume(batch("gauge m [1]"))
        while not backend.seen:
            await asyncio.sleep(0)
        run.consume(*(batch(f"gauge m [{n}]") for n in (2, 3)))
        await run.exporter._inbox.emptied()
        released.set()
        await run.settled()
        assert run.page() == {"sent_metric_points_total": 3.0}
    assert [written(read_request(one.body)) for one in backend.seen] == [
        "R{} gauge m [1]",
        "R{} gauge m [2] ;; R{} gauge m [3]",
    ]


@pytest.mark.parametrize("kind", ["otlphttp", "otlp", "prometheusremotewrite"])
async def test_overflow(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the backend hangs the oldest requests are dropped and counted; at the end the rest gets a while, then goes."""
    monkeypatch.setattr("daemon.exporters.shipping.DRAIN_S", 0.05)
    queue = "remote_write_queue" if kind == "prometheusremotewrite" else "sending_queue"
    async with http_backend(hang) as over_http, grpc_backend(hangs) as over_grpc:
        endpoint = f"http://127.0.0.1:{over_grpc.port}" if kind == "otlp" else over_http.url
        text = f"{kind}: {{endpoint: '{endpoint}', timeout: 0, {queue}: {{queue_size: 3, num_consumers: 1}}}}"
        async with exporting(text) as run:
            for _ in range(6):
                run.consume(batch(PAYLOAD))
                await run.exporter._inbox.emptied()
                while not over_http.seen and not over_grpc.seen:
                    await asyncio.sleep(0.001)
            gauges = run.metrics.page().decode()
            assert 'otelcol_exporter_queue_size{data_type="metrics"' in gauges
            assert run.page()["enqueue_failed_metric_points_total"] == 6.0
    page = run.page()
    assert (
        page['send_failed_metric_points_total{error_permanent="false",error_type="Shutdown"}']
        == 6.0
    )


async def test_drained_at_the_end() -> None:
    """What waits when tallyd stops is sent first."""
    async with (
        http_backend(status(200)) as backend,
        exporting(f"otlphttp: {{endpoint: '{backend.url}'}}") as run,
    ):
        run.consume(*(batch(PAYLOAD) for _ in range(5)))
    assert len(backend.seen) == 5
    assert run.page() == {"sent_metric_points_total": 10.0}


async def test_stop_is_safe() -> None:
    """Stopping twice, or before starting, does nothing."""
    async with exporting("otlphttp: {endpoint: 'http://localhost:1'}") as run:
        await run.exporter.stop()
    await run.exporter.stop()


def _retry_info(seconds: int) -> tuple[str, bytes]:
    detail = AnyMessage()
    detail.Pack(RetryInfo(retry_delay=Duration(seconds=seconds)))
    return "grpc-status-details-bin", Status(code=8, details=[detail]).SerializeToString()


CODES = grpc.StatusCode
GRPC_ROWS = {
    "OK": ([returns()], 1, SENT, []),
    "partial success": ([returns(PARTIAL)], 1, SENT, []),
    "UNAVAILABLE": (
        [aborts(CODES.UNAVAILABLE)],
        4,
        lost("UNAVAILABLE", permanent=False),
        [0.5] * 3,
    ),
    "then OK": ([aborts(CODES.ABORTED), returns()], 2, SENT, [0.5]),
    "INTERNAL": ([aborts(CODES.INTERNAL)], 1, lost("INTERNAL", permanent=True), []),
    "INVALID_ARGUMENT with RetryInfo": (
        [aborts(CODES.INVALID_ARGUMENT, _retry_info(1))],
        1,
        lost("INVALID_ARGUMENT", permanent=True),
        [],
    ),
    "RESOURCE_EXHAUSTED": (
        [aborts(CODES.RESOURCE_EXHAUSTED)],
        1,
        lost("RESOURCE_EXHAUSTED", permanent=True),
        [],
    ),
    "RESOURCE_EXHAUSTED with RetryInfo": (
        [aborts(CODES.RESOURCE_EXHAUSTED, _retry_info(1)), returns()],
        2,
        SENT,
        [1.0],
    ),
    "RetryInfo of 0": (
        [aborts(CODES.RESOURCE_EXHAUSTED, _retry_info(0)), returns()],
        2,
        SENT,
        [0.5],
    ),
    "RetryInfo too late": (
        [aborts(CODES.UNAVAILABLE, _retry_info(60))],
        1,
        lost("UNAVAILABLE", permanent=False),
        [],
    ),
    "unreadable RetryInfo": (
        [aborts(CODES.UNAVAILABLE, ("grpc-status-details-bin", b"\xff")), returns()],
        2,
        SENT,
        [0.5],
    ),
    "hangs": ([hangs], 4, lost("DEADLINE_EXCEEDED", permanent=False), [0.5] * 3),
}


@pytest.mark.parametrize("row", GRPC_ROWS)
async def test_grpc_answers(row: str) -> None:
    """Each status ends in success, in three more attempts or in none."""
    answers, times, expected, pauses = GRPC_ROWS[row]
    async with grpc_backend(*answers) as backend:
        timeout = "50ms" if row == "hangs" else "5s"
        text = f"otlp_grpc: {{endpoint: 'http://127.0.0.1:{backend.port}', timeout: {timeout}, headers: {{X-Me: me}}, {RETRY}}}"
        async with exporting(text) as run:
            run.consume(batch(PAYLOAD))
            await run.settled()
            assert run.page() == expected
    assert run.pauses == pauses
    if row == "hangs":
        return
    assert len(backend.seen) == times
    assert written(read_request(backend.seen[0])) == PAYLOAD
    assert backend.metadata[0]["x-me"] == "me"


@pytest.mark.parametrize("compression", ["gzip", "deflate", "none"])
async def test_grpc_compression(compression: str) -> None:
    """gRPC compresses as told."""
    async with grpc_backend(returns()) as backend:
        text = f"otlp: {{endpoint: '127.0.0.1:{backend.port}', compression: {compression}, tls: {{insecure: true}}, keepalive: {{time: 10s}}}}"
        async with exporting(text) as run:
            run.consume(batch(PAYLOAD))
            await run.settled()
            assert run.page() == SENT


async def test_grpc_refused() -> None:
    """A backend that is not there is tried again."""
    async with grpc_backend(returns()) as backend:
        pass
    async with exporting(f"otlp: {{endpoint: 'http://127.0.0.1:{backend.port}', {RETRY}}}") as run:
        run.consume(batch(PAYLOAD))
        await run.settled()
        assert run.page() == lost("UNAVAILABLE", permanent=False)


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    client = authority.issue_cert("client")
    client.private_key_pem.write_to_path(tmp_path / "key.pem")
    client.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
    return authority


TLS = {
    "trusted": ("ca_file: {dir}/ca.pem, cert_file: {dir}/cert.pem, key_file: {dir}/key.pem", True),
    "without our certificate": ("ca_file: {dir}/ca.pem", False),
    "unknown authority": ("cert_file: {dir}/cert.pem, key_file: {dir}/key.pem", False),
    "not looked at": (
        "insecure_skip_verify: true, cert_file: {dir}/cert.pem, key_file: {dir}/key.pem",
        True,
    ),
}


@pytest.mark.parametrize("row", TLS)
async def test_https(row: str, authority: trustme.CA, tmp_path: Path) -> None:
    """A backend must be vouched for, and may ask for our certificate."""
    tls, works = TLS[row]
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(server)
    server.verify_mode = ssl.CERT_REQUIRED
    async with http_backend(status(200), ssl=server) as backend:
        text = (
            f"otlphttp: {{endpoint: '{backend.url}', tls: {{{tls.format(dir=tmp_path)}}}, {RETRY}}}"
        )
        async with exporting(text) as run:
            run.consume(batch(PAYLOAD))
            await run.settled()
            assert run.page() == (SENT if works else lost("connection", permanent=False))


async def test_name_override(authority: trustme.CA, tmp_path: Path) -> None:
    """`server_name_override` is the name looked for in the certificate."""
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("backend.example").configure_cert(server)
    async with http_backend(status(200), ssl=server) as backend:
        for more, works in (("", False), (", server_name_override: backend.example", True)):
            text = f"otlphttp: {{endpoint: '{backend.url}', tls: {{ca_file: {tmp_path}/ca.pem{more}}}, {RETRY}}}"
            async with exporting(text) as run:
                run.consume(batch(PAYLOAD))
                await run.settled()
                assert run.page() == (SENT if works else lost("connection", permanent=False))


async def test_grpc_tls(authority: trustme.CA, tmp_path: Path) -> None:
    """gRPC, too, trusts whom `ca_file` vouches for, shows our certificate and can be told the name."""
    identity = authority.issue_cert("backend.example")
    credentials = grpc.ssl_server_credentials(
        [(identity.private_key_pem.bytes(), identity.cert_chain_pems[0].bytes())],
        authority.cert_pem.bytes(),
        require_client_auth=True,
    )
    async with grpc_backend(returns(), credentials=credentials) as backend:
        tls = f"ca_file: {tmp_path}/ca.pem, cert_file: {tmp_path}/cert.pem, key_file: {tmp_path}/key.pem"
        for more, works in (("", False), (", server_name_override: backend.example", True)):
            text = f"otlp: {{endpoint: '127.0.0.1:{backend.port}', tls: {{{tls}{more}}}, {RETRY}}}"
            async with exporting(text) as run:
                run.consume(batch(PAYLOAD))
                await run.settled()
                assert run.page() == (SENT if works else lost("UNAVAILABLE", permanent=False))
