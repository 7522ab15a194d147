"""Bodies of HTTP requests, compressed as the collector's clients do it."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import cramjam

Compress = Callable[[bytes], bytes]

INLINE_BYTES: Final = 32 * 1024
"""Larger bodies are compressed by a worker thread: gzip takes about 1 ms for so many."""


def _gzip(body: bytes) -> bytes:
    return zlib.compress(body, wbits=31)


def _zstd(body: bytes) -> bytes:
    return bytes(cramjam.zstd.compress(body))


def snappy_block(body: bytes) -> bytes:
    """Return `body` in snappy's block format, as remote write wants it."""
    return bytes(cramjam.snappy.compress_raw(body))


COMPRESSIONS: Mapping[str, Compress] = MappingProxyType(
    {
        "gzip": _gzip,
        "zlib": zlib.compress,
        "deflate": zlib.compress,
        "zstd": _zstd,
        "snappy": snappy_block,
        "x-snappy-framed": lambda body: bytes(cramjam.snappy.compress(body)),
        "lz4": lambda body: bytes(cramjam.lz4.compress(body)),
    }
)
"""Content-Encoding -> how."""


async def compressed(body: bytes, compress: Compress) -> bytes:
    """Return `body` compressed, off the event loop if it is large."""
    if len(body) <= INLINE_BYTES:
        return compress(body)
    return await asyncio.to_thread(compress, body)
