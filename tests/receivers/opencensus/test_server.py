"""opencensus.md 7 table A: the stream protocol over real gRPC on loopback."""

from __future__ import annotations

import asyncio
import time
from asyncio import StreamReader, StreamWriter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from receivers.consumer import Batch
from receivers.errors import ConsumeError
from tests.receivers.opencensus.reading import metrics_of, read_rows
from tests.receivers.opencensus.running import UNIT_S, Running, running
from tests.support.consumers import ErrorConsumer, NopConsumer
from tests.support.golden import METRICS_EXPORT, TRACE_CONFIG, TRACE_EXPORT
from tests.support.opencensus_messages import (
    HELLO,
    N1,
    N2,
    R0,
    Node,
    S,
    T,
    ci,
    metric,
    node,
    request,
)

pytestmark = pytest.mark.integration

POD_A = "pod-a/7/2024-11-01T00:00:00.5Z"
POD_B = "pod-b/7/2024-11-01T00:00:00.5Z"
OK, UNKNOWN = grpc.StatusCode.OK, grpc.StatusCode.UNKNOWN
REPORT = request(ci("m", ("k",), ("v",)), resource=R0)
REPORT_LINE = 'm{k="v"} 5 @0'
SILENCE_S = 0.05


def report(value: int, at: float = T, name: str = "m", **kwargs: Any) -> bytes:
    return request(ci(name, value=value, at=at), **kwargs)


async def silent(call: Any) -> bool:
    """Whether nothing at all comes from the server for a moment; the read goes on, since to cancel it ends the call."""
    done, _ = await asyncio.wait([asyncio.ensure_future(call.read())], timeout=SILENCE_S)
    return not done


async def test_a1_empty_stream(oc: Running) -> None:
    """A stream without any message ends with OK and nobody is present."""
    assert (await oc.play([]), oc.presence.events, oc.sink.batches) == (OK, [], [])


@pytest.mark.parametrize("first", [report(5), request(), request(resource=R0)])
async def test_a2_first_message_without_node(oc: Running, first: bytes) -> None:
    """The collector's status and text; nothing is taken, and a further send fails."""
    call = await oc.send(first)
    assert (await asyncio.wait_for(call.code(), UNIT_S), await call.details()) == (
        UNKNOWN,
        "protocol violation: Export's first message must have a Node",
    )
    with pytest.raises((grpc.aio.AioRpcError, asyncio.InvalidStateError)):
        await call.write(HELLO)
    assert (oc.sink.batches, oc.presence.events, oc.counts) == ([], [], {"no_node": 1})


async def test_a3_empty_node(oc: Running) -> None:
    """An empty Node is a Node; its sender is the peer's address."""
    assert await oc.play([request(node=Node()), report(5)]) is OK
    assert read_rows(oc.sink.batches) == ["m{} 5 @0"]
    ((sender, resource, _),) = oc.sink.metrics()
    assert (sender, resource.attributes) == (("opencensus", "127.0.0.1"), {})


async def test_a4_node_then_report(oc: Running) -> None:
    """The report belongs to the Node of the first message; presence tells its whole story in order."""
    assert await oc.play([HELLO, REPORT]) is OK
    assert read_rows(oc.sink.batches) == [REPORT_LINE]
    assert oc.presence.story() == [("opened", POD_A), ("reported", POD_A), ("closed", POD_A)]
    opened, reported, closed = (event.at_ms for event in oc.presence.events)
    assert opened <= reported == oc.sink.batches[0].received_at_ms <= closed


async def test_a5_metrics_in_the_first_message(oc: Running) -> None:
    """They count."""
    await oc.play([report(5, node=N1)])
    assert read_rows(oc.sink.batches) == ["m{} 5 @0"]


async def test_a6_node_changes(oc: Running) -> None:
    """A new Node replaces the old one for what follows, and the old sender is closed."""
    await oc.play([request(node=N1), report(1), report(2, node=N2), report(3)])
    assert [batch.sender.identity for batch in oc.sink.batches] == [POD_A, POD_B, POD_B]
    assert oc.presence.story() == [
        ("opened", POD_A), ("reported", POD_A), ("closed", POD_A),
        ("opened", POD_B), ("reported", POD_B), ("reported", POD_B), ("closed", POD_B),
    ]  # fmt: skip


async def test_a7_node_only(oc: Running) -> None:
    """OK, no response message, and the stream of exactly one message is counted (A13, F16)."""
    call = await oc.send(HELLO)
    await call.done_writing()
    assert await asyncio.wait_for(call.read(), UNIT_S) is grpc.aio.EOF
    assert (await call.code(), oc.counts) == (OK, {"one_message_stream": 1})
    assert oc.presence.story() == [("opened", POD_A), ("closed", POD_A)]


async def test_a8_empty_message(oc: Running) -> None:
    """A message with nothing in it is nothing."""
    await oc.play([HELLO, request(), report(1)])
    assert read_rows(oc.sink.batches) == ["m{} 1 @0"]


async def test_a9_descriptors_only(oc: Running) -> None:
    """A report without a row is a report: its metrics are handed on, to be known as absent."""
    await oc.play([HELLO, request(*(metric(f"m{i}") for i in range(79)))])
    assert len(metrics_of(oc.sink.batches)) == 79
    assert (read_rows(oc.sink.batches), oc.presence.story()[1]) == ([], ("reported", POD_A))


BAD_LABEL = bytearray(request(ci("bad", ("k",), ("@",)), ci("good")))
BAD_LABEL[BAD_LABEL.index(b"@")] = 0xFF
UNDECODABLE = {
    "A10": (b"\xff\xff", [], {"undecodable_message": 1}),
    "A10 Node": (b"\x0a\x02\xff\xff" + report(9), [], {"undecodable_message": 1}),
    "A11": (bytes(BAD_LABEL), ["good{} 5 @0"], {"undecodable_series": 1}),
}


@pytest.mark.parametrize(("raw", "lines", "counts"), UNDECODABLE.values(), ids=UNDECODABLE)
async def test_a10_a11_undecodable(
    oc: Running, raw: bytes, lines: list[str], counts: dict[str, int]
) -> None:
    """What is no protobuf or no UTF-8 costs itself alone; the stream and all before and after stays."""
    assert await oc.play([HELLO, report(1), raw, report(2)]) is OK
    assert read_rows(oc.sink.batches) == ["m{} 1 @0", *lines, "m{} 2 @0"]
    assert oc.counts == counts


async def test_a10_undecodable_first(oc: Running) -> None:
    """A first message that is no protobuf does not use up the first message: the Node may still come."""
    assert await oc.play([b"\xff", HELLO, report(1)]) is OK
    assert read_rows(oc.sink.batches) == ["m{} 1 @0"]


async def test_a12_unknown_field(oc: Running) -> None:
    """Field 99 is ignored."""
    await oc.play([HELLO, report(1) + b"\x9a\x06\x01x"])
    assert (read_rows(oc.sink.batches), oc.counts) == (["m{} 1 @0"], {})


def sized(size: int) -> bytes:
    """A report of exactly `size` bytes."""
    text = ci("m")
    text.metric_descriptor.description = "x" * size
    text.metric_descriptor.description = "x" * (2 * size - len(request(text)))
    raw = request(text)
    assert len(raw) == size
    return raw


async def test_a13_a14_message_size() -> None:
    """A report at the limit is taken; above it gRPC answers RESOURCE_EXHAUSTED, and the stream is counted."""
    limit = 100_000
    async with running(max_recv_msg_size_bytes=limit) as oc:
        assert await oc.play([HELLO, sized(limit)]) is OK
        assert (read_rows(oc.sink.batches), oc.counts) == (["m{} 5 @0"], {})
        assert await oc.play([HELLO, sized(limit + 1)]) is grpc.StatusCode.RESOURCE_EXHAUSTED
        await oc.until(lambda: oc.counts == {"one_message_stream": 1})
        assert len(oc.sink.batches) == 1


async def test_default_limit(oc: Running) -> None:
    """15 MiB pass by default."""
    assert await oc.play([HELLO, sized(15 * 1024 * 1024)]) is OK
    assert len(oc.sink.batches) == 1


async def test_a15_gzip(oc: Running) -> None:
    """Compressed messages are taken like others."""
    await oc.play([HELLO, REPORT], compression=grpc.Compression.Gzip)
    assert read_rows(oc.sink.batches) == [REPORT_LINE]


def header(name: bytes, value: bytes) -> bytes:
    """An HPACK literal without indexing, lengths below 127."""
    return b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """An HTTP/2 frame."""
    return (
        len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload
    )


async def test_a16_snappy(oc: Running) -> None:
    """A compression that gRPC does not know is answered INTERNAL by C-core, and harms nobody else."""
    names = {
        b":method": b"POST",
        b":scheme": b"http",
        b":path": METRICS_EXPORT.encode(),
        b":authority": b"tallyd",
        b"content-type": b"application/grpc",
        b"te": b"trailers",
        b"grpc-encoding": b"snappy",
    }
    reader, writer = await asyncio.open_connection("127.0.0.1", oc.port)
    writer.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b""))
    writer.write(frame(1, 4, 1, b"".join(header(*item) for item in names.items())))
    writer.write(frame(0, 1, 1, b"\x01\0\0\0\x04snap"))
    answer = b""
    async with asyncio.timeout(UNIT_S):
        while b"grpc-status" not in answer:
            answer += await reader.read(65536)
    writer.close()
    assert b"grpc-status\x0213" in answer
    assert await oc.play([HELLO, REPORT]) is OK
    assert read_rows(oc.sink.batches) == [REPORT_LINE]


@pytest.mark.parametrize("error", [ConsumeError("full"), RuntimeError("a bug")], ids=repr)
async def test_a17_consumer_error(error: Exception) -> None:
    """The batch is lost and counted, the stream goes on."""
    seen: list[Batch] = []

    def fails(batch: Batch) -> Exception | None:
        seen.append(batch)
        return error if len(seen) == 2 else None

    consumer = ErrorConsumer(fails)
    async with running(consumer) as oc:
        assert await oc.play([HELLO, report(1), report(2), report(3)]) is OK
        assert read_rows(consumer.taken) == ["m{} 1 @0", "m{} 3 @0"]
        assert oc.counts == {"consumer_error": 1}
        assert [what for what, _ in oc.presence.story()].count("reported") == 3


async def test_a18_two_streams_on_one_connection(oc: Running) -> None:
    """Node and Resource belong to the stream, not to the connection."""
    first, second = await oc.send(request(node=N1)), await oc.send(request(node=N2))
    for value in range(4):
        await (first, second)[value % 2].write(report(value))
        await oc.until(lambda count=value + 1: len(oc.sink.batches) == count)  # type: ignore[misc]  # bound early
    assert [batch.sender.identity for batch in oc.sink.batches] == [POD_A, POD_B] * 2


async def test_a19_one_sender_on_two_streams(oc: Running) -> None:
    """Both streams are the same sender, opened twice and closed twice."""
    old = await oc.send(HELLO, report(1))
    await oc.until(lambda: len(oc.sink.batches) == 1)
    await oc.play([HELLO, report(2, T + 20)])
    old.cancel()
    await oc.until(lambda: len(oc.presence.events) == 6)
    assert {sender for _, sender in oc.presence.story()} == {POD_A}
    assert [what for what, _ in oc.presence.story()].count("closed") == 2


async def test_a20_reset(oc: Running) -> None:
    """A stream that is reset frees its state and closes its sender."""
    call = await oc.send(HELLO, report(1))
    await oc.until(lambda: len(oc.sink.batches) == 1)
    assert oc.server.active_streams == 1
    call.cancel()
    await oc.until(lambda: oc.server.active_streams == 0)
    assert oc.presence.story()[-1] == ("closed", POD_A)


class Wire:
    """A TCP proxy that can stop passing anything on without closing: a peer that vanishes."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._cut = False
        self._tasks: list[asyncio.Task[None]] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator[int]:
        """Listen, and give the port."""
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            await asyncio.gather(*self._tasks)

    def cut(self) -> None:
        self._cut = True

    async def _connected(self, reader: StreamReader, writer: StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._port)
        for pipe in ((reader, far_writer), (far_reader, writer)):
            self._tasks.append(asyncio.create_task(self._forward(*pipe)))

    async def _forward(self, reader: StreamReader, writer: StreamWriter) -> None:
        while chunk := await reader.read(65536):
            if not self._cut:
                writer.write(chunk)
        writer.close()


async def test_a21_vanished_client() -> None:
    """A client that is gone without FIN is noticed by keepalive: its stream ends, its sender is closed."""
    async with running(keepalive_time_ms=100, keepalive_timeout_ms=100) as oc:
        wire = Wire(oc.port)
        async with (
            wire.open() as port,
            grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel,
        ):
            await oc.send(HELLO, report(1), channel=channel)
            await oc.until(lambda: len(oc.sink.batches) == 1)
            wire.cut()
            await oc.until(lambda: oc.server.active_streams == 0)
        assert oc.presence.story()[-1] == ("closed", POD_A)


@pytest.mark.parametrize("first", [request(node=N1), request(), b"\xff"], ids=["A23", "A24", "raw"])
@pytest.mark.parametrize("method", [TRACE_EXPORT, TRACE_CONFIG])
async def test_a23_a24_a25_trace_streams(oc: Running, method: str, first: bytes) -> None:
    """Both trace methods take anything, stay open and never answer (2.3)."""
    call = oc.stream(method)
    await call.write(first)
    assert await silent(call)
    await oc.play([HELLO, report(1)])
    assert (len(oc.sink.batches), oc.counts, call.done()) == (1, {}, False)


async def test_a26_handshake_of_ocagent(oc: Running) -> None:
    """Trace Export, Config and metrics on one connection, as daprd opens them: the metrics arrive."""
    for method in (TRACE_EXPORT, TRACE_CONFIG, METRICS_EXPORT):
        call = oc.stream(method)
        await call.write(HELLO)
    await call.write(REPORT)
    await oc.until(lambda: len(oc.sink.batches) == 1)
    assert oc.server.active_streams == 1


class SlowConsumer(NopConsumer):
    """Blocks the loop at each batch."""

    def consume(self, batch: Batch) -> None:
        time.sleep(0.005)


@pytest.mark.slow
async def test_a27_stampede() -> None:
    """300 connections of three streams at once with a slow consumer: C-core cancels none (4.9)."""
    async with running(SlowConsumer()) as oc:
        options = (("grpc.use_local_subchannel_pool", 1),)
        channels = [
            grpc.aio.insecure_channel(f"127.0.0.1:{oc.port}", options=options) for _ in range(300)
        ]

        async def sidecar(channel: Any) -> None:
            for method in (TRACE_EXPORT, TRACE_CONFIG, METRICS_EXPORT):
                call = oc.stream(method, channel)
                await call.write(HELLO)
            await call.write(REPORT)

        await asyncio.gather(*map(sidecar, channels))
        deadline = time.monotonic() + 6 * UNIT_S
        while [what for what, _ in oc.presence.story()].count("reported") < 300:
            assert time.monotonic() < deadline
            await asyncio.sleep(0.02)
        assert oc.server.active_streams == 300
        assert not any(call.done() for call in oc.calls)
        await asyncio.gather(*(channel.close() for channel in channels))


async def test_a28_stop_with_open_streams(oc: Running) -> None:
    """Stop ends all streams with OK well before its grace; the next send fails, senders are closed."""
    calls = [await oc.send(HELLO, report(1)) for _ in range(34)]
    for method in (TRACE_EXPORT, TRACE_CONFIG):
        for _ in range(33):
            calls.append(oc.stream(method))
            await calls[-1].write(HELLO)
    await oc.until(lambda: len(oc.sink.batches) == 34 and oc.server.open_calls == 100)
    began = time.monotonic()
    await oc.server.stop(grace_s=UNIT_S)
    assert time.monotonic() - began < UNIT_S / 2
    codes = [await asyncio.wait_for(call.code(), UNIT_S) for call in calls]
    assert codes == [OK] * 100
    assert (oc.server.active_streams, oc.server.open_calls) == (0, 0)
    assert [what for what, _ in oc.presence.story()].count("closed") == 34
    with pytest.raises((grpc.aio.AioRpcError, asyncio.InvalidStateError)):
        await calls[0].write(REPORT)


async def test_a29_started_again(oc: Running) -> None:
    """After a stop the same port is opened again and the same sender goes on."""
    await oc.play([HELLO, report(1)])
    await oc.server.stop(0)
    async with running(oc.sink, endpoint=f"127.0.0.1:{oc.port}") as again:
        assert await again.play([HELLO, report(2, T + 20)]) is OK
    assert {batch.sender.identity for batch in oc.sink.batches} == {POD_A}
    assert read_rows(oc.sink.batches) == ["m{} 1 @0", "m{} 2 @20"]


async def test_stop_is_safe_before_start_and_twice(oc: Running) -> None:
    """Stop may be called at any time."""
    await oc.server.stop(0)
    await oc.server.stop(0)
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", oc.port)


async def test_a30_a31_burst_and_replay(oc: Running) -> None:
    """Six reports at once, then an old one again: all handed on in the order of arrival; the store judges."""
    offsets = [0, 20, 40, 60, 80, 100, 20]
    await oc.play([HELLO, *(report(offset, T + offset) for offset in offsets)])
    assert read_rows(oc.sink.batches) == [f"m{{}} {offset} @{offset}" for offset in offsets]


async def test_a32_unknown_method(oc: Running) -> None:
    """A method that does not exist is UNIMPLEMENTED."""
    call = oc.stream(METRICS_EXPORT.replace("Export", "Nope"))
    assert await asyncio.wait_for(call.code(), UNIT_S) is grpc.StatusCode.UNIMPLEMENTED


async def test_a33_back_to_back(oc: Running) -> None:
    """200 messages from a client that never reads are all taken and nothing is answered."""
    call = await oc.send(HELLO, *(report(i) for i in range(200)))
    await oc.until(lambda: len(oc.sink.batches) == 200)
    assert await silent(call)


async def test_restarted_sidecar_is_another_sender(oc: Running) -> None:
    """Same host and pid with a later start are two senders (B17, 4.13)."""
    for start in ((S, 0), (S + 75, 0)):
        await oc.play([request(node=node(start=start)), report(1)])
    assert len({batch.sender for batch in oc.sink.batches}) == 2


async def test_consumer_is_exchanged(oc: Running) -> None:
    """A reload puts in another consumer; open streams go on with it."""
    call = await oc.send(HELLO, report(1))
    await oc.until(lambda: len(oc.sink.batches) == 1)
    other = ErrorConsumer(lambda _: None)
    oc.server.set_consumer(other)
    await call.write(report(2))
    await oc.until(lambda: len(other.taken) == 1)
    assert len(oc.sink.batches) == 1
