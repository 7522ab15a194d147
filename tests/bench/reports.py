"""What sidecars send: their first message, and recorded or made reports with times of today."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tests.support.golden import load_sessions
from tests.support.opencensus_messages import (
    CUMULATIVE_INT64,
    Request,
    metric,
    node,
    point,
    request,
)

TARGET = "runtime/service_invocation/req_recv_total"
TARGET_KEYS = ("app_id", "src_app_id")


def hello(number: int, generation: int = 0) -> bytes:
    """The first message of sidecar `number`."""
    return request(node=node(f"nodeapp-{number:05}-{generation}", pid=1))


def busy_report() -> bytes:
    """One report of session `busy`, as it was recorded."""
    [stream] = load_sessions()["busy"].streams().values()
    [*_, last] = [event.raw for event in stream if event.raw]
    return last


def at_times(raw: bytes, times_s: Sequence[float]) -> list[bytes]:
    """Copies of a report with these point times; counters and starts stay as they are."""
    message = Request.FromString(raw)
    copies = []
    for time_s in times_s:
        for timestamp in _timestamps(message):
            timestamp.seconds = int(time_s)
            timestamp.nanos = int(time_s % 1 * 1e9)
        copies.append(message.SerializeToString())
    return copies


def _timestamps(message: Any) -> Iterator[Any]:
    for one in message.metrics:
        for series in one.timeseries:
            for at in series.points:
                yield at.timestamp


def busy_reports(count: int, spacing_s: float = 1.0) -> list[bytes]:
    """Reports of session `busy` whose points' times advance up to now."""
    now_s = time.time()
    return at_times(
        busy_report(), [now_s - (count - 1 - number) * spacing_s for number in range(count)]
    )


def counters(
    values: Mapping[tuple[str, str], int], time_s: float, start_s: float | None = None
) -> bytes:
    """A report of the walk-through's metric alone: (app_id, src_app_id) -> value."""
    rows = [(labels, [point(value, time_s)]) for labels, value in values.items()]
    start = None if start_s is None else int(start_s)
    return request(metric(TARGET, CUMULATIVE_INT64, TARGET_KEYS, rows, start))
