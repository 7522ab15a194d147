"""A dump as a file: whole or not at all."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from daemon.snapshot.file import MAGIC, SnapshotError, SnapshotWriter, _decode, read_snapshot

SLICES: list[dict[str, Any]] = [
    {"at_ms": 5, "held": {}},
    {
        "labels": [[("a", "b"), ("__name__", "ü")]],
        "times_ms": np.array([1, -(2**63)], np.int64),
        "values": np.array([0x7FF0000000000002, 3], np.uint64).view(np.float64),
    },
    {"empty": np.zeros(0, np.int64)},
]


def written(path: Path) -> bytes:
    writer = SnapshotWriter(path)
    writer.open()
    for one in SLICES:
        writer.add(one)
    writer.commit()
    assert writer.size_bytes == path.stat().st_size
    return path.read_bytes()


def test_what_is_written_is_read(tmp_path: Path) -> None:
    """Lists, numbers and texts come back, and arrays bit by bit, stale markers included."""
    path = tmp_path / "snapshot"
    written(path)
    first, second, third = read_snapshot(path)
    assert first == SLICES[0]
    assert second["labels"] == [[["a", "b"], ["__name__", "ü"]]]
    assert second["times_ms"].tolist() == [1, -(2**63)]
    assert second["values"].view(np.uint64).tolist() == [0x7FF0000000000002, 3]
    assert third["empty"].tolist() == []


def test_a_writer_that_is_abandoned_changes_nothing(tmp_path: Path) -> None:
    """The old file stays, and nothing else is left."""
    path = tmp_path / "snapshot"
    before = written(path)
    writer = SnapshotWriter(path)
    writer.open()
    writer.add(SLICES[0])
    writer.abandon()
    assert (path.read_bytes(), [one.name for one in tmp_path.iterdir()]) == (before, ["snapshot"])


def test_every_cut_is_noticed(tmp_path: Path) -> None:
    """However short the file is cut, it is no snapshot."""
    path = tmp_path / "snapshot"
    whole = written(path)
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        with pytest.raises(SnapshotError):
            read_snapshot(path)


@given(st.data())
def test_every_change_is_noticed(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """A byte that is another: it is no snapshot, or what is read is what was written."""
    path = tmp_path_factory.mktemp("changed") / "snapshot"
    whole = bytearray(written(path))
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(bytes(whole))
    with pytest.raises(SnapshotError):
        list(read_snapshot(path))


@given(st.binary(max_size=200))
def test_any_bytes(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    """Bytes of anybody's: slices, or the documented error."""
    path = tmp_path_factory.mktemp("any") / "snapshot"
    path.write_bytes(MAGIC + data)
    with contextlib.suppress(SnapshotError):
        list(read_snapshot(path))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """It is told apart from one that is broken."""
    with pytest.raises(FileNotFoundError):
        read_snapshot(tmp_path / "none")


def test_numbers_beyond_any() -> None:
    """A part that is whole and speaks of more array elements than a machine can count is the documented error."""
    text = b'{"arrays":[["times_ms","<i8",' + b"9" * 30 + b"]]}"
    with pytest.raises(SnapshotError, match="cannot be read"):
        _decode(text, b"")
