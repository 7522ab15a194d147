"""What the decoder remembers, and that no bytes make it raise anything but what it documents."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from receivers.consumer import Batch
from receivers.errors import DecodeError
from receivers.model import HistogramDataPoint, QuantileValue, SummaryDataPoint
from receivers.opencensus import decode, schema, stream
from receivers.opencensus.decode import Decoder, WireMetric
from receivers.opencensus.refusals import Refusal
from receivers.opencensus.stream import FirstMessageError, StreamState
from tests.receivers.opencensus.reading import metrics_of, read_rows
from tests.support.consumers import Counts
from tests.support.golden import load_sessions
from tests.support.opencensus_messages import (
    CUMULATIVE_DISTRIBUTION,
    HELLO,
    NANO,
    SUMMARY,
    S,
    T,
    ci,
    distribution,
    metric,
    point,
    request,
    resource,
)


def new_state(counts: Counts | None = None) -> StreamState:
    state = StreamState(Decoder(Counts() if counts is None else counts), "10.0.0.1")
    state.receive(HELLO, 0)
    return state


def received(state: StreamState, raw: bytes) -> Batch:
    batch = state.receive(raw, 0)
    assert batch is not None
    return batch


def test_a_dropped_metric_is_never_decoded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Receiving a report parses no time series: that is left to whoever reads points."""
    parsed: list[bytes] = []

    class Spy:
        @staticmethod
        def FromString(raw: bytes) -> object:
            parsed.append(raw)
            raise AssertionError

    monkeypatch.setattr(schema, "TimeSeriesParts", Spy)
    monkeypatch.setattr(schema, "TimeSeries", Spy)
    received(new_state(), request(ci("m", ("a",), ("1",))))
    assert parsed == []


def test_histogram_whole() -> None:
    """Buckets and bounds come as sent, without any check of their lengths (3.4)."""
    fields = distribution(4, 10.5, [0, 1, 2], [1, 3])
    raw = request(
        metric("m", CUMULATIVE_DISTRIBUTION, ("a",), [(("1",), [point(fields, field="distribution_value")])])
    )  # fmt: skip
    assert metrics_of([received(new_state(), raw)])[0].data_points == [
        HistogramDataPoint(
            attributes={"a": "1"},
            start_time_unix_nano=S * NANO,
            time_unix_nano=T * NANO,
            count=4,
            sum=10.5,
            bucket_counts=[1, 3],
            explicit_bounds=[0.0, 1.0, 2.0],
        )
    ]


def test_negative_bucket() -> None:
    """A histogram with a negative bucket has no data point; its count and sum are still a row."""
    counts = Counts()
    fields = distribution(4, 10.5, [1], [-1, 5])
    raw = request(
        metric(
            "m", CUMULATIVE_DISTRIBUTION, (), [((), [point(fields, field="distribution_value")])]
        )
    )
    (only,) = metrics_of([received(new_state(counts), raw)])
    assert only.encoded is not None
    assert [(row.value, row.sum) for row in only.encoded.rows()] == [(4, 10.5)]
    assert (only.data_points, counts) == ([], {"negative_count": 1})


def test_encoded_until_read() -> None:
    """A metric offers its bytes until somebody has its data points, and so may change them."""
    raw = request(metric("m", 4, (), [((), [point(1)])]))
    read, changed = (metrics_of([received(new_state(), raw)])[0] for _ in range(2))
    before = (read.encoded is None, changed.encoded is None)
    amount, changed.data_points = len(read.data_points), []
    after = (read.encoded, changed.encoded, changed.data_points)
    assert (before, amount, after) == ((False, False), 1, (None, None, []))


def test_summary_whole() -> None:
    """Percentiles become quantiles."""
    fields = {
        "count": {"value": 3},
        "sum": {"value": 9.0},
        "snapshot": {"percentile_values": [{"percentile": 99.0, "value": 4.0}]},
    }
    raw = request(metric("m", SUMMARY, (), [((), [point(fields, field="summary_value")])]))
    assert metrics_of([received(new_state(), raw)])[0].data_points == [
        SummaryDataPoint(
            start_time_unix_nano=S * NANO,
            time_unix_nano=T * NANO,
            count=3,
            sum=9.0,
            quantile_values=[QuantileValue(0.99, 4.0)],
        )
    ]


def test_keys_of_a_series_are_stable() -> None:
    """The key of a row is the same in every report and differs by labels, start, label keys and type."""
    state = new_state()

    def keys(*metrics: object) -> list[object]:
        return [
            row.key
            for metric in metrics_of([received(state, request(*metrics))])
            if metric.encoded is not None
            for row in metric.encoded.rows()
        ]

    same = keys(ci("m", ("a",), ("1",), 5), ci("m", ("a",), ("1",), 6, T + 20))
    others = keys(
        ci("m", ("a",), ("2",)),
        ci("m", ("b",), ("1",)),
        metric("m", 4, ("a",), [(("1",), [point(1)])], start=S + 1),
        metric("m", 1, ("a",), [(("1",), [point(1)])]),
    )
    assert (len(set(same)), len({*same, *others})) == (1, 5)


@pytest.mark.parametrize(
    ("limit", "reports"),
    [
        ("MAX_LAYOUTS", [request(ci(f"m{i}")) for i in range(5)]),
        ("MAX_KNOWN_LABELS", [request(ci("m", ("a",), (str(i),))) for i in range(5)]),
    ],
)
def test_caches_are_bounded(
    monkeypatch: pytest.MonkeyPatch, limit: str, reports: list[bytes]
) -> None:
    """A full cache begins anew, is counted, and changes no answer."""
    monkeypatch.setattr(decode, limit, 2)
    counts = Counts()
    decoder = Decoder(counts)
    state = StreamState(decoder, "10.0.0.1")
    state.receive(HELLO, 0)
    lines = read_rows([received(state, raw) for raw in reports])
    assert (len(lines), counts) == (5, {"cache_cleared": 2})
    assert max(len(decoder.layouts), len(decoder.known_labels)) <= 2


def test_metric_resources_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """So are the resources of metrics that have their own."""
    monkeypatch.setattr(stream, "MAX_METRIC_RESOURCES", 2)
    counts = Counts()
    state = new_state(counts)
    for i in range(5):
        own = ci("m")
        own.resource.CopyFrom(resource("", {"i": str(i)}))
        received(state, request(own))
    assert counts == {"cache_cleared": 2}


def test_large_descriptors_and_labels_are_not_remembered() -> None:
    """What would fill memory is decoded each time."""
    decoder = Decoder(Counts())
    state = StreamState(decoder, "10.0.0.1")
    state.receive(HELLO, 0)
    raw = request(ci("m" * 5000, ("a",), ("x" * 3000,)))
    assert len(read_rows([received(state, raw), received(state, raw)])) == 2
    assert (len(decoder.layouts), len(decoder.known_labels)) == (0, 0)


def test_undecodable_descriptor() -> None:
    """It costs its metric alone."""
    bad = b"\x12\x05\x0a\x03\x0a\x01\xff"
    counts = Counts()
    batch = received(new_state(counts), bad + request(ci("good")))
    assert ([m.header.name for m in metrics_of([batch])], counts) == (
        ["good"],
        {"undecodable_metric": 1},
    )


BAD_SERIES = {
    "no protobuf": b"\xff",
    "label value": b"\x12\x02\x0a\x7f",
    "label text": b"\x12\x03\x0a\x01\xff",
}


@pytest.mark.parametrize("series", BAD_SERIES.values(), ids=BAD_SERIES)
def test_undecodable_series(series: bytes) -> None:
    """It costs itself alone, for both readers."""
    good = ci("m")
    body = good.SerializeToString() + b"\x12" + bytes([len(series)]) + series
    counts = Counts()
    (only,) = metrics_of([received(new_state(counts), b"\x12" + bytes([len(body)]) + body)])
    assert only.encoded is not None
    assert (len(list(only.encoded.rows())), counts) == (1, {"undecodable_series": 1})
    assert (len(only.data_points), counts) == (1, {"undecodable_series": 2})


def test_start_time_that_is_none() -> None:
    """A start time that is no Timestamp, negative or absent is unknown (0)."""
    state = new_state()
    starts = []
    for prefix in (b"", b"\x0a\x01\xff", b"\x0a\x0b\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"):
        good = metric("m", 4, (), [((), [point(1)])], start=None)
        series = prefix + good.timeseries[0].SerializeToString()
        del good.timeseries[:]
        body = good.SerializeToString() + b"\x12" + bytes([len(series)]) + series
        (only,) = metrics_of([received(state, b"\x12" + bytes([len(body)]) + body)])
        assert isinstance(only.encoded, WireMetric)
        starts += [only.encoded.describe(row.key)[1] for row in only.encoded.rows()]
    assert starts == [0, 0, 0]


def test_broken_exemplar() -> None:
    """What only decoding whole reads costs the series only there: its row stands."""
    good = metric("m", CUMULATIVE_DISTRIBUTION)
    buckets = b"\x2a\x04\x12\x02\x0a\xff"
    value = b"\x08\x04" + buckets
    wire_point = b"\x0a\x02\x08\x05\x22" + bytes([len(value)]) + value
    series = b"\x1a" + bytes([len(wire_point)]) + wire_point
    body = good.SerializeToString() + b"\x12" + bytes([len(series)]) + series
    counts = Counts()
    (only,) = metrics_of([received(new_state(counts), b"\x12" + bytes([len(body)]) + body)])
    assert only.encoded is not None
    assert ([row.value for row in only.encoded.rows()], counts) == ([4], {})
    assert (only.data_points, counts) == ([], {"undecodable_series": 1})


REAL = [
    event.raw
    for name in ("busy", "trace-unimplemented", "low-cardinality")
    for events in load_sessions()[name].streams().values()
    for event in events[:2]
    if event.raw is not None
]


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """Real bytes with some of them changed, cut out or doubled."""
    raw = draw(st.sampled_from(REAL))
    cuts = sorted(draw(st.lists(st.integers(0, len(raw)), min_size=1, max_size=6)))
    pieces = [raw[begin:end] for begin, end in pairwise([0, *cuts, len(raw)])]
    for index in range(1, len(pieces)):
        pieces[index] = draw(st.binary(max_size=3)) + pieces[index][draw(st.integers(0, 3)) :]
    return b"".join(pieces)


def accepted(state: StreamState, raw: bytes) -> None:
    """Read `raw` whole with both readers; only documented errors may come out."""
    try:
        batch = state.receive(raw, 0)
    except (DecodeError, FirstMessageError):
        return
    for metric_ in metrics_of([batch] if batch is not None else []):
        assert metric_.encoded is not None
        for row in metric_.encoded.rows():
            assert 0 < row.time_unix_nano < 2**63
            metric_.encoded.describe(row.key)
            hash(row.key)
        assert isinstance(metric_.data_points, list)


@settings(max_examples=200, deadline=None)
@given(raw=st.binary(max_size=200) | mutated())
@example(raw=b"")
@example(raw=b"\x12\x00")
def test_any_bytes(raw: bytes) -> None:
    """Any bytes, as first message and later, give a batch, nothing, or a documented error; all else is counted."""
    counts = Counts()
    accepted(StreamState(Decoder(counts), "10.0.0.1"), raw)
    accepted(new_state(counts), raw)
    assert set(counts) <= {str(reason) for reason in Refusal}
