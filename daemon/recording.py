"""Recorded sessions of real daprd sidecars: what `tallyd explain` and `tallyd demo` play."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

FOLDER = Path(__file__).parent / "recordings"
"""The sessions that come with tallyd; its README says where they are from."""

METRICS_EXPORT = "/opencensus.proto.agent.metrics.v1.MetricsService/Export"

WALK_THROUGH: Mapping[str, str] = {
    "metricQuery": 'sum(runtime_service_invocation_req_recv_total{app_id="nodeapp",src_app_id="pythonapp"})',
    "operationOverTime": "rate",
    "targetValue": "1",
    "clampMax": "10",
}
"""What the ScaledObject of the Dapr walk-through asks of sidecars such as the recorded ones."""


class RecordingError(Exception):
    """A folder or session that cannot be played."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that arrived: a message, or (`raw` is None) the end of its stream."""

    session: str
    at_ms: int
    pod: str
    connection: int
    stream: int
    method: str
    raw: bytes | None


class _Row(TypedDict, total=False):
    """A line of the index; its README explains the fields."""

    session: str
    event: str
    wall: float
    peer: str
    connection: int
    stream: int
    method: str
    file: str
    offset: int
    length: int


def session_names(folder: Path = FOLDER) -> list[str]:
    """Return the sessions in `folder`, in the order of its index.

    Raises:
        RecordingError: the folder holds no index.
    """
    return list(dict.fromkeys(row["session"] for row in _rows(folder)))


def load_session(name: str, folder: Path = FOLDER) -> list[Event]:
    """Return the events of one session in order of arrival.

    Raises:
        RecordingError: the folder holds no index, or no such session.
    """
    rows = [row for row in _rows(folder) if row["session"] == name]
    if not rows:
        raise RecordingError(
            f"no session {name!r} in {folder}: expected one of {', '.join(session_names(folder))}"
        )
    data = {row["file"]: (folder / row["file"]).read_bytes() for row in rows if "file" in row}
    return [_event(row, data) for row in rows]


def metrics_events(events: Sequence[Event]) -> list[Event]:
    """Return the events of the metrics streams; the trace streams of a sidecar stay silent."""
    return [event for event in events if event.method == METRICS_EXPORT]


def _rows(folder: Path) -> list[_Row]:
    try:
        text = (folder / "index.jsonl").read_text(encoding="utf-8")
    except OSError as error:
        raise RecordingError(f"cannot read recordings in {folder}: {error.strerror}") from error
    return [json.loads(line) for line in text.splitlines()]


def _event(row: _Row, data: dict[str, bytes]) -> Event:
    raw = None
    if row["event"] == "message":
        raw = data[row["file"]][row["offset"] : row["offset"] + row["length"]]
    return Event(
        session=row["session"],
        at_ms=round(row["wall"] * 1000),
        pod=row["peer"],
        connection=row["connection"],
        stream=row["stream"],
        method=row["method"],
        raw=raw,
    )
