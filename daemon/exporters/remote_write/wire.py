"""Series to the bytes of a WriteRequest, written field by field: there is no schema package to depend on (promql.md 6.1).

Bodies one after the other are one body with the content of both.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from query.labels import Labels

_DOUBLE = struct.Struct("<d")
_BITS = (1 << 64) - 1


class Span(NamedTuple):
    """So many buckets in a row, `offset` after the end of those before."""

    offset: int
    length: int


class NativeHistogram(NamedTuple):
    """One sample of a series that is a native histogram."""

    time_ms: int
    observations: int
    sum: float
    schema: int
    zero_threshold: float
    zero_count: int
    negative_spans: Sequence[Span]
    negative_deltas: Sequence[int]
    positive_spans: Sequence[Span]
    positive_deltas: Sequence[int]


class WireExemplar(NamedTuple):
    """One measurement of a series."""

    labels: Labels
    value: float
    time_ms: int


class Metadata(NamedTuple):
    """What a family is; `type` is a number of MetricMetadata.MetricType."""

    type: int
    family: str
    help: str
    unit: str


def encode_series(
    labels: Labels,
    samples: Iterable[tuple[int, float]],
    histograms: Iterable[NativeHistogram] = (),
    exemplars: Iterable[WireExemplar] = (),
) -> bytes:
    """Return one series as field 1 of a WriteRequest; samples are (Unix ms, value)."""
    parts = [_labels(labels)]
    parts += [_message(2, _double(1, value) + _int(2, time_ms)) for time_ms, value in samples]
    parts += [
        _message(3, _labels(one.labels) + _double(2, one.value) + _int(3, one.time_ms))
        for one in exemplars
    ]
    parts += [_message(4, _histogram(one)) for one in histograms]
    return _message(1, b"".join(parts))


def encode_metadata(metadata: Metadata) -> bytes:
    """Return the metadata of one family as field 3 of a WriteRequest."""
    fields = [_int(1, metadata.type), _text(2, metadata.family)]
    fields += [_text(number, text) for number, text in ((4, metadata.help), (5, metadata.unit))]
    return _message(3, b"".join(fields))


def _labels(labels: Labels) -> bytes:
    return b"".join([_label(*pair) for pair in labels])


@lru_cache(maxsize=16_384)
def _label(name: str, value: str) -> bytes:
    """Return one label; most are the same in every report, and looking one up takes a tenth of the time."""
    return _message(1, _text(1, name) + _text(2, value))


def _histogram(one: NativeHistogram) -> bytes:
    return b"".join(
        (
            _int(1, one.observations),
            _double(3, one.sum),
            _int(4, _zigzag(one.schema)),
            _double(5, one.zero_threshold),
            _int(6, one.zero_count),
            *(_message(8, _span(span)) for span in one.negative_spans),
            _packed(9, one.negative_deltas),
            *(_message(11, _span(span)) for span in one.positive_spans),
            _packed(12, one.positive_deltas),
            _int(15, one.time_ms),
        )
    )


def _span(span: Span) -> bytes:
    return _int(1, _zigzag(span.offset)) + _int(2, span.length)


def _packed(number: int, values: Sequence[int]) -> bytes:
    if not values:
        return b""
    return _message(number, b"".join(_varint(_zigzag(value)) for value in values))


def _zigzag(value: int) -> int:
    return (value << 1 ^ value >> 63) & _BITS


def _int(number: int, value: int) -> bytes:
    return _varint(number << 3) + _varint(value & _BITS) if value else b""


def _double(number: int, value: float) -> bytes:
    return _varint(number << 3 | 1) + _DOUBLE.pack(value)


def _text(number: int, text: str) -> bytes:
    return _message(number, text.encode("utf-8", "replace")) if text else b""


def _message(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    if value < 0x80:
        return bytes((value,))
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)
