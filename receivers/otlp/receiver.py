"""What both OTLP servers do with a request's bytes: decode, hand on one batch for each sender, say what became of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import structlog

from receivers.consumer import Batch, Clock, Consumer, Count, Presence, RequestContext
from receivers.errors import ConsumeError, DecodeError, RetryableError
from receivers.otlp.decode import Decoder
from receivers.otlp.json_body import transcode_json
from receivers.otlp.once import OncePerPeer
from receivers.otlp.request import ExportRequest
from receivers.otlp.request_refusals import RequestRefusal
from receivers.otlp.status import SHUTTING_DOWN, Code, Failure, failure_of

log = structlog.get_logger(__name__)

_LOG_EVERY_MS = 10_000
_TOO_LARGE_EVERY_MS = 60_000
"""How often one peer is counted: senders try a message over the limit three more times (otlp.md 1.6)."""
_DEFECT = Failure(Code.INTERNAL, "internal error, see the log of tallyd")


class Tallies(NamedTuple):
    """Where one server counts."""

    requests: Count
    """By RequestRefusal: whole requests that were not taken."""
    points: Count
    """By the decoder's reasons: data points that were rejected, and what else it noticed."""
    accepted: Callable[[int], None]
    """Good data points that were read, of requests that were taken."""
    refused: Callable[[int], None]
    """The same, of requests that a consumer did not take."""


class Taken(NamedTuple):
    """A request that was taken, and what of it was not."""

    rejected: int = 0
    message: str = ""


Answer = Taken | Failure


class OtlpReceiver:
    """Takes requests for one server; runs on the event loop and does not wait."""

    def __init__(
        self, consumer: Consumer, presence: Presence, clock: Clock, tallies: Tallies
    ) -> None:
        self._consumer = consumer
        self._presence = presence
        self.clock = clock
        self._tallies = tallies
        self._decoder = Decoder(tallies.points)
        self._too_large = OncePerPeer(_TOO_LARGE_EVERY_MS)
        self._other_signals = OncePerPeer()
        self._unnamed = OncePerPeer()
        self._logged_at_ms = -_LOG_EVERY_MS
        self.is_stopping = False
        """Whether every request is to be told to come again."""

    def receive(
        self,
        raw: bytes,
        *,
        peer: str,
        is_json: bool = False,
        metadata: Mapping[str, tuple[str, ...]] | None = None,
    ) -> Answer:
        """Hand on one request's metrics; `peer` is the address of whoever sent it, `metadata` what came with it."""
        if self.is_stopping:
            self.refuse(RequestRefusal.SHUTTING_DOWN)
            return SHUTTING_DOWN
        at_ms = self.clock()
        try:
            body = transcode_json(raw) if is_json else raw
            request = self._decoder.decode(body, peer=peer, at_ms=at_ms)
        except DecodeError as error:
            self.refuse(RequestRefusal.MALFORMED)
            return Failure(Code.INVALID_ARGUMENT, str(error))
        context = RequestContext(peer, metadata) if metadata else RequestContext(peer)
        failure = self._hand_on(request, context, at_ms)
        rejections = request.rejections
        if failure is not None:
            self._tallies.refused(rejections.kept)
            return failure
        self._tallies.accepted(rejections.kept)
        return Taken(rejections.count, rejections.message())

    def refuse(self, reason: RequestRefusal) -> None:
        """Count a request that was not taken."""
        self._tallies.requests(reason, 1)

    def refuse_too_large(self, peer: str) -> None:
        """Count a request over the limit, once a peer and minute."""
        if self._too_large.is_due(peer, self.clock()):
            self.refuse(RequestRefusal.TOO_LARGE)

    def refuse_signal(self, signal: str, peer: str) -> None:
        """Count a request with something else than metrics, and tell the operator once who sends them."""
        self.refuse(RequestRefusal.OTHER_SIGNAL)
        if self._other_signals.is_due(peer, self.clock()):
            log.warning("takes metrics only: refused", signal=signal, peer=peer)

    def _hand_on(
        self, request: ExportRequest, context: RequestContext, at_ms: int
    ) -> Failure | None:
        """Hand on every batch, whatever becomes of the others; return what to tell if one was not taken.

        Of several errors a retryable one is told: a sender that comes again repeats what was taken, which is told apart
        by its time, and loses nothing.
        """
        errors: list[ConsumeError | None] = []
        for sender, metrics in request.unread():
            if sender.identity == context.client_address:
                self._tell_of_unnamed(context.client_address, at_ms)
            self._presence.reported(sender, at_ms)
            try:
                self._consumer.consume(
                    Batch(sender, at_ms, metrics, context, columns=request.columns)
                )
            except ConsumeError as error:
                errors.append(error)
            except Exception:  # the top of a request's task: no other request ends with it
                errors.append(None)
                if at_ms - self._logged_at_ms >= _LOG_EVERY_MS:
                    self._logged_at_ms = at_ms
                    log.exception("consumer failed", sender=str(sender))
        if not errors:
            return None
        retryable = next((one for one in errors if isinstance(one, RetryableError)), None)
        told = retryable or errors[0]
        if told is None:
            self.refuse(RequestRefusal.CONSUMER_FAILED)
            return _DEFECT
        self.refuse(RequestRefusal.RETRYABLE if retryable else RequestRefusal.PERMANENT)
        return failure_of(told)

    def _tell_of_unnamed(self, peer: str, at_ms: int) -> None:
        """Tell the operator once of a peer whose processes cannot be told apart: two of them would be one sender."""
        if self._unnamed.is_due(peer, at_ms):
            expected = "service.instance.id, host.name or k8s.pod.uid in the resource"
            log.warning("sender is known by its address only", peer=peer, expected=expected)
