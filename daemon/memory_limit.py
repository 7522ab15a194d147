"""How much memory the process may take, and how much it takes: control groups v1 and v2, and Linux' own figures.

Every reader takes the root of the file system, and returns None where the machine does not tell.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

ROOT = Path("/")


class _Version(NamedTuple):
    """Where a version of control groups keeps what it knows."""

    top: str
    limits: tuple[str, ...]
    usage: str
    idle_cache: str
    """In memory.stat: pages of files that go when others need the room."""


_V2: Final = _Version(
    "sys/fs/cgroup", ("memory.max", "memory.high"), "memory.current", "inactive_file"
)
"""Above memory.high the kernel slows the process down until nothing is answered in time: as good as a limit."""
_V1: Final = _Version(
    "sys/fs/cgroup/memory",
    ("memory.limit_in_bytes",),
    "memory.usage_in_bytes",
    "total_inactive_file",
)
_UNLIMITED_BYTES = 1 << 62
"""Version 1 writes the largest multiple of a page where there is no limit."""
_KIB = 1024


def memory_limit_bytes(root: Path = ROOT) -> int | None:
    """Return the limit of the process's control group, or the machine's memory if that is less or there is no limit."""
    known = [size for size in (cgroup_limit_bytes(root), machine_memory_bytes(root)) if size]
    return min(known, default=None)


def cgroup_limit_bytes(root: Path = ROOT) -> int | None:
    """Return the least limit of the process's control group and of those above it; None without one."""
    narrowest = _narrowest(root)
    return None if narrowest is None else narrowest.limit_bytes


def used_bytes(root: Path = ROOT) -> int | None:
    """Return what counts against `memory_limit_bytes`.

    Of a control group what kubectl and the kubelet call the working set: all that its processes hold, the kernel's part
    and socket buffers too, less the cache of files that goes by itself. Otherwise the process's resident memory.
    """
    narrowest, machine_bytes = _narrowest(root), machine_memory_bytes(root)
    own_bytes = resident_bytes(root)
    if narrowest is None or (machine_bytes and machine_bytes < narrowest.limit_bytes):
        return own_bytes
    set_bytes = narrowest.working_set_bytes()
    return own_bytes if set_bytes is None else set_bytes


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


class _Group(NamedTuple):
    """A control group that limits memory."""

    limit_bytes: int
    folder: Path
    version: _Version

    def working_set_bytes(self) -> int | None:
        usage_bytes = _number(self.folder / self.version.usage)
        if usage_bytes is None:
            return None
        idle_bytes = _figures(self.folder / "memory.stat").get(self.version.idle_cache, 0)
        return max(usage_bytes - idle_bytes, 0)


def _narrowest(root: Path) -> _Group | None:
    """Return the group with the least limit, the process's own or one above it."""
    groups = [
        _Group(limit_bytes, folder, version)
        for folder, version in _groups(root)
        for name in version.limits
        if (limit_bytes := _number(folder / name)) and limit_bytes < _UNLIMITED_BYTES
    ]
    return min(groups, key=lambda group: group.limit_bytes, default=None)


def _groups(root: Path) -> Iterator[tuple[Path, _Version]]:
    """Yield the folders that may hold a limit, from the process's group up to the root of the hierarchy.

    A container sees its own group as the root, or the group's whole path and only its own directory at the root.
    """
    for line in _text(root / "proc/self/cgroup").splitlines():
        _, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if not controllers:
            yield from ((folder, _V2) for folder in _upwards(root / _V2.top, group))
        elif "memory" in controllers.split(","):
            yield from ((folder, _V1) for folder in _upwards(root / _V1.top, group))


def _upwards(top: Path, group: str) -> Iterator[Path]:
    parts = [part for part in group.split("/") if part not in {"", ".."}]
    for depth in range(len(parts), -1, -1):
        yield top.joinpath(*parts[:depth])


def _figures(file: Path) -> dict[str, int]:
    """Return the numbers of a file with a name and a number on each line."""
    lines = [line.split() for line in _text(file).splitlines()]
    return {words[0]: int(words[1]) for words in lines if len(words) == 2 and words[1].isdecimal()}


def _number(file: Path) -> int | None:
    text = _text(file).strip()
    return int(text) if text.isascii() and text.isdecimal() else None


def _text(file: Path) -> str:
    try:
        return file.read_text("ascii", "replace")
    except (OSError, ValueError):
        return ""
