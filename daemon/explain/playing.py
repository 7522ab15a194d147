"""Plays a recorded session into the parts of an app: no sockets, and the time is the recording's own."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from daemon.app import TICK_S, App
from daemon.pipeline import copy_batch
from daemon.recording import Event, metrics_events
from receivers.consumer import Batch, Consumer, Sender
from receivers.errors import ConsumeError
from receivers.opencensus.decode import Decoder
from receivers.opencensus.stream import StreamState

_TICK_MS = round(TICK_S * 1000)


class Player:
    """What the receiver's server does around its streams, without the streams."""

    def __init__(self, app: App, consumer: Consumer) -> None:
        self._app = app
        self._consumer = consumer
        self.irregularities: Counter[str] = Counter()
        """What the receiver did not hand on as it came, by reason."""
        self.refusals: list[str] = []
        """What the consumer said of reports that it did not take."""
        self._decoder = Decoder(self._count)
        self._streams: dict[tuple[int, int], tuple[StreamState, Sender | None]] = {}
        self.now_ms = 0

    def play(self, events: Sequence[Event]) -> Iterator[Batch]:
        """Yield a copy of each report as it arrived, once the app has it; the store's timer runs in between."""
        for event in metrics_events(events):
            self._advance_to(event.at_ms)
            batch = self._receive(event)
            if batch is not None:
                yield batch
        if events:
            self._advance_to(events[-1].at_ms)

    def _advance_to(self, at_ms: int) -> None:
        for tick_ms in range(self.now_ms + _TICK_MS, at_ms, _TICK_MS) if self.now_ms else ():
            self._app.store.advance(tick_ms)
        self.now_ms = at_ms

    def _receive(self, event: Event) -> Batch | None:
        key, windows = (event.connection, event.stream), self._app.windows
        if event.raw is None:
            _, sender = self._streams.pop(key, (None, None))
            if sender is not None:
                windows.closed(sender, event.at_ms)
            return None
        state, known = self._streams.get(key) or (StreamState(self._decoder, event.pod), None)
        batch = state.receive(event.raw, event.at_ms)
        if state.sender != known and state.sender is not None:
            windows.opened(state.sender, event.at_ms)
        self._streams[key] = state, state.sender
        if batch is None:
            return None
        arrived = copy_batch(batch)
        windows.reported(batch.sender, event.at_ms)
        try:
            self._consumer.consume(batch)
        except ConsumeError as error:
            self.refusals.append(str(error))
        return arrived

    def _count(self, reason: str, amount: int) -> None:
        self.irregularities[str(reason)] += amount
