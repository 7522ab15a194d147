"""A TimeSeries cut by slices is what the message class makes of it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from receivers.opencensus import schema
from receivers.opencensus.series import cut_any_series, cut_series, label_values_of
from tests.support.golden import load_sessions
from tests.support.opencensus_messages import metric, point

LONG = "x" * 200


def _shown(cut: tuple[bytes, bytes, Any]) -> tuple[bytes, bytes, list[bytes]]:
    start, labels, points = cut
    return start, labels, [one.SerializeToString() for one in points]


def _series(*values: str | None, points: int = 1, start: int | None = 7) -> bytes:
    rows = [(values, [point(5, 60.0 + number) for number in range(points)])]
    raw: bytes = metric(rows=rows, start=start).timeseries[0].SerializeToString()
    return raw


@pytest.mark.parametrize(
    "raw",
    [
        _series("a", "b"),
        _series("a", None, ""),
        _series(),
        _series("a", start=None),
        _series("a", points=2),
        _series("a", points=0),
        _series("a", LONG),
        _series("a") + _series("b", points=0),
        _series("a", points=0, start=None) + _series(points=0),
        b"",
    ],
    ids=[
        "usual", "absent value", "no label", "no start", "two points", "no point",
        "long value", "out of order", "start last", "empty",
    ],
)  # fmt: skip
def test_forms(raw: bytes) -> None:
    """Every form is cut alike, whatever the order and number of its fields."""
    assert _shown(cut_series(raw)) == _shown(cut_any_series(raw))


def test_real_series() -> None:
    """So is every series that daprd ever sent us."""
    raws = [
        series
        for session in load_sessions().values()
        for event in session.events
        if event.is_metrics and event.raw
        for one in schema.RequestParts.FromString(event.raw).metrics
        for series in one.timeseries
    ]
    assert [_shown(cut_series(raw)) for raw in raws] == [
        _shown(cut_any_series(raw)) for raw in raws
    ]


FIELDS = st.sampled_from(
    [
        b"\x0a",
        b"\x12",
        b"\x1a",
        b"\x1a\x80",
        b"\x1a\x85\x01",
        b"\x12\x83\x00",
        b"\x00",
        b"\x05",
        b"\x80",
    ]
)


@settings(max_examples=200, deadline=None)
@given(raw=st.lists(FIELDS | st.binary(max_size=4) | st.just(_series("a"))).map(b"".join))
def test_any_bytes(raw: bytes) -> None:
    """Any bytes are cut as the message class cuts them, or refused as it refuses them."""

    def outcome(cut: Any) -> Any:
        try:
            return _shown(cut(raw))
        except schema.WireError:
            return "refused"

    assert outcome(cut_series) == outcome(cut_any_series)


def test_label_values() -> None:
    """Label values are read from the bytes that stand for them."""
    _, labels, _ = cut_series(_series("a", None))
    values = label_values_of(labels)
    assert [(value.value, value.has_value) for value in values] == [(b"a", True), (b"", False)]
