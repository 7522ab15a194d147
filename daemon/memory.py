"""How the process keeps its memory: without page faults for what it has just freed, without pauses to look for garbage."""

from __future__ import annotations

import asyncio
import ctypes
import gc
import os
import sys
from types import ModuleType
from typing import cast

_CERTIFICATES = "SSL_CERT_FILE"
_MIB = 1024 * 1024
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
_KEPT_BYTES, _OWN_MAPPING_BYTES = 32 * _MIB, 4 * _MIB
_PERIOD_S = 1.0
_PERIODS_TO_WHOLE = 3_600
"""Seconds in an hour: nobody may answer for as long as it takes."""
_GC_THRESHOLDS = (700, 10, 1_000)
"""Python's own but for the last: a collection of everything takes 220 ms with 200,000 series, and is left to `settle`."""


def leave_out_unused() -> None:
    """Keep out what imports would bring along and nobody needs; called before anything else is imported.

    aiohttp's client reads the machine's CA certificates at import: 2 MB that an idle process does not need. Whoever uses
    that client must give it an SSLContext, as `daemon.exporters.http_client` does: the one it has by itself trusts nobody.
    Servers, gRPC's and aiohttp's, make their own contexts and do not care.
    structlog takes rich for tracebacks where it happens to be installed: 3 MB.
    """
    sys.modules.setdefault("rich", cast("ModuleType", None))
    certificates = os.environ.get(_CERTIFICATES)
    os.environ[_CERTIFICATES] = os.devnull
    import aiohttp.web  # noqa: F401, PLC0415

    del os.environ[_CERTIFICATES]
    if certificates is not None:
        os.environ[_CERTIFICATES] = certificates


def keep_freed_memory() -> None:
    """Let glibc keep what is freed at the end of the heap: else a large question pays more for pages than for work."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if mallopt is not None:
        mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)
        mallopt(_M_MMAP_THRESHOLD, _OWN_MAPPING_BYTES)


def give_back_memory() -> None:
    """Return what was freed to the machine, where the C library can; some milliseconds for each 100 MB."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


async def settle(*, period_s: float = _PERIOD_S, periods_to_whole: int = _PERIODS_TO_WHOLE) -> None:
    """Spare the collector what start-up made, and every period what has come to stay since; ends by cancellation.

    Series live long and go by their reference count. A cycle that outlives a period and is dropped later waits for the
    next whole collection, an hour at most. Streams and calls leave none: after each of three rounds of 300 sidecars that
    came and went there were as many objects as before.

    What large questions freed goes back to the machine: 0.2 ms each time and 2 ms for 10 MB, while the next large
    question pays a tenth more for pages.
    """
    gc.set_threshold(*_GC_THRESHOLDS)
    while True:
        gc.unfreeze()
        gc.collect()
        for _ in range(periods_to_whole):
            gc.freeze()
            await asyncio.sleep(period_s)
            gc.collect(1)
            give_back_memory()
