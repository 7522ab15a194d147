"""otlp.md 1.2 and 1.3 over gRPC: every kind of call and its answer, on loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
import structlog
from google.rpc.status_pb2 import Status

from receivers.errors import PermanentError, RetryableError
from receivers.listening import ListenError
from receivers.otlp.grpc_server import OTHER_SERVICES, OtlpGrpcServer
from tests.receivers.otlp.running import EXPORT, UNIT_S, Kept, RunningGrpc, running_grpc
from tests.receivers.otlp.test_http_server import ReadingConsumer
from tests.support.consumers import ErrorConsumer
from tests.support.otlp_requests import (
    gauge,
    large,
    partial_success,
    point,
    raw,
    request,
    together,
)

pytestmark = pytest.mark.integration

Code = grpc.StatusCode
ONE = raw()
MIB = 1 << 20


@pytest.fixture
async def otlp() -> AsyncIterator[RunningGrpc]:
    async with running_grpc() as run:
        yield run


@pytest.mark.parametrize(
    "compression",
    [grpc.Compression.NoCompression, grpc.Compression.Gzip, grpc.Compression.Deflate],
)
async def test_taken(otlp: RunningGrpc, compression: grpc.Compression) -> None:
    """One gauge, plain and compressed: handed on, and an empty response."""
    assert await otlp.export(ONE + b"\x9a\x06\x01x", compression=compression) == b""
    assert (otlp.names, otlp.requests) == (["m"], {})
    assert otlp.presence.story() == [("reported", "127.0.0.1")]


async def test_empty(otlp: RunningGrpc) -> None:
    """An empty message is a success, and nobody has reported."""
    assert await otlp.export(b"") == b""
    assert (otlp.presence.events, otlp.sink.batches) == ([], [])


@pytest.mark.parametrize("body", [ONE[:-3], b"hello", b"\x08\x01"])
async def test_malformed(otlp: RunningGrpc, body: bytes) -> None:
    """What is not protobuf is INVALID_ARGUMENT, where the collector says INTERNAL: it is the sender's fault."""
    code, text, _ = await otlp.fails(body)
    assert (code, otlp.requests) == (Code.INVALID_ARGUMENT, {"malformed": 1})
    assert text.startswith("cannot decode")


@pytest.mark.parametrize("compression", [grpc.Compression.NoCompression, grpc.Compression.Gzip])
async def test_limit(compression: grpc.Compression) -> None:
    """The limit itself is taken, one byte more is RESOURCE_EXHAUSTED; counted once a peer and minute."""
    async with running_grpc(max_recv_msg_size_bytes=MIB) as otlp:
        await otlp.export(large(MIB), compression=compression)
        for _ in range(3):
            code, _, _ = await otlp.fails(large(MIB + 1), compression=compression)
            assert code is Code.RESOURCE_EXHAUSTED
        await otlp.until(lambda: otlp.requests["too_large"] == 1)
        otlp.now_ms += 60_000
        await otlp.fails(large(MIB + 1), compression=compression)
        await otlp.until(lambda: otlp.requests["too_large"] == 2)
        assert otlp.names == ["m"]


async def test_no_message(otlp: RunningGrpc, monkeypatch: pytest.MonkeyPatch) -> None:
    """A call that ends without a message is INVALID_ARGUMENT."""
    monkeypatch.setattr("receivers.otlp.grpc_server._UNTIL_CANCELLED_S", 0.05)
    call = otlp.channel.stream_unary(EXPORT)()
    await call.done_writing()
    assert await asyncio.wait_for(call.code(), UNIT_S) is Code.INVALID_ARGUMENT
    assert otlp.requests == {"malformed": 1}


async def test_slow_message() -> None:
    """A call whose message does not come ends when the time is over, and its neighbours do not notice."""
    async with running_grpc(message_timeout_s=0.05) as otlp:
        call = otlp.channel.stream_unary(EXPORT)()
        await otlp.export(ONE)
        assert await asyncio.wait_for(call.code(), UNIT_S) is Code.DEADLINE_EXCEEDED
        assert otlp.requests == {"too_slow": 1}


@pytest.mark.parametrize("service", OTHER_SERVICES)
async def test_other_signals(otlp: RunningGrpc, service: str) -> None:
    """Logs, traces and profiles are UNIMPLEMENTED, and the log says once which peer sends them."""
    with structlog.testing.capture_logs() as lines:
        for _ in range(2):
            code, text, _ = await otlp.fails(ONE, f"/{service}/Export")
            assert (code, text) == (
                Code.UNIMPLEMENTED,
                f"unknown service {service}: tallyd takes metrics only",
            )
    assert [(line["signal"], line["peer"]) for line in lines] == [
        (OTHER_SERVICES[service], "127.0.0.1")
    ]
    assert otlp.requests == {"other_signal": 2}


@pytest.mark.parametrize("method", ["MetricsService/Nope", "NoService/Export"])
async def test_unknown_method(otlp: RunningGrpc, method: str) -> None:
    """Any other method is UNIMPLEMENTED."""
    code, _, _ = await otlp.fails(ONE, f"/opentelemetry.proto.collector.metrics.v1.{method}")
    assert code is Code.UNIMPLEMENTED


@pytest.mark.parametrize(
    ("error", "code", "retry_after_s", "reason"),
    [
        (RetryableError("memory is short", 5.0), Code.UNAVAILABLE, 5, "retryable"),
        (RetryableError("later"), Code.UNAVAILABLE, None, "retryable"),
        (PermanentError("never"), Code.INTERNAL, None, "permanent"),
        (ValueError("a bug"), Code.INTERNAL, None, "consumer_failed"),
    ],
)
async def test_consumers_errors(
    error: Exception, code: grpc.StatusCode, retry_after_s: int | None, reason: str
) -> None:
    """A code by whether it helps to come again, RetryInfo if there is a time."""
    async with running_grpc(ErrorConsumer(lambda _: error)) as otlp:
        got, _, details = await otlp.fails(ONE)
        status = Status.FromString(details)
        assert (got, bool(status.details)) == (code, retry_after_s is not None)
        if retry_after_s is not None:
            assert (status.code, status.message) == (14, "memory is short")
            assert status.details[0].type_url == "type.googleapis.com/google.rpc.RetryInfo"
        assert otlp.requests == {reason: 1}


async def test_partial_success() -> None:
    """Bad points are told by number and reason; a request whose points are all bad is a success too."""
    async with running_grpc(ReadingConsumer()) as otlp:
        mixed = await otlp.export(raw(gauge("good"), gauge("bad", point(1.0, 0))))
        assert partial_success(mixed)[0] == 1
        rejected, message = partial_success(await otlp.export(raw(gauge("bad", point(1.0, 0)))))
        assert rejected == 1
        assert '"bad"' in message
        assert otlp.points == {"no_time": 2}
        assert otlp.outcomes == {"accepted": 1}


async def test_name_that_is_not_utf8() -> None:
    """A name that is not UTF-8 costs its metric's points; the others of the request are taken."""
    async with running_grpc(consumer := ReadingConsumer()) as otlp:
        answer = await otlp.export(raw(gauge("bad"), gauge("good")).replace(b"bad", b"b\xffd"))
        assert partial_success(answer)[0] == 1
        assert (otlp.points, consumer.values) == ({"not_utf8": 1}, [5.0])


async def test_refused_points() -> None:
    """Points that were read before the pipeline failed are counted as refused, unread ones nowhere."""

    class ReadsAndFails(ReadingConsumer):
        def consume(self, batch: object) -> None:
            super().consume(batch)
            raise PermanentError("no")

    async with running_grpc(ReadsAndFails()) as otlp:
        await otlp.fails(raw(gauge("m", point(1.0), point(2.0))))
        assert otlp.outcomes == {"refused": 2}
    async with running_grpc(ErrorConsumer()) as otlp:
        await otlp.fails(ONE)
        assert otlp.outcomes == {"refused": 0}


async def test_several_senders() -> None:
    """One request of several processes is a batch for each; one that fails does not cost the others."""

    def fails(batch: object) -> Exception | None:
        return PermanentError("no") if "pod-2" in str(batch.sender) else None  # type: ignore[attr-defined]

    consumer = ErrorConsumer(fails)
    message = together(
        [((gauge("m"),), {"service.instance.id": f"pod-{i}"}) for i in range(4)]
    ).SerializeToString()
    async with running_grpc(consumer) as otlp:
        code, _, _ = await otlp.fails(message)
    assert (code, len(consumer.taken), len(consumer.refused)) == (Code.INTERNAL, 3, 1)
    assert [what for what, _ in otlp.presence.story()] == ["reported"] * 4


async def test_unnamed_senders(otlp: RunningGrpc) -> None:
    """A peer whose resource names no process is told to the operator once; one that does never."""
    with structlog.testing.capture_logs() as lines:
        for body in (raw(instance="pod-1"), ONE, ONE):
            await otlp.export(body)
    assert [(line["event"], line["peer"]) for line in lines] == [
        ("sender is known by its address only", "127.0.0.1")
    ]


async def test_metadata() -> None:
    """Metadata go with the batch when asked for, the sender's address always."""
    for include in (False, True):
        async with running_grpc(include_metadata=include) as otlp:
            await otlp.export(ONE, metadata=(("x-tenant", "a"), ("x-tenant", "b")))
            context = otlp.sink.batches[0].context
            assert context.client_address == "127.0.0.1"
            assert context.metadata.get("x-tenant") == (("a", "b") if include else None)


async def test_stop(otlp: RunningGrpc) -> None:
    """A message that comes while tallyd stops is UNAVAILABLE with RetryInfo: come again in 5 s."""
    call = otlp.channel.stream_unary(EXPORT)()
    await call.wait_for_connection()
    await asyncio.sleep(0.01)
    stopping = asyncio.create_task(otlp.server.stop(UNIT_S))
    await asyncio.sleep(0)
    await call.write(ONE)
    await call.done_writing()
    assert await asyncio.wait_for(call.code(), UNIT_S) is Code.UNAVAILABLE
    await stopping
    assert otlp.names == []


async def test_port_in_use(otlp: RunningGrpc) -> None:
    """A port that is taken is an error that names it."""
    endpoint = f"127.0.0.1:{otlp.port}"
    with pytest.raises(ListenError, match=f"cannot listen on {endpoint}: address already in use"):
        await OtlpGrpcServer(endpoint, Kept().receiver()).start()


async def test_half_message(otlp: RunningGrpc) -> None:
    """A connection that stops in the middle of HTTP/2 costs itself alone."""
    _, writer = await asyncio.open_connection("127.0.0.1", otlp.port)
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00")
    await writer.drain()
    await otlp.export(ONE)
    assert otlp.names == ["m"]
    writer.close()


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """An HTTP/2 frame (RFC 9113, 4.1)."""
    return len(payload).to_bytes(3) + bytes([kind, flags]) + stream.to_bytes(4) + payload


def _text(text: str) -> bytes:
    """A text of HPACK as it is (RFC 7541, 5.2)."""
    return bytes([len(text)]) + text.encode()


async def test_stops_midway() -> None:
    """A message of which half arrives ends when the time is over, and its neighbours do not notice."""
    headers = b"\x83\x86\x04" + _text(EXPORT) + b"\x01" + _text("x")
    headers += b"\x0f\x10" + _text("application/grpc") + b"\x00" + _text("te") + _text("trailers")
    message = bytes(1) + len(ONE).to_bytes(4) + ONE[:9]
    async with running_grpc(message_timeout_s=0.05) as otlp:
        reader, writer = await asyncio.open_connection("127.0.0.1", otlp.port)
        writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + _frame(4, 0, 0, b""))
        writer.write(_frame(1, 4, 1, headers) + _frame(0, 0, 1, message))
        await otlp.export(ONE)
        await otlp.until(lambda: otlp.requests["too_slow"] == 1)
        assert otlp.names == ["m"]
        writer.close()
        await reader.read()


def test_requests_have_resources() -> None:
    """The message builder of these tests writes what an SDK does."""
    assert request(instance="a").resource_metrics[0].resource.attributes[0].key == (
        "service.instance.id"
    )
