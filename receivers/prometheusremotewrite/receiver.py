"""From a request body to a batch and an answer; the HTTP API owns the socket (promql.md 6.2)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Mapping
from typing import NamedTuple

from receivers.consumer import NOT_COUNTED, Batch, Clock, Consumer, Count, Passed, Presence, Sender
from receivers.errors import ConsumeError, DecodeError, RetryableError
from receivers.model import Resource, ResourceMetrics, Scope, ScopeMetrics
from receivers.prometheusremotewrite.decode import Decoder, FamilyMetadata
from receivers.prometheusremotewrite.refusals import TOLD_TO_THE_WRITER, Refusal
from receivers.room import REMOTE_WRITE_TIMES, Room, unlimited

PROTOCOL = "prometheusremotewrite"
MAX_REQUEST_BYTES = 32 * 1024 * 1024
"""Of a request, uncompressed; Prometheus sends 2,000 samples, about 0.5 MB."""
_MAX_PEERS = 10_000

_PROTOBUF = "application/x-protobuf"
_V1 = "prometheus.WriteRequest"


class Answer(NamedTuple):
    """What the writer is told; the body is plain text, empty on success."""

    status: int
    text: str = ""
    retry_after_s: float = 0.0


class RemoteWriteReceiver:
    """Takes remote write requests; runs on the event loop, bit by bit, and does not wait."""

    def __init__(
        self,
        consumer: Consumer,
        presence: Presence,
        clock: Clock,
        count: Count,
        *,
        max_request_bytes: int = MAX_REQUEST_BYTES,
        passed: Passed = NOT_COUNTED,
        room: Room | None = None,
    ) -> None:
        self._consumer = consumer
        self._presence = presence
        self._clock = clock
        self._count = count
        self._max_request_bytes = max_request_bytes
        self._passed = passed
        self._room = room or Room(unlimited)
        self._decoder = Decoder()
        # One object for all batches: what follows keys its caches by it.
        self._resource = Resource()
        self._scope = Scope()

    @property
    def metadata(self) -> Mapping[str, FamilyMetadata]:
        """What writers told about metric families, for /api/v1/metadata."""
        return self._decoder.metadata

    def receive(
        self, body: bytes, *, peer: str, content_type: str = "", content_encoding: str = ""
    ) -> Generator[None, None, Answer]:
        """Store what is good of a request and return its answer; `peer` is the address of whoever sent it.

        Pauses after each millisecond's work; what came until then is stored, and other requests may be taken in between.

        204: all is stored, or left out without need to tell; 400: something was refused, the rest is stored, sending
        it again does not help; 413: larger than the limit; 415: not version 1; 503: send it again later.
        """
        refusal = _unsupported(content_type, content_encoding)
        if refusal:
            return Answer(415, refusal)
        try:
            return (yield from self._store(body, Sender(PROTOCOL, peer), self._clock()))
        except TooLargeError as error:
            self._count(Refusal.UNDECODABLE_REQUEST, 1)
            return Answer(413, str(error))
        except DecodeError as error:
            self._count(Refusal.UNDECODABLE_REQUEST, 1)
            return Answer(400, str(error))
        except RetryableError as error:
            self._count(Refusal.CONSUMER_ERROR, 1)
            return Answer(503, str(error), error.retry_after_s)
        except ConsumeError as error:
            self._count(Refusal.CONSUMER_ERROR, 1)
            return Answer(400, str(error))

    def _store(self, body: bytes, sender: Sender, at_ms: int) -> Generator[None, None, Answer]:
        """Hand on the parts of a request.

        Raises:
            DecodeError: It is none.
            ConsumeError: A part was not taken, or there is no memory for it.
        """
        raw = uncompress(body, self._max_request_bytes)
        self._room.check(len(raw), REMOTE_WRITE_TIMES)
        refused: Counter[Refusal] = Counter()
        reported = False
        for part in self._decoder.decode(raw, at_ms):
            for reason, amount in part.refused.items():
                if amount:
                    self._count(reason, amount)
            refused.update(part.refused)
            for metrics in filter(None, part.batches):
                if not reported:
                    self._presence.reported(sender, at_ms)
                    reported = True
                scoped = ScopeMetrics(self._scope, metrics)
                self._hand_on(Batch(sender, at_ms, [ResourceMetrics(self._resource, [scoped])]))
            yield
        return _answer(refused)

    def _hand_on(self, batch: Batch) -> None:
        points = batch.point_count()  # a filter takes out what it drops
        try:
            self._consumer.consume(batch)
        except ConsumeError:
            self._passed.refused(points)
            raise
        self._passed.accepted(points)


class TooLargeError(DecodeError):
    """A request above the limit."""


def uncompress(body: bytes, max_bytes: int) -> bytes:
    """Return the content of a snappy block; the length it declares is checked before anything is allocated.

    Raises:
        TooLargeError: The declared length is above `max_bytes`.
        DecodeError: It is no snappy block.
    """
    # Imported where it is used: it takes 3 MB, which only who receives remote write pays.
    import cramjam  # noqa: PLC0415

    if not body:
        raise DecodeError("remote write request", "snappy: corrupt input, the body is empty")
    try:
        declared = cramjam.snappy.decompress_raw_len(body)
        if declared > max_bytes:
            raise TooLargeError(
                "remote write request", f"{declared} bytes, the limit is {max_bytes}: send less"
            )
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as error:
        raise DecodeError("remote write request", "snappy: corrupt input") from error


def _unsupported(content_type: str, content_encoding: str) -> str:
    """Return why the headers rule the request out, or nothing; empty ones are taken (promql.md 6.3)."""
    if content_encoding.strip().lower() not in {"", "snappy"}:
        return f"expected Content-Encoding snappy, got {content_encoding[:100]!r}"
    kind, *parameters = [part.strip() for part in content_type.split(";")]
    if kind and kind.lower() != _PROTOBUF:
        return f"expected Content-Type {_PROTOBUF}, got {content_type[:100]!r}"
    for parameter in parameters:
        key, _, value = parameter.partition("=")
        if key.strip().lower() == "proto" and value.strip().strip('"') != _V1:
            return f"expected proto={_V1}, remote write 1.0, got {content_type[:100]!r}"
    return ""


def _answer(refused: Counter[Refusal]) -> Answer:
    told = {reason: refused[reason] for reason in TOLD_TO_THE_WRITER if refused[reason]}
    if not told:
        return Answer(204)
    parts = ", ".join(f"{reason.replace('_', ' ')}: {amount}" for reason, amount in told.items())
    return Answer(400, f"stored in part, left out: {parts}")
