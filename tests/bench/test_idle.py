"""What tallyd costs before anybody speaks to it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.bench.process import STORED, running, tallyd
from tests.bench.table import show

pytestmark = pytest.mark.bench


def test_idle(tmp_path: Path) -> None:
    """An idle tallyd is less than twice as large as a plain grpc.aio server."""
    with tallyd(STORED, tmp_path) as process:
        time.sleep(1.5)
        idle, ready = process.rss_mib(), process.ready_after_s
    with running(["-m", "tests.bench.plain_server"]) as process:
        plain = process.rss_mib()
    show("idle, plain grpc.aio server with its imports", plain, "MiB")
    show("idle", idle, "MiB", at_most=76)
    show("from start to listening", ready, "s", at_most=1)
    assert idle < 2 * plain
