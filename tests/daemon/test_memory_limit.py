"""What the machine says about memory, read off files as Linux writes them."""

from __future__ import annotations

from pathlib import Path

import pytest

from daemon.memory_limit import (
    cgroup_limit_bytes,
    machine_memory_bytes,
    memory_limit_bytes,
    resident_bytes,
    used_bytes,
)

GIB = 1024**3
MEMINFO = "MemTotal:       16777216 kB\nMemFree:         1000000 kB\n"
V2 = "sys/fs/cgroup"
V1 = "sys/fs/cgroup/memory"


def machine(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(
            {"proc/self/cgroup": "0::/\n", f"{V2}/memory.max": f"{GIB}\n"}, GIB, id="v2, own root"
        ),
        pytest.param(
            {
                "proc/self/cgroup": "0::/kubepods/pod1/c1\n",
                f"{V2}/kubepods/pod1/c1/memory.max": "max\n",
                f"{V2}/kubepods/pod1/memory.max": f"{2 * GIB}\n",
                f"{V2}/kubepods/memory.max": f"{8 * GIB}\n",
            },
            2 * GIB,
            id="v2, the least of those above",
        ),
        pytest.param(
            {"proc/self/cgroup": "0::/a/b\n", f"{V2}/memory.max": f"{GIB}\n"},
            GIB,
            id="v2, a path that is not seen from inside",
        ),
        pytest.param(
            {"proc/self/cgroup": "0::/\n", f"{V2}/memory.max": "max\n"}, None, id="v2, unlimited"
        ),
        pytest.param(
            {
                "proc/self/cgroup": "12:cpu,cpuacct:/d\n5:memory:/docker/abc\n1:name=systemd:/d\n",
                f"{V1}/memory.limit_in_bytes": f"{3 * GIB}\n",
            },
            3 * GIB,
            id="v1, own directory at the root",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "5:hugetlb,memory:/a\n",
                f"{V1}/a/memory.limit_in_bytes": f"{GIB}\n",
                f"{V1}/memory.limit_in_bytes": "9223372036854771712\n",
            },
            GIB,
            id="v1, below an unlimited root",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "5:memory:/\n",
                f"{V1}/memory.limit_in_bytes": "9223372036854771712\n",
            },
            None,
            id="v1, unlimited",
        ),
        pytest.param(
            {
                "proc/self/cgroup": "5:memory:/\n0::/x\n",
                f"{V1}/memory.limit_in_bytes": f"{GIB}\n",
            },
            GIB,
            id="both at once",
        ),
        pytest.param(
            {"proc/self/cgroup": "0::/../../x\n", f"{V2}/x/memory.max": "5"}, 5, id="dots"
        ),
        pytest.param(
            {
                "proc/self/cgroup": "0::/\n",
                f"{V2}/memory.max": f"{GIB}\n",
                f"{V2}/memory.high": f"{GIB // 2}\n",
            },
            GIB // 2,
            id="v2, slowed down before",
        ),
        pytest.param({"proc/self/cgroup": "what is this"}, None, id="nonsense"),
        pytest.param(
            {"proc/self/cgroup": "0::/\n", f"{V2}/memory.max": "-1"}, None, id="no number"
        ),
        pytest.param({}, None, id="no such files"),
    ],
)
def test_cgroup(tmp_path: Path, files: dict[str, str], expected: int | None) -> None:
    """The limit is the least that the group or one above it has."""
    assert cgroup_limit_bytes(machine(tmp_path, files)) == expected


@pytest.mark.parametrize(
    ("limit", "meminfo", "expected"),
    [
        (f"{GIB}", MEMINFO, GIB),
        (f"{32 * GIB}", MEMINFO, 16 * GIB),
        ("max", MEMINFO, 16 * GIB),
        (f"{GIB}", "", GIB),
        ("max", "MemTotal: much\n", None),
    ],
)
def test_memory_limit(tmp_path: Path, limit: str, meminfo: str, expected: int | None) -> None:
    """Without a limit the machine's memory is one; a limit above that is none."""
    files = {
        "proc/self/cgroup": "0::/\n",
        f"{V2}/memory.max": limit,
        "proc/meminfo": meminfo,
    }
    assert memory_limit_bytes(machine(tmp_path, files)) == expected


GROUP_V2 = {"proc/self/cgroup": "0::/a\n", f"{V2}/a/memory.current": "500\n"}
GROUP_V1 = {"proc/self/cgroup": "5:memory:/a\n", f"{V1}/a/memory.usage_in_bytes": "700\n"}
OWN = {"proc/self/statm": "50 3 7 1 0 9 0\n"}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(
            {
                **GROUP_V2,
                f"{V2}/a/memory.max": "1000",
                f"{V2}/a/memory.stat": "anon 300\ninactive_file 120\nactive_file 30\n",
            },
            380,
            id="v2",
        ),
        pytest.param({**GROUP_V2, f"{V2}/a/memory.max": "1000"}, 500, id="v2, no details"),
        pytest.param(
            {**GROUP_V2, f"{V2}/memory.max": "1000", f"{V2}/memory.current": "900"},
            900,
            id="v2, the limit is that of a group above",
        ),
        pytest.param(
            {
                **GROUP_V1,
                f"{V1}/a/memory.limit_in_bytes": "1000",
                f"{V1}/a/memory.stat": "inactive_file 1\ntotal_inactive_file 100\n",
            },
            600,
            id="v1",
        ),
        pytest.param({**GROUP_V2, f"{V2}/a/memory.max": "max"}, 3 * 4096, id="no limit"),
        pytest.param(
            {**GROUP_V2, f"{V2}/a/memory.max": "2048000", "proc/meminfo": "MemTotal: 1 kB\n"},
            3 * 4096,
            id="a limit above the machine's memory",
        ),
        pytest.param(
            {"proc/self/cgroup": "0::/\n", f"{V2}/memory.max": "1000"}, 3 * 4096, id="no usage"
        ),
        pytest.param(
            {
                **GROUP_V2,
                f"{V2}/a/memory.max": "1000",
                f"{V2}/a/memory.stat": "inactive_file much\ninactive_file\n",
            },
            500,
            id="nonsense",
        ),
    ],
)
def test_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, files: dict[str, str], expected: int
) -> None:
    """What counts against the limit is the group's working set, or the process's own memory where no group limits it."""
    monkeypatch.setattr("os.sysconf", lambda _name: 4096)
    assert used_bytes(machine(tmp_path, OWN | files)) == expected


def test_resident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Resident memory is the second figure of statm, in pages."""
    monkeypatch.setattr("os.sysconf", lambda _name: 4096)
    assert resident_bytes(tmp_path) is None
    assert (
        resident_bytes(machine(tmp_path, {"proc/self/statm": "5000 1000 7 1 0 9 0\n"})) == 4096000
    )


def test_here() -> None:
    """This machine tells how much memory it has and how much this process takes of it."""
    total, own = machine_memory_bytes(), resident_bytes()
    if total is not None and own is not None:
        assert 0 < own < total
