"""Prometheus' text format 0.0.4, and the figures of a process as every Prometheus client has them."""

from __future__ import annotations

import asyncio
import math
import os
import resource
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, TypeVar

from daemon.measuring import Distribution

CONTENT_TYPE: Final = "text/plain; version=0.0.4; charset=utf-8"

_PROCESS = Path("/proc/self")
_BOOT = Path("/proc/stat")
_START, _VIRTUAL, _RESIDENT = 19, 20, 21
"""Where proc(5) has starttime, vsize and rss in `stat`, counted behind the command's closing bracket."""


_T = TypeVar("_T")
_LARGE: Final = 1_000
"""Samples that take longer to write than one step on the event loop may: 10 us each."""


class Family(NamedTuple):
    """A metric with its samples: (labels, value)."""

    name: str
    """Without `_total`, which counters get."""
    documentation: str
    kind: str
    samples: Sequence[tuple[Mapping[str, str], float | Distribution]]
    """A distribution each where `kind` is histogram."""


async def written(families: Sequence[Family], write: Callable[[Sequence[Family]], _T]) -> _T:
    """Return what `write` makes of `families`; a worker thread calls it where they are many."""
    if sum(len(family.samples) for family in families) < _LARGE:
        return write(families)
    return await asyncio.to_thread(write, families)


def format_page(families: Iterable[Family]) -> bytes:
    """Return the page that a scrape gets."""
    lines: list[str] = []
    for family in families:
        name = f"{family.name}_total" if family.kind == "counter" else family.name
        lines.append(f"# HELP {name} {_escaped(family.documentation)}")
        lines.append(f"# TYPE {name} {family.kind}")
        for labels, value in family.samples:
            if isinstance(value, Distribution):
                lines += _histogram(name, labels, value)
            else:
                lines.append(f"{name}{_labels(labels)} {_number(value)}")
    return "\n".join([*lines, ""]).encode(errors="replace")


def _histogram(name: str, labels: Mapping[str, str], value: Distribution) -> Iterator[str]:
    bounds = (*(repr(float(bound)) for bound in value.bounds), "+Inf")
    count = 0
    for bound, more in zip(bounds, value.counts, strict=True):
        count += more
        yield f"{name}_bucket{_labels({**labels, 'le': bound})} {_number(count)}"
    yield f"{name}_sum{_labels(labels)} {_number(value.sum)}"
    yield f"{name}_count{_labels(labels)} {_number(count)}"


def process_families() -> list[Family]:
    """Return memory, CPU time, start and open files of this process; nothing where there is no /proc."""
    try:
        stat = (_PROCESS / "stat").read_text().rpartition(")")[2].split()
        boot_s = next(
            float(line.split()[1]) for line in _BOOT.read_text().splitlines() if line[:5] == "btime"
        )
        open_files = len(os.listdir(_PROCESS / "fd"))  # noqa: PTH208  names are enough
    except (OSError, StopIteration):
        return []
    used = resource.getrusage(resource.RUSAGE_SELF)
    started_s = boot_s + int(stat[_START]) / os.sysconf("SC_CLK_TCK")
    resident = int(stat[_RESIDENT]) * resource.getpagesize()
    most_files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return [
        _gauge("virtual_memory_bytes", "Virtual memory size in bytes.", int(stat[_VIRTUAL])),
        _gauge("resident_memory_bytes", "Resident memory size in bytes.", resident),
        _gauge(
            "start_time_seconds",
            "Start time of the process since unix epoch in seconds.",
            started_s,
        ),
        Family(
            "process_cpu_seconds",
            "Total user and system CPU time spent in seconds.",
            "counter",
            [({}, used.ru_utime + used.ru_stime)],
        ),
        *_collectors(used.ru_utime + used.ru_stime, resident, max(time.time() - started_s, 0.0)),
        _gauge("open_fds", "Number of open file descriptors.", open_files),
        _gauge("max_fds", "Maximum number of open file descriptors.", most_files),
    ]


def _collectors(cpu_s: float, resident: int, uptime_s: float) -> list[Family]:
    """Return the same under the Collector's names (otlp.md 7)."""
    return [
        Family(f"otelcol_process_{name}", text, kind, [({}, value)])
        for name, text, kind, value in (
            ("cpu_seconds", "Total user and system CPU time in seconds", "counter", cpu_s),
            ("memory_rss_bytes", "Resident memory in bytes", "gauge", resident),
            ("uptime_seconds", "Time since the start of the process", "counter", uptime_s),
        )
    ]


def _gauge(name: str, documentation: str, value: float) -> Family:
    return Family(f"process_{name}", documentation, "gauge", [({}, value)])


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    pairs = (f'{name}="{_escaped(text, quotes=True)}"' for name, text in sorted(labels.items()))
    return "{" + ",".join(pairs) + "}"


def _escaped(text: str, *, quotes: bool = False) -> str:
    escaped = text.replace("\\", "\\\\").replace("\n", "\\n")
    return escaped.replace('"', '\\"') if quotes else escaped


def _number(value: float) -> str:
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return "NaN" if math.isnan(value) else repr(float(value))
