"""Where the fields of a protobuf message begin and end; for what is looked at once and remembered."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
"""Wire types: the lowest three bits of a tag."""
_MORE = 0x80
"""From this on a byte of a number is followed by another."""


class WalkError(ValueError):
    """The bytes are no message, or one with field numbers above 15."""


class Field(NamedTuple):
    """A field: its number times 8 plus its wire type, and where its value stands."""

    tag: int
    begin: int
    end: int


def fields(raw: bytes, at: int, end: int) -> Iterator[Field]:
    """Yield the fields of the message in `raw[at:end]`, in wire order.

    Raises:
        WalkError: it cannot be walked.
    """
    while at < end:
        tag = raw[at]
        begin, size = _extent(raw, tag, at + 1)
        at = begin + size
        if tag >= _MORE or at > end:
            raise WalkError
        yield Field(tag, begin, at)


def varint(raw: bytes, at: int) -> tuple[int, int]:
    """Return the number that begins at `at`, and where it ends.

    Raises:
        IndexError: it does not end.
    """
    number = shift = 0
    while True:
        byte = raw[at]
        at += 1
        number |= (byte & (_MORE - 1)) << shift
        if byte < _MORE:
            return number, at
        shift += 7


def _extent(raw: bytes, tag: int, at: int) -> tuple[int, int]:
    """Return where a value begins and how long it is."""
    wire_type = tag & 7
    if wire_type == _FIXED64:
        return at, 8
    if wire_type == _FIXED32:
        return at, 4
    if wire_type not in {_VARINT, _BYTES}:
        raise WalkError
    try:
        number, after = varint(raw, at)
    except IndexError as error:
        raise WalkError from error
    return (after, number) if wire_type == _BYTES else (at, after - at)
