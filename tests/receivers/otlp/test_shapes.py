"""Requests that look like one before them are read as arrays, and say what they say the long way."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.resources import Resource

import receivers.otlp.shapes as module
from receivers.errors import DecodeError
from receivers.otlp.request import ExportRequest
from receivers.otlp.shapes import key_of
from tests.receivers.otlp.reading import Reader, metrics, resources
from tests.support.otlp_messages import request_bytes
from tests.support.payload_text import written
from tests.support.payloads import payload

GAUGES = "gauge g [" + ", ".join(f"{n}{{k={n}}}" for n in range(8)) + "]"
USUAL = (
    "R{service.instance.id=a} S s@1 gauge g [1{k=a}@9, 2.5{k=b}@9, -3@9^2] csum c [5{k=a}@9^1, 6{k=b}@9^1] cud u [7.5@9]"
    " S t chist h [h(6;12.5;1,2.5;1,2,3;0.5;4){k=a}@9^1, h(2;0;1,2.5;2,0,0){k=b}@9^1]"
)
LATER = (
    "R{service.instance.id=a} S s@1 gauge g [-4{k=a}@19, NaN{k=b}@19, 3@18^5] csum c [5{k=a}@19^1, 9{k=b}@19^1] cud u [-0.5@19]"
    " S t chist h [h(9;99.5;1,2.5;4,2,3;0.25;9){k=a}@19^1, h(1;1;1,2.5;1,0,0){k=b}@19^1]"
)


def take(reader: Reader, text: str | bytes) -> ExportRequest:
    """Decode a request and read its rows, as the windows do."""
    request = reader.request(text)
    for metric in metrics(request):
        assert metric.encoded is not None
        metric.encoded.rows()
    return request


def learned(text: str) -> Reader:
    """A decoder that has seen a request twice."""
    reader = Reader()
    for _ in range(2):
        assert take(reader, text).columns is None
    return reader


def samples(request: ExportRequest) -> list[tuple[int, str]]:
    """Return time and value of every sample as rows tell them: the sums last; texts, for a NaN equals nothing."""
    rows = [row for metric in metrics(request) if metric.encoded for row in metric.encoded.rows()]
    sums = [(row.time_unix_nano, str(row.sum)) for row in rows if row.sum is not None]
    return [*[(row.time_unix_nano, str(float(row.value))) for row in rows], *sums]


def columns(request: ExportRequest) -> list[tuple[int, str]]:
    """Return the same as the columns tell them."""
    assert request.columns is not None
    values = [str(value) for value in request.columns.values.tolist()]
    return list(zip(request.columns.times_unix_nano.tolist(), values, strict=True))


def test_third_of_a_kind() -> None:
    """The third request that differs in times and values only is read as arrays, which say what its rows say."""
    request = learned(USUAL).request(LATER)
    assert request.columns is not None
    assert request.columns.are_of(resources(request))
    assert columns(request) == samples(request)
    assert request.columns.point_count == 8
    assert written(resources(request)) == Reader().whole(LATER)


def test_counts_points_once() -> None:
    """What is read as arrays counts as read, and once whoever else reads it."""
    request = learned(USUAL).request(LATER)
    assert request.columns is not None
    request.columns.note_read()
    assert request.rejections.kept == len(samples(request)) - 2
    request.columns.note_read()
    assert request.rejections.kept == len(samples(request)) - 2


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(USUAL.replace("5{k=a}@9^1", "5{k=a}@9^2"), id="another start"),
        pytest.param(USUAL.replace("6{k=b}", "6{k=c}"), id="another attribute"),
        pytest.param(USUAL.replace("instance.id=a", "instance.id=b"), id="another process"),
        pytest.param(USUAL.replace("cud u", "csum u"), id="another type"),
        pytest.param(USUAL.replace("2.5{k=b}", "2{k=b}"), id="a whole number"),
        pytest.param(USUAL.replace("1,2.5;1,2,3", "1,3.5;1,2,3"), id="another bound"),
        pytest.param(USUAL.replace("@9,", "@0.0,"), id="no time"),
        pytest.param(USUAL.replace("[7.5@9]", "[7.5@9999]"), id="ahead of the clock"),
        pytest.param(USUAL.replace("@9^1", "@0.5^1"), id="before its start"),
        pytest.param(USUAL + " gauge more [1]", id="longer"),
    ],
)
def test_other_requests(other: str) -> None:
    """A request that differs in anything else is read the long way, with the same result as ever."""
    reader = learned(USUAL)
    request = take(reader, other)
    fresh = Reader()
    assert request.columns is None
    assert samples(request) == samples(take(fresh, other))
    assert written(resources(reader.request(other))) == fresh.whole(other)
    assert reader.counts["no_time"] == fresh.counts["no_time"]
    assert reader.counts["too_far_ahead"] == fresh.counts["too_far_ahead"]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("gauge g [1, 2{k=2}]", id="few points"),
        pytest.param(GAUGES.replace("gauge", "dsum"), id="delta"),
        pytest.param(f"{GAUGES} cexp e [e(2;1;0;-1:2,3;4:1;12.5)]", id="exponential histogram"),
        pytest.param(f"{GAUGES} summ q [q(4;8;0.5=2)]", id="summary"),
        pytest.param(f"{GAUGES} gauge f [1{{a=1}}!1]", id="flags"),
        pytest.param(f"{GAUGES} gauge f [null]", id="no value"),
        pytest.param(f"{GAUGES} xsum f [1]", id="no temporality"),
        pytest.param(f"{GAUGES} none f []", id="no data"),
        pytest.param(f"R{{host.name=a}} {GAUGES} ;; R{{host.name=b}} {GAUGES}", id="two processes"),
    ],
)
def test_requests_without_shape(text: str) -> None:
    """What holds anything but good plain points is read the long way each time."""
    reader = Reader()
    for _ in range(5):
        assert take(reader, text).columns is None


def test_metrics_without_points_and_resources() -> None:
    """Metrics without points, and resources of one process, are no hindrance."""
    text = f"R{{host.name=a}} {GAUGES} gauge none [] ;; R{{host.name=a,x=1}} S s csum c [5@9]"
    request = learned(text).request(text)
    assert columns(request) == samples(request)


@given(
    st.lists(
        st.tuples(st.floats(0, 1, exclude_max=True), st.binary(min_size=1, max_size=9)), max_size=4
    )
)
def test_any_change_of_bytes(changes: Sequence[tuple[float, bytes]]) -> None:
    """Whatever bytes are put in place of others, a request is taken or refused as a decoder does that knows nothing."""
    raw = bytearray(request_bytes(payload(USUAL)))
    for where, new in changes:
        at = int(where * len(raw))
        raw[at : at + len(new)] = new[: len(raw) - at]
    knowing, fresh = learned(USUAL), Reader()
    try:
        expected = take(fresh, bytes(raw))
    except DecodeError:
        with pytest.raises(DecodeError):
            take(knowing, bytes(raw))
        return
    request = take(knowing, bytes(raw))
    assert samples(request) == samples(expected)
    assert [sender for sender, _ in request.batches] == [sender for sender, _ in expected.batches]
    assert knowing.counts == fresh.counts
    if request.columns is not None:
        assert columns(request) == samples(request)


@pytest.mark.parametrize("size", [0, 1, 2, 9, 40])
def test_key_of_odd_bytes(size: int) -> None:
    """Bytes that are no request have no shape, or one that nothing is found under."""
    for seed in range(50):
        key_of(random.Random(seed).randbytes(size))


def test_learns_anew() -> None:
    """A shape that is of no use any more makes room for the next one under the same key, at once if it served long."""
    reader = learned(USUAL)
    for _ in range(module.TRUSTED_AFTER):
        assert take(reader, USUAL).columns is not None
    other = USUAL.replace("6{k=b}", "6{k=c}")
    assert take(reader, other).columns is None
    assert take(reader, other).columns is None
    assert take(reader, other).columns is not None


def test_learns_rarely_what_alternates() -> None:
    """Two requests in turns under one key are learned the second time, the fourth, the eighth: not every time."""
    other = USUAL.replace("6{k=b}", "6{k=c}")
    reader, found = Reader(), []
    for at in range(40):
        found.append(take(reader, (USUAL, other)[at % 2]).columns is not None)
    assert 10 < sum(found) < 20


def test_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """There are no more shapes than there is room for; one of no use makes room, one of use does not."""
    monkeypatch.setattr(module, "MAX_SHAPES", 2)
    texts = [USUAL.replace("instance.id=a", f"instance.id={one}") for one in "abc"]
    reader = Reader()
    for text in texts[:2]:
        take(reader, text), take(reader, text)
    take(reader, texts[0])
    for _ in range(3):
        take(reader, texts[2])
    assert [take(reader, text).columns is not None for text in texts[:2]] == [True, True]
    for _ in range(70):
        take(reader, texts[2])
    assert take(reader, texts[2]).columns is not None
    assert [reader.request(text).columns is not None for text in texts[:2]].count(True) == 1


def test_sightings_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """What was seen once is forgotten when there is too much of it, which is counted."""
    monkeypatch.setattr(module, "MAX_SIGHTINGS", 2)
    reader = Reader()
    for one in "abc":
        reader.request(USUAL.replace("instance.id=a", f"instance.id={one}"))
    assert reader.counts == {"cache_cleared": 1}


def test_large_resources_have_no_shape() -> None:
    """A resource out of all proportion is no key."""
    large = "x" * module.MAX_KEY_BYTES
    text = USUAL.replace("instance.id=a", f"instance.id={large}")
    assert key_of(request_bytes(payload(text))) is None


def test_what_the_sdk_sends() -> None:
    """Requests of OpenTelemetry's SDK for Python are of one shape as long as the process reports the same series."""
    memory = InMemoryMetricReader()
    provider = MeterProvider(metric_readers=[memory], resource=Resource({"host.name": "a"}))
    meter = provider.get_meter("shop", "1.0")
    calls, latency, depth = (
        meter.create_counter("calls"),
        meter.create_histogram("latency", unit="ms"),
        meter.create_gauge("depth"),
    )
    reader, found = Reader(), []
    for report in range(6):
        for at in range(4):
            calls.add(at, {"k": at})
            latency.record(10.5 * at + report, {"k": at})
        depth.set(report)
        told = memory.get_metrics_data()
        assert told is not None
        raw = encode_metrics(told).SerializeToString()
        request = reader.decoder.decode(raw, peer="", at_ms=time.time_ns() // 1_000_000)
        found.append(request.columns is not None)
        if request.columns is not None:
            assert columns(request) == samples(request)
        samples(request)
    assert found == [False, False, True, True, True, True]
    provider.shutdown()
