"""Prometheus' text format."""

from __future__ import annotations

import math
import os
import threading
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from daemon import exposition
from daemon.exposition import Family, format_page, process_families, written
from daemon.measuring import Histograms


def test_page() -> None:
    """Every family has its help and type; labels are sorted and escaped, counters end in _total."""
    families = [
        Family(
            "calls", "Calls\nby \\ method", "counter", [({"b": 'x"\n', "a": "\\"}, 3), ({}, 0.5)]
        ),
        Family("size", "Size", "gauge", []),
    ]
    assert format_page(families).decode() == (
        "# HELP calls_total Calls\\nby \\\\ method\n"
        "# TYPE calls_total counter\n"
        'calls_total{a="\\\\",b="x\\"\\n"} 3.0\n'
        "calls_total 0.5\n"
        "# HELP size Size\n"
        "# TYPE size gauge\n"
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [(math.inf, "+Inf"), (-math.inf, "-Inf"), (math.nan, "NaN"), (1e300, "1e+300"), (7, "7.0")],
)
def test_numbers(value: float, expected: str) -> None:
    """Numbers are written as Prometheus reads them."""
    page = format_page([Family("x", "X", "gauge", [({}, value)])]).decode()
    assert page.splitlines()[-1] == f"x {expected}"


def test_half_a_surrogate_pair() -> None:
    """A label that is no UTF-8 does not cost the page."""
    page = format_page([Family("x", "X", "gauge", [({"a": "\ud800"}, 1)])])
    assert page.endswith(b'x{a="?"} 1.0\n')


def test_process() -> None:
    """The process's own figures are those of the kernel."""
    values = {
        family.name: value
        for family in process_families()
        for _, value in family.samples
        if isinstance(value, float | int)
    }
    assert 10e6 < values["process_resident_memory_bytes"] < values["process_virtual_memory_bytes"]
    assert 0 < time.time() - values["process_start_time_seconds"] < 100_000
    assert 0 < values["process_cpu_seconds"] <= time.process_time() + 0.1
    assert 0 < values["process_open_fds"] < values["process_max_fds"]
    assert (
        abs(values["process_open_fds"] - len(list(Path(f"/proc/{os.getpid()}/fd").iterdir()))) < 5
    )


def test_without_proc(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Where the kernel tells nothing, the page goes without."""
    monkeypatch.setattr(exposition, "_PROCESS", tmp_path)
    assert process_families() == []


@pytest.mark.parametrize(("count", "apart"), [(10, False), (5_000, True)])
async def test_a_large_page_is_written_beside_the_event_loop(count: int, apart: bool) -> None:
    """Whoever writes thousands of samples leaves the loop to others meanwhile."""
    family = Family("x", "X", "gauge", [({"n": str(n)}, 1) for n in range(count)])

    def write(families: Sequence[Family]) -> tuple[bytes, bool]:
        return format_page(families), threading.current_thread() is not threading.main_thread()

    assert await written([family], write) == (format_page([family]), apart)


def test_histogram() -> None:
    """Buckets count up to their bound; the last has all."""
    took = Histograms((1.0, 2.5))
    for value in (0.5, 1.0, 2.0, 9.0):
        took("a", value)
    page = format_page([Family("x", "X", "histogram", [({"k": "a"}, took.values["a"])])])
    assert page.decode().splitlines()[2:] == [
        'x_bucket{k="a",le="1.0"} 2.0',
        'x_bucket{k="a",le="2.5"} 3.0',
        'x_bucket{k="a",le="+Inf"} 4.0',
        'x_sum{k="a"} 12.5',
        'x_count{k="a"} 4.0',
    ]
