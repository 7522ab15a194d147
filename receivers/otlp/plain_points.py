"""Data points in the form in which nearly every encoder writes them, read by slices.

Fields stand in order of their numbers, the attributes come last (of a histogram minimum and maximum may follow), flags
and exemplars are absent. What looks different goes by the message classes, which costs three times as much. Whether
bytes are attributes is not looked at: they are, if they were found to be before.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence
from typing import NamedTuple

from receivers.model import EncodedRow
from receivers.otlp.bounds import are_increasing

Known = Callable[[bytes], bytes | None]
"""Returns the attributes with these bytes, if they are known to be good."""
Rows = list[EncodedRow | None]
"""One for each point; None for one that is to be read by the message classes. A key is start time and attributes."""

_new_row = tuple.__new__
"""Makes an `EncodedRow` in half the time of its own constructor, which is a Python function."""

# Fields as they begin on the wire: number times 8, and 1 for "8 bytes follow" or 2 for "length and bytes follow".
_START, _TIME, _AS_DOUBLE, _AS_INT = 0x11, 0x19, 0x21, 0x31
_COUNT, _SUM, _COUNTS, _BOUNDS, _MIN, _MAX = 0x21, 0x29, 0x32, 0x3A, 0x59, 0x61
_LONG = 0x80
_DOUBLES = struct.Struct("<BQBQBd")
_INTS = struct.Struct("<BQBQBq")
_HISTOGRAM = struct.Struct("<BQBQBQBd")
_MAX_BOUNDS_BYTES = 4096
"""500 bounds; SDKs have 15."""
_STARTS = bytes((_START,))
_NO_START = bytes((_START, *bytes(8)))


def read_numbers(raws: Sequence[bytes], known: Known, latest: int, keeps_start: bool) -> Rows:
    """Return the points of a gauge or sum; `latest` is the last good time."""
    rows: Rows = []
    # A metric's values are all whole numbers or all are not.
    unpack, expected = _INTS.unpack_from, _AS_INT
    for raw in raws:
        whole = raw if raw[:1] == _STARTS else _NO_START + raw
        attributes = known(whole[27:])
        if attributes is None or len(whole) < 27:
            rows.append(None)
            continue
        first, start, second, time, third, value = unpack(whole)
        if third != expected:
            if third == _AS_DOUBLE:
                unpack, expected = _DOUBLES.unpack_from, _AS_DOUBLE
            else:
                unpack, expected = _INTS.unpack_from, _AS_INT
            value = unpack(whole)[5]
        if (
            start <= time <= latest
            and time
            and third == expected
            and first == _START
            and second == _TIME
        ):
            key = (start if keeps_start else 0, attributes)
            rows.append(_new_row(EncodedRow, (key, time, value, None)))
        else:
            rows.append(None)
    return rows


def read_histograms(raws: Sequence[bytes], known: Known, latest: int, keeps_start: bool) -> Rows:
    """Return the points of a histogram with explicit bounds."""
    return [_read_histogram(raw, known, latest, keeps_start) for raw in raws]


def _read_histogram(raw: bytes, known: Known, latest: int, keeps_start: bool) -> EncodedRow | None:
    if len(raw) < _HISTOGRAM.size:
        return None
    first, start, second, time, third, count, fourth, total = _HISTOGRAM.unpack_from(raw)
    if (first, second, third, fourth) != (_START, _TIME, _COUNT, _SUM):
        return None
    if not start <= time <= latest or not time:
        return None
    counts, at = _cut(raw, _HISTOGRAM.size, _COUNTS)
    bounds, at = _cut(raw, at, _BOUNDS)
    end = len(raw)
    if at > end or len(counts) != len(bounds) + 8 or len(bounds) > _MAX_BOUNDS_BYTES:
        return None
    if end - at >= 18 and raw[end - 18] == _MIN and raw[end - 9] == _MAX:
        end -= 18
    attributes = known(raw[at:end])
    if attributes is None or not are_increasing(bounds):
        return None
    key = (start if keeps_start else 0, attributes)
    return _new_row(EncodedRow, (key, time, count, total))


def _cut(raw: bytes, at: int, tag: int) -> tuple[bytes, int]:
    """Return the bytes of the field that begins at `at` and where the next begins; none if it is another or long."""
    head = raw[at : at + 3]
    if len(head) < 3 or head[0] != tag:
        return b"", at
    size, begin = head[1], at + 2
    if size >= _LONG:
        if head[2] >= _LONG:
            return b"", at
        size, begin = size + ((head[2] - 1) << 7), at + 3
    return raw[begin : begin + size], begin + size


class Words(NamedTuple):
    """Where in a plain point the 8 bytes stand that may change from one report to the next, and its start time."""

    start: int
    time: int
    value: int
    total: int | None
    """A histogram's sum."""
    is_double: bool
    """Whether `value` is one, or else a whole number."""
    unread: Sequence[int]
    """Those that make no sample."""


def find_number(raw: bytes, keeps_start: bool) -> Words:
    """Return where the words of a point that `read_numbers` has read are."""
    at = 9 if raw[0] == _START else 0
    unread = (1,) if at and not keeps_start else ()
    start = int.from_bytes(raw[1:9], "little") if at else 0
    return Words(start, at + 1, at + 10, None, raw[at + 9] == _AS_DOUBLE, unread)


def find_histogram(raw: bytes, keeps_start: bool) -> Words:
    """Return where the words of a point that `read_histograms` has read are."""
    unread = [] if keeps_start else [1]
    counts, at = _cut(raw, _HISTOGRAM.size, _COUNTS)
    unread += range(at - len(counts), at, 8)
    _, at = _cut(raw, at, _BOUNDS)
    end = len(raw)
    if end - at >= 18 and raw[end - 18] == _MIN and raw[end - 9] == _MAX:
        unread += (end - 17, end - 8)
    start = int.from_bytes(raw[1:9], "little")
    return Words(start, 10, 19, 28, False, unread)
