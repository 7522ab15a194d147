"""What a writer is answered, and what reaches the consumer (promql.md 6.2, 6.3)."""

from __future__ import annotations

from collections.abc import Generator
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from receivers.consumer import Batch, Consumer
from receivers.errors import PermanentError, RetryableError
from receivers.prometheusremotewrite.decode import NEW_AT_ONCE
from receivers.prometheusremotewrite.receiver import Answer, RemoteWriteReceiver
from tests.support.consumers import Counts, ErrorConsumer, PresenceRecorder, SinkConsumer
from tests.support.remote_write import compressed, metadata, time_series, varint, write_request
from tests.support.slices import result_of

NOW = 1_700_000_000_000
X = (("__name__", "x"),)
GOOD = compressed(write_request([time_series(X, [(NOW, 1.0)])]))
LIMIT = 10_000


class Setup:
    """A receiver between recorders."""

    def __init__(self, consumer: Consumer | None = None) -> None:
        self.sink = SinkConsumer()
        self.presence = PresenceRecorder()
        self.counts = Counts()
        self.receiver = RemoteWriteReceiver(
            consumer or self.sink,
            self.presence,
            lambda: NOW,
            self.counts,
            max_request_bytes=LIMIT,
        )

    def send(self, body: bytes, content_type: str = "", content_encoding: str = "") -> Answer:
        return result_of(
            self.receiver.receive(
                body, peer="10.0.0.7", content_type=content_type, content_encoding=content_encoding
            )
        )


def test_a_good_request() -> None:
    """204 without a body; the sender is the peer and is reported before its batch."""
    setup = Setup()
    assert setup.send(GOOD) == Answer(204)
    (batch,) = setup.sink.batches
    assert (str(batch.sender), batch.received_at_ms) == ("prometheusremotewrite:10.0.0.7", NOW)
    assert setup.presence.story() == [("reported", "10.0.0.7")]
    assert setup.counts == {}


@pytest.mark.parametrize(
    ("content_type", "content_encoding", "status"),
    [
        ("application/x-protobuf", "snappy", 204),
        ("application/x-protobuf;proto=prometheus.WriteRequest", "snappy", 204),
        ("", "", 204),
        ("application/x-protobuf", "", 204),
        ("application/x-protobuf", "gzip", 415),
        ("application/json", "snappy", 415),
        ("application/x-protobuf;proto=io.prometheus.write.v2.Request", "snappy", 415),
    ],
)
def test_headers(content_type: str, content_encoding: str, status: int) -> None:
    """The rows of promql.md 6.3 about headers, as Prometheus 3.5 answers; only version 1 is taken."""
    assert Setup().send(GOOD, content_type, content_encoding).status == status


@pytest.mark.parametrize(
    ("raw", "status"),
    [
        (b"", 204),
        (write_request([time_series(X, [])]), 204),
        (write_request([], [metadata(1, "x")]), 204),
        (write_request([time_series(X, [(NOW, 1.0)])] * 2), 204),
        (write_request([time_series(X, [(NOW, float("nan"))])]), 204),
        (write_request([time_series(X, [(NOW + 300_000, 1.0)])]), 204),
        (write_request([time_series(X, [(NOW + 3_600_000, 1.0)])]), 400),
        (write_request([time_series([("a", "1")], [(NOW, 1.0)])]), 204),
        (write_request([time_series([*X, *X], [(NOW, 1.0)])]), 204),
        (write_request([time_series([*X, ("a-b", "1"), ("e", "")], [(NOW, 1.0)])]), 204),
        (b"\xff\xff\xff", 400),
    ],
    ids=[
        "empty request",
        "no samples",
        "metadata only",
        "duplicate",
        "nan",
        "5 min ahead",
        "1 h ahead",
        "no name",
        "duplicate label",
        "odd names",
        "garbage",
    ],
)
def test_bodies(raw: bytes, status: int) -> None:
    """The rows of promql.md 6.3 that a receiver decides."""
    assert Setup().send(compressed(raw)).status == status


def test_what_was_refused_is_named_and_the_rest_is_stored() -> None:
    """Partial acceptance: a 400 tells what was left out."""
    setup = Setup()
    raw = write_request(
        [
            time_series(X, [(NOW, 1.0), (NOW + 3_600_000, 2.0)]),
            b"\xff",
            time_series([("a", "1")], [(NOW, 1.0)]),
        ]
    )
    assert setup.send(compressed(raw)) == Answer(
        400, "stored in part, left out: undecodable series: 1, too far ahead: 1"
    )
    assert [len(metric.data_points) for _, _, metric in setup.sink.metrics()] == [1]
    assert setup.counts == {"undecodable_series": 1, "too_far_ahead": 1, "no_name": 1}


@pytest.mark.parametrize(
    "body", [b"", b"\xff", write_request([time_series(X, [(NOW, 1.0)])])], ids=repr
)
def test_what_is_no_snappy(body: bytes) -> None:
    """An uncompressed body is told as such."""
    answer = Setup().send(body)
    assert (answer.status, "snappy: corrupt input" in answer.text) == (400, True)


def test_a_bomb_is_refused_by_the_length_it_declares() -> None:
    """Nothing is allocated for a few bytes that promise gigabytes."""
    setup = Setup()
    answer = setup.send(varint(2**32 - 1) + b"\xfe\x01\x00" * 10)
    assert answer == Answer(
        413,
        "cannot decode remote write request: 4294967295 bytes, the limit is 10000: send less",
    )
    assert setup.counts == {"undecodable_request": 1}


@pytest.mark.parametrize(
    ("error", "answer"),
    [
        (PermanentError("never"), Answer(400, "never")),
        (RetryableError("later", 2.0), Answer(503, "later", 2.0)),
    ],
    ids=["permanent", "retryable"],
)
def test_a_consumer_that_refuses(error: Exception, answer: Answer) -> None:
    """5xx only where sending again makes sense."""
    setup = Setup(ErrorConsumer(lambda _: error))
    assert (setup.send(GOOD), setup.counts) == (answer, {"consumer_error": 1})


def test_metadata_is_offered() -> None:
    """For /api/v1/metadata, by family."""
    setup = Setup()
    setup.send(compressed(write_request([], [metadata(2, "x", "help")])))
    assert setup.receiver.metadata["x"].help == "help"
    assert (setup.presence.events, setup.sink.batches) == ([], [])


@given(st.one_of(st.binary(), st.binary().map(compressed)))
def test_any_body_is_answered(body: bytes) -> None:
    """204, 400 or 413, and nothing raised."""
    assert Setup().send(body).status in {204, 400, 413}


def test_large_requests_pause() -> None:
    """A request of many series is handed on in parts of one report, its answer tells of all of them."""
    setup = Setup()
    series = [
        time_series([("__name__", f"m{n % 3}"), ("n", str(n))], [(NOW + ahead, 1.0)])
        for n in range(10 * NEW_AT_ONCE)
        for ahead in ([0] if n % NEW_AT_ONCE else [0, 3_600_000])
    ]
    setup.receiver = RemoteWriteReceiver(
        setup.sink, setup.presence, lambda: NOW, setup.counts, max_request_bytes=10**6
    )
    stored = []

    def watched() -> Generator[None, None, Answer]:
        work = setup.receiver.receive(compressed(write_request(series)), peer="p")
        while True:
            try:
                yield next(work)
            except StopIteration as done:
                answer: Answer = done.value
                return answer
            stored.append(sum(map(_samples, setup.sink.batches)))

    answer = result_of(watched())
    assert all(0 < after - before <= NEW_AT_ONCE for before, after in pairwise([0, *stored]))
    assert (stored[-1], len(stored)) == (10 * NEW_AT_ONCE, 11)
    assert answer == Answer(400, "stored in part, left out: too far ahead: 10")
    assert setup.presence.story() == [("reported", "p")]


def _samples(batch: Batch) -> int:
    return sum(
        len(list(metric.encoded.rows()))
        for group in batch.resource_metrics
        for scoped in group.scope_metrics
        for metric in scoped.metrics
        if metric.encoded is not None
    )
