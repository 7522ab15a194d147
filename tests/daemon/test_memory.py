"""What is spared the collector."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator

import pytest

from daemon.memory import keep_freed_memory, settle


@pytest.fixture(autouse=True)
def _own_collector() -> Iterator[None]:
    """Leave the test process's collector as it was."""
    thresholds = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*thresholds)


async def test_settle() -> None:
    """What is there when it begins is not looked at again, and no whole collection comes by itself."""
    settling = asyncio.create_task(settle())
    await asyncio.sleep(0)
    assert gc.get_freeze_count() > 1_000
    assert gc.get_threshold()[2] >= 1_000
    settling.cancel()
    with pytest.raises(asyncio.CancelledError):
        await settling


class _Cycle:
    def __init__(self) -> None:
        self.itself = self


async def _frozen_then_dropped(periods_to_whole: int) -> bool:
    """Return whether a cycle that was dropped after it was frozen is still there some periods later."""
    settling = asyncio.create_task(settle(period_s=0, periods_to_whole=periods_to_whole))
    await asyncio.sleep(0)
    cycle = _Cycle()
    there = weakref.ref(cycle)
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del cycle
    for _ in range(6):
        await asyncio.sleep(0)
    settling.cancel()
    await asyncio.wait({settling})
    return there() is not None


async def test_a_cycle_that_was_frozen() -> None:
    """What the collector was spared goes with the next whole collection, and not before."""
    kept = [await _frozen_then_dropped(periods) for periods in (1_000, 4)]
    assert kept == [True, False]


def test_freed_memory_is_given_back() -> None:
    """Small pieces that were freed below others do not stay in the process for longer than a period."""
    program = """
import asyncio
from daemon.memory import keep_freed_memory, settle
from daemon.memory_limit import resident_bytes

async def main():
    keep_freed_memory()
    pieces = [bytes(1_000) for _ in range(30_000)]
    above = bytes(1_000)
    full = resident_bytes()
    del pieces
    kept = resident_bytes()
    settling = asyncio.create_task(settle(period_s=0))
    for _ in range(3):
        await asyncio.sleep(0)
    print(full - kept < 10_000_000, full - resident_bytes() > 20_000_000)

asyncio.run(main())
"""
    said = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert said == "True True\n"


def test_keep_freed_memory() -> None:
    """It may be called at any time, and where the C library has no such thing."""
    keep_freed_memory()
    keep_freed_memory()


def test_leave_out_unused() -> None:
    """What nobody needs is not imported, and the environment is as it was."""
    program = """
import os, sys
from daemon.memory import leave_out_unused
before = dict(os.environ)
leave_out_unused()
import structlog
from aiohttp.connector import _SSL_CONTEXT_VERIFIED
print("rich.traceback" in sys.modules, _SSL_CONTEXT_VERIFIED.get_ca_certs(), os.environ == before)
"""
    said = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert said == "False [] True\n"


def test_left_out_before_anything_else() -> None:
    """What `tallyd run` leaves out has not come in while the configuration was checked."""
    program = """
import asyncio, sys
from daemon.cli import main
asyncio.run = lambda running: running.close()
main(["run"])
print(sys.modules["rich"])
"""
    said = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert said == "None\n"
