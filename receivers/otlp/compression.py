"""Request bodies decompressed within a limit: no body, however well packed, takes more memory than the limit allows.

TooLargeError and UnsupportedEncodingError are DecodeErrors too.
"""

from __future__ import annotations

import zlib
from types import ModuleType

from receivers.errors import DecodeError

ENCODINGS = ("gzip", "zstd", "zlib", "snappy", "deflate", "lz4", "x-snappy-framed")
"""What Content-Encoding may say, in the collector's own order; no encoding at all aside."""
IDENTITY = "identity"

_PIECE_BYTES = 64 * 1024
"""What zlib is handed at once: it copies what it leaves over, which a body of many members would make expensive."""
_MAX_MEMBERS = 1024
"""Of a gzip body: a log shipper's have a few; 16 MiB of empty ones would take seconds."""
_GZIP, _ZLIB, _RAW = 31, 15, -15
_FRAMED_SNAPPY = b"\xff\x06\x00\x00sNaPpY"
_FULL = "failed to write whole buffer"
"""cramjam's words for an output that does not fit."""


class TooLargeError(DecodeError):
    """A body that is larger than the limit, before or after decompression."""

    def __init__(self, limit_bytes: int) -> None:
        super().__init__("request body", f"it is larger than the limit of {limit_bytes} bytes")
        self.limit_bytes = limit_bytes

    def __str__(self) -> str:
        return f"request body too large: {self.cause.removeprefix('it is ')}"


class UnsupportedEncodingError(DecodeError):
    """A Content-Encoding that is not taken."""

    def __init__(self, encoding: str) -> None:
        super().__init__("request body", f"unsupported Content-Encoding: {encoding[:100]}")

    def __str__(self) -> str:
        return self.cause


def decompress(body: bytes, encoding: str, limit_bytes: int) -> bytes:
    """Return what `body` holds; `encoding` is one of ENCODINGS.

    Raises:
        TooLargeError: That is more than `limit_bytes`.
        UnsupportedEncodingError: There is no such encoding.
        DecodeError: The body is not what the encoding says, or ends too early.
    """
    if encoding == "gzip":
        return _gunzip(body, limit_bytes)
    if encoding in {"deflate", "zlib"}:
        return _inflate(body, encoding, limit_bytes)
    if encoding == "snappy" and not body.startswith(_FRAMED_SNAPPY):
        return _unsnap_block(body, limit_bytes)
    if encoding in {"zstd", "snappy", "x-snappy-framed", "lz4"}:
        return _with_cramjam(body, encoding, limit_bytes)
    raise UnsupportedEncodingError(encoding)


def _gunzip(body: bytes, limit_bytes: int) -> bytes:
    """Return the content of a gzip body, whose members follow one another (RFC 1952, 2.2)."""
    content, rest, members = bytearray(), memoryview(body), 0
    while rest or not members:
        members += 1
        if members > _MAX_MEMBERS:
            raise DecodeError("gzip body", f"it has more than {_MAX_MEMBERS} members")
        rest = _unzip(rest, _GZIP, content, limit_bytes, "gzip")
    return bytes(content)


def _inflate(body: bytes, encoding: str, limit_bytes: int) -> bytes:
    """Return the content of a body in zlib's format or, where its header is missing, of raw deflate."""
    content = bytearray()
    window = _ZLIB if _has_zlib_header(body) else _RAW
    if _unzip(memoryview(body), window, content, limit_bytes, encoding):
        raise DecodeError(f"{encoding} body", "something follows its end")
    return bytes(content)


def _has_zlib_header(body: bytes) -> bool:
    return len(body) < 2 or (body[0] & 0x0F == 8 and int.from_bytes(body[:2]) % 31 == 0)


def _unzip(
    body: memoryview, window: int, content: bytearray, limit_bytes: int, encoding: str
) -> memoryview:
    """Append to `content` what one member of `body` holds, and return what follows it."""
    unpacker, at = zlib.decompressobj(window), 0
    pending = b""
    try:
        while not unpacker.eof:
            if not pending and at == len(body):
                raise DecodeError(f"{encoding} body", "it ends too early")
            if not pending:
                pending = bytes(body[at : at + _PIECE_BYTES])
                at += len(pending)
            room = limit_bytes + 1 - len(content)
            content += unpacker.decompress(pending, room)
            if len(content) > limit_bytes:
                raise TooLargeError(limit_bytes)
            pending = unpacker.unconsumed_tail
    except zlib.error as error:
        raise DecodeError(f"{encoding} body", _reason(error)) from error
    return body[at - len(unpacker.unused_data) :]


def _reason(error: zlib.error) -> str:
    """Return zlib's own words without its numbers."""
    return str(error).rpartition(": ")[2]


def _unsnap_block(body: bytes, limit_bytes: int) -> bytes:
    """Return the content of a snappy block, which says its length in front."""
    cramjam = _cramjam()
    try:
        if cramjam.snappy.decompress_raw_len(body) > limit_bytes:
            raise TooLargeError(limit_bytes)
        return bytes(cramjam.snappy.decompress_raw(body))
    except cramjam.DecompressionError as error:
        raise DecodeError("snappy body", str(error)) from error


def _with_cramjam(body: bytes, encoding: str, limit_bytes: int) -> bytes:
    """Return the content of a body in frames; they are read into a buffer of the limit's size and not beyond."""
    cramjam = _cramjam()
    codec = {"zstd": cramjam.zstd, "lz4": cramjam.lz4}.get(encoding, cramjam.snappy)
    # The operating system gives zeroed pages as they are written to, so a small body takes little of it.
    content = bytearray(limit_bytes + 1)
    try:
        size = codec.decompress_into(body, content)
    except cramjam.DecompressionError as error:
        if str(error) == _FULL:
            raise TooLargeError(limit_bytes) from error
        raise DecodeError(f"{encoding} body", str(error)) from error
    if size > limit_bytes:
        raise TooLargeError(limit_bytes)
    with memoryview(content) as view:
        return bytes(view[:size])


def _cramjam() -> ModuleType:
    # Imported where it is used: 3 MB, which only who receives such bodies pays.
    import cramjam  # noqa: PLC0415

    return cramjam
