"""Converters that hash text (spec/ottl.md 4.4). Hashes identify here, they protect nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

from daemon.ottl.functions.conversions import wrap_int64
from daemon.ottl.functions.declare import TARGET, plain
from daemon.ottl.functions.gotext import to_utf8
from daemon.ottl.functions.signature import Converter, Function
from daemon.ottl.values import Value

_FNV_BASIS: Final = 0xCBF29CE484222325
_FNV_PRIME: Final = 0x100000001B3


def fnv(target: str) -> int:
    """Return the 64-bit FNV-1a hash as a signed integer."""
    digest = _FNV_BASIS
    for byte in to_utf8(target):
        digest = (digest ^ byte) * _FNV_PRIME % 2**64
    return wrap_int64(digest)


def _digest(algorithm: str, target: str) -> str:
    return hashlib.new(algorithm, to_utf8(target), usedforsecurity=False).hexdigest()


# mmh3 and xxhash are imported when a condition first asks for them: most daemons never do.


def _bind_murmur3(_literals: Mapping[str, Value]) -> Function:
    import mmh3  # noqa: PLC0415

    return lambda target: mmh3.hash(to_utf8(target), signed=False).to_bytes(4, "little").hex()


def _bind_murmur3_128(_literals: Mapping[str, Value]) -> Function:
    import mmh3  # noqa: PLC0415

    return lambda target: mmh3.hash_bytes(to_utf8(target)).hex()


def _bind_xxh3(_literals: Mapping[str, Value]) -> Function:
    import xxhash  # noqa: PLC0415

    return lambda target: xxhash.xxh3_64_hexdigest(to_utf8(target))


def _bind_xxh128(_literals: Mapping[str, Value]) -> Function:
    import xxhash  # noqa: PLC0415

    return lambda target: xxhash.xxh3_128_hexdigest(to_utf8(target))


def _lazy(name: str, bind: Callable[[Mapping[str, Value]], Function]) -> Converter:
    return Converter(name=name, params=(TARGET,), bind=bind)


CONVERTERS: Final[tuple[Converter, ...]] = (
    *(
        plain(name, partial(_digest, name.lower()), TARGET)
        for name in ("MD5", "SHA1", "SHA256", "SHA512")
    ),
    plain("FNV", fnv, TARGET),
    _lazy("Murmur3Hash", _bind_murmur3),
    _lazy("Murmur3Hash128", _bind_murmur3_128),
    _lazy("XXH3", _bind_xxh3),
    _lazy("XXH128", _bind_xxh128),
)
