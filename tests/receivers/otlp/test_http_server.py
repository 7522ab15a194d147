"""otlp.md 1.2 and 1.3 over HTTP: every kind of request and its answer, on loopback."""

from __future__ import annotations

import asyncio
import io
import json
import zlib
from collections.abc import AsyncIterator
from contextlib import suppress

import cramjam
import pytest
from google.rpc.status_pb2 import Status
from opentelemetry.proto.metrics.v1.metrics_pb2 import Gauge, Metric

from receivers.errors import PermanentError, RetryableError
from receivers.otlp.cors import CorsSettings
from receivers.otlp.http_connections import ConnectionLimits
from tests.receivers.otlp.running import (
    JSON,
    PROTOBUF,
    UNIT_S,
    HttpAnswer,
    RunningHttp,
    running_http,
)
from tests.support.consumers import ErrorConsumer, SinkConsumer
from tests.support.otlp_requests import (
    as_json,
    gauge,
    large,
    packed,
    partial_success,
    point,
    raw,
    request,
)

pytestmark = pytest.mark.integration

ONE = raw()
ONE_JSON = as_json(request())
BAD_CHECKSUM = packed(ONE)[:-8] + b"\0\0\0\0" + packed(ONE)[-4:]
RAW_DEFLATE = zlib.compress(ONE)[2:-4]


@pytest.fixture
async def http() -> AsyncIterator[RunningHttp]:
    async with running_http() as run:
        yield run


def told(answer: HttpAnswer) -> tuple[int, int, str]:
    """HTTP status, and code and text of the google.rpc.Status in the request's encoding."""
    if answer.content_type == JSON:
        status = json.loads(answer.body)
        return answer.status, status["code"], status["message"]
    assert answer.content_type == PROTOBUF
    read = Status.FromString(answer.body)
    return answer.status, read.code, read.message


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (ONE, {"Content_Type": PROTOBUF}),
        (ONE, {"Content_Type": PROTOBUF.upper()}),
        (ONE, {"Content_Type": f"{PROTOBUF}; charset=utf-8;"}),
        (ONE + b"\x9a\x06\x01x", {"Content_Type": PROTOBUF}),
        (ONE_JSON, {"Content_Type": JSON}),
        (ONE_JSON, {"Content_Type": 'application/json ; a="b c"; x=y'}),
        (packed(ONE), {"Content_Type": PROTOBUF, "Content_Encoding": "gzip"}),
        (packed(ONE), {"Content_Type": PROTOBUF, "Content_Encoding": "GZIP"}),
        (
            packed(ONE[:9]) + packed(ONE[9:]),
            {"Content_Type": PROTOBUF, "Content_Encoding": "gzip"},
        ),
        (zlib.compress(ONE), {"Content_Type": PROTOBUF, "Content_Encoding": "deflate"}),
        (RAW_DEFLATE, {"Content_Type": PROTOBUF, "Content_Encoding": "deflate"}),
        (zlib.compress(ONE), {"Content_Type": PROTOBUF, "Content_Encoding": "zlib"}),
        (
            bytes(cramjam.zstd.compress(ONE)),
            {"Content_Type": PROTOBUF, "Content_Encoding": "zstd"},
        ),
        (
            bytes(cramjam.snappy.compress_raw(ONE)),
            {"Content_Type": PROTOBUF, "Content_Encoding": "snappy"},
        ),
        (
            bytes(cramjam.snappy.compress(ONE)),
            {"Content_Type": PROTOBUF, "Content_Encoding": "x-snappy-framed"},
        ),
        (bytes(cramjam.lz4.compress(ONE)), {"Content_Type": PROTOBUF, "Content_Encoding": "lz4"}),
        (ONE, {"Content_Type": PROTOBUF, "Content_Encoding": "identity"}),
        (ONE, {"Content_Type": PROTOBUF, "Accept_Encoding": "gzip"}),
        (ONE, {"Content_Type": PROTOBUF, "Origin": "https://elsewhere.example"}),
    ],
)
async def test_taken(http: RunningHttp, body: bytes, headers: dict[str, str]) -> None:
    """The metrics are handed on; the answer is an empty response in the request's encoding."""
    answer = await http.ask("POST", body=body, **headers)
    is_json = headers["Content_Type"].startswith(JSON)
    assert (answer.status, answer.body) == (200, b"{}" if is_json else b"")
    assert answer.content_type == (JSON if is_json else PROTOBUF)
    assert (http.names, http.requests) == (["m"], {})
    assert [sender for _, sender in http.presence.story()] == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("body", "content_type", "headers"),
    [
        (b"", PROTOBUF, {}),
        (b"{}", JSON, {}),
        (b"null", JSON, {}),
        (packed(b""), PROTOBUF, {"Content_Encoding": "gzip"}),
    ],
)
async def test_empty(
    http: RunningHttp, body: bytes, content_type: str, headers: dict[str, str]
) -> None:
    """A request of nothing is a success, and nobody has reported."""
    answer = await http.post(body, content_type, **headers)
    assert (answer.status, http.presence.events, http.sink.batches) == (200, [], [])


@pytest.mark.parametrize(
    ("method", "path", "status", "reason"),
    [
        ("POST", "/v1/metrics?x=1", 200, ""),
        ("POST", "/v1/metrics/", 404, "wrong_path"),
        ("POST", "/", 404, "wrong_path"),
        ("POST", "/metrics", 404, "wrong_path"),
        ("POST", "/v1/traces", 404, "other_signal"),
        ("POST", "/v1/logs", 404, "other_signal"),
        ("GET", "/v1/metrics", 405, "wrong_method"),
        ("DELETE", "/v1/metrics", 405, "wrong_method"),
        ("HEAD", "/v1/metrics", 405, "wrong_method"),
        ("OPTIONS", "/v1/metrics", 405, "wrong_method"),
    ],
)
async def test_paths_and_methods(
    http: RunningHttp, method: str, path: str, status: int, reason: str
) -> None:
    """Other paths are 404 and other methods 405, in plain text; 405 says what is allowed."""
    answer = await http.ask(method, path, ONE, Content_Type=PROTOBUF)
    assert answer.status == status
    assert http.requests == ({reason: 1} if reason else {})
    assert answer.headers.get("allow") == ("POST" if status == 405 else None)
    if reason:
        assert answer.content_type == "text/plain"
        assert bool(answer.body) == (method != "HEAD")


@pytest.mark.parametrize(
    "headers",
    [
        {"Content_Type": "application/protobuf"},
        {},
        {"Content_Type": "application/json;;"},
        {"Content_Type": "application/json; charset"},
        {"Content_Type": "text/plain", "Content_Encoding": "br"},
    ],
)
async def test_media_types(http: RunningHttp, headers: dict[str, str]) -> None:
    """What is neither protobuf nor JSON is 415 in plain text."""
    answer = await http.ask("POST", body=ONE, **headers)
    assert (answer.status, answer.content_type) == (415, "text/plain")
    assert http.requests == {"unsupported_media_type": 1}


@pytest.mark.parametrize(
    ("body", "content_type", "headers", "text"),
    [
        (b"", JSON, {}, ""),
        (b'"x"', JSON, {}, ""),
        (ONE_JSON[:-5], JSON, {}, ""),
        (ONE, JSON, {}, ""),
        (ONE_JSON + b"{}", JSON, {}, ""),
        (b'{"resourceMetrics": {}}', JSON, {}, ""),
        (ONE[:-3], PROTOBUF, {}, "cannot decode"),
        (b"\x08\x01", PROTOBUF, {}, "field 1 is of a wrong type"),
        (b"hello", PROTOBUF, {}, "cannot decode"),
        (packed(ONE)[:-3], PROTOBUF, {"Content_Encoding": "gzip"}, "it ends too early"),
        (packed(ONE) + b"x", PROTOBUF, {"Content_Encoding": "gzip"}, "gzip"),
        (BAD_CHECKSUM, PROTOBUF, {"Content_Encoding": "gzip"}, "incorrect data check"),
        (ONE, PROTOBUF, {"Content_Encoding": "gzip"}, "incorrect header check"),
        (ONE, PROTOBUF, {"Content_Encoding": "zstd"}, "zstd"),
        (
            ONE_JSON,
            JSON,
            {"Content_Encoding": "br"},
            "unsupported Content-Encoding: br",
        ),
        (
            packed(packed(ONE)),
            PROTOBUF,
            {"Content_Encoding": "gzip, gzip"},
            "unsupported Content-Encoding: gzip, gzip",
        ),
    ],
)
async def test_malformed(
    http: RunningHttp, body: bytes, content_type: str, headers: dict[str, str], text: str
) -> None:
    """400 and a Status in the request's encoding that says what is wrong; counted, nothing handed on."""
    answer = await http.post(body, content_type, **headers)
    status, code, message = told(answer)
    assert (status, code, answer.content_type) == (400, 3, content_type)
    assert text in message
    reason = "unsupported_encoding" if "unsupported" in message else "malformed"
    assert (http.requests, http.sink.batches) == ({reason: 1}, [])


@pytest.mark.parametrize(
    ("body", "content_type", "headers"),
    [
        (b"x" * 1001, PROTOBUF, {}),
        (b"x" * 1001, JSON, {}),
        (packed(b"x" * 1001), PROTOBUF, {"Content_Encoding": "gzip"}),
    ],
)
async def test_too_large(body: bytes, content_type: str, headers: dict[str, str]) -> None:
    """413 on either side of decompression, counted once a peer and minute however often it comes."""
    async with running_http(max_body_bytes=1000) as http:
        for _ in range(3):
            answer = await http.post(body, content_type, **headers)
            assert told(answer) == (
                413,
                3,
                "request body too large: larger than the limit of 1000 bytes",
            )
        assert http.requests == {"too_large": 1}
        http.now_ms += 60_000
        await http.post(body, content_type, **headers)
        assert http.requests == {"too_large": 2}


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (large(1000), {}),
        (packed(large(1000)), {"Content_Encoding": "gzip"}),
        (bytes(cramjam.zstd.compress(large(1000))), {"Content_Encoding": "zstd"}),
    ],
)
async def test_as_large_as_may_be(body: bytes, headers: dict[str, str]) -> None:
    """A body of the limit itself is taken, on either side of decompression."""
    async with running_http(max_body_bytes=1000) as http:
        assert (await http.post(body, **headers)).status == 200
        assert (http.names, http.requests) == (["m"], {})


async def test_default_limit(http: RunningHttp) -> None:
    """16 MiB are taken unless something else is set, and a byte more is not."""
    for more, status in ((0, 200), (1, 413)):
        assert (await http.post(io.BytesIO(large((16 << 20) + more)))).status == status


async def test_metrics_without_points(http: RunningHttp) -> None:
    """A report of metrics without any point is handed on: its sender has reported, and the name is known."""
    assert (await http.post(raw(Metric(name="silent", gauge=Gauge())))).body == b""
    assert http.names == ["silent"]
    assert [sender for _, sender in http.presence.story()] == ["127.0.0.1"]


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (raw(gauge("bad"), gauge("good")).replace(b"bad", b"b\xffd"), PROTOBUF),
        (as_json(request(gauge("bad"), gauge("good"))).replace(b"bad", b"b\xffd"), JSON),
    ],
)
async def test_names_that_are_not_utf8(body: bytes, content_type: str) -> None:
    """A name that is not UTF-8 costs its metric's points; the others of the request are taken."""
    sink = ReadingConsumer()
    async with running_http(sink) as http:
        answer = await http.post(body, content_type)
        assert (answer.status, http.points, sink.values) == (200, {"not_utf8": 1}, [5.0])
        assert b"text that is not UTF-8" in answer.body


async def test_chunked_too_large() -> None:
    """A body that does not say its length is refused when it becomes too long."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(20):
            yield b"x" * 100

    async with running_http(max_body_bytes=1000) as http:
        assert (await http.post(pieces())).status == 413


async def test_limited_encodings() -> None:
    """Only those of `compression_algorithms` are taken; without "" a plain body is not."""
    async with running_http(encodings=("gzip",)) as http:
        zipped = await http.post(packed(ONE), Content_Encoding="gzip")
        plain = await http.post(ONE)
        other = await http.post(zlib.compress(ONE), Content_Encoding="zlib")
    assert (zipped.status, plain.status, other.status) == (200, 400, 400)


async def test_own_path() -> None:
    """`metrics_url_path` is the one path."""
    async with running_http(metrics_path="/custom/m") as http:
        found = (await http.ask("POST", "/custom/m", ONE, Content_Type=PROTOBUF)).status
        assert (found, (await http.post(ONE)).status) == (200, 404)


async def test_partial_success(http: RunningHttp) -> None:
    """Bad points are told by number and reason, the good ones of the same request are kept; counted as accepted."""
    body = request(gauge("good"), gauge("bad", point(1.0, 0), point(2.0, 0), point(3.0)))
    sink = ReadingConsumer()
    async with running_http(sink) as run:
        answer = await run.post(body.SerializeToString())
        rejected, message = partial_success(answer.body)
        assert (answer.status, rejected) == (200, 2)
        assert '"bad"' in message
        in_json = json.loads((await run.post(as_json(body), JSON)).body)
        assert in_json == {"partialSuccess": {"rejectedDataPoints": "2", "errorMessage": message}}
        assert run.points["no_time"] == 4
        assert sink.values == [5.0, 3.0] * 2


class ReadingConsumer(SinkConsumer):
    """Reads every point at once, as the windows do."""

    def __init__(self) -> None:
        super().__init__()
        self.values: list[float] = []

    def consume(self, batch: object) -> None:
        for group in batch.resource_metrics:  # type: ignore[attr-defined]
            for scoped in group.scope_metrics:
                for metric in scoped.metrics:
                    self.values += [row.value for row in metric.encoded.rows()]


@pytest.mark.parametrize(
    ("error", "expected", "retry_after", "reason"),
    [
        (RetryableError("memory is short", 5.0), (503, 14, "memory is short"), "5", "retryable"),
        (RetryableError("later"), (503, 14, "later"), None, "retryable"),
        (PermanentError("never"), (500, 13, "never"), None, "permanent"),
        (
            ValueError("a bug"),
            (500, 13, "internal error, see the log of tallyd"),
            None,
            "consumer_failed",
        ),
    ],
)
@pytest.mark.parametrize("is_json", [False, True])
async def test_consumers_errors(
    error: Exception,
    expected: tuple[int, int, str],
    retry_after: str | None,
    reason: str,
    *,
    is_json: bool,
) -> None:
    """Retryable is 503 with `Retry-After` if there is a time, anything else 500; counted by what it was."""
    async with running_http(ErrorConsumer(lambda _: error)) as http:
        answer = await http.post(ONE_JSON if is_json else ONE, JSON if is_json else PROTOBUF)
        assert told(answer) == expected
        assert answer.headers.get("retry-after") == retry_after
        assert (http.requests, http.outcomes["accepted"]) == ({reason: 1}, 0)


async def test_metadata() -> None:
    """Headers go with the batch when asked for, the sender's address always."""
    for include in (False, True):
        async with running_http(include_metadata=include) as http:
            await http.post(ONE, X_Tenant="a")
            context = http.sink.batches[0].context
            assert context.client_address == "127.0.0.1"
            assert context.metadata.get("x-tenant") == (("a",) if include else None)


CORS = CorsSettings(
    allowed_origins=("https://*.example.com",), allowed_headers=("X-Tenant",), max_age_s=60
)
PREFLIGHT = {"Access_Control_Request_Method": "POST"}
ALLOWED = {
    "access-control-allow-origin": "https://a.example.com",
    "access-control-allow-methods": "POST",
    "access-control-allow-headers": "x-tenant",
    "access-control-allow-credentials": "true",
    "access-control-max-age": "60",
}


def cors_headers(answer: HttpAnswer) -> dict[str, str]:
    return {
        name: value for name, value in answer.headers.items() if name.startswith("access-control")
    }


@pytest.mark.parametrize(
    ("origin", "wanted", "expected"),
    [
        ("https://a.example.com", "x-tenant", ALLOWED),
        ("https://a.example.com", "x-other", {}),
        ("https://a.example.org", "x-tenant", {}),
        ("https://a.example.com.evil.org", "x-tenant", {}),
    ],
)
async def test_preflight(origin: str, wanted: str, expected: dict[str, str]) -> None:
    """204 for every preflight; only an allowed one gets the headers."""
    async with running_http(cors=CORS) as http:
        answer = await http.ask(
            "OPTIONS", Origin=origin, Access_Control_Request_Headers=wanted, **PREFLIGHT
        )
        assert (answer.status, answer.body, cors_headers(answer)) == (204, b"", expected)


async def test_cors_of_a_post() -> None:
    """An allowed page may read the answer, errors too; a foreign page's metrics are taken all the same."""
    async with running_http(cors=CORS) as http:
        allowed = await http.post(ONE, Origin="https://a.example.com")
        failed = await http.post(b"x", Origin="https://a.example.com")
        foreign = await http.post(ONE, Origin="https://a.example.org")
    may_read = {
        "access-control-allow-origin": "https://a.example.com",
        "access-control-allow-credentials": "true",
    }
    assert [cors_headers(one) for one in (allowed, failed, foreign)] == [may_read, may_read, {}]
    assert (allowed.status, failed.status, foreign.status) == (200, 400, 200)


HEAD = f"POST /v1/metrics HTTP/1.1\r\nHost: x\r\nContent-Type: {PROTOBUF}\r\n"
CLOSE = "Connection: close\r\n"


async def test_http_1_0(http: RunningHttp) -> None:
    """HTTP/1.0 without Host is taken, and the connection closed."""
    head = f"POST /v1/metrics HTTP/1.0\r\nContent-Type: {PROTOBUF}\r\nContent-Length: {len(ONE)}\r\n\r\n"
    answer = await http.raw(head.encode() + ONE)
    assert answer.startswith(b"HTTP/1.0 200 OK\r\n")
    assert http.names == ["m"]


async def test_chunked(http: RunningHttp) -> None:
    """A chunked body is put together."""
    body = b"5\r\n" + ONE[:5] + b"\r\n%x\r\n" % (len(ONE) - 5) + ONE[5:] + b"\r\n0\r\n\r\n"
    answer = await http.raw(f"{HEAD}{CLOSE}Transfer-Encoding: chunked\r\n\r\n".encode(), body)
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert http.names == ["m"]


async def test_expect(http: RunningHttp) -> None:
    """A sender that asks first is told to go on, and one with a body over the limit is not."""
    head = f"{HEAD}{CLOSE}Expect: 100-continue\r\nContent-Length: "
    answer = await http.raw(f"{head}{len(ONE)}\r\n\r\n".encode(), ONE)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n")
    answer = await http.raw(f"{head}99999999\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    "sent",
    [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00", b"hello\r\n\r\n"],
)
async def test_not_http(http: RunningHttp, sent: bytes) -> None:
    """HTTP/2, TLS and anything else are 400, closed and counted."""
    assert (await http.raw(sent)).partition(b"\r\n")[0].endswith(b"400 Bad Request")
    assert http.requests == {"not_http": 1}


QUICK = ConnectionLimits(
    max_connections=2, header_timeout_s=0.05, body_timeout_s=0.05, idle_timeout_s=0.05
)
PATIENT = ConnectionLimits(max_connections=2)


@pytest.mark.parametrize(
    ("sent", "answer", "reason"),
    [
        (b"", b"", "too_slow"),
        (b"POST /v1/met", b"", "too_slow"),
        (HEAD.encode(), b"", "too_slow"),
        (f"{HEAD}Content-Length: 50\r\n\r\nabc".encode(), b"HTTP/1.1 503 ", "too_slow"),
    ],
)
async def test_silence(sent: bytes, answer: bytes, reason: str) -> None:
    """Who stops midway is closed when the time is over; who sends meanwhile is answered."""
    async with running_http(limits=QUICK) as http:
        silent = asyncio.create_task(http.raw(sent))
        assert (await http.post(ONE)).status == 200
        got = await silent
        assert got.startswith(answer)
        assert bool(got) == bool(answer)
        assert http.requests[reason] == 1


@pytest.mark.parametrize(
    ("head", "limits"),
    [
        ("", ConnectionLimits(header_timeout_s=0.05)),
        (f"{HEAD}Content-Length: 5000\r\n\r\n", ConnectionLimits(body_timeout_s=0.05)),
    ],
    ids=["header", "body"],
)
async def test_drip(head: str, limits: ConnectionLimits) -> None:
    """Who sends a byte now and then is closed as soon as who sends none; others are served meanwhile."""
    async with running_http(limits=limits) as http:
        reader, writer = await asyncio.open_connection("127.0.0.1", http.port)
        writer.write(head.encode())
        closed = asyncio.create_task(reader.read())

        async def drip() -> None:
            for byte in HEAD.encode() * 20:
                writer.write(bytes([byte]))
                await asyncio.wait([closed], timeout=0.005)
                if closed.done():
                    break

        dripping = asyncio.create_task(drip())
        assert (await http.post(ONE)).status == 200
        with suppress(ConnectionResetError):  # the server closes while a byte is under way
            answer = await asyncio.wait_for(closed, UNIT_S)
            assert answer.startswith(b"HTTP/1.1 503 ") or not head
        await dripping
        assert http.requests == {"too_slow": 1}
        writer.close()


async def test_idle_connection() -> None:
    """A connection that waits for its next request is closed after the idle time, not after the header's."""
    limits = ConnectionLimits(header_timeout_s=60, idle_timeout_s=0.05)
    async with running_http(limits=limits) as http:
        answer = await http.raw(f"{HEAD}Content-Length: {len(ONE)}\r\n\r\n".encode() + ONE)
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert http.requests == {}


async def test_keep_alive(http: RunningHttp) -> None:
    """One connection serves many requests, errors among them."""
    for body in (ONE, b"x", ONE):
        await http.post(body)
    assert (http.server.connections, http.names) == (1, ["m", "m"])


async def test_sender_goes_away(http: RunningHttp) -> None:
    """A sender that closes in the middle of a body costs itself."""
    _, writer = await asyncio.open_connection("127.0.0.1", http.port)
    writer.write(f"{HEAD}Content-Length: 50\r\n\r\nabc".encode())
    await http.until(lambda: http.server.connections == 1)
    writer.close()
    await http.until(lambda: http.server.connections == 0)
    assert (await http.post(ONE)).status == 200
    assert http.names == ["m"]


async def test_too_many_connections() -> None:
    """Connections over the limit are closed and counted; those within it are served."""
    async with running_http(limits=PATIENT) as http:
        reader, writer = await asyncio.open_connection("127.0.0.1", http.port)
        assert (await http.post(ONE)).status == 200
        with suppress(ConnectionResetError):  # the same, seen a moment later
            assert await http.raw() == b""
        assert (await http.post(ONE)).status == 200
        assert (http.requests, http.server.connections) == ({"too_many_connections": 1}, 2)
        writer.close()
        await reader.read()


async def test_stop(http: RunningHttp) -> None:
    """A request that is under way when tallyd stops is told to come again; stopping twice is safe."""
    reader, writer = await asyncio.open_connection("127.0.0.1", http.port)
    writer.write(f"{HEAD}Expect: 100-continue\r\nContent-Length: {len(ONE)}\r\n\r\n".encode())
    assert await reader.readuntil(b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
    stopping = asyncio.create_task(http.server.stop())
    answer = await reader.read()
    await stopping
    await http.server.stop()
    assert answer.startswith(b"HTTP/1.1 503 ")
    assert b"\r\nRetry-After: 5\r\n" in answer
    assert http.requests == {"shutting_down": 1}
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", http.port)
    writer.close()
