"""Converters that make identifiers: trace, span and profile ids, UUIDs (spec/ottl.md 4.4)."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping
from typing import Final

from daemon.ottl.errors import OttlBuildError, OttlEvaluationError
from daemon.ottl.functions.signature import Converter, Function, Param, ParamKind
from daemon.ottl.functions.times import Clock
from daemon.ottl.values import Opaque, Value


def read_id(name: str, size: int, data: bytes | None) -> Opaque:
    """Return the id that `size` bytes or twice as many hexadecimal digits give."""
    given = data or b""
    if len(given) == 2 * size:
        try:
            return Opaque(name, bytes.fromhex(given.decode("ascii").replace(" ", "?")))
        except ValueError:
            raise OttlEvaluationError(f"{name}: expected hexadecimal digits") from None
    if len(given) != size:
        raise OttlEvaluationError(
            f"{name}: expected {size} bytes or {2 * size} hexadecimal digits, got {len(given)}"
        )
    return Opaque(name, given)


def uuid_v4(*_ignored: Value) -> str:
    """Return a random UUID."""
    return str(uuid.uuid4())


def uuid_v7(context: Clock, *_ignored: Value) -> str:
    """Return a UUID that begins with the time of evaluation in milliseconds (RFC 9562, 5.7)."""
    milliseconds = context.now_unix_nano // 10**6 % 2**48
    number = milliseconds << 80 | secrets.randbits(80)
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    return str(uuid.UUID(int=number))


def _id(name: str, size: int) -> Converter:
    def bind(literals: Mapping[str, Value]) -> Function:
        literal = literals.get("target")
        if "target" not in literals or not isinstance(literal, bytes | None):
            return lambda target: read_id(name, size, target)
        try:
            known = read_id(name, size, literal)
        except OttlEvaluationError as error:
            raise OttlBuildError(str(error)) from None
        return lambda _target: known

    return Converter(name=name, params=(Param("target", ParamKind.BYTES_LIKE),), bind=bind)


CONVERTERS: Final[tuple[Converter, ...]] = (
    _id("TraceID", 16),
    _id("SpanID", 8),
    _id("ProfileID", 16),
    Converter(
        name="UUID", params=(), bind=lambda _literals: uuid_v4, volatile=True, takes_anything=True
    ),
    Converter(
        name="UUIDv7",
        params=(),
        bind=lambda _literals: uuid_v7,
        needs_context=True,
        volatile=True,
        takes_anything=True,
    ),
)
