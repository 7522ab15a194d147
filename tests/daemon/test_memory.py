"""What is spared the collector."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
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
