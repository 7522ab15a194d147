"""Bodies in every Content-Encoding, whole, cut, wrong and far too large."""

from __future__ import annotations

import resource
import subprocess
import sys
import zlib
from contextlib import suppress

import cramjam
import pytest
from hypothesis import given
from hypothesis import strategies as st

from receivers.errors import DecodeError
from receivers.otlp.compression import (
    ENCODINGS,
    TooLargeError,
    UnsupportedEncodingError,
    decompress,
)
from tests.support.otlp_requests import packed

TEXT = b"some metrics, " * 100
LIMIT = len(TEXT)
_RAW = zlib.compressobj(wbits=-15)
PACKED = {
    "gzip": packed(TEXT),
    "gzip, two members": packed(TEXT[:70]) + packed(TEXT[70:]),
    "deflate": zlib.compress(TEXT),
    "zlib": zlib.compress(TEXT),
    "deflate, raw": _RAW.compress(TEXT) + _RAW.flush(),
    "zstd": bytes(cramjam.zstd.compress(TEXT)),
    "zstd, two frames": bytes(cramjam.zstd.compress(TEXT[:9]))
    + bytes(cramjam.zstd.compress(TEXT[9:])),
    "snappy": bytes(cramjam.snappy.compress_raw(TEXT)),
    "snappy, framed": bytes(cramjam.snappy.compress(TEXT)),
    "x-snappy-framed": bytes(cramjam.snappy.compress(TEXT)),
    "lz4": bytes(cramjam.lz4.compress(TEXT)),
}
"""Encoding, and which form of it -> TEXT in it."""


def encoding_of(form: str) -> str:
    return form.partition(",")[0]


@pytest.mark.parametrize("form", PACKED)
def test_whole(form: str) -> None:
    """Every form of every encoding is read; the limit is a size that is still taken."""
    assert decompress(PACKED[form], encoding_of(form), LIMIT) == TEXT


@pytest.mark.parametrize("form", PACKED)
def test_over_the_limit(form: str) -> None:
    """One byte more than the limit is too much."""
    with pytest.raises(TooLargeError, match=f"larger than the limit of {LIMIT - 1} bytes"):
        decompress(PACKED[form], encoding_of(form), LIMIT - 1)


@pytest.mark.parametrize("form", PACKED)
def test_cut(form: str) -> None:
    """A body that ends too early is an error, never half a message."""
    whole = PACKED[form]
    for size in range(len(whole)):
        try:
            found = decompress(whole[:size], encoding_of(form), LIMIT)
        except DecodeError:
            continue
        # Members and frames end where a sender may end too; nothing tells the one from the other.
        assert found in {b"", TEXT[:70], TEXT[:9]} or size > len(whole) - 4


@pytest.mark.parametrize(
    ("encoding", "body"),
    [
        ("gzip", b""),
        ("gzip", TEXT),
        ("gzip", PACKED["gzip"] + b"more"),
        ("gzip", PACKED["gzip"][:-8] + b"\0\0\0\0" + PACKED["gzip"][-4:]),
        ("deflate", b""),
        ("deflate", PACKED["deflate"] + b"more"),
        ("deflate", b"\xff\xff\xff"),
        ("zstd", TEXT),
        ("zstd", b""),
        ("snappy", b""),
        ("snappy", b"\xff" * 9),
        ("x-snappy-framed", TEXT),
        ("lz4", TEXT),
    ],
)
def test_wrong(encoding: str, body: bytes) -> None:
    """What is not in the encoding, or goes on after its end, is an error that names the encoding."""
    with pytest.raises(DecodeError, match=encoding.removeprefix("x-").removesuffix("-framed")):
        decompress(body, encoding, LIMIT)


def test_empty_content() -> None:
    """A body of nothing, packed, is nothing."""
    assert decompress(packed(b""), "gzip", 0) == b""


def test_many_members() -> None:
    """A body of tens of thousands of gzip members is refused: it is work without content."""
    with pytest.raises(DecodeError, match="more than 1024 members"):
        decompress(packed(b"") * 10_000, "gzip", LIMIT)


def test_unsupported() -> None:
    """An encoding that is not taken is told by its name."""
    with pytest.raises(UnsupportedEncodingError, match="unsupported Content-Encoding: br"):
        decompress(b"", "br", LIMIT)


@given(st.binary(max_size=300), st.sampled_from(ENCODINGS))
def test_any_bytes(body: bytes, encoding: str) -> None:
    """Any bytes in any encoding are content within the limit or a DecodeError."""
    with suppress(DecodeError):
        assert len(decompress(body, encoding, 1000)) <= 1000


_BOMB = """
import resource, sys, zlib
import cramjam
from receivers.otlp.compression import TooLargeError, decompress

encoding, piece, pieces = sys.argv[1], bytes(1 << 20), 1024
if encoding in {"gzip", "deflate"}:
    packer = zlib.compressobj(1, wbits=31 if encoding == "gzip" else 15)
    body = b"".join(packer.compress(piece) for _ in range(pieces)) + packer.flush()
else:
    packer = {"zstd": cramjam.zstd, "lz4": cramjam.lz4}.get(encoding, cramjam.snappy).Compressor()
    body = b""
    for _ in range(pieces):
        packer.compress(piece)
        body += bytes(packer.flush())
    body += bytes(packer.finish())
del packer, piece
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
try:
    decompress(body, encoding, 16 << 20)
except TooLargeError:
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd", "lz4", "x-snappy-framed"])
def test_bombs(encoding: str) -> None:
    """1 GiB of zeros takes no more memory than twice the limit of 16 MiB before it is refused."""
    done = subprocess.run(
        [sys.executable, "-c", _BOMB, encoding], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) * 1024 <= 40 << 20, resource.getpagesize()


def test_snappy_bomb() -> None:
    """A snappy block that declares more than the limit is refused unread."""
    with pytest.raises(TooLargeError):
        decompress(b"\xff\xff\xff\xff\x0f", "snappy", 16 << 20)
