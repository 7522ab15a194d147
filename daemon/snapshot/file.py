"""The store's dump as a file: atomic, versioned, checksummed (DESIGN 2, keda.md 4.4). No clock, no loop.

A file is a magic line and frames; a frame is the lengths of its JSON and of its arrays, a CRC-32 of both, and these. The
last frame is empty: a file without it was cut off. JSON holds a slice of the dump, and of its arrays names and types.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final

import numpy as np

from query.store.dump import Dump

MAGIC: Final = b"tallyd snapshot 1\n"
MAX_PART_BYTES: Final = 256 * 1024 * 1024
"""Of a frame's JSON or arrays: a slice of 2,000 series takes a few MB."""
_HEAD: Final = struct.Struct("<III")
_END: Final = _HEAD.pack(0, 0, 0)
_ARRAYS: Final = "arrays"
_DTYPES: Final = frozenset({"<i8", "<f8"})


class SnapshotError(Exception):
    """A file that is no snapshot, or not a whole one."""


class SnapshotWriter:
    """Writes slices beside the file that is to be, and puts them in its place at the end."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._beside = path.with_name(f"{path.name}.writing")
        self._file: BinaryIO | None = None
        self.size_bytes = 0

    def open(self) -> None:
        """Begin; whatever an earlier writer has left is overwritten. Raises OSError."""
        self._file = self._beside.open("wb")
        self._write(MAGIC)

    def add(self, dump: Mapping[str, Any]) -> None:
        """Write one slice. Raises OSError."""
        text, arrays = _encode(dump)
        self._write(_HEAD.pack(len(text), len(arrays), zlib.crc32(arrays, zlib.crc32(text))))
        self._write(text)
        self._write(arrays)

    def commit(self) -> None:
        """End, and let the file be what was written: after a crash it is the old or the new one. Raises OSError."""
        self._write(_END)
        file, self._file = self._open, None
        with file:
            file.flush()
            os.fsync(file.fileno())
        self._beside.replace(self._path)
        folder = os.open(self._path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def abandon(self) -> None:
        """Leave the file as it was; does nothing after `commit`."""
        file, self._file = self._file, None
        if file is not None:
            file.close()
            self._beside.unlink(missing_ok=True)

    @property
    def _open(self) -> BinaryIO:
        if self._file is None:
            raise OSError("the snapshot is not open")
        return self._file

    def _write(self, data: bytes) -> None:
        self._open.write(data)
        self.size_bytes += len(data)


def read_snapshot(path: Path) -> Iterator[Dump]:
    """Return the slices of the file one by one, after all of it was found to be whole.

    Raises:
        OSError: it cannot be read; FileNotFoundError if there is none.
        SnapshotError: it is another kind of file, of another version, cut off or changed; also from the iterator, for
            what is whole and yet not what a writer writes.
    """
    for _ in _parts(path):
        pass
    return (_decode(text, arrays) for text, arrays in _parts(path))


def _parts(path: Path) -> Iterator[tuple[bytes, bytes]]:
    with path.open("rb") as file:
        if file.read(len(MAGIC)) != MAGIC:
            raise SnapshotError(f"expected it to begin with {MAGIC.decode().strip()!r}")
        yield from _frames(file)


def _frames(file: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    while True:
        head = _read(file, _HEAD.size)
        text_bytes, array_bytes, checksum = _HEAD.unpack(head)
        if head == _END:
            return
        if max(text_bytes, array_bytes) > MAX_PART_BYTES:
            raise SnapshotError("a part that is longer than any")
        text, arrays = _read(file, text_bytes), _read(file, array_bytes)
        if zlib.crc32(arrays, zlib.crc32(text)) != checksum:
            raise SnapshotError(
                "the checksum is another: the file has changed since it was written"
            )
        yield text, arrays


def _read(file: BinaryIO, size: int) -> bytes:
    data = file.read(size)
    if len(data) < size:
        raise SnapshotError("cut off: it ends within a part")
    return data


def _encode(dump: Mapping[str, Any]) -> tuple[bytes, bytes]:
    arrays = {key: value for key, value in dump.items() if isinstance(value, np.ndarray)}
    plain: dict[str, Any] = {key: value for key, value in dump.items() if key not in arrays}
    plain[_ARRAYS] = [[key, array.dtype.str, len(array)] for key, array in arrays.items()]
    text = json.dumps(plain, separators=(",", ":")).encode()
    return text, b"".join(array.tobytes() for array in arrays.values())


def _decode(text: bytes, data: bytes) -> Dump:
    try:
        dump: Dump = json.loads(text)
        described: Iterable[tuple[str, str, int]] = dump.pop(_ARRAYS)
        start = 0
        for key, dtype, count in described:
            if dtype not in _DTYPES:
                raise SnapshotError(f"an array of {dtype!r}")
            dump[key] = np.frombuffer(data, dtype=dtype, count=count, offset=start)
            start += dump[key].nbytes
    except (
        ValueError,
        KeyError,
        TypeError,
        AttributeError,
        OverflowError,
        RecursionError,
    ) as error:
        raise SnapshotError(f"a part that cannot be read: {error!r}") from error
    return dump
