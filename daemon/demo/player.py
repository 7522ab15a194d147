"""A sidecar that is none: recorded bytes over real gRPC, once under a clock of their own or for ever in real time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import grpc

from daemon.clock import Clock, Sleep
from daemon.demo.story import continuation
from daemon.recording import METRICS_EXPORT, Event, load_session
from receivers.opencensus.replay import shift_request

TAKES = (("nodeapp-start",), ("three-callers", "burst"))
"""Sessions that follow each other without a pause; each take is played as a new process of the sidecar."""

RETRY_S = 5.0
CONNECT_S = 10.0


class SidecarLostError(Exception):
    """The other side takes nothing more, or never did."""


class Sidecar:
    """The streams of one daprd; `target` is host:port."""

    def __init__(self, target: str) -> None:
        # A pool of its own: two sidecars in one process do not share a connection.
        options = (("grpc.use_local_subchannel_pool", 1),)
        self._channel = grpc.aio.insecure_channel(target, options)
        self._streams: dict[tuple[int, int], Any] = {}  # grpc ships no types

    async def connect(self, timeout_s: float) -> None:
        """Wait until the target takes connections.

        Raises:
            SidecarLostError: it does not.
        """
        try:
            await asyncio.wait_for(self._channel.channel_ready(), timeout_s)
        except TimeoutError as error:
            raise SidecarLostError(f"no connection within {timeout_s:g} s") from error

    async def send(self, event: Event) -> None:
        """Send a message on its stream, which the first message opens, or close the stream.

        Raises:
            SidecarLostError: the stream was ended by the other side.
        """
        key = (event.connection, event.stream)
        if event.raw is None:
            stream = self._streams.pop(key, None)
            if stream is not None:
                await stream.done_writing()
            return
        stream = self._streams.get(key)
        if stream is None:
            stream = self._streams[key] = self._channel.stream_stream(event.method)()
        try:
            await stream.write(event.raw)
        except grpc.aio.AioRpcError as error:
            raise SidecarLostError(f"{error.code().name.lower()}: {error.details()}") from error
        except asyncio.InvalidStateError as error:
            raise SidecarLostError("the stream was ended") from error

    async def close(self) -> None:
        """Go away as a sidecar does: the connection just ends."""
        await self._channel.close()


@asynccontextmanager
async def sidecar_at(target: str, connect_s: float = CONNECT_S) -> AsyncIterator[Sidecar]:
    """Give a connected sidecar and close it in the end.

    Raises:
        SidecarLostError: the target takes no connection.
    """
    sidecar = Sidecar(target)
    try:
        await sidecar.connect(connect_s)
        yield sidecar
    finally:
        await sidecar.close()


def load_take(names: Sequence[str]) -> list[Event]:
    """Return the events of sessions that follow each other without a pause.

    Raises:
        RecordingError: the recordings are not there.
    """
    events: list[Event] = []
    for name in names:
        session = load_session(name)
        events += continuation(session, after_ms=events[-1].at_ms) if events else session
    return events


async def play_for_ever(
    target: str,
    say: Callable[[str], None],
    *,
    clock: Clock,
    sleep: Sleep,
    connect_s: float = CONNECT_S,
) -> None:
    """Play all takes over and over to a tallyd at `target`; where it is not there, wait for it."""
    say(f"playing to {target}")
    takes = [load_take(names) for names in TAKES]
    while True:
        for take in takes:
            try:
                async with sidecar_at(target, connect_s) as sidecar:
                    await play_take(sidecar, take, say, clock=clock, sleep=sleep)
            except SidecarLostError as error:
                say(f"no tallyd at {target} ({error}): trying again in {RETRY_S:g} s")
                await sleep(RETRY_S)


async def play_take(
    sidecar: Sidecar,
    take: Sequence[Event],
    say: Callable[[str], None],
    *,
    clock: Clock,
    sleep: Sleep,
) -> None:
    """Play events at their pace, all times in them moved so that the first one happens now.

    Raises:
        SidecarLostError: the other side ended a stream.
    """
    shift_ms = clock() - take[0].at_ms
    say(f"a sidecar of nodeapp, pod {take[0].pod}, starts")
    begun = False
    for event in take:
        wait_ms = event.at_ms + shift_ms - clock()
        if wait_ms > 0:
            await sleep(wait_ms / 1000)
        is_metrics = event.method == METRICS_EXPORT and event.raw is not None
        await sidecar.send(_shifted(event, shift_ms) if is_metrics else event)
        if is_metrics and begun:
            second = (event.at_ms - take[0].at_ms) / 1000
            say(f"report at {second:.0f} s of {event.session}: {len(event.raw or b'')} bytes")
        begun = begun or is_metrics


def _shifted(event: Event, shift_ms: int) -> Event:
    raw = None if event.raw is None else shift_request(event.raw, shift_ms)
    return replace(event, at_ms=event.at_ms + shift_ms, raw=raw)
