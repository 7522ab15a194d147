"""How much memory the process may take, and how much it takes: control groups v1 and v2, and Linux' own figures.

Every reader takes the root of the file system, and returns None where the machine does not tell.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")
_V2, _V1 = "sys/fs/cgroup", "sys/fs/cgroup/memory"
_V2_LIMIT, _V1_LIMIT = "memory.max", "memory.limit_in_bytes"
_UNLIMITED_BYTES = 1 << 62
"""Version 1 writes the largest multiple of a page where there is no limit."""
_KIB = 1024


def memory_limit_bytes(root: Path = ROOT) -> int | None:
    """Return the limit of the process's control group, or the machine's memory if that is less or there is no limit."""
    known = [size for size in (cgroup_limit_bytes(root), machine_memory_bytes(root)) if size]
    return min(known, default=None)


def cgroup_limit_bytes(root: Path = ROOT) -> int | None:
    """Return the least limit of the process's control group and of those above it; None without one."""
    limits = [_number(file) for file in _limit_files(root)]
    return min((each for each in limits if each and each < _UNLIMITED_BYTES), default=None)


def machine_memory_bytes(root: Path = ROOT) -> int | None:
    """Return the memory of the machine."""
    for line in _text(root / "proc/meminfo").splitlines():
        name, _, rest = line.partition(":")
        words = rest.split()
        if name == "MemTotal" and words and words[0].isdecimal():
            return int(words[0]) * _KIB
    return None


def resident_bytes(root: Path = ROOT) -> int | None:
    """Return the resident memory of this process."""
    words = _text(root / "proc/self/statm").split()
    if len(words) < 2 or not words[1].isdecimal():
        return None
    return int(words[1]) * os.sysconf("SC_PAGESIZE")


def _limit_files(root: Path) -> Iterator[Path]:
    """Yield the files that may hold a limit, from the process's group up to the root of the hierarchy.

    A container sees its own group as the root, or the group's whole path and only its own directory at the root.
    """
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if not controllers:
            yield from _upwards(root / _V2, group, _V2_LIMIT)
        elif "memory" in controllers.split(","):
            yield from _upwards(root / _V1, group, _V1_LIMIT)


def _upwards(top: Path, group: str, name: str) -> Iterator[Path]:
    parts = [part for part in group.split("/") if part not in {"", ".."}]
    for depth in range(len(parts), -1, -1):
        yield top.joinpath(*parts[:depth], name)


def _number(file: Path) -> int | None:
    text = _text(file).strip()
    return int(text) if text.isascii() and text.isdecimal() else None


def _text(file: Path) -> str:
    try:
        return file.read_text("ascii", "replace")
    except (OSError, ValueError):
        return ""
