"""What every test starts from."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest
import structlog


@pytest.fixture(autouse=True)
def _plain_logs() -> Iterator[None]:
    """Write log lines plainly, and take back what a command that ran in this process has set up.

    grpc.aio tells of calls whose test is over through asyncio's log; drawn at length each costs a quarter of a second,
    and there can be thousands.
    """
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.format_exc_info,
            structlog.processors.KeyValueRenderer(key_order=["level", "event"]),
        ]
    )
    yield
    structlog.reset_defaults()
    root = logging.getLogger()
    ours = [one for one in root.handlers if type(one).__module__.startswith("daemon.")]
    for handler in ours:
        root.removeHandler(handler)
    if ours:
        root.setLevel(logging.WARNING)
