"""Cuts a TimeSeries into start time, label values and points, of which only the points are decoded.

Start time and label values are the same bytes in every report of one process: as bytes they serve as a key and need no
decoding. Nearly every TimeSeries is written in order of field numbers and has one point, and that form is cut by three
slices here, which costs half of what the message class costs; any other form goes by the message class.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from receivers.opencensus import schema

# Any: message objects; protobuf ships no types.
Message = Any

_START, _LABEL, _POINT = 0x0A, 0x12, 0x1A
"""Fields 1, 2 and 3 as they begin on the wire: number times 8, and 2 for "length and bytes follow"."""
MAX_POINTS = 10_000
"""Of one series in one message; daprd sends one, and another for each report that had to wait."""
MAX_LABEL_VALUES = 1_000
"""As many as label keys; daprd has up to 7."""
_LONG = 0x80
"""From this on a length takes a second byte."""


class Cut(NamedTuple):
    """The parts of a TimeSeries; equal series have equal `start` and `labels` in whatever form they came."""

    start: bytes
    """A Timestamp."""
    labels: bytes
    """What `label_values_of` reads."""
    points: Sequence[Message]


def cut_series(raw: bytes) -> tuple[bytes, bytes, Sequence[Message]]:
    """Return the fields of `Cut`, as a plain tuple, which is quicker to make.

    Raises:
        WireError: `raw` is no TimeSeries; that label values are not read is no promise that they can be.
    """
    try:
        labels_at = 0
        if raw[0] == _START and (size := raw[1]) < _LONG:
            labels_at = 2 + size
        at = labels_at
        while raw[at] == _LABEL and (size := raw[at + 1]) < _LONG:
            at += 2 + size
        if raw[at] == _POINT:
            size, point_at = raw[at + 1], at + 2
            if size >= _LONG and (high := raw[point_at]) < _LONG:
                size, point_at = size - _LONG + (high << 7), at + 3
            if point_at + size == len(raw):
                point = schema.PointParts.FromString(raw[point_at:])
                return raw[2:labels_at], raw[labels_at:at], (point,)
    except IndexError:
        pass
    return cut_any_series(raw)


def cut_any_series(raw: bytes) -> Cut:
    """Return the same by the message class, whatever the order and number of fields; raises as `cut_series` does."""
    series = schema.TimeSeriesParts.FromString(raw)
    if len(series.points) > MAX_POINTS:
        raise schema.WireError(f"more than {MAX_POINTS} points")
    labels = schema.LabelValuesParts(label_values=series.label_values).SerializeToString()
    return Cut(series.start_timestamp, labels, series.points[:])


def label_values_of(labels: bytes) -> list[Message]:
    """Return the LabelValue messages in `labels`.

    Raises:
        WireError: they are none, or out of all proportion.
    """
    values = schema.LabelValuesParts.FromString(labels).label_values
    if len(values) > MAX_LABEL_VALUES:
        raise schema.WireError(f"more than {MAX_LABEL_VALUES} label values")
    return [schema.LabelValueParts.FromString(raw) for raw in values]
