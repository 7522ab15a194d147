"""Recorded requests at another time."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receivers.errors import DecodeError
from receivers.opencensus import schema
from receivers.opencensus.replay import shift_request
from tests.support.golden import load_sessions

REQUEST = schema.message_class("opencensus.proto.agent.metrics.v1.ExportMetricsServiceRequest")
SESSION = load_sessions()["three-callers"]
NODE, REPORT = (message.raw or b"" for message in next(iter(SESSION.streams().values()))[:2])


@pytest.mark.parametrize("raw", [NODE, REPORT], ids=["first message", "report"])
def test_there_and_back(raw: bytes) -> None:
    """Moving there and back gives what was there; nothing but times changes."""
    there = shift_request(raw, 123_456_789)
    assert there != raw
    assert REQUEST.FromString(shift_request(there, -123_456_789)) == REQUEST.FromString(raw)


def test_all_times() -> None:
    """Node start, start times and point times move by the same."""
    node = [
        REQUEST.FromString(raw).node.identifier.start_timestamp
        for raw in (NODE, shift_request(NODE, 1_500))
    ]
    series = [
        next(
            metric.timeseries[0] for metric in REQUEST.FromString(raw).metrics if metric.timeseries
        )
        for raw in (REPORT, shift_request(REPORT, 1_500))
    ]
    times = [
        node,
        [one.start_timestamp for one in series],
        [one.points[0].timestamp for one in series],
    ]
    assert [after.ToNanoseconds() - before.ToNanoseconds() for before, after in times] == [
        1_500_000_000
    ] * 3


@settings(max_examples=100, deadline=None)
@given(raw=st.binary(max_size=200), by_ms=st.integers(-(2**40), 2**40))
def test_any_bytes(raw: bytes, by_ms: int) -> None:
    """Any bytes are a request or a DecodeError."""
    with suppress(DecodeError):
        assert isinstance(shift_request(raw, by_ms), bytes)


def test_no_request() -> None:
    """What is no request is named."""
    with pytest.raises(DecodeError, match="cannot decode OpenCensus metrics request"):
        shift_request(b"\xff", 1)
