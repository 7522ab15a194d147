"""Converters of `identifiers`: every row was answered so by the collector v0.153.0 unless a test says otherwise."""

from __future__ import annotations

from uuid import RFC_4122, UUID

import pytest

from daemon.ottl.errors import OttlError
from daemon.ottl.values import Opaque, Value
from tests.daemon.ottl.functions.calling import Row, call, identify, same

ROWS: list[Row] = [
    (
        "TraceID",
        ("0102030405060708090a0b0c0d0e0f10",),
        Opaque("TraceID", b"\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x0f\x10"),
    ),
    ("SpanID", ("0102030405060708",), Opaque("SpanID", b"\x01\x02\x03\x04\x05\x06\x07\x08")),
    ("SpanID", ("01020304",), Opaque("SpanID", b"01020304")),
    ("SpanID", ("abcdefgh",), Opaque("SpanID", b"abcdefgh")),
    (
        "ProfileID",
        ("0102030405060708090a0b0c0d0e0f10",),
        Opaque("ProfileID", b"\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x0f\x10"),
    ),
    ("SpanID", (5,), Opaque("SpanID", b"\x00\x00\x00\x00\x00\x00\x00\x05")),
]

ERRORS: list[tuple[str, tuple[Value, ...]]] = [
    ("TraceID", ("xx02030405060708090a0b0c0d0e0f10",)),
    ("TraceID", ("0102",)),
    ("SpanID", (None,)),
]


@pytest.mark.parametrize(("name", "arguments", "expected"), ROWS, ids=identify)
def test_answers(name: str, arguments: tuple[Value, ...], expected: Value) -> None:
    """Each function answers as the collector does, kind for kind."""
    assert same(call(name, *arguments), expected)


@pytest.mark.parametrize(("name", "arguments"), ERRORS, ids=identify)
def test_refusals(name: str, arguments: tuple[Value, ...]) -> None:
    """What the collector refuses at start-up or at evaluation is refused, and nothing but OttlError escapes."""
    with pytest.raises(OttlError):
        call(name, *arguments)


def test_uuid_is_random() -> None:
    """Each call gives another UUID of version 4."""
    first, second = call("UUID"), call("UUID")
    assert first != second
    assert UUID(str(first)).version == 4


def test_uuid_v7_begins_with_the_time() -> None:
    """The first 48 bits are the evaluation time in milliseconds; version and variant follow RFC 9562."""
    made = UUID(str(call("UUIDv7", now_ns=1_700_000_000_123_456_789)))
    assert (made.int >> 80, made.int >> 76 & 0xF, made.variant) == (1_700_000_000_123, 7, RFC_4122)
